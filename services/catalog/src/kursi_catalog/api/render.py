"""What the catalog answers, as messages."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from google.type import dayofweek_pb2, latlng_pb2
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as service_pb
from kursi.type.v1 import money_pb2
from kursi_chassis.grpc import money as wire_money
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.times import duration, optional_timestamp, timestamp
from kursi_chassis.money import Money

from kursi_catalog.api import parse_hours, parse_policy, parse_things
from kursi_catalog.api.parse_prayer import prayer_breaks_message
from kursi_catalog.domain import absence, hours, policy
from kursi_catalog.domain.resource import Resource
from kursi_catalog.domain.salon import Salon
from kursi_catalog.domain.schedule import LocalRange, clock
from kursi_catalog.domain.season import Season
from kursi_catalog.domain.service import AddOn, Performer, Segment, Service
from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.queries.audit import AuditEntry
from kursi_catalog.queries.context import BookingContext
from kursi_catalog.queries.search import Found
from kursi_catalog.store.hours import KeptAvailability, KeptHours

E = TypeVar("E", bound=StrEnum)


def _numbers(values: Mapping[int, E]) -> Mapping[E, int]:
    return {value: number for number, value in values.items() if number}


_SERVES = _numbers(parse_things.SERVES)
_STATUS = _numbers(parse_things.STATUS)
_PLACE = _numbers(parse_things.PLACE)
_PREPAYMENT = _numbers(parse_policy.PREPAYMENT)
_SEASON = _numbers(parse_hours.SEASON)
_START_MODE = _numbers(parse_policy.START_MODE)


def salon(it: Salon) -> pb.Salon:
    message = pb.Salon(
        id=str(it.id), slug=it.slug, names=it.names, descriptions=it.descriptions, address=it.address,
        city=it.city, territory_code=it.territory_code, phone_number=it.phone_number, time_zone=it.time_zone,
        currency_code=it.currency_code, serves=pb.Salon.Serves.ValueType(_SERVES[it.serves]),
        amenities=it.amenities, status=pb.Salon.Status.ValueType(_STATUS[it.status]),
        archive_time=optional_timestamp(it.archive_time), create_time=timestamp(it.create_time),
        update_time=timestamp(it.update_time), etag=etag_of(it.revision),
        rating=pb.Rating(average_hundredths=it.rating.average_hundredths, count=it.rating.count),
    )  # fmt: skip
    if it.location is not None:
        place = latlng_pb2.LatLng(latitude=it.location.latitude, longitude=it.location.longitude)
        message.location.CopyFrom(place)
    return message


def found(it: Found) -> service_pb.SearchSalonsResponse.Result:
    return service_pb.SearchSalonsResponse.Result(
        salon=salon(it.salon), distance_meters=it.distance_meters, lowest_price=_money(it.lowest_price)
    )


def service(it: Service) -> pb.Service:
    return pb.Service(
        id=str(it.id), salon_id=str(it.salon_id), category=it.category, names=it.names,
        descriptions=it.descriptions, duration=None if it.duration is None else duration(it.duration),
        buffer_before=duration(it.buffer_before), buffer_after=duration(it.buffer_after),
        price=_money(it.price), segments=map(_segment, it.segments), add_ons=map(_add_on, it.add_ons),
        performers=map(_performer, it.performers), place=pb.Service.Place.ValueType(_PLACE[it.place]),
        meeting_link=it.meeting_link, active=it.active, archive_time=optional_timestamp(it.archive_time),
        create_time=timestamp(it.create_time), update_time=timestamp(it.update_time), etag=etag_of(it.revision),
    )  # fmt: skip


def staff_member(it: StaffMember) -> pb.StaffMember:
    """As members of the salon see it."""
    return pb.StaffMember(
        id=str(it.id), salon_id=str(it.salon_id), user_id=str(it.user_id or ""), display_names=it.display_names,
        bios=it.bios, color=it.color, bookable_online=it.bookable_online, service_ids=map(str, it.service_ids),
        archive_time=optional_timestamp(it.archive_time), create_time=timestamp(it.create_time),
        update_time=timestamp(it.update_time), etag=etag_of(it.revision),
    )  # fmt: skip


def resource(it: Resource) -> pb.Resource:
    return pb.Resource(
        id=str(it.id), salon_id=str(it.salon_id), kind=it.kind, names=it.names,
        archive_time=optional_timestamp(it.archive_time), etag=etag_of(it.revision),
    )  # fmt: skip


def opening_hours(salon_id: UUID, it: KeptHours) -> pb.OpeningHours:
    opening = it.opening
    return pb.OpeningHours(
        salon_id=str(salon_id),
        ranges=_day_ranges(opening.ranges),
        seasonal=[
            pb.SeasonalHours(season=_season(one.season), ranges=_day_ranges(one.ranges))
            for one in opening.seasonal
        ],
        prayer_breaks=prayer_breaks_message(opening.prayer_breaks) if opening.prayer_breaks else None,
        etag=etag_of(it.revision),
    )


def availability(salon_id: UUID, staff_id: UUID, it: KeptAvailability) -> pb.Availability:
    return pb.Availability(
        salon_id=str(salon_id),
        staff_id=str(staff_id),
        schedules=map(_schedule, it.availability.schedules),
        overrides=map(_override, it.availability.overrides),
        etag=etag_of(it.revision),
    )


def time_off(it: absence.TimeOff) -> pb.TimeOff:
    return pb.TimeOff(
        id=str(it.id), salon_id=str(it.salon_id), staff_id=str(it.staff_id),
        start_time=timestamp(it.start_time), end_time=timestamp(it.end_time), reason=it.reason,
    )  # fmt: skip


def closure(it: absence.Closure) -> pb.Closure:
    return pb.Closure(
        id=str(it.id), salon_id=str(it.salon_id), start_time=timestamp(it.start_time),
        end_time=timestamp(it.end_time), reasons=it.reasons,
    )  # fmt: skip


def effective_policy(it: policy.EffectivePolicy) -> pb.EffectivePolicy:
    names = pb.Policy.DESCRIPTOR.fields_by_name
    sources = {
        names[name].json_name: pb.EffectivePolicy.Source.ValueType(it.sources[name]) for name in it.sources
    }
    return pb.EffectivePolicy(policy=_policy(it.policy), sources=sources, etag=etag_of(it.revision))


def audit_entry(it: AuditEntry) -> pb.AuditEntry:
    return pb.AuditEntry(
        id=str(it.id), time=timestamp(it.at), actor=it.actor, action=it.action, target_type=it.target_type,
        target_id=it.target_id, before_json=_json(it.before), after_json=_json(it.after),
    )  # fmt: skip


def context_salon(it: Salon) -> service_pb.BookingContext:
    """The salon's part of a booking context."""
    return service_pb.BookingContext(salon=salon(it), version=it.version)


