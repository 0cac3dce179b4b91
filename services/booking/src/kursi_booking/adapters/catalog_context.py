"""The catalog's answer, turned once into what the slot engine reads for as long as it is kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from google.protobuf.duration_pb2 import Duration
from kursi.catalog.v1 import catalog_pb2, catalog_service_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.intervals import Interval
from kursi_chassis.money import Money

from kursi_booking.domain.policy import PolicySnapshot, Prepayment
from kursi_booking.domain.salon import (
    WAITLIST_OFFER,
    AddOn,
    OwnTerms,
    Part,
    SalonContext,
    SalonService,
    StaffMember,
)
from kursi_booking.domain.start_rule import Limits, SlotRules, StartMode

_MINUTES_PER_DAY = 1_440
_PREPAYMENT = {
    catalog_pb2.Policy.NONE: Prepayment.NONE,
    catalog_pb2.Policy.DEPOSIT: Prepayment.DEPOSIT,
    catalog_pb2.Policy.FULL: Prepayment.FULL,
}


def read_context(
    answer: catalog_service_pb2.BookingContext, window: Interval, as_of: datetime
) -> SalonContext:
    """The salon for `window`, as it was at `as_of`."""
    salon = answer.salon
    resources: dict[str, list[UUID]] = {}
    for resource in answer.resources:
        resources.setdefault(resource.kind, []).append(UUID(resource.id))
    working = {UUID(worker.staff_member.id): _intervals(worker.working) for worker in answer.workers}
    things = {thing: (window,) for units in resources.values() for thing in units}
    return SalonContext(
        salon_id=UUID(salon.id),
        version=answer.version,
        window=window,
        names=dict(salon.names),
        zone=ZoneInfo(salon.time_zone),
        territory_code=salon.territory_code,
        is_live=salon.status == catalog_pb2.Salon.LIVE and not salon.HasField("archive_time"),
        services={UUID(offer.service.id): _service(offer, salon.currency_code) for offer in answer.offers},
        staff={UUID(worker.staff_member.id): _staff_member(worker.staff_member) for worker in answer.workers},
        working={**working, **things},
        resources={kind: tuple(units) for kind, units in resources.items()},
        as_of=as_of,
        shortest=_seconds(answer.shortest_service),
        currency_code=salon.currency_code,
    )


def _intervals(working: Sequence[catalog_service_pb2.BookingContext.Interval]) -> tuple[Interval, ...]:
    return tuple((interval.start_seconds, interval.end_seconds) for interval in working)


def _staff_member(member: catalog_pb2.StaffMember) -> StaffMember:
    return StaffMember(
        names=dict(member.display_names),
        user_id=UUID(member.user_id) if member.user_id else None,
        bookable_online=member.bookable_online,
        joined=member.create_time.seconds if member.HasField("create_time") else None,
    )


def _service(offer: catalog_service_pb2.BookingContext.Offer, currency_code: str) -> SalonService:
    service, policy = offer.service, offer.policy
    return SalonService(
        service_id=UUID(service.id),
        names=dict(service.names),
        parts=_parts(service),
        pad_before=_seconds(service.buffer_before),
        pad_after=_seconds(service.buffer_after),
        price=_money(service.price, currency_code),
        add_ons={
            UUID(one.id): AddOn(_seconds(one.duration), _money(one.price, currency_code))
            for one in service.add_ons
        },
        performers={UUID(one.staff_id): _own_terms(one, currency_code) for one in service.performers},
        slots=_slot_rules(policy),
        terms=_terms(policy),
        limits=Limits(
            active_per_customer=policy.maximum_active_bookings,
            per_day=policy.maximum_bookings_per_day or None,
            per_staff_day=policy.maximum_bookings_per_staff_day or None,
        ),
        waitlist_offer=_span(policy.waitlist_offer) if policy.HasField("waitlist_offer") else WAITLIST_OFFER,
    )


def _slot_rules(policy: catalog_pb2.Policy) -> SlotRules:
    latest = _minute(policy.latest_start) if policy.latest_start else _MINUTES_PER_DAY
    return SlotRules(
        step=_seconds(policy.slot_step),
        min_notice=_seconds(policy.minimum_notice),
        max_ahead=_seconds(policy.maximum_ahead),
        latest_minute=None if latest == _MINUTES_PER_DAY else latest,
        mode=StartMode.GAP_FREE if policy.start_mode == catalog_pb2.Policy.GAP_FREE else StartMode.GRID,
    )


def _minute(time: str) -> int:
    hours, minutes = time.split(":")
    return int(hours) * 60 + int(minutes)


def _parts(service: catalog_pb2.Service) -> tuple[Part, ...]:
    if not service.segments:
        return (Part(_seconds(service.duration), needs_staff=True),)
    return tuple(
        Part(
            _seconds(segment.duration),
            segment.needs_staff,
            tuple(segment.resource_kinds),
            segment.staff_count if segment.HasField("staff_count") else 1,
        )
        for segment in service.segments
    )


def _own_terms(performer: catalog_pb2.Performer, currency_code: str) -> OwnTerms:
    return OwnTerms(
        price=_money(performer.price, currency_code) if performer.HasField("price") else None,
        duration=_seconds(performer.duration) if performer.HasField("duration") else None,
    )


def _terms(policy: catalog_pb2.Policy) -> PolicySnapshot:
    return PolicySnapshot(
        cancellation_window=_span(policy.cancellation_window),
        reschedule_window=_span(policy.reschedule_window),
        hold=_span(policy.hold),
        auto_confirm=policy.automatic_confirmation,
        prepayment=_PREPAYMENT[policy.prepayment],
        deposit_basis_points=policy.deposit_basis_points,
        late_cancellation_basis_points=policy.late_cancellation_fee_basis_points,
        no_show_basis_points=policy.no_show_fee_basis_points,
        text=dict(policy.texts),
    )


def _money(message: money_pb2.Money, currency_code: str) -> Money:
    """Prices are in the salon's currency; one that is not set is nothing."""
    return Money(message.currency_code or currency_code, message.amount_minor)


def _seconds(message: Duration) -> int:
    return message.seconds


def _span(message: Duration) -> timedelta:
    return timedelta(seconds=message.seconds)
