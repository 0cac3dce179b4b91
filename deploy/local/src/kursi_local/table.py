"""The process table: read from TOML, placeholders filled in, ready to be supervised."""

from __future__ import annotations

import re
import signal
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

DEFAULT_TABLE = Path(__file__).with_name("processes.toml")

_NICEST = 19
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{(\w+)(?::([\w.\-]+))?\}")


class TableError(ValueError):
    """The process table cannot be used; the text says where and why."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process to keep alive."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    service: str | None = None
    grpc: str | None = None
    ready: str | None = None
    after: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10
    unprivileged: bool = False
    nice: int = 0


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What all processes of one service share."""

    name: str
    migrate: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    ports: Mapping[str, int]
    processes: tuple[ProcessSpec, ...]
    services: tuple[ServiceSpec, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """The table as written, placeholders untouched.

        Raises:
            TableError: unknown keys, a name twice, or a process after one that is not there.
        """
        document = tomllib.loads(path.read_text())
        processes = tuple(_process(entry) for entry in document.get("process", []))
        services = tuple(_service(name, entry) for name, entry in document.get("service", {}).items())
        table = cls(document.get("ports", {}), processes, services)
        table._check()
        return table

    def has(self, name: str) -> bool:
        return any(process.name == name for process in self.processes)

    def grpc_ports(self, service: str) -> list[str]:
        """The port names of every process that serves this service's calls."""
        return [one.grpc for one in self.processes if one.service == service and one.grpc]

    def _check(self) -> None:
        names = [process.name for process in self.processes]
        services = {service.name for service in self.services}
        if len(set(names)) < len(names):
            raise TableError("a process name occurs twice")
        for process in self.processes:
            if missing := set(process.after) - set(names):
                raise TableError(f"{process.name} waits for {', '.join(missing)}, which is not in the table")
            if process.service and process.service not in services:
                raise TableError(f"{process.name} belongs to service {process.service}, not in the table")


class Resolver:
    """Fills placeholders in: plain ones from a mapping, those with an argument from functions."""

    def __init__(
        self, plain: Mapping[str, Callable[[], str]], named: Mapping[str, Callable[[str], str]]
    ) -> None:
        self._plain = plain
        self._named = named

    def text(self, template: str) -> str:
        """The template with everything filled in.

        Raises:
            TableError: a placeholder nobody knows.
        """
        return _PLACEHOLDER.sub(self._value, template)

    def texts(self, templates: Sequence[str]) -> tuple[str, ...]:
        return tuple(self.text(template) for template in templates)

    def environment(self, templates: Mapping[str, str]) -> dict[str, str]:
        return {name: self.text(template) for name, template in templates.items()}

    def _value(self, match: re.Match[str]) -> str:
        kind, argument = match.groups()
        if kind is None:
            return match.group()[0]
        if argument is None and kind in self._plain:
            return self._plain[kind]()
        if argument is not None and kind in self._named:
            return self._named[kind](argument)
        raise TableError(f"unknown placeholder {match.group()}")


_Spec = TypeVar("_Spec", ProcessSpec, ServiceSpec)


def _process(entry: Mapping[str, object]) -> ProcessSpec:
    known = dict(entry)
    return _take(
        known,
        ProcessSpec(
            name=_text(known, "name"),
            command=_texts(known, "command"),
            environment=_mapping(known, "environment"),
            service=_text(known, "service") or None,
            grpc=_text(known, "grpc") or None,
            ready=_text(known, "ready") or None,
            after=_texts(known, "after"),
            prepare=_texts(known, "prepare"),
            stop_signal=signal.Signals[_text(known, "stop_signal") or "SIGTERM"],
            stop_seconds=float(_text(known, "stop_seconds") or 10),
            unprivileged=bool(known.pop("unprivileged", False)),
            nice=_nice(known),
        ),
    )


def _service(name: str, entry: Mapping[str, object]) -> ServiceSpec:
    known = dict(entry)
    return _take(known, ServiceSpec(name, _texts(known, "migrate"), _mapping(known, "environment")))


def _take(rest: Mapping[str, object], spec: _Spec) -> _Spec:
    if rest:
        raise TableError(f"unknown keys {', '.join(rest)} in {spec}")
    return spec


def _text(entry: dict[str, object], key: str) -> str:
    return str(entry.pop(key, ""))


def _nice(entry: dict[str, object]) -> int:
    value = entry.pop("nice", 0)
    if not isinstance(value, int) or not 0 <= value <= _NICEST:
        raise TableError(f"nice must be a number from 0 to {_NICEST}")
    return value


def _texts(entry: dict[str, object], key: str) -> tuple[str, ...]:
    values = entry.pop(key, ())
    if not isinstance(values, list | tuple):
        raise TableError(f"{key} must be a list")
    return tuple(str(value) for value in values)


def _mapping(entry: dict[str, object], key: str) -> Mapping[str, str]:
    values = entry.pop(key, {})
    if not isinstance(values, dict):
        raise TableError(f"{key} must be a table")
    return {str(name): str(value) for name, value in values.items()}
