"""What callers send, read once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2
from kursi_chassis.caller import Caller
from kursi_chassis.grpc.times import instant
from kursi_chassis.idempotency import fingerprint
from kursi_chassis.validation import NIL, Violations

from kursi_booking.api.rendering import STATES
from kursi_booking.domain.guest import WalkIn
from kursi_booking.domain.visit import MAX_SERVICES
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.listing import BookingFilter, ListOrder
from kursi_booking.ports.offers import WantedService
from kursi_booking.usecases.acting import Order
from kursi_booking.usecases.create_booking import WantedVisit
from kursi_booking.usecases.reschedule_booking import NewTime

ANY = "any"
LONGEST_TEXT = 500
_MOST_ADD_ONS = 20
_LONGEST_REQUEST_ID = 255
_LONGEST_NUMBER = 40
_LONGEST_NAME = 80
_LONGEST_SEARCH = 100
_MOST_WORDS = 8
_STATES = {number: state for state, number in STATES.items()}
_ORDERS = {
    booking_service_pb2.ListBookingsRequest.ORDER_UNSPECIFIED: ListOrder.NEWEST,
    booking_service_pb2.ListBookingsRequest.NEWEST_START: ListOrder.NEWEST,
    booking_service_pb2.ListBookingsRequest.OLDEST_START: ListOrder.OLDEST,
}


class ActionRequest(Protocol):
    """What the requests of all actions have."""

    @property
    def booking_id(self) -> str: ...
    @property
    def etag(self) -> str: ...


class KeyedMessage(Protocol):
    """A request that may be repeated."""

    request_id: str

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes: ...


def keyed_request(request: KeyedMessage, method: str, caller: Caller) -> KeyedRequest:
    """The key of a request and what tells it from others with the same key."""
    with Violations() as check:
        request_id = check.text("request_id", request.request_id, _LONGEST_REQUEST_ID)
    if not request_id:
        return KeyedRequest(caller.key, method, "", b"")
    return KeyedRequest(
        caller.key, method, request_id, fingerprint(request.SerializeToString(deterministic=True))
    )


def order(request: ActionRequest, reason: str = "") -> Order:
    """An action on one booking."""
    with Violations() as check:
        return Order(
            booking_id=check.id("booking_id", request.booking_id),
            etag=request.etag,
            reason=check.text("reason", reason, LONGEST_TEXT, lines=True),
        )


def booking_id(
    request: booking_service_pb2.GetBookingRequest | booking_service_pb2.ListBookingHistoryRequest,
) -> UUID:
    """The booking that is asked for."""
    with Violations() as check:
        return check.id("booking_id", request.booking_id)


def wanted_visit(request: booking_service_pb2.CreateBookingRequest) -> WantedVisit:
    """The visit to book."""
    with Violations() as check:
        return WantedVisit(
            salon_id=check.id("salon_id", request.salon_id),
            start=start(check, request.start_time),
            services=wanted_items(check, request.items),
            note=check.text("note", request.note, LONGEST_TEXT, lines=True),
            customer_id=check.optional_id("customer_id", request.customer_id),
            guest=_guest(check, request),
        )


def wanted_services(request: booking_service_pb2.ChangeServicesRequest) -> tuple[WantedService, ...]:
    """All services from now on."""
    with Violations() as check:
        return wanted_items(check, request.items)


def new_time(request: booking_service_pb2.RescheduleBookingRequest) -> NewTime:
    """Where the visit moves, and to whom."""
    with Violations() as check:
        staff_ids = staff_choice(check, request.staff_ids)
        return NewTime(start(check, request.start_time), staff_ids)


def staff_choice(check: Violations, values: Sequence[str]) -> Sequence[UUID | None]:
    """The chosen people in the order of `staff_ids`, None where it does not matter."""
    check.count("staff_ids", values, MAX_SERVICES)
    return [
        None if value == ANY else check.id(f"staff_ids[{position}]", value)
        for position, value in enumerate(values[:MAX_SERVICES])
    ]


def booking_filter(request: booking_service_pb2.ListBookingsRequest) -> BookingFilter:
    """Which bookings to list."""
    with Violations() as check:
        known = [state for state in request.states if state in _STATES]
        if len(known) < len(request.states):
            check.add("states", "UNKNOWN_VALUE")
        if request.order not in _ORDERS:
            check.add("order", "UNKNOWN_VALUE")
        text = check.text("text", request.text, _LONGEST_SEARCH)
        check.count("text", text.split(), _MOST_WORDS)
        if text:
            check.require("salon_id", request.salon_id)
        return BookingFilter(
            salon_id=check.optional_id("salon_id", request.salon_id),
            customer_id=check.optional_id("customer_id", request.customer_id),
            staff_id=check.optional_id("staff_id", request.staff_id),
            states=frozenset(_STATES[state] for state in known),
            start_min=optional_instant(check, request, "start_time_min"),
            start_max=optional_instant(check, request, "start_time_max"),
            service_id=check.optional_id("service_id", request.service_id),
            text=text,
            order=_ORDERS.get(request.order, ListOrder.NEWEST),
        )


def wanted_items(
    check: Violations, items: Sequence[booking_service_pb2.WantedItem]
) -> tuple[WantedService, ...]:
    """One to eight wanted services."""
    check.count("items", items, MAX_SERVICES, least=1)
    return tuple(
        WantedService(
            service_id=check.id(f"items[{position}].service_id", item.service_id),
            staff_id=check.optional_id(f"items[{position}].staff_id", item.staff_id),
            add_on_ids=_add_on_ids(check, f"items[{position}].add_on_ids", item.add_on_ids),
        )
        for position, item in enumerate(items[:MAX_SERVICES])
    )


def _add_on_ids(check: Violations, field: str, values: Sequence[str]) -> tuple[UUID, ...]:
    """Add-ons of one service, each once: it would be paid for twice, and no list of free times has it twice."""
    add_on_ids = tuple(check.ids(field, values, most=_MOST_ADD_ONS))
    for position, add_on_id in enumerate(add_on_ids):
        if add_on_id != NIL and add_on_id in add_on_ids[:position]:
            check.add(f"{field}[{position}]", "DUPLICATE")
    return add_on_ids


def _guest(check: Violations, request: booking_service_pb2.CreateBookingRequest) -> WalkIn | None:
    """Somebody who is booked by phone number. The number is read where numbers are known: by identity."""
    if not request.HasField("guest"):
        return None
    if request.customer_id:
        check.add("guest", "AMBIGUOUS")
    guest = request.guest
    check.require("guest.phone_number", guest.phone_number)
    if len(guest.phone_number) > _LONGEST_NUMBER:
        check.add("guest.phone_number", "TOO_LONG", max=_LONGEST_NUMBER)
    return WalkIn(
        phone_number=guest.phone_number,
        display_name=check.text("guest.display_name", guest.display_name, _LONGEST_NAME),
        language_code=check.language("guest.language_code", guest.language_code)
        if guest.language_code
        else "",
    )


def start(check: Violations, message: Timestamp) -> datetime:
    """The start of a visit."""
    return whole_second(check, "start_time", message)


def whole_second(check: Violations, field: str, message: Timestamp) -> datetime:
    """An instant at which a visit can begin or end."""
    if message.nanos:
        check.add(field, "MALFORMED")
    return instant(check, field, message)


def optional_instant(check: Violations, request: Message, field: str) -> datetime | None:
    """An instant that may be left out."""
    return instant(check, field, getattr(request, field)) if request.HasField(field) else None
