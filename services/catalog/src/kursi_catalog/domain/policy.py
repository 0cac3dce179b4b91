"""The rules of booking, level by level: platform, salon, service. The most specific one wins, value by value."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import IntEnum, StrEnum
from uuid import UUID


class Prepayment(StrEnum):
    NONE = "none"
    DEPOSIT = "deposit"
    FULL = "full"


class StartMode(StrEnum):
    """How offered starts are laid out: on a grid of the day, or so that no gap is left that nobody can use."""

    GRID = "grid"
    GAP_FREE = "gap_free"


class Source(IntEnum):
    """Where a value came from, least specific first."""

    PLATFORM = 1
    SALON = 2
    SERVICE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one level decides. None leaves the value to the level above.

    Of bookings per day, zero allows any number. `latest_start` is a local time as people
    write it, "24:00" allows any.
    """

    slot_step: timedelta | None = None
    minimum_notice: timedelta | None = None
    maximum_ahead: timedelta | None = None
    cancellation_window: timedelta | None = None
    reschedule_window: timedelta | None = None
    hold: timedelta | None = None
    automatic_confirmation: bool | None = None
    prepayment: Prepayment | None = None
    deposit_basis_points: int | None = None
    late_cancellation_fee_basis_points: int | None = None
    no_show_fee_basis_points: int | None = None
    maximum_active_bookings: int | None = None
    texts: Mapping[str, str] | None = None
    start_mode: StartMode | None = None
    maximum_bookings_per_day: int | None = None
    maximum_bookings_per_staff_day: int | None = None
    latest_start: str | None = None
    waitlist_offer: timedelta | None = None


NOTHING = Policy()
FIELDS = tuple(field.name for field in fields(Policy))


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """The values in force, the source of each by field name, and the revision of the asked level."""

    policy: Policy
    sources: Mapping[str, Source]
    revision: int


Levels = Mapping[UUID | None, tuple[Policy, int]]
"""What a salon's levels decide, and the revision of each, by service; None is the salon's own level."""


def effective(platform: Policy, levels: Levels, service_id: UUID | None) -> EffectivePolicy:
    """What counts for a service, or without one for the salon, and where each value came from.

    The platform decides everything, so nothing stays open.
    """
    salon, _ = levels.get(None, (NOTHING, 0))
    own, revision = levels.get(service_id, (NOTHING, 0))
    ranked = (
        (Source.SERVICE, own if service_id else NOTHING),
        (Source.SALON, salon),
        (Source.PLATFORM, platform),
    )
    chosen = {name: _first_set(name, ranked) for name in FIELDS}
    values = {name: getattr(level, name) for name, (_, level) in chosen.items()}
    return EffectivePolicy(Policy(**values), {name: source for name, (source, _) in chosen.items()}, revision)


def _first_set(name: str, levels: tuple[tuple[Source, Policy], ...]) -> tuple[Source, Policy]:
    return next((level for level in levels if getattr(level[1], name) is not None), levels[-1])