def booking_context(it: BookingContext) -> service_pb.BookingContext:
    """All but the salon. Built in place, because a message that is handed to another one is copied: that took most of
    the time.
    """
    common = _policy(it.policy)
    message = service_pb.BookingContext(
        resources=map(resource, it.resources),
        policy=common,
        shortest_service=duration(it.shortest_service),
    )
    for offer in it.offers:
        in_force = common if offer.policy is it.policy else _policy(offer.policy)
        message.offers.add(service=service(offer.service), version=offer.service.revision, policy=in_force)
    for one in it.workers:
        worker = message.workers.add(staff_member=staff_member(one.member), version=one.member.version)
        for start, end in one.working:
            worker.working.add(start_seconds=start, end_seconds=end)
    return message


def _policy(it: policy.Policy) -> pb.Policy:
    spans = {name: duration(span) for name in parse_policy.SPANS if (span := getattr(it, name)) is not None}
    return pb.Policy(
        **spans,
        automatic_confirmation=it.automatic_confirmation,
        prepayment=pb.Policy.Prepayment.ValueType(_PREPAYMENT[it.prepayment] if it.prepayment else 0),
        deposit_basis_points=it.deposit_basis_points,
        late_cancellation_fee_basis_points=it.late_cancellation_fee_basis_points,
        no_show_fee_basis_points=it.no_show_fee_basis_points,
        maximum_active_bookings=it.maximum_active_bookings,
        texts=it.texts,
        start_mode=pb.Policy.StartMode.ValueType(_START_MODE[it.start_mode] if it.start_mode else 0),
        maximum_bookings_per_day=it.maximum_bookings_per_day,
        maximum_bookings_per_staff_day=it.maximum_bookings_per_staff_day,
        latest_start=it.latest_start or "",
    )


def _segment(it: Segment) -> pb.Segment:
    return pb.Segment(
        duration=duration(it.duration),
        needs_staff=it.needs_staff,
        resource_kinds=it.resource_kinds,
        staff_count=it.staff_count if it.staff_count > 1 else None,
    )


def _add_on(it: AddOn) -> pb.AddOn:
    return pb.AddOn(id=str(it.id), names=it.names, duration=duration(it.duration), price=_money(it.price))


def _performer(it: Performer) -> pb.Performer:
    own_time = None if it.duration is None else duration(it.duration)
    return pb.Performer(staff_id=str(it.staff_id), price=_money(it.price), duration=own_time)


def _day_ranges(ranges: Sequence[hours.DayRange]) -> list[pb.DayRange]:
    return [
        pb.DayRange(
            day=dayofweek_pb2.DayOfWeek.ValueType(one.weekday),
            start=clock(one.during.start),
            end=clock(one.during.end),
            breaks=_local_ranges(one.breaks),
        )
        for one in ranges
    ]


def _schedule(it: hours.WeeklyShifts) -> pb.WeeklySchedule:
    return pb.WeeklySchedule(
        effective_from=it.effective_from.isoformat() if it.effective_from else "",
        effective_until=it.effective_until.isoformat() if it.effective_until else "",
        every_weeks=it.every_weeks,
        shifts=_day_ranges(it.shifts),
        season=_season(it.season) if it.season else pb.SEASON_UNSPECIFIED,
    )


def _season(it: Season) -> pb.Season.ValueType:
    return pb.Season.ValueType(_SEASON[it])


def _override(it: hours.DayOverride) -> pb.DateOverride:
    return pb.DateOverride(date=it.day.isoformat(), ranges=_local_ranges(it.ranges), reason=it.reason)


def _local_ranges(ranges: Iterable[LocalRange]) -> list[pb.LocalRange]:
    return [pb.LocalRange(start=clock(one.start), end=clock(one.end)) for one in ranges]


def _money(it: Money | None) -> money_pb2.Money | None:
    return None if it is None else wire_money.to_proto(it, money_pb2.Money)


def _json(values: Mapping[str, object] | None) -> str:
    return "" if values is None else json.dumps(values, ensure_ascii=False, sort_keys=True)
