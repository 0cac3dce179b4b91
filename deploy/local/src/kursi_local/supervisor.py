"""Keeps processes alive: restarts what dies, later and later while it keeps dying; stops them on demand."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from kursi_local.child import exited, let_others_go_first, no_privileges, spawn
from kursi_local.lineage import Kin, kin_of, send
from kursi_local.probe import Probe

_PROBE_PAUSE_SECONDS = 0.05
_KERNEL_PAUSE_SECONDS = 0.1


class State(StrEnum):
    PREPARING = "preparing"
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait before a restart: doubling up to a ceiling, from the start again after a stable time.

    A tenth of a second is enough for the kernel to free a port; ten seconds keep a hopeless process from
    eating the machine while still noticing soon that its cause was repaired.
    """

    first_seconds: float = 0.1
    ceiling_seconds: float = 10
    stable_seconds: float = 10

    def pause(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row (1 for the first)."""
        return float(min(self.first_seconds * 2 ** min(failures - 1, 30), self.ceiling_seconds))


@dataclass(frozen=True, slots=True)
class Order:
    """Everything needed to run one process: the table's line with all placeholders filled in."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    probe: Probe | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
    unprivileged: bool = False
    nice: int = 0


@dataclass
class Keeper:
    """Keeps one process alive until told to stop.

    ``ready`` is set while the process answers its probe. ``failures`` counts ends in a row that nobody asked
    for, ``restarts`` all of them.
    """

    order: Order
    on_change: Callable[[], None]
    back_off: BackOff = field(default_factory=BackOff)
    state: State = field(default=State.PREPARING, init=False)
    kin: Kin | None = field(default=None, init=False)
    restarts: int = field(default=0, init=False)
    failures: int = field(default=0, init=False)
    exit_status: int | None = field(default=None, init=False)
    ready: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _stop: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _kill: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def run(self) -> None:
        """Run and restart the process until ``stop``; returns when it is gone."""
        while not self._stop.is_set():
            born = time.monotonic()
            self.exit_status = await self._live_once()
            if self._stop.is_set():
                break
            stable = time.monotonic() - born >= self.back_off.stable_seconds
            self.failures = 1 if stable else self.failures + 1
            self.restarts += 1
            self._become(State.BACKING_OFF)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.back_off.pause(self.failures)):
                    await self._stop.wait()
        self._become(State.STOPPED)

    def stop(self) -> None:
        """Ask the process to end; ``run`` returns when it has, after ``stop_seconds`` by force."""
        self._stop.set()

    def kill(self) -> None:
        """Waste no more time on a stop that is under way."""
        self._stop.set()
        self._kill.set()

    async def _live_once(self) -> int:
        process = self._spawn()
        self.kin = kin_of(process.pid)
        self._become(State.STARTING)
        async with asyncio.TaskGroup() as watchers:
            probing = watchers.create_task(self._wait_ready())
            stopping = watchers.create_task(self._end_when_asked())
            yielding = watchers.create_task(self._let_others_go_first(process.pid))
            try:
                return await exited(process)
            finally:
                probing.cancel()
                stopping.cancel()
                yielding.cancel()
                self.ready.clear()
                self.kin = None
                _leave_nothing(process)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return spawn(
            self.order.command,
            self.order.log,
            environment=self.order.environment,
            death_signal=self.order.stop_signal,
            privileges=no_privileges() if self.order.unprivileged else None,
        )

    async def _let_others_go_first(self, pid: int) -> None:
        await self.ready.wait()  # the whole platform waits for whoever starts
        while self.order.nice and not let_others_go_first(pid, self.order.nice):  # noqa: ASYNC110 - the kernel
            await asyncio.sleep(_KERNEL_PAUSE_SECONDS)

    async def _wait_ready(self) -> None:
        while self.order.probe and not await self.order.probe():  # noqa: ASYNC110 - a foreign process
            await asyncio.sleep(_PROBE_PAUSE_SECONDS)
        if not self._stop.is_set():
            self.ready.set()
            self._become(State.READY)

    async def _end_when_asked(self) -> None:
        await self._stop.wait()
        self._become(State.STOPPING)
        self._signal(signal.SIGCONT)
        self._signal(self.order.stop_signal)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.order.stop_seconds):
                await self._kill.wait()
        self._signal(signal.SIGKILL)

    def _signal(self, how: signal.Signals) -> None:
        if self.kin:
            send(self.kin, how)

    def _become(self, state: State) -> None:
        self.state = state
        self.on_change()


def _leave_nothing(process: subprocess.Popen[bytes]) -> None:
    """When the keeper itself is cancelled, its process goes too."""
    if process.returncode is None:
        process.kill()
        process.wait()
