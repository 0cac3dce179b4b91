"""Policies as callers send them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_chassis.validation import Violations

from kursi_catalog.api.parse_hours import local_time
from kursi_catalog.api.reading import Read, choice, minutes, seconds, texts
from kursi_catalog.domain.policy import Prepayment, StartMode
from kursi_catalog.domain.schedule import MINUTES_PER_DAY

PREPAYMENT: Mapping[int, Prepayment] = {
    pb.Policy.NONE: Prepayment.NONE,
    pb.Policy.DEPOSIT: Prepayment.DEPOSIT,
    pb.Policy.FULL: Prepayment.FULL,
}
START_MODE: Mapping[int, StartMode] = {
    pb.Policy.GRID: StartMode.GRID,
    pb.Policy.GAP_FREE: StartMode.GAP_FREE,
}

_DAY = timedelta(days=1)
_BOUNDS: Mapping[str, tuple[timedelta, timedelta]] = {
    "slot_step": (timedelta(minutes=5), timedelta(hours=4)),
    "minimum_notice": (timedelta(0), 30 * _DAY),
    "maximum_ahead": (_DAY, 400 * _DAY),
    "cancellation_window": (timedelta(0), 30 * _DAY),
    "reschedule_window": (timedelta(0), 30 * _DAY),
    "hold": (timedelta(minutes=2), timedelta(hours=2)),
    "waitlist_offer": (timedelta(minutes=1), _DAY),
}
SPANS = tuple(_BOUNDS)
_SHARES = ("deposit_basis_points", "late_cancellation_fee_basis_points", "no_show_fee_basis_points")


def _span(name: str) -> Read[pb.Policy]:
    # Starts are shown as minutes of the clock, and what is sold lasts whole minutes too.
    in_units = minutes if name == "slot_step" else seconds

    def read(check: Violations, field: str, policy: pb.Policy) -> timedelta | None:
        message: Duration = getattr(policy, name)
        return in_units(check, field, message, *_BOUNDS[name]) if _is_set(policy, name) else None

    return read


def _number(name: str, low: int, high: int) -> Read[pb.Policy]:
    def read(check: Violations, field: str, policy: pb.Policy) -> int | None:
        present = _is_set(policy, name)
        return check.integer(field, getattr(policy, name), low, high) if present else None

    return read


def _is_set(message: Message, name: str) -> bool:
    return message.HasField(name)


def _automatic(_check: Violations, _field: str, policy: pb.Policy) -> bool | None:
    return policy.automatic_confirmation if policy.HasField("automatic_confirmation") else None


def _prepayment(check: Violations, field: str, policy: pb.Policy) -> Prepayment | None:
    return choice(check, field, policy.prepayment, PREPAYMENT) if policy.prepayment else None


def _start_mode(check: Violations, field: str, policy: pb.Policy) -> StartMode | None:
    return choice(check, field, policy.start_mode, START_MODE) if policy.start_mode else None


def _latest_start(check: Violations, field: str, policy: pb.Policy) -> str | None:
    if policy.latest_start:
        local_time(check, field, policy.latest_start, MINUTES_PER_DAY)
    return policy.latest_start or None


def _texts(check: Violations, field: str, policy: pb.Policy) -> dict[str, str] | None:
    return texts(check, field, policy.texts, 2000, lines=True) or None


def _named(names: Iterable[str], low: int, high: int) -> Mapping[str, Read[pb.Policy]]:
    return {name: _number(name, low, high) for name in names}


POLICY: Mapping[str, Read[pb.Policy]] = {
    **{name: _span(name) for name in _BOUNDS},
    "automatic_confirmation": _automatic,
    "prepayment": _prepayment,
    **_named(_SHARES, 0, 10_000),
    **_named(["maximum_active_bookings"], 1, 100),
    **_named(["maximum_bookings_per_day"], 0, 10_000),
    **_named(["maximum_bookings_per_staff_day"], 0, 1_000),
    "start_mode": _start_mode,
    "latest_start": _latest_start,
    "texts": _texts,
}
"""A field that is not set reads as None: the level above decides."""
