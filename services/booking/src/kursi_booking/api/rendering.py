"""Bookings as the contract shows them."""

from zoneinfo import ZoneInfo

from kursi.booking.v1 import booking_pb2 as pb
from kursi.type.v1 import money_pb2
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import optional_timestamp, timestamp

from kursi_booking.domain.booking import Booking, HistoryEntry, Item
from kursi_booking.domain.policy import CancellationOutcome
from kursi_booking.domain.state import Channel, PaymentState, State

STATES = {state: pb.Booking.State.Value(state.name) for state in State}
PAYMENT_STATES = {
    PaymentState.NOT_REQUIRED: pb.Booking.NOT_REQUIRED,
    PaymentState.AWAITING: pb.Booking.DUE,
    PaymentState.PAID: pb.Booking.PAID,
    PaymentState.FAILED: pb.Booking.FAILED,
    PaymentState.REFUND_DUE: pb.Booking.REFUND_DUE,
    PaymentState.REFUNDED: pb.Booking.REFUNDED,
}
CHANNELS = {Channel.CUSTOMER: pb.Booking.CUSTOMER, Channel.SALON: pb.Booking.SALON}


def booking_message(booking: Booking, settlement: CancellationOutcome | None) -> pb.Booking:
    """The booking, with what calling it off costs where that is known."""
    during, policy, price = booking.during, booking.policy, booking.price
    return pb.Booking(
        id=str(booking.booking_id),
        salon_id=str(booking.salon_id),
        salon_names=booking.salon.names,
        customer_id=str(booking.customer_id),
        state=STATES[booking.state],
        payment_state=PAYMENT_STATES[booking.payment_state],
        start_time=timestamp(during.start),
        end_time=timestamp(during.end),
        time_zone=booking.salon.time_zone,
        local_start=during.start.astimezone(ZoneInfo(booking.salon.time_zone)).isoformat(),
        items=[_item(item) for item in booking.items],
        total=to_proto(price, money_pb2.Money),
        prepayment=to_proto(policy.due_now(price), money_pb2.Money),
        paid=to_proto(booking.paid, money_pb2.Money),
        hold_expire_time=optional_timestamp(booking.expires_at),
        policy=pb.Booking.PolicySnapshot(
            free_cancellation_until=timestamp(policy.free_cancellation_until(during.start)),
            reschedule_until=timestamp(policy.reschedule_until(during.start)),
            late_cancellation_fee=to_proto(policy.late_cancellation_fee(price), money_pb2.Money),
            no_show_fee=to_proto(policy.no_show_fee(price), money_pb2.Money),
            texts=policy.text,
        ),
        note=booking.note,
        channel=CHANNELS[booking.channel],
        cancellation_reason=booking.cancellation_reason,
        settlement=_settlement(settlement) if settlement else None,
        revision=booking.revision,
        etag=etag_of(booking.revision),
        create_time=timestamp(booking.created_at),
        update_time=timestamp(booking.updated_at),
        series_id=str(booking.series_id or ""),
        session_id=str(booking.session_id or ""),
        seats=booking.seats if booking.session_id else 0,
        guest=None if booking.guest_name is None else pb.Booking.Guest(display_name=booking.guest_name),
        carried_fee=to_proto(booking.carried_fee, money_pb2.Money) if booking.carried_fee else None,
    )


def booking_answer(booking: Booking, settlement: CancellationOutcome | None) -> bytes:
    """The same as it is kept for repetitions."""
    return booking_message(booking, settlement).SerializeToString()


def history_message(entry: HistoryEntry) -> pb.HistoryEntry:
    """One line of a history."""
    return pb.HistoryEntry(
        revision=entry.revision,
        action=entry.action,
        actor=entry.actor,
        time=timestamp(entry.at),
        from_state=STATES[entry.from_state] if entry.from_state else pb.Booking.STATE_UNSPECIFIED,
        to_state=STATES[entry.to_state],
        reason=entry.reason,
        from_start_time=optional_timestamp(entry.from_start),
        to_start_time=optional_timestamp(entry.to_start),
    )


def _item(item: Item) -> pb.Booking.Item:
    return pb.Booking.Item(
        id=str(item.item_id),
        service_id=str(item.service_id),
        service_names=item.service_names,
        staff_id=str(item.staff_id),
        staff_names=item.staff_names,
        add_on_ids=[str(add_on_id) for add_on_id in item.add_on_ids],
        start_time=timestamp(item.during.start),
        end_time=timestamp(item.during.end),
        price=to_proto(item.price, money_pb2.Money),
        assistants=[
            pb.Booking.Assistant(staff_id=str(one.staff_id), staff_names=one.names) for one in item.assistants
        ],
    )


def _settlement(outcome: CancellationOutcome) -> pb.Booking.Settlement:
    return pb.Booking.Settlement(
        fee=to_proto(outcome.fee, money_pb2.Money), refund=to_proto(outcome.refund, money_pb2.Money)
    )
