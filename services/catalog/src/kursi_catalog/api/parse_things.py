"""Salons, services, staff members and resources as callers send them: one reader per field that they may set."""

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from uuid import UUID

from babel import Locale
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_chassis.money import Money
from kursi_chassis.validation import Violations

from kursi_catalog.api.reading import Read, choice, location, minutes, money, texts
from kursi_catalog.domain.resource import KIND
from kursi_catalog.domain.salon import SLUG, Location, SalonStatus, Serves
from kursi_catalog.domain.service import LONGEST, AddOn, Performer, Place, Segment

SERVES: Mapping[int, Serves] = {
    pb.Salon.EVERYBODY: Serves.EVERYBODY,
    pb.Salon.SERVES_UNSPECIFIED: Serves.EVERYBODY,
    pb.Salon.WOMEN: Serves.WOMEN,
    pb.Salon.MEN: Serves.MEN,
    pb.Salon.FAMILIES: Serves.FAMILIES,
}
STATUS: Mapping[int, SalonStatus] = {
    pb.Salon.DRAFT: SalonStatus.DRAFT,
    pb.Salon.STATUS_UNSPECIFIED: SalonStatus.DRAFT,
    pb.Salon.LIVE: SalonStatus.LIVE,
    pb.Salon.SUSPENDED: SalonStatus.SUSPENDED,
}
PLACE: Mapping[int, Place] = {
    pb.Service.IN_SALON: Place.IN_SALON,
    pb.Service.PLACE_UNSPECIFIED: Place.IN_SALON,
    pb.Service.AT_CUSTOMER: Place.AT_CUSTOMER,
    pb.Service.ONLINE: Place.ONLINE,
}

_PHONE = re.compile(r"\+?[0-9\u0660-\u0669\u06F0-\u06F9][0-9\u0660-\u0669\u06F0-\u06F9 ()./-]{2,30}")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_HTTPS = re.compile(r"https://[^\s/]+\.[^\s]+")
_NONE, _MINUTE, _BUFFER = timedelta(0), timedelta(minutes=1), timedelta(hours=4)
_MOST_KINDS = 10


def _location(check: Violations, field: str, salon: pb.Salon) -> Location | None:
    return location(check, field, salon.location) if salon.HasField("location") else None


def _slug(check: Violations, field: str, salon: pb.Salon) -> str:
    return check.matching(field, salon.slug, SLUG) if salon.slug else ""


def _territory(check: Violations, field: str, salon: pb.Salon) -> str:
    if salon.territory_code and salon.territory_code not in _territories():
        check.add(field, "NOT_A_COUNTRY")
    return salon.territory_code


def _phone(check: Violations, field: str, salon: pb.Salon) -> str:
    return check.matching(field, salon.phone_number, _PHONE) if salon.phone_number else ""


def _amenities(check: Violations, field: str, salon: pb.Salon) -> tuple[str, ...]:
    check.count(field, salon.amenities, 30)
    return tuple(
        check.text(f"{field}[{position}]", word, 40, 1) for position, word in enumerate(salon.amenities[:30])
    )


SALON: Mapping[str, Read[pb.Salon]] = {
    "slug": _slug,
    "names": lambda check, field, salon: texts(check, field, salon.names, 120, least=1),
    "descriptions": lambda check, field, salon: texts(check, field, salon.descriptions, 2000, lines=True),
    "address": lambda check, field, salon: check.text(field, salon.address, 200),
    "city": lambda check, field, salon: check.text(field, salon.city, 80),
    "territory_code": _territory,
    "location": _location,
    "phone_number": _phone,
    "time_zone": lambda check, field, salon: check.time_zone(field, salon.time_zone).key,
    "currency_code": lambda check, field, salon: check.currency(field, salon.currency_code),
    "serves": lambda check, field, salon: choice(check, field, salon.serves, SERVES),
    "amenities": _amenities,
    "status": lambda check, field, salon: choice(check, field, salon.status, STATUS),
}


def _duration(check: Violations, field: str, service: pb.Service) -> timedelta | None:
    return minutes(check, field, service.duration, _MINUTE, LONGEST) if service.HasField("duration") else None


def _price(check: Violations, field: str, service: pb.Service) -> Money | None:
    return money(check, field, service.price) if service.HasField("price") else None


def _segments(check: Violations, field: str, service: pb.Service) -> tuple[Segment, ...]:
    check.count(field, service.segments, 8)
    return tuple(
        _segment(check, f"{field}[{position}]", segment)
        for position, segment in enumerate(service.segments[:8])
    )


