"""Who a process is (pid and birth), and ending it without ever touching a stranger that got its number."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Kin:
    """One process for good: the kernel reuses pids, but never a pid with the same time of birth."""

    pid: int
    birth: str

    @property
    def alive(self) -> bool:
        return birth_of(self.pid) == self.birth


def birth_of(pid: int) -> str | None:
    """When the process was born, as a text to compare with; ``None`` for no process or a zombie."""
    if _BOOT_ID.exists():
        return _birth_from_proc(pid)
    import psutil  # only where there is no /proc: it costs a tenth of a second at each start

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else str(process.create_time())
    except psutil.NoSuchProcess:
        return None


def _birth_from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    state, start_ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{_BOOT_ID.read_text().strip()}/{start_ticks}"


def kin_of(pid: int) -> Kin | None:
    birth = birth_of(pid)
    return Kin(pid, birth) if birth else None


def family(pid: int) -> list[Kin]:
    """The process and everything below it (PostgreSQL gives each of its children a session of its own)."""
    import psutil

    try:
        below = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [kin for kin in (kin_of(one) for one in [pid, *(child.pid for child in below)]) if kin]


def send(kin: Kin, how: signal.Signals) -> None:
    """Signal exactly this process; one that is gone is no error."""
    if kin.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(kin.pid, how)


def end(farewells: Mapping[Kin, signal.Signals], patience_seconds: float) -> None:
    """Ask each process to stop with its signal, wait, and kill what is left.

    Blocks for at most the patience and a second.
    """
    for kin, how in farewells.items():
        send(kin, signal.SIGCONT)
        send(kin, how)
    if not _gone(farewells, patience_seconds):
        for kin in farewells:
            send(kin, signal.SIGKILL)
        _gone(farewells, 1)


def _gone(kins: Iterable[Kin], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(kin.alive for kin in kins):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_frozen(kin: Kin) -> bool:
    """Whether the kernel has taken the process off its processors; true of one that is gone as well."""
    import psutil

    try:
        return bool(psutil.Process(kin.pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE))
    except psutil.NoSuchProcess:
        return True
