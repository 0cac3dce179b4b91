"""A whole platform in one data folder: started, kept alive, stopped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kursi_local import logs
from kursi_local.blueprint import Blueprint
from kursi_local.folder import DataFolder
from kursi_local.journal import Entry, Journal
from kursi_local.lineage import kin_of
from kursi_local.ports import PortBook
from kursi_local.postgres import Place
from kursi_local.preparation import NotPrepared, Preparation
from kursi_local.supervisor import BackOff, Keeper, State
from kursi_local.table import ProcessSpec, Table
from kursi_local.vault import Vault

_HOPELESS_FAILURES = 6
"""Ends in a row before the platform was ever up: by then three seconds of restarts did not help."""
_LOOK_SECONDS = 0.02


class DidNotStart(RuntimeError):
    """The platform could not be brought up; the text names the process and quotes its log."""


class StopRequested(RuntimeError):
    """Somebody asked to stop before the platform was up."""


@dataclass(frozen=True, slots=True)
class Options:
    data: Path
    table: Path
    usual_ports: bool = True
    fsync: bool = True
    start_seconds: float = 120
    back_off: BackOff = field(default_factory=BackOff)


class Launcher:
    """Owns the data folder and every process of the platform inside ``running``.

    ``tell(name, fact)`` receives one short line for each fact about a process.
    """

    def __init__(self, options: Options, tell: Callable[[str, str], None]) -> None:
        self._options = options
        self._tell = tell
        self._folder = DataFolder(options.data)
        self._table = Table.read(options.table)
        self._keepers: dict[str, Keeper] = {}
        self._told: dict[str, tuple[State, int]] = {}
        self._phase = "starting"
        self._is_behind = False
        self._failure: DidNotStart | None = None
        self._place: Place | None = None
        self._ports: PortBook | None = None
        self.stopping = asyncio.Event()

    def request_stop(self) -> None:
        """Stop everything in order; asked again, at once."""
        if self.stopping.is_set():
            for keeper in self._keepers.values():
                keeper.kill()
        self.stopping.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Journal]:
        """The platform is up inside the block and gone after it.

        Raises:
            FolderInUse: another launcher owns the folder.
            DidNotStart: a process could not be prepared, died again and again, or was not ready in time.
            StopRequested: ``request_stop`` was called before everything was ready.
        """
        self._folder.create()
        self._folder.lock()
        try:
            self._clean_up_after_the_last_launcher()
            async with self._processes():
                yield self.journal()
        finally:
            self._folder.unlock()

    def journal(self) -> Journal:
        return Journal(
            launcher=kin_of(os.getpid()),
            phase=self._phase,
            ports=self._ports.ports if self._ports else {},
            services={one.name: self._table.grpc_ports(one.name) for one in self._table.services},
            processes={name: _entry(keeper) for name, keeper in self._keepers.items()},
            cluster=str(self._place.cluster) if self._place else "",
        )

    @asynccontextmanager
    async def _processes(self) -> AsyncIterator[None]:
        blueprint = self._draw()
        preparation = Preparation(blueprint)
        for process in self._table.processes:
            order = blueprint.order(process)
            self._keepers[process.name] = Keeper(order, self._note, self._options.back_off)
        try:
            async with asyncio.TaskGroup() as owner:
                rotating = owner.create_task(logs.keep_small(self._folder.logs))
                lives = {p.name: owner.create_task(self._live(p, preparation)) for p in self._table.processes}
                try:
                    await self._bring_up()
                    yield
                finally:
                    await self._take_down(lives)
                    rotating.cancel()
        except BaseExceptionGroup as group:
            if len(group.exceptions) == 1:
                raise group.exceptions[0] from None
            raise
        finally:
            blueprint.ports.release()

    def _draw(self) -> Blueprint:
        folder = self._folder
        self._place = Place.choose(folder.path)
        if self._place.moved_to and self._table.has("postgres"):
            self._tell(
                "postgres", f"its user may not enter this folder, so it lives in {self._place.moved_to}"
            )
        self._ports = PortBook(folder.ports, self._table.ports if self._options.usual_ports else {})
        return Blueprint(
            self._table,
            folder,
            self._ports,
            Vault(folder.secrets),
            self._place,
            fsync=self._options.fsync,
        )

    async def _live(self, process: ProcessSpec, preparation: Preparation) -> None:
        """One process from its preparation to its end."""
        await asyncio.gather(*(self._keepers[name].ready.wait() for name in process.after))
        try:
            await preparation.prepare(process)
        except NotPrepared as failure:
            self._fail(str(failure))
            return
        await self._keepers[process.name].run()

    async def _bring_up(self) -> None:
        began = time.monotonic()
        while not all(keeper.ready.is_set() for keeper in self._keepers.values()):
            self._give_up_on(keeper for keeper in self._keepers.values() if _is_hopeless(keeper))
            if time.monotonic() - began > self._options.start_seconds:
                self._give_up_on(k for k in self._keepers.values() if not k.ready.is_set())
            if self._failure:
                raise self._failure
            if self.stopping.is_set():
                raise StopRequested
            await asyncio.sleep(_LOOK_SECONDS)
        self._phase = "ready"
        self._note()

    def _give_up_on(self, keepers: Iterable[Keeper]) -> None:
        for keeper in keepers:
            log = keeper.order.log
            self._fail(f"{keeper.order.name} is {keeper.state}; the end of {log}:\n{logs.ending(log)}")

    def _fail(self, why: str) -> None:
        self._failure = self._failure or DidNotStart(why)

    async def _take_down(self, lives: dict[str, asyncio.Task[None]]) -> None:
        """First those that lean on others, then what they leaned on."""
        self._phase = "stopping"
        self._note()
        leaned_on = {name for process in self._table.processes for name in process.after}
        for wave in (lives.keys() - leaned_on, leaned_on):
            for name in wave:
                self._keepers[name].stop()
                if self._keepers[name].state is State.PREPARING:
                    lives[name].cancel()
            await asyncio.gather(*(lives[name] for name in wave), return_exceptions=True)
        self._phase = "stopped"
        self._note()

    def _clean_up_after_the_last_launcher(self) -> None:
        for name in Journal.read(self._folder.state).clean_up():
            self._tell(name, "was left behind by a launcher that was killed: stopped")

    def _note(self) -> None:
        self._write_down()
        for name, keeper in self._keepers.items():
            seen = (keeper.state, keeper.restarts)
            if self._told.get(name) != seen:
                self._told[name] = seen
                self._tell(name, _fact(keeper))

    def _write_down(self) -> None:
        """A full disk ends no platform that runs, and no stop in order: what is missing then, the next change brings."""
        try:
            self.journal().write(self._folder.state)
        except OSError as failure:
            if self._phase == "starting":
                raise
            if not self._is_behind:
                self._tell("state.json", f"cannot be written: {failure.strerror}")
            self._is_behind = True
        else:
            self._is_behind = False


def _is_hopeless(keeper: Keeper) -> bool:
    return keeper.failures >= _HOPELESS_FAILURES


def _fact(keeper: Keeper) -> str:
    if keeper.state is State.BACKING_OFF:
        pause = keeper.back_off.pause(keeper.failures)
        return f"ended with {keeper.exit_status}; restart {keeper.restarts} in {pause:.1f} s"
    return str(keeper.state)


def _entry(keeper: Keeper) -> Entry:
    return Entry(
        name=keeper.order.name,
        state=str(keeper.state),
        kin=keeper.kin,
        restarts=keeper.restarts,
        stop_signal=keeper.order.stop_signal,
        stop_seconds=keeper.order.stop_seconds,
    )
