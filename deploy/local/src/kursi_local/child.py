"""Starting one child so that it cannot outlive the launcher, and noticing its end."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypedDict

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.05


class Privileges(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def no_privileges() -> Privileges:
    """Run as ``nobody`` when we are root: PostgreSQL refuses root. Nothing to drop for anybody else."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def spawn(
    command: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str],
    death_signal: signal.Signals,
    privileges: Privileges | None = None,
) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, writing to the end of the log file.

    A session of its own keeps Ctrl-C in the terminal from reaching it before us. On Linux it receives
    ``death_signal`` when the calling *thread* ends, so children must be spawned by a thread that lives long.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd="/",
            start_new_session=True,
            preexec_fn=_die_with_us(death_signal),  # noqa: PLW1509 - one thread forks here, and only it
            **(privileges or {}),
        )


def let_others_go_first(pid: int, nice: int) -> bool:
    """Give a process that is nice (0 to 19, as in nice(1)) its turns after those that are not. False when the kernel, which
    takes one change in a tenth of a second from whoever is not root, has to be asked again.

    Linux compares only within a session where it groups processes by session, and each child has its own, so the
    session's group says it, too (sched(7), "The autogroup feature").
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, nice)
        Path(f"/proc/{pid}/autogroup").write_text(str(nice), encoding="ascii")
    except BlockingIOError:
        return False
    except OSError:
        pass  # it is gone already, or there are no such groups
    return True


def _die_with_us(death_signal: signal.Signals) -> Callable[[], None] | None:
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: after it only plain calls are safe
    launcher = os.getpid()

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != launcher:  # it died between the fork and the line above
            os._exit(1)

    return arm


async def exited(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end of a child, take its group with it, and return its exit status.

    The group is killed while the dead leader is still a zombie: until it is reaped, nobody else can own the
    group's number.
    """
    if process.returncode is None:
        await _dead(process.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


async def _dead(pid: int) -> None:
    if not hasattr(os, "pidfd_open"):
        while not _is_zombie(pid):  # noqa: ASYNC110 - without pidfd there is nothing to wait on
            await asyncio.sleep(_POLL_SECONDS)
        return
    descriptor = os.pidfd_open(pid)
    loop = asyncio.get_running_loop()
    dead = asyncio.Event()
    loop.add_reader(descriptor, dead.set)
    try:
        await dead.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _is_zombie(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


async def run_once(command: Sequence[str], log: Path, *, environment: Mapping[str, str]) -> int:
    """Run a command to its end and return its exit status; cancelled, it takes the command down with it."""
    process = spawn(command, log, environment=environment, death_signal=signal.SIGKILL)
    try:
        return await exited(process)
    finally:
        if process.returncode is None:
            process.kill()
            process.wait()
