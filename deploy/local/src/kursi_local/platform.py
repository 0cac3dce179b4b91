"""A running platform as seen from outside its launcher: addresses, and hands on its processes."""

from __future__ import annotations

import signal
from pathlib import Path

from kursi_local.blueprint import database_url
from kursi_local.folder import DataFolder
from kursi_local.journal import Entry, Journal
from kursi_local.lineage import Kin, family, is_frozen, send
from kursi_local.patience import until
from kursi_local.ports import HOST
from kursi_local.vault import Vault

_FREEZE_SECONDS = 30.0


class NotRunning(RuntimeError):
    """No launcher runs on this data folder, or it has no such process."""


class Platform:
    """Everything here blocks. Processes have the names of the process table."""

    def __init__(self, data: Path) -> None:
        self._folder = DataFolder(data)

    @property
    def data(self) -> Path:
        return self._folder.path

    @property
    def journal(self) -> Journal:
        """The state right now.

        Raises:
            NotRunning: no launcher runs here.
        """
        journal = Journal.read(self._folder.state)
        if not journal.running:
            raise NotRunning(f"no platform is running in {self.data}")
        return journal

    @property
    def is_up(self) -> bool:
        """Whether a launcher runs here and had everything ready once."""
        journal = Journal.read(self._folder.state)
        return journal.running and journal.phase == "ready"

    @property
    def base_url(self) -> str:
        """The REST API and the web, as a browser sees them."""
        return self.url("gateway")

    @property
    def nats_url(self) -> str:
        return f"nats://{HOST}:{self.port('nats')}"

    def url(self, port_name: str) -> str:
        return f"http://{HOST}:{self.port(port_name)}"

    def port(self, name: str) -> int:
        return self.journal.ports[name]

    def address(self, service: str) -> str:
        """``host:port`` of a service's gRPC server; every replica, comma separated."""
        journal = self.journal
        return ",".join(f"{HOST}:{journal.ports[name]}" for name in journal.services[service])

    def database_url(self, service: str, role: str = "app") -> str:
        """A service's database as its ``app`` or ``owner`` role."""
        return database_url(Vault(self._folder.secrets), self.port("postgres"), service, role)

    def secret(self, name: str) -> str:
        """A secret of this platform by its name in the process table: for tests that act as one of its parts."""
        return Vault(self._folder.secrets).secret(name)

    def log(self, name: str) -> Path:
        return self._folder.logs / f"{name}.log"

    def entry(self, name: str) -> Entry:
        """
        Raises:
            NotRunning: there is no such process.
        """  # fmt: skip
        processes = self.journal.processes
        if name not in processes:
            raise NotRunning(f"no process {name}; there are {', '.join(processes)}")
        return processes[name]

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Signal one process. After SIGKILL it is dead when this returns; the launcher starts it again."""
        kin = self._kin(name)
        send(kin, how)
        if how is signal.SIGKILL:
            until(lambda: not kin.alive, 30, f"the end of {name}")

    def pause(self, name: str) -> None:
        """Freeze a process and everything below it: its sockets stay open and nothing answers.

        On a busy machine a thread may run on for a moment after the signal; it does no more when this returns.
        """
        frozen = family(self._kin(name).pid)
        for kin in frozen:
            send(kin, signal.SIGSTOP)
        until(lambda: all(map(is_frozen, frozen)), _FREEZE_SECONDS, f"a {name} that is frozen")

    def resume(self, name: str) -> None:
        for kin in family(self._kin(name).pid):
            send(kin, signal.SIGCONT)

    def restart(self, name: str, timeout_seconds: float = 60) -> None:
        """Stop a process as an operator would and wait until its successor is ready."""
        entry = self.entry(name)
        before = self._kin(name)
        send(before, signal.Signals(entry.stop_signal))
        until(
            lambda: self.entry(name).kin != before and self._is_ready(name),
            timeout_seconds,
            f"the return of {name}",
        )

    def wait_ready(self, timeout_seconds: float = 120) -> None:
        """Return when every process is alive and answered its probe since it was last started."""
        until(
            lambda: self.journal.phase == "ready" and all(map(self._is_ready, self.journal.processes)),
            timeout_seconds,
            f"a platform in {self.data} that is ready",
        )

    def stop(self, timeout_seconds: float = 60) -> bool:
        """Stop the launcher with everything it owns, and wait for it. False: there was none, which is fine, too."""
        journal = Journal.read(self._folder.state)
        launcher = journal.launcher
        if not launcher or not launcher.alive:
            return False
        send(launcher, signal.SIGTERM)
        until(lambda: not launcher.alive, timeout_seconds, "the end of the launcher")
        return True

    def _is_ready(self, name: str) -> bool:
        entry = self.entry(name)
        return entry.state == "ready" and entry.kin is not None and entry.kin.alive

    def _kin(self, name: str) -> Kin:
        kin = self.entry(name).kin
        if kin is None:
            raise NotRunning(f"{name} is not running")
        return kin
