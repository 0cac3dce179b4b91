"""Roles of a process: they live and end together, in bounded time."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from kursi_chassis.process import run_roles
from kursi_chassis.roles import together

PROGRAM = """
import asyncio, sys
from contextlib import asynccontextmanager
from kursi_chassis.errors import Unavailable
from kursi_chassis.process import main
from kursi_chassis.settings import ServiceSettings

async def steady(stopping):
    print("ready", flush=True)
    await stopping.wait()
    print("drained", flush=True)

async def stubborn(stopping):
    await asyncio.Event().wait()

async def failing(stopping):
    raise RuntimeError("boom")

@asynccontextmanager
async def build(settings, roles):
    if "lonely" in roles:
        raise Unavailable(dependency="nats") from TimeoutError()
    yield {"steady": steady, "stubborn": stubborn, "failing": failing}
    print("disposed", flush=True)

main(ServiceSettings, build, roles=("steady", "stubborn", "failing", "lonely"), commands={"migrate": lambda s: print("migrated")})
"""
ENVIRONMENT = {
    **os.environ,
    "KURSI_DATABASE_URL": "postgresql://unused",
    "KURSI_CLIENT_SECRET": "secret",
    "KURSI_TOKEN_ISSUER": "https://identity.test",
    "KURSI_PAGE_TOKEN_KEY": "a key of the test",
    "KURSI_DRAIN_SECONDS": "0",
    "KURSI_STOP_SECONDS": "0",
}


def start(*roles, without="", **changes):
    environment = ENVIRONMENT | changes
    environment.pop(without, None)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *roles],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_disposes_and_leaves_with_zero(number):
    process = start("steady")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert (output, process.returncode) == ("drained\ndisposed\n", 0)


def test_what_is_wrong_with_the_settings_is_said_by_name_and_never_with_the_value():
    wrong = {"KURSI_PAGE_TOKEN_KEY": "hush-hush", "KURSI_DATABASE_POOL_SIZE": "hush-hush"}
    process = start("steady", **wrong, without="KURSI_TOKEN_ISSUER")
    output, log = process.communicate(timeout=60)
    assert (output, process.returncode) == ("", 1)
    assert {line.partition(":")[0] for line in log.splitlines()} == {*wrong, "KURSI_TOKEN_ISSUER"}
    assert "hush" not in log


def test_when_one_role_fails_the_others_drain_and_the_code_is_one():
    process = start("steady", "failing")
    output, log = process.communicate(timeout=60)
    assert (output, process.returncode) == ("ready\ndrained\ndisposed\n", 1)
    assert '"event": "role_failed"' in log


def test_a_process_that_starts_without_what_it_needs_says_what_that_is_and_ends():
    process = start("lonely")
    output, log = process.communicate(timeout=60)
    assert (output, process.returncode) == ("", 1)
    (line,) = log.splitlines()
    assert json.loads(line)["event"] == "process_without_dependency"
    assert (json.loads(line)["dependency"], json.loads(line)["error"]) == ("nats", "TimeoutError")


def test_a_second_signal_does_not_wait_for_a_stubborn_role():
    process = start("steady", "stubborn", KURSI_STOP_SECONDS="600")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "drained\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 1


def test_a_command_runs_alone_and_ends():
    process = start("migrate")
    output, _ = process.communicate(timeout=60)
    assert (output, process.returncode) == ("migrated\n", 0)


def test_an_unknown_role_is_refused_by_name():
    process = start("dance")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "dance" in log


async def test_a_role_that_does_not_stop_is_cancelled_after_the_limit():
    cancelled = asyncio.Event()

    async def stubborn(stopping):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    stopping = asyncio.Event()
    stopping.set()
    began = time.monotonic()
    assert not await run_roles({"stubborn": stubborn}, stopping=stopping, stop_within_seconds=0.2)
    assert cancelled.is_set()
    assert time.monotonic() - began >= 0.2


async def test_a_role_that_forgets_its_cancellation_is_cancelled_again():
    """A library's `asyncio.wait_for` forgets it before Python 3.12 when the answer comes in the same turn."""
    asked, answer = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def forgetful(stopping):
        asked.set()
        await asyncio.wait_for(answer, 600)
        await asyncio.Event().wait()

    async def answering(stopping):
        await asked.wait()
        try:
            await asyncio.Event().wait()
        finally:
            answer.set_result(None)

    stopping = asyncio.Event()
    stopping.set()
    roles = {"answering": answering, "forgetful": forgetful}
    async with asyncio.timeout(60):
        assert not await run_roles(roles, stopping=stopping, stop_within_seconds=0.1)


async def test_where_one_role_fails_the_others_end_although_one_forgets_its_cancellation():
    """As above: it is told with the cancellation that the process stops."""
    asked, answer = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def forgetful(stopping):
        asked.set()
        await asyncio.wait_for(answer, 600)
        await stopping.wait()

    async def failing(stopping):
        await asked.wait()
        answer.set_result(None)
        raise RuntimeError("boom")

    both = asyncio.create_task(together(forgetful, failing)(asyncio.Event()))
    ended, _ = await asyncio.wait({both}, timeout=60)

    assert ended
    assert isinstance(both.exception(), ExceptionGroup)
