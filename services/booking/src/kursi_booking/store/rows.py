"""Rows to bookings and back."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.money import Money
from psycopg.types.json import Jsonb
from psycopg.types.numeric import Int2, Int8

from kursi_booking.domain.booking import Assistant, Booking, HistoryEntry, Item, SalonFacts
from kursi_booking.domain.policy import PolicySnapshot, Prepayment
from kursi_booking.domain.state import Channel, PaymentState, State
from kursi_booking.domain.time_range import TimeRange

SELECT_BOOKINGS: Final[LiteralString] = """
SELECT b.id, b.salon_id, b.customer_id, b.state, b.payment_state, b.revision, b.hold_expire_at, b.salon_names,
       b.time_zone, b.territory_code, b.currency_code, b.paid_minor, b.fee_minor, b.refund_due_minor, b.payments,
       b.policy, b.channel, b.note, b.cancellation_reason, b.created_at, b.updated_at,
       b.guest_name, b.series_id, b.session_id, b.seats, b.carried_fee_minor,
       (SELECT jsonb_agg(jsonb_build_array(
                   i.id, i.service_id, i.staff_id, extract(epoch FROM i.start_at)::bigint,
                   extract(epoch FROM i.end_at)::bigint, i.price_minor, i.service_names, i.staff_names,
                   i.staff_user_id, i.add_on_ids, i.assistants) ORDER BY i.position)
        FROM booking_items AS i WHERE i.booking_id = b.id)
FROM bookings AS b
"""
"""Bookings with their items; a WHERE follows. `booking` reads a row of it."""


async def read_bookings(connection: Connection, ids: Sequence[UUID]) -> list[Booking]:
    """The bookings that exist, in no particular order, in one statement.

    To change them, lock their rows in a statement before: items are read as of the beginning of this one.
    """
    cursor = await connection.execute(SELECT_BOOKINGS + "WHERE b.id = ANY (%s)", [list(ids)])
    return [booking(row) for row in await cursor.fetchall()]


def booking(row: Sequence[Any]) -> Booking:  # Any: a row has as many types as columns
    """One row of `SELECT_BOOKINGS`."""
    (
        booking_id, salon_id, customer_id, state, payment_state, revision, expires_at, salon_names, time_zone,
        territory_code, currency, paid, fee, refund_due, payments, policy, channel, note, cancellation_reason,
        created_at, updated_at, guest_name, series_id, session_id, seats, carried_fee, items,
    ) = row  # fmt: skip
    return Booking(
        booking_id=booking_id,
        salon_id=salon_id,
        salon=SalonFacts(salon_names, time_zone, territory_code),
        customer_id=customer_id,
        channel=Channel(channel),
        note=note,
        items=tuple(_item(item, currency) for item in items),
        policy=policy_of(policy),
        state=State(state),
        payment_state=PaymentState(payment_state),
        paid=Money(currency, paid),
        fee=Money(currency, fee),
        refund_due=Money(currency, refund_due),
        expires_at=expires_at,
        payments=tuple(payments),
        cancellation_reason=cancellation_reason,
        revision=revision,
        created_at=created_at,
        updated_at=updated_at,
        guest_name=guest_name,
        series_id=series_id,
        session_id=session_id,
        seats=seats,
        carried_fee=None if carried_fee is None else Money(currency, carried_fee),
    )


def booking_parameters(booking: Booking) -> dict[str, object]:
    """What a statement needs to write the row, under the names of its columns.

    Whole numbers are always eight bytes: their width is part of a prepared statement's identity.
    """
    during = booking.during
    return {
        "id": booking.booking_id,
        "salon_id": booking.salon_id,
        "customer_id": booking.customer_id,
        "state": booking.state.value,
        "payment_state": booking.payment_state.value,
        "revision": Int8(booking.revision),
        "start_at": during.start,
        "end_at": during.end,
        "hold_expire_at": booking.expires_at,
        "salon_names": Jsonb(booking.salon.names),
        "time_zone": booking.salon.time_zone,
        "territory_code": booking.salon.territory_code,
        "currency_code": booking.paid.currency_code,
        "total_minor": Int8(booking.price.amount_minor),
        "paid_minor": Int8(booking.paid.amount_minor),
        "fee_minor": Int8(booking.fee.amount_minor),
        "refund_due_minor": Int8(booking.refund_due.amount_minor),
        "payments": list(booking.payments),
        "policy": Jsonb(policy_document(booking.policy)),
        "channel": booking.channel.value,
        "note": booking.note,
        "cancellation_reason": booking.cancellation_reason,
        "created_at": booking.created_at,
        "updated_at": booking.updated_at,
        "guest_name": booking.guest_name,
        "series_id": booking.series_id,
        "session_id": booking.session_id,
        "seats": Int2(booking.seats),
        "carried_fee_minor": Int8(booking.carried_fee.amount_minor) if booking.carried_fee else None,
    }


def item_parameters(items: Sequence[Item]) -> dict[str, object]:
    """What `INSERT_ITEMS` needs besides the booking's id and start: all items in one document, cheaper than an array each."""
    return {"items": Jsonb([_item_document(position, item) for position, item in enumerate(items)])}


