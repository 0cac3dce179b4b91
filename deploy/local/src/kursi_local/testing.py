"""The laptop platform for tests, benchmarks and fault campaigns: each with a launcher of its own.

``from kursi_local.testing import platform`` in a conftest gives the session fixture.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kursi_local.child import spawn
from kursi_local.logs import ending
from kursi_local.platform import Platform
from kursi_local.table import DEFAULT_TABLE

_LOOK_SECONDS = 0.02


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """One whole platform for the session, on ports and in a folder of its own, without fsync."""
    with running_platform() as started:
        yield started


@contextmanager
def running_platform(
    table: Path = DEFAULT_TABLE,
    *,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = ("--any-ports", "--no-fsync"),
    start_seconds: float = 120,
    home: Path | None = None,
) -> Iterator[Platform]:
    """A platform that is ready inside the block, and gone with its data after it.

    ``environment`` is added to the launcher's own: ``KURSI_BOOKING_…`` reaches booking and wins over the
    table. The platform dies with the thread that opened the block, however that dies. Its data are below
    ``home``, which is a new folder on disk unless the caller brings one that is to go with them.

    Raises:
        RuntimeError: it did not start; the text is the end of the launcher's output.
    """
    base = home or Path(tempfile.mkdtemp(prefix="kursi-"))
    base.chmod(0o711)  # PostgreSQL's user must be able to walk through
    try:
        with started_platform(base / "data", table, environment, options, start_seconds) as platform:
            yield platform
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def started_platform(
    data: Path,
    table: Path,
    environment: Mapping[str, str] | None,
    options: Sequence[str],
    start_seconds: float,
) -> Iterator[Platform]:
    """Like ``running_platform``, in a folder that stays: for starting twice on the same data."""
    output = data.with_name(f"{data.name}.out")
    launcher = spawn(
        [sys.executable, "-m", "kursi_local", "up", "--data", str(data), "--table", str(table), *options],
        output,
        environment=os.environ | dict(environment or {}),
        death_signal=signal.SIGTERM,
    )
    platform = Platform(data)
    try:
        _await_ready(launcher, platform, output, start_seconds)
        yield platform
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait(60)


def _await_ready(
    launcher: subprocess.Popen[bytes], platform: Platform, output: Path, start_seconds: float
) -> None:
    deadline = time.monotonic() + start_seconds
    while not platform.is_up:
        if launcher.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the platform did not start:\n{ending(output, 40)}")
        time.sleep(_LOOK_SECONDS)
