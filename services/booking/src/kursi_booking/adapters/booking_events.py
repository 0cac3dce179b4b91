"""Changes of bookings as events: the full state after the change, and the names that a message needs."""

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from kursi.booking.events.v1 import booking_events_pb2 as events_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import optional_timestamp, timestamp
from kursi_chassis.money import Money

from kursi_booking.domain.booking import Booking, BookingEvent, Change, Item
from kursi_booking.domain.state import EventType, State

_SCHEMA = "kursi.booking.events.v1.BookingEvent"
_TYPES = {kind: events_pb2.BookingEvent.Type.Value(kind.name) for kind in EventType}
STATES = {state: events_pb2.BookingEvent.State.Value(f"STATE_{state.name}") for state in State}
_WITH_FEE = frozenset({EventType.CANCELLED, EventType.NO_SHOW, EventType.REFUND_DUE})
_WITH_REFUND = frozenset({EventType.CANCELLED, EventType.REFUND_DUE})
_WATCHED: Mapping[str, Callable[[Booking], object]] = {
    "customer_id": lambda booking: booking.customer_id,
    "state": lambda booking: booking.state,
    "payment_state": lambda booking: booking.payment_state,
    "items": lambda booking: booking.items,
    "start_time": lambda booking: booking.during.start,
    "end_time": lambda booking: booking.during.end,
    "total": lambda booking: booking.price,
    "paid": lambda booking: booking.paid,
    "hold_expire_time": lambda booking: booking.expires_at,
    "carried_fee": lambda booking: booking.carried_fee,
    "cancellation_reason": lambda booking: booking.cancellation_reason,
    "settlement": lambda booking: booking.settlement,
}
"""Fields of the contract's booking that can change after it was made."""


def describe_event(before: Booking | None, change: Change) -> Event:
    """The event of a change for the outbox. Raises: ValueError for a change that changed nothing."""
    return _described(before, change, told_by_series=False)


def describe_event_in_series(before: Booking | None, change: Change) -> Event:
    """The same for a change of several visits at once, which an event of their series tells as a whole."""
    return _described(before, change, told_by_series=True)


def _described(before: Booking | None, change: Change, *, told_by_series: bool) -> Event:
    booking, told = change.booking, change.event
    if told is None:
        message = "nothing happened that could be told"
        raise ValueError(message)
    what = told.type.value
    content = _message(before, booking, told)
    content.told_by_series = told_by_series
    return Event(
        type=f"kursi.booking.v1.{what}",
        subject=f"kursi.booking.v1.{booking.salon_id}.{booking.booking_id}.{what}",
        aggregate_id=booking.booking_id,
        revision=told.revision,
        payload=content.SerializeToString(deterministic=True),
        occurred_at=told.at,
        schema=_SCHEMA,
    )


def _message(before: Booking | None, booking: Booking, told: BookingEvent) -> events_pb2.BookingEvent:
    message = events_pb2.BookingEvent(
        type=_TYPES[told.type],
        booking_id=str(booking.booking_id),
        salon_id=str(booking.salon_id),
        salon_names=booking.salon.names,
        time_zone=booking.salon.time_zone,
        territory_code=booking.salon.territory_code,
        customer_id=str(booking.customer_id),
        state=STATES[booking.state],
        revision=told.revision,
        actor=told.actor,
        occur_time=timestamp(told.at),
        start_time=timestamp(booking.during.start),
        end_time=timestamp(booking.during.end),
        items=[item_message(item) for item in booking.items],
        total=money_message(booking.price),
        prepayment=money_message(booking.prepayment),
        paid=money_message(booking.paid),
        hold_expire_time=optional_timestamp(booking.expires_at),
        reason=told.reason,
        walk_in=booking.guest_name is not None,
        series_id=str(booking.series_id or ""),
    )
    if told.type in _WITH_FEE:
        message.fee.CopyFrom(money_message(_fee(told, booking)))
    if before is not None:
        # What is due beyond what was told before: who gives it back acts on each event once.
        goes_back = booking.refund_due - before.refund_due
        if told.type in _WITH_REFUND or (told.type is EventType.EXPIRED and not goes_back.is_zero):
            message.refund.CopyFrom(money_message(goes_back))
        message.changed_fields.extend(
            name for name, value in _WATCHED.items() if value(before) != value(booking)
        )
        if told.type is EventType.RESCHEDULED:
            message.previous_start_time.CopyFrom(timestamp(before.during.start))
            message.previous_staff_user_ids.extend(_left_out(before.items, booking.items))
    return message


def item_message(item: Item) -> events_pb2.BookingEvent.Item:
    """One service of a visit."""
    return events_pb2.BookingEvent.Item(
        service_id=str(item.service_id),
        service_names=item.service_names,
        staff_id=str(item.staff_id),
        staff_user_id=str(item.staff_user_id or ""),
        staff_names=item.staff_names,
        start_time=timestamp(item.during.start),
        end_time=timestamp(item.during.end),
        price=money_message(item.price),
        assistants=[
            events_pb2.BookingEvent.Assistant(
                staff_id=str(one.staff_id), staff_user_id=str(one.user_id or ""), staff_names=one.names
            )
            for one in item.assistants
        ],
    )


def _fee(told: BookingEvent, booking: Booking) -> Money:
    """What is kept. Not coming is told with its whole fee: what was not paid can be taken from a reservation."""
    is_missed = told.type is EventType.NO_SHOW
    return booking.policy.no_show_fee(booking.price) if is_missed else booking.fee


def _left_out(before: Sequence[Item], after: Sequence[Item]) -> list[str]:
    """Accounts of those who performed something before and nothing any more."""
    leaving = _accounts(before) - _accounts(after)
    return sorted(str(user_id) for user_id in leaving if user_id is not None)


def _accounts(items: Sequence[Item]) -> set[UUID | None]:
    assistants = {one.user_id for item in items for one in item.assistants}
    return {item.staff_user_id for item in items} | assistants


def money_message(amount: Money) -> money_pb2.Money:
    """An amount."""
    return money_pb2.Money(currency_code=amount.currency_code, amount_minor=amount.amount_minor)