INSERT_ITEMS: Final[LiteralString] = """
INSERT INTO booking_items (booking_id, position, id, service_id, service_names, staff_id, staff_names,
                           staff_user_id, add_on_ids, start_at, end_at, price_minor, visit_start_at, assistants)
SELECT %(id)s, item.position, item.id, item.service_id, item.service_names, item.staff_id, item.staff_names,
       item.staff_user_id, item.add_on_ids, to_timestamp(item.start_at), to_timestamp(item.end_at), item.price_minor,
       %(start_at)s, coalesce(item.assistants, '[]')
FROM jsonb_to_recordset(%(items)s) AS item (position smallint, id uuid, service_id uuid, service_names jsonb,
    staff_id uuid, staff_names jsonb, staff_user_id uuid, add_on_ids uuid[], start_at bigint, end_at bigint,
    price_minor bigint, assistants jsonb)
"""

INSERT_HISTORY: Final[LiteralString] = """
INSERT INTO booking_history (booking_id, revision, action, actor, at, from_state, to_state, reason, from_start,
                             to_start)
SELECT %(id)s, %(revision)s, %(action)s, %(actor)s, %(at)s, %(from_state)s, %(to_state)s, %(reason)s,
       %(from_start)s::timestamptz, %(to_start)s::timestamptz
"""


def history_parameters(entry: HistoryEntry) -> dict[str, object]:
    """What `INSERT_HISTORY` needs besides the booking's id and revision."""
    return {
        "action": entry.action,
        "actor": entry.actor,
        "at": entry.at,
        "from_state": entry.from_state.value if entry.from_state else None,
        "to_state": entry.to_state.value,
        "reason": entry.reason,
        "from_start": entry.from_start,
        "to_start": entry.to_start,
    }


def _item_document(position: int, item: Item) -> dict[str, object]:
    start, end = item.during.epoch
    return {
        "position": position,
        "id": str(item.item_id),
        "service_id": str(item.service_id),
        "service_names": dict(item.service_names),
        "staff_id": str(item.staff_id),
        "staff_names": dict(item.staff_names),
        "staff_user_id": str(item.staff_user_id) if item.staff_user_id else None,
        "add_on_ids": [str(add_on_id) for add_on_id in item.add_on_ids],
        "start_at": start,
        "end_at": end,
        "price_minor": item.price.amount_minor,
        **({"assistants": [_assistant_document(one) for one in item.assistants]} if item.assistants else {}),
    }


def _assistant_document(assistant: Assistant) -> dict[str, object]:
    return {
        "staff_id": str(assistant.staff_id),
        "names": dict(assistant.names),
        "user_id": str(assistant.user_id) if assistant.user_id else None,
    }


def assistant(document: Mapping[str, Any]) -> Assistant:  # Any: as in JSON
    """Somebody who works beside a performer, as item documents name them."""
    user_id = document["user_id"]
    return Assistant(UUID(document["staff_id"]), document["names"], UUID(user_id) if user_id else None)


def _item(document: Sequence[Any], currency: str) -> Item:  # Any: as in JSON
    (
        item_id, service_id, staff_id, start, end, price, service_names, staff_names, user_id, add_ons, assistants,
    ) = document  # fmt: skip
    return Item(
        item_id=UUID(item_id),
        service_id=UUID(service_id),
        staff_id=UUID(staff_id),
        during=TimeRange.of_epoch(start, end),
        price=Money(currency, price),
        service_names=service_names,
        staff_names=staff_names,
        staff_user_id=UUID(user_id) if user_id else None,
        add_on_ids=tuple(map(UUID, add_ons)),
        assistants=tuple(map(assistant, assistants)),
    )


def policy_document(policy: PolicySnapshot) -> dict[str, object]:
    """Frozen terms as they are kept."""
    return {
        "cancellation_window_seconds": int(policy.cancellation_window.total_seconds()),
        "reschedule_window_seconds": int(policy.reschedule_window.total_seconds()),
        "hold_seconds": int(policy.hold.total_seconds()),
        "auto_confirm": policy.auto_confirm,
        "prepayment": policy.prepayment.value,
        "deposit_basis_points": policy.deposit_basis_points,
        "late_cancellation_basis_points": policy.late_cancellation_basis_points,
        "no_show_basis_points": policy.no_show_basis_points,
        "text": dict(policy.text),
    }


def policy_of(document: Mapping[str, Any]) -> PolicySnapshot:  # Any: as in JSON
    """The terms back."""
    return PolicySnapshot(
        cancellation_window=timedelta(seconds=document["cancellation_window_seconds"]),
        reschedule_window=timedelta(seconds=document["reschedule_window_seconds"]),
        hold=timedelta(seconds=document["hold_seconds"]),
        auto_confirm=document["auto_confirm"],
        prepayment=Prepayment(document["prepayment"]),
        deposit_basis_points=document["deposit_basis_points"],
        late_cancellation_basis_points=document["late_cancellation_basis_points"],
        no_show_basis_points=document["no_show_basis_points"],
        text=document["text"],
    )