def _segment(check: Violations, field: str, segment: pb.Segment) -> Segment:
    check.count(f"{field}.resource_kinds", segment.resource_kinds, _MOST_KINDS)
    kinds = enumerate(segment.resource_kinds[:_MOST_KINDS])
    return Segment(
        minutes(check, f"{field}.duration", segment.duration, _MINUTE, LONGEST),
        segment.needs_staff,
        tuple(check.matching(f"{field}.resource_kinds[{position}]", kind, KIND) for position, kind in kinds),
        _staff_count(check, f"{field}.staff_count", segment),
    )


def _staff_count(check: Violations, field: str, segment: pb.Segment) -> int:
    return check.integer(field, segment.staff_count, 1, 5) if segment.HasField("staff_count") else 1


def _add_ons(check: Violations, field: str, service: pb.Service) -> tuple[AddOn, ...]:
    check.count(field, service.add_ons, 20)
    return tuple(
        _add_on(check, f"{field}[{position}]", extra, service)
        for position, extra in enumerate(service.add_ons[:20])
    )


def _add_on(check: Violations, field: str, extra: pb.AddOn, service: pb.Service) -> AddOn:
    if not check.require(f"{field}.price", extra.price if extra.HasField("price") else None):
        extra.price.CopyFrom(service.price)
    return AddOn(
        check.optional_id(f"{field}.id", extra.id),
        texts(check, f"{field}.names", extra.names, 120, least=1),
        minutes(check, f"{field}.duration", extra.duration, _NONE, LONGEST),
        money(check, f"{field}.price", extra.price),
    )


def _performers(check: Violations, field: str, service: pb.Service) -> tuple[Performer, ...]:
    check.count(field, service.performers, 200)
    return tuple(
        _performer(check, f"{field}[{position}]", performer)
        for position, performer in enumerate(service.performers[:200])
    )


def _performer(check: Violations, field: str, performer: pb.Performer) -> Performer:
    has_price, has_duration = performer.HasField("price"), performer.HasField("duration")
    return Performer(
        check.id(f"{field}.staff_id", performer.staff_id),
        money(check, f"{field}.price", performer.price) if has_price else None,
        minutes(check, f"{field}.duration", performer.duration, _MINUTE, LONGEST) if has_duration else None,
    )


def _meeting_link(check: Violations, field: str, service: pb.Service) -> str:
    link = check.text(field, service.meeting_link, 500)
    if link and not _HTTPS.fullmatch(link):
        check.add(field, "NOT_HTTPS")
    return link


SERVICE: Mapping[str, Read[pb.Service]] = {
    "category": lambda check, field, service: check.text(field, service.category, 40),
    "names": lambda check, field, service: texts(check, field, service.names, 120, least=1),
    "descriptions": lambda check, field, service: texts(check, field, service.descriptions, 2000, lines=True),
    "duration": _duration,
    "buffer_before": lambda check, field, it: minutes(check, field, it.buffer_before, _NONE, _BUFFER),
    "buffer_after": lambda check, field, it: minutes(check, field, it.buffer_after, _NONE, _BUFFER),
    "price": _price,
    "segments": _segments,
    "add_ons": _add_ons,
    "performers": _performers,
    "place": lambda check, field, service: choice(check, field, service.place, PLACE),
    "meeting_link": _meeting_link,
    "active": lambda _check, _field, service: service.active,
}


def _user_id(check: Violations, field: str, member: pb.StaffMember) -> UUID | None:
    return check.optional_id(field, member.user_id)


def _color(check: Violations, field: str, member: pb.StaffMember) -> str:
    return check.matching(field, member.color, _COLOR) if member.color else ""


STAFF_MEMBER: Mapping[str, Read[pb.StaffMember]] = {
    "user_id": _user_id,
    "display_names": lambda check, field, member: texts(check, field, member.display_names, 80, least=1),
    "bios": lambda check, field, member: texts(check, field, member.bios, 2000, lines=True),
    "color": _color,
    "bookable_online": lambda _check, _field, member: member.bookable_online,
}

RESOURCE: Mapping[str, Read[pb.Resource]] = {
    "kind": lambda check, field, resource: check.matching(field, resource.kind, KIND),
    "names": lambda check, field, resource: texts(check, field, resource.names, 120),
}


@cache
def _territories() -> frozenset[str]:
    """The countries that CLDR knows, without its codes for regions and tests."""
    others = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
    codes = {str(code) for code in Locale("en").territories}
    return frozenset(code for code in codes - others if len(code) == 2)
