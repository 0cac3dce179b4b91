"""Changes of the waiting list as events: the full state after the change, and the names that a message needs."""

from kursi.booking.events.v1 import waitlist_events_pb2 as events_pb2
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import timestamp

from kursi_booking.adapters.booking_events import money_message
from kursi_booking.domain.booking import Item
from kursi_booking.domain.waitlist import Entry, EntryChange, EntryEvent, EntryState, HeldTime

_SCHEMA = "kursi.booking.events.v1.WaitlistEvent"
_TYPES = {kind: events_pb2.WaitlistEvent.Type.Value(f"WAITLIST_{kind.name}") for kind in EntryEvent}
_STATES = {state: events_pb2.WaitlistEvent.State.Value(f"STATE_{state.name}") for state in EntryState}


def describe_entry_event(change: EntryChange) -> Event:
    """The event of a change for the outbox. Raises: ValueError for a change that changed nothing."""
    entry, told = change.entry, change.event
    if told is None:
        message = "nothing happened that could be told"
        raise ValueError(message)
    return Event(
        type=f"kursi.booking.v1.{told.value}",
        subject=f"kursi.booking.v1.{entry.salon_id}.{entry.entry_id}.{told.value}",
        aggregate_id=entry.entry_id,
        revision=entry.revision,
        payload=_message(entry, change, told).SerializeToString(deterministic=True),
        occurred_at=change.act.at,
        schema=_SCHEMA,
    )


def _message(entry: Entry, change: EntryChange, told: EntryEvent) -> events_pb2.WaitlistEvent:
    during = change.offer.during if change.offer else entry.wished
    message = events_pb2.WaitlistEvent(
        type=_TYPES[told],
        waitlist_entry_id=str(entry.entry_id),
        salon_id=str(entry.salon_id),
        salon_names=entry.salon.names,
        time_zone=entry.salon.time_zone,
        territory_code=entry.salon.territory_code,
        customer_id=str(entry.customer_id),
        state=_STATES[entry.state],
        booking_id=str(entry.booking_id or ""),
        revision=entry.revision,
        actor=change.act.actor,
        occur_time=timestamp(change.act.at),
        start_time=timestamp(during.start),
        end_time=timestamp(during.end),
    )
    if change.offer is not None:
        _add_offer(message, change.offer)
        if told is EntryEvent.OFFERED:
            message.offer_expire_time.CopyFrom(timestamp(change.offer.expires_at))
    return message


def _add_offer(message: events_pb2.WaitlistEvent, held: HeldTime) -> None:
    message.offer_id = str(held.offer_id)
    message.items.extend(_item(item) for item in held.items)
    message.total.CopyFrom(money_message(held.price))


def _item(item: Item) -> events_pb2.WaitlistEvent.Item:
    return events_pb2.WaitlistEvent.Item(
        service_id=str(item.service_id),
        service_names=item.service_names,
        staff_id=str(item.staff_id),
        staff_user_id=str(item.staff_user_id or ""),
        staff_names=item.staff_names,
        start_time=timestamp(item.during.start),
        end_time=timestamp(item.during.end),
        price=money_message(item.price),
    )
