"""Scripted misbehaviour: which request meets which fault. Nothing here is random."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, cast, get_args

from kursi_simulators.wire import BadOrder, JsonObject

FaultKind = Literal[
    "timeout_before_accept",
    "timeout_after_accept",
    "reset_before_accept",
    "reset_after_accept",
    "status",
    "status_after_accept",
    "garbage",
    "slow",
]


@dataclass(slots=True)
class Fault:
    """One scripted fault.

    It counts the requests that match and fires for `times` of them, starting with the `nth`. `method` and
    `path` are shell patterns; for SMTP they are the command and the address. The `*_after_accept` kinds
    do the work and keep it in the books; the caller only never learns of it.
    """

    kind: FaultKind
    method: str = "*"
    path: str = "*"
    body_contains: str = ""
    nth: int = 1
    times: int = 1
    code: int = 500
    body: object = None
    retry_after: str | None = None
    seconds: float = 0.0
    seen: int = 0

    @classmethod
    def from_json(cls, order: JsonObject) -> "Fault":
        """The fault that a control request asks for.

        Raises:
            BadOrder: for an unknown kind, an unknown field or a value of the wrong type.
        """
        match = order.get("match", {})
        if not isinstance(match, Mapping):
            raise BadOrder("match must be an object")
        fields = {**match, **{name: value for name, value in order.items() if name not in ("match", "fault")}}
        kind = order.get("fault")
        if kind not in get_args(FaultKind):
            raise BadOrder(f"fault must be one of {', '.join(get_args(FaultKind))}")
        unknown = fields.keys() - _FIELD_TYPES.keys()
        if unknown:
            raise BadOrder(f"unknown fields: {', '.join(sorted(unknown))}")
        for name, value in fields.items():
            if not isinstance(value, _FIELD_TYPES[name]):
                raise BadOrder(f"{name} has the wrong type")
        if "retry_after" in fields:
            fields["retry_after"] = str(fields["retry_after"])
        return cls(kind=cast("FaultKind", kind), **fields)  # cast: membership was checked above

    def fires_for(self, method: str, path: str, body: str) -> bool:
        if not (fnmatchcase(method, self.method) and fnmatchcase(path, self.path)):
            return False
        if self.body_contains not in body:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


_FIELD_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "method": str,
    "path": str,
    "body_contains": str,
    "nth": int,
    "times": int,
    "code": int,
    "body": object,
    "retry_after": (int, str),
    "seconds": (int, float),
}


class FaultQueue:
    """Faults in the order they were queued; the first that fires takes the request."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def take(self, method: str, path: str, body: str = "") -> Fault | None:
        return next((fault for fault in self._faults if fault.fires_for(method, path, body)), None)

    def clear(self) -> None:
        self._faults.clear()
