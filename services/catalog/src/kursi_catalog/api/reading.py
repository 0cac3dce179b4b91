"""Reading values that several messages have alike; what is wrong is remembered by field."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.type import latlng_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.grpc import money as wire_money
from kursi_chassis.grpc import times
from kursi_chassis.grpc.fieldmask import paths_to_write
from kursi_chassis.grpc.paging import Position
from kursi_chassis.idempotency import fingerprint
from kursi_chassis.ids import parse_id
from kursi_chassis.money import Money
from kursi_chassis.validation import Violations

from kursi_catalog.domain.salon import Location
from kursi_catalog.usecases.once import RequestKey

M = TypeVar("M", bound=Message)
E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")

Read = Callable[[Violations, str, M], object]
"""Reads one field of a message; the text is the field's path in the request."""

MOST_LANGUAGES = 10
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


def writable(prefix: str, message: Message, mask: FieldMask) -> frozenset[str]:
    """The fields that an update writes. Raises: Invalid for a mask that names a part of a field.

    A field is replaced as a whole: half of a price or of a place on the map means nothing.
    """
    paths = paths_to_write(message, mask)
    parts = sorted(path for path in paths if "." in path)
    if parts:
        raise Invalid(
            *(Violation("update_mask", "UNKNOWN_FIELD", {"path": f"{prefix}.{part}"}) for part in parts)
        )
    return paths


def read_fields(
    prefix: str, message: M, readers: Mapping[str, Read[M]], paths: frozenset[str]
) -> dict[str, Any]:  # Any: see Fields
    """The named fields of a message, each by its reader. Raises: Invalid with everything that is wrong."""
    with Violations() as check:
        return {
            name: read(check, f"{prefix}.{name}", message) for name, read in readers.items() if name in paths
        }


def texts(
    check: Violations,
    field: str,
    values: Mapping[str, str],
    max_length: int,
    *,
    least: int = 0,
    lines: bool = False,
) -> dict[str, str]:
    """Texts by language: up to ten languages, none of them empty."""
    if len(values) < least:
        check.add(field, "REQUIRED")
    if len(values) > MOST_LANGUAGES:
        check.add(field, "TOO_MANY", max=MOST_LANGUAGES)
        return {}
    return {
        check.language(f"{field}[{tag}]", tag): check.text(
            f"{field}[{tag}]", value, max_length, 1, lines=lines
        )
        for tag, value in sorted(values.items())
    }


def minutes(check: Violations, field: str, message: Duration, low: timedelta, high: timedelta) -> timedelta:
    """A span of whole minutes within bounds."""
    return _span_of(check, field, message, low, high, unit=_MINUTE, reason="NOT_WHOLE_MINUTES")


def seconds(check: Violations, field: str, message: Duration, low: timedelta, high: timedelta) -> timedelta:
    """A span of whole seconds within bounds."""
    return _span_of(check, field, message, low, high, unit=_SECOND, reason="NOT_WHOLE_SECONDS")


def money(check: Violations, field: str, message: money_pb2.Money) -> Money:
    """An amount of zero or more."""
    return wire_money.from_proto(check, field, message)


def choice(check: Violations, field: str, number: int, values: Mapping[int, E]) -> E:
    """The value behind an enum's number."""
    if number not in values:
        check.add(field, "UNKNOWN_VALUE")
        return next(iter(values.values()))
    return values[number]


def location(check: Violations, field: str, message: latlng_pb2.LatLng) -> Location:
    """A place on the map."""
    if not -90 <= message.latitude <= 90:
        check.add(f"{field}.latitude", "OUT_OF_RANGE", min=-90, max=90)
    if not -180 <= message.longitude <= 180:
        check.add(f"{field}.longitude", "OUT_OF_RANGE", min=-180, max=180)
    return Location(message.latitude, message.longitude)


def local_date(check: Violations, field: str, value: str) -> date:
    """A date as `YYYY-MM-DD`, from 1900 to 2199."""
    try:
        day = date.fromisoformat(value) if _DATE.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None or not 1900 <= day.year < 2200:
        check.add(field, "NOT_A_DATE")
        return date(2000, 1, 1)
    return day


def _span_of(
    check: Violations,
    field: str,
    message: Duration,
    low: timedelta,
    high: timedelta,
    *,
    unit: timedelta,
    reason: str,
) -> timedelta:
    found = times.span(check, field, message)
    if not low <= found <= high:
        check.add(field, "OUT_OF_RANGE", min=low, max=high)
        return low
    if found % unit:
        check.add(field, reason)
        return low
    return found


def salon_id_of(value: str) -> UUID:
    """Raises: Invalid (`salon_id`)."""
    return parse_id(value, "salon_id")


def request_key(request: Message, request_id: str) -> RequestKey:
    """By what a repetition of this request is known."""
    body = request.SerializeToString(deterministic=True)
    return RequestKey(request.DESCRIPTOR.name.removesuffix("Request"), request_id, fingerprint(body))


def page_of(found: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """The page out of one row more than its limit, and its last row when more follow."""
    return (found, None) if len(found) <= limit else (found[:limit], found[limit - 1])


def after_id(position: Position | None) -> UUID | None:
    """The id after which a page begins."""
    return UUID(str(position[0])) if position else None
