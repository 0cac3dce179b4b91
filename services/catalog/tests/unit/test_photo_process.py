"""The process that reads a stranger's picture: what it may use, what it knows, and that it ends."""

import asyncio
import resource
import shutil
import subprocess
import sys
from io import BytesIO

import psutil
import pytest
from kursi_catalog.adapters.photo_child import MODULE
from kursi_catalog.adapters.photo_studio import PhotoStudio
from kursi_chassis.errors import Invalid, RetryLater
from kursi_chassis.testing.eventually import eventually
from PIL import Image

GIGABYTE = 1024**3


def picture():
    out = BytesIO()
    Image.new("RGB", (400, 200), "red").save(out, "JPEG")
    return out.getvalue()


def children():
    """Processes of ours that read a picture."""
    return [one for one in psutil.Process().children() if one.is_running() and MODULE in command(one)]


def command(process):
    try:
        return process.cmdline()
    except psutil.Error:  # it has just ended
        return []


def has_ended(number):
    """Whether the process is gone whose number this file holds; it may have been too early for a number."""
    text = number.read_text().strip() if number.exists() else ""
    return not text or not psutil.pid_exists(int(text))


@pytest.fixture
def stubborn(tmp_path, monkeypatch):
    """In place of the child: a process that never ends by itself. Where its number is written."""
    number, script = tmp_path / "number", tmp_path / "stubborn"
    script.write_text(f"#!/bin/sh\necho $$ > {number}\nexec {shutil.which('sleep')} 600\n")
    script.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(script))
    return number


@pytest.mark.covers("C8")
async def test_the_process_may_use_a_gigabyte_and_twenty_seconds_and_leaves_no_core():
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    try:
        process = psutil.Process(child.pid)
        wanted = {
            resource.RLIMIT_AS: (GIGABYTE, GIGABYTE),
            resource.RLIMIT_CPU: (20, 20),
            resource.RLIMIT_CORE: (0, 0),
        }
        await eventually(lambda: {one: process.rlimit(one) for one in wanted} == wanted)
    finally:
        child.kill()
        await child.communicate()


@pytest.mark.covers("C8")
async def test_the_process_knows_nothing_of_the_surroundings_of_the_service(tmp_path, monkeypatch):
    """Secrets are in the environment: a process that has it runs what stands there."""
    trace = tmp_path / "trace"
    (tmp_path / "sitecustomize.py").write_text(f"open({str(trace)!r}, 'w').close()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    await (await asyncio.create_subprocess_exec(sys.executable, "-c", "")).wait()
    assert trace.exists()
    trace.unlink()
    await PhotoStudio().develop(picture())
    assert not trace.exists()


@pytest.mark.covers("C8")
async def test_two_pictures_at_most_are_read_at_once():
    studio = PhotoStudio()
    reading = asyncio.gather(*(studio.develop(picture()) for _ in range(5)))
    seen = {0}
    while not reading.done():
        seen.add(len(children()))
        # Between two looks the pictures go on; a child lives for tenths of a second.
        await asyncio.sleep(0.01)
    await reading
    assert 1 <= max(seen) <= 2


@pytest.mark.covers("C8")
async def test_a_process_that_breaks_is_a_picture_that_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(Invalid) as error:
        await PhotoStudio().develop(picture())
    assert [(one.field, one.reason) for one in error.value.violations] == [("image", "NOT_A_PHOTO")]


@pytest.mark.covers("C8")
async def test_a_process_that_takes_too_long_is_ended(stubborn, monkeypatch):
    monkeypatch.setattr("kursi_catalog.adapters.photo_studio._SECONDS", 2)
    with pytest.raises(RetryLater):
        await PhotoStudio().develop(picture())
    assert has_ended(stubborn)


@pytest.mark.covers("C8")
async def test_a_call_that_is_given_up_leaves_no_process(stubborn):
    call = asyncio.create_task(PhotoStudio().develop(picture()))
    await eventually(lambda: stubborn.exists() and stubborn.read_text().strip())
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert has_ended(stubborn)
