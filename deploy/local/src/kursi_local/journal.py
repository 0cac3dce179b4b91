"""What a launcher writes down about its processes: others find them, the next start can clean up."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from kursi_local.folder import read_json, write_json
from kursi_local.lineage import Kin, end


@dataclass(frozen=True, slots=True)
class Entry:
    """One process as last seen."""

    name: str
    state: str
    kin: Kin | None = None
    restarts: int = 0
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 5


@dataclass(frozen=True, slots=True)
class Journal:
    """``phase`` is ``starting``, ``ready``, ``stopping`` or ``stopped``; ports by name; processes by name."""

    launcher: Kin | None = None
    phase: str = "stopped"
    ports: Mapping[str, int] = field(default_factory=dict)
    services: Mapping[str, Sequence[str]] = field(default_factory=dict)
    processes: Mapping[str, Entry] = field(default_factory=dict)
    cluster: str = ""

    @classmethod
    def read(cls, path: Path) -> Self:
        """The last words of the last launcher; an empty journal when there was none."""
        content = read_json(path)
        if not content:
            return cls()
        return cls(
            launcher=_kin(content["launcher"]),
            phase=str(content["phase"]),
            ports=_object(content["ports"]),
            services=_object(content["services"]),
            processes={name: _entry(entry) for name, entry in _object(content["processes"]).items()},
            cluster=str(content["cluster"]),
        )

    def write(self, path: Path) -> None:
        write_json(path, asdict(self))

    @property
    def running(self) -> bool:
        """Whether the launcher that wrote this still lives."""
        return self.launcher is not None and self.launcher.alive

    def survivors(self) -> list[Entry]:
        """Processes that the launcher left behind."""
        return [entry for entry in self.processes.values() if entry.kin and entry.kin.alive]

    def clean_up(self) -> list[str]:
        """End the survivors of a launcher that is gone, and say who they were. Blocks for seconds."""
        survivors = self.survivors()
        end(
            {entry.kin: signal.Signals(entry.stop_signal) for entry in survivors if entry.kin},
            patience_seconds=max((entry.stop_seconds for entry in survivors), default=0),
        )
        return [entry.name for entry in survivors]


def _object(content: object) -> dict[str, Any]:  # Any: JSON that this module wrote itself
    return content if isinstance(content, dict) else {}


def _kin(content: object) -> Kin | None:
    fields = _object(content)
    return Kin(int(str(fields["pid"])), str(fields["birth"])) if fields else None


def _entry(content: object) -> Entry:
    fields = _object(content)
    return Entry(
        name=str(fields["name"]),
        state=str(fields["state"]),
        kin=_kin(fields["kin"]),
        restarts=int(str(fields["restarts"])),
        stop_signal=int(str(fields["stop_signal"])),
        stop_seconds=float(str(fields["stop_seconds"])),
    )
