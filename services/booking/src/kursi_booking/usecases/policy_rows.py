"""The values of the policy that close a start, and where they were set."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_booking.domain.closing import ClosedBy, Closing, Row, RowType, Source
from kursi_booking.domain.salon import SalonService
from kursi_booking.domain.start_rule import Rule, StartMode, StartRules
from kursi_booking.ports.explaining import SalonOffer

Sources = Mapping[UUID, Mapping[str, Source]]
"""By service and JSON name of the policy's field."""


_ANY_NUMBER = 1 << 31


class _Field(NamedTuple):
    """A field of the catalog's Policy by its JSON name; `strictness` tells whose of several services counts, and
    `value` what counts, as the field has it in JSON.
    """

    name: str
    strictness: Callable[[SalonService], int]
    value: Callable[[StartRules], str]


def _lowness(limit: int | None) -> int:
    return -(_ANY_NUMBER if limit is None else limit)


POLICY_FIELDS: Mapping[Rule, _Field] = {
    Rule.CUSTOMER_LIMIT: _Field(
        "maximumActiveBookings",
        lambda service: _lowness(service.limits.active_per_customer),
        lambda rules: str(rules.limits.active_per_customer),
    ),
    Rule.TOO_SOON: _Field(
        "minimumNotice",
        lambda service: service.slots.min_notice,
        lambda rules: f"{rules.policy.rules.min_notice}s",
    ),
    Rule.TOO_FAR_AHEAD: _Field(
        "maximumAhead",
        lambda service: -service.slots.max_ahead,
        lambda rules: f"{rules.policy.rules.max_ahead}s",
    ),
    Rule.TOO_LATE_IN_DAY: _Field(
        "latestStart",
        lambda service: _lowness(service.slots.latest_minute),
        lambda rules: _clock(rules.policy.rules.latest_minute or 0),
    ),
    Rule.DAY_FULL: _Field(
        "maximumBookingsPerDay",
        lambda service: _lowness(service.limits.per_day),
        lambda rules: str(rules.limits.per_day),
    ),
    Rule.OFF_GRID: _Field(
        "slotStep", lambda service: service.slots.step, lambda rules: f"{rules.policy.rules.step}s"
    ),
    Rule.STAFF_DAY_FULL: _Field(
        "maximumBookingsPerStaffDay",
        lambda service: _lowness(service.limits.per_staff_day),
        lambda rules: str(rules.limits.per_staff_day),
    ),
    Rule.LEAVES_GAP: _Field(
        "startMode", lambda service: service.slots.mode is StartMode.GAP_FREE, lambda _: "GAP_FREE"
    ),
}
"""The rules that are values of a policy."""


def policy_closing(rule: Rule, shown: SalonOffer, sources: Sources) -> Closing:
    """What is told of a rule that is a value of the policy: the value, and the service or salon where it is set."""
    field, rules = POLICY_FIELDS[rule], shown.offer.questions[0].rules
    services = [shown.salon.services[one.service_id] for one in shown.offer.services]
    strictest = max(services, key=field.strictness).service_id
    source = sources.get(strictest, {}).get(field.name)
    ids = {Source.SALON: str(shown.salon.salon_id), Source.SERVICE: str(strictest)}
    row = Row(
        RowType.POLICY,
        ids.get(source, "") if source else "",
        name=field.name,
        value=field.value(rules),
        source=source,
    )
    return Closing(ClosedBy[rule.name], row, _params(rules, field.value(rules)))


def _params(rules: StartRules, limit: str) -> Mapping[str, object]:
    """What the sentences about policies name."""
    slots, zone = rules.policy.rules, rules.policy.zone
    return {
        "limit": limit,
        "step": timedelta(seconds=slots.step),
        "earliest": _local(rules.now + slots.min_notice, zone),
        "latest": _local(rules.now + slots.max_ahead, zone),
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _local(instant: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(instant, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")
