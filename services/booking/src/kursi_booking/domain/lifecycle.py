"""Everything that can become of a booking.

One function per thing that people do. Each takes the booking and the act (who, for whom, when) and returns a `Change`:
the booking after it, the event to publish and the line for the history. Asking again for what has already happened
returns the booking as it is, with neither; asking for what the state forbids raises `IllegalTransition`.
"""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from kursi_chassis.money import Money

from kursi_booking.domain.booking import (
    Act,
    Booking,
    BookingEvent,
    Change,
    HistoryEntry,
    Item,
    SalonFacts,
    total,
)
from kursi_booking.domain.errors import IllegalTransition, NotStartedYet
from kursi_booking.domain.policy import CancellationOutcome, Party, PolicySnapshot, Prepayment
from kursi_booking.domain.session_errors import SeatCannotMove
from kursi_booking.domain.state import NOT_BEGUN, OCCUPYING, Channel, EventType, PaymentState, State

_WAITING = frozenset({State.HELD, State.PENDING})


def create(
    act: Act,
    *,
    booking_id: UUID,
    salon_id: UUID,
    salon: SalonFacts,
    customer_id: UUID,
    items: tuple[Item, ...],
    policy: PolicySnapshot,
    note: str = "",
    guest_name: str | None = None,
) -> Change:
    """A new booking: held while money is due, else pending, or confirmed where the policy confirms by itself."""
    policy = _terms_of(policy, act, items)
    nothing = Money.zero(items[0].price.currency_code)
    is_due = not policy.due_now(total(items)).is_zero
    booking = Booking(
        booking_id=booking_id,
        salon_id=salon_id,
        salon=salon,
        customer_id=customer_id,
        channel=Channel.CUSTOMER if act.party is Party.CUSTOMER else Channel.SALON,
        note=note,
        items=items,
        policy=policy,
        state=State.HELD if is_due else accepted(policy),
        payment_state=PaymentState.AWAITING if is_due else PaymentState.NOT_REQUIRED,
        paid=nothing,
        fee=nothing,
        refund_due=nothing,
        expires_at=act.at + policy.hold if is_due else None,
        payments=(),
        cancellation_reason="",
        revision=0,
        created_at=act.at,
        updated_at=act.at,
        guest_name=guest_name,
    )
    return changed(None, booking, EventType.CREATED, "created", act)


def _terms_of(policy: PolicySnapshot, act: Act, items: tuple[Item, ...]) -> PolicySnapshot:
    """The salon's; of a visit that the salon writes down when it is over nothing is to be paid before it."""
    is_over = items[-1].during.end <= act.at
    return replace(policy, prepayment=Prepayment.NONE) if is_over and act.party is Party.SALON else policy


def join_guest(booking: Booking, act: Act, user_id: UUID) -> Change:
    """The guest turned out to be the person with this account, whose visit it is from now on, whatever its state."""
    after = replace(booking, customer_id=user_id)
    return (
        Change(booking)
        if after == booking
        else changed(booking, after, EventType.UPDATED, "customer_joined", act)
    )


def confirm(booking: Booking, act: Act) -> Change:
    """The salon accepts a pending booking."""
    if booking.state is State.CONFIRMED:
        return Change(booking)
    expect(booking, "confirm", State.PENDING)
    after = replace(booking, state=State.CONFIRMED, expires_at=None)
    return changed(booking, after, EventType.CONFIRMED, "confirmed", act)


def cancellation_outcome(booking: Booking, act: Act) -> CancellationOutcome:
    """What `cancel` would cost now: the answer of a dry run.

    Raises: IllegalTransition, TooLateToCancel.
    """
    expect(booking, "cancel", *NOT_BEGUN)
    outcome = booking.policy.cancellation(
        act.party,
        booking.during.start,
        act.at,
        price=booking.price,
        paid=booking.kept,
        carried=booking.carried_fee,
    )
    return _beside_what_goes_back(booking, outcome)


def cancel(booking: Booking, act: Act) -> Change:
    """Give the time back; what the policy does not keep becomes due for refund.

    Raises: IllegalTransition, TooLateToCancel.
    """
    if booking.state is State.CANCELLED:
        return Change(booking)
    return _cancelled(booking, act, cancellation_outcome(booking, act))


def free_cancellation_outcome(booking: Booking, _act: Act) -> CancellationOutcome:
    """What `cancel_without_fee` gives back: the answer of a dry run. Raises: IllegalTransition."""
    expect(booking, "cancel", *NOT_BEGUN)
    return booking.policy.free_cancellation(paid=booking.paid)


def cancel_without_fee(booking: Booking, act: Act) -> Change:
    """Give the time and all the money back, whatever the policy says. Raises: IllegalTransition."""
    if booking.state is State.CANCELLED:
        return Change(booking)
    return _cancelled(booking, act, free_cancellation_outcome(booking, act))


def reschedule(booking: Booking, act: Act, items: tuple[Item, ...]) -> Change:
    """Move the visit: the same booking at other times, perhaps with other people.

    Raises: IllegalTransition, TooLateToReschedule.
    """
    expect(booking, "reschedule", *NOT_BEGUN)
    if items == booking.items:
        return Change(booking)
    check_reschedule(booking, act)
    return changed(booking, _repriced(booking, items, act), EventType.RESCHEDULED, "rescheduled", act)


def check_reschedule(booking: Booking, act: Act) -> None:
    """Whether it may move at all, wherever to. Raises: IllegalTransition, SeatCannotMove, TooLateToReschedule."""
    _check_move(booking, act, "reschedule", NOT_BEGUN)


def change_services(booking: Booking, act: Act, items: tuple[Item, ...]) -> Change:
    """Add or remove services; what was paid beyond the new price becomes due for refund.

    Raises: IllegalTransition, TooLateToReschedule.
    """
    expect(booking, "change_services", *OCCUPYING)
    if items == booking.items:
        return Change(booking)
    check_change_services(booking, act)
    return changed(booking, _repriced(booking, items, act), EventType.RESCHEDULED, "services_changed", act)


def check_change_services(booking: Booking, act: Act) -> None:
    """Whether the services may change at all. Raises: IllegalTransition, SeatCannotMove, TooLateToReschedule."""
    _check_move(booking, act, "change_services", OCCUPYING)


def check_in(booking: Booking, act: Act) -> Change:
    """The customer is here."""
    if booking.state is State.CHECKED_IN:
        return Change(booking)
    expect(booking, "check_in", State.CONFIRMED)
    return changed(booking, replace(booking, state=State.CHECKED_IN), EventType.CHECKED_IN, "checked_in", act)


def complete(booking: Booking, act: Act) -> Change:
    """The visit is over."""
    if booking.state is State.COMPLETED:
        return Change(booking)
    expect(booking, "complete", State.CHECKED_IN)
    return changed(booking, replace(booking, state=State.COMPLETED), EventType.COMPLETED, "completed", act)


def mark_no_show(booking: Booking, act: Act) -> Change:
    """The customer did not come; the policy's no-show fee is kept from what was paid.

    Raises: IllegalTransition; NotStartedYet before the visit's start.
    """
    if booking.state is State.NO_SHOW:
        return Change(booking)
    after = _settled(replace(booking, state=State.NO_SHOW), no_show_outcome(booking, act))
    return changed(booking, after, EventType.NO_SHOW, "no_show", act)


def no_show_outcome(booking: Booking, act: Act) -> CancellationOutcome:
    """What `mark_no_show` would cost now: the answer of a dry run.

    Raises: IllegalTransition; NotStartedYet before the visit's start.
    """
    expect(booking, "mark_no_show", State.CONFIRMED, State.CHECKED_IN)
    if act.at < booking.during.start:
        raise NotStartedYet(booking.during.start)
    outcome = booking.policy.no_show(price=booking.price, paid=booking.kept)
    return _beside_what_goes_back(booking, outcome)


def expire(booking: Booking, act: Act) -> Change:
    """Let go of a hold whose time has come; a part of the prepayment that was made goes back. A timer that fires
    early, or late for a booking that went on, does nothing: timers are at-least-once and know nothing of what
    happened meanwhile.
    """
    is_due = booking.expires_at is not None and booking.expires_at <= act.at
    if booking.state not in _WAITING or not is_due:
        return Change(booking)
    after = replace(booking, state=State.EXPIRED, expires_at=None, refund_due=booking.paid)
    if not after.refund_due.is_zero:
        after = replace(after, payment_state=PaymentState.REFUND_DUE)
    return changed(booking, after, EventType.EXPIRED, "expired", act)


def accepted(policy: PolicySnapshot) -> State:
    """Where a booking goes once nothing has to be paid any more."""
    return State.CONFIRMED if policy.auto_confirm else State.PENDING


def expect(booking: Booking, action: str, *states: State) -> None:
    """Raise IllegalTransition unless the booking is in one of the states."""
    if booking.state not in states:
        raise IllegalTransition(booking.state.value, action)


def changed(before: Booking | None, after: Booking, event: EventType, action: str, act: Act) -> Change:
    """Number the change and describe it once for the world and once for the history."""
    booking = replace(after, revision=after.revision + 1, updated_at=act.at)
    moved = before is not None and before.during.start != booking.during.start
    return Change(
        booking,
        BookingEvent(event, booking.booking_id, booking.revision, act.actor, act.at, act.reason),
        HistoryEntry(
            revision=booking.revision,
            action=action,
            actor=act.actor,
            at=act.at,
            from_state=before.state if before else None,
            to_state=booking.state,
            reason=act.reason,
            from_start=before.during.start if before and moved else None,
            to_start=booking.during.start if moved else None,
        ),
    )


def with_surplus(booking: Booking) -> Booking:
    """The booking with what was paid beyond its price marked as due for refund.

    What was told to go back does so, also when the visit costs more again: it cannot be called back.
    """
    surplus = max(booking.paid - booking.price, booking.refund_due)
    if not surplus.is_zero:
        return replace(booking, refund_due=surplus, payment_state=PaymentState.REFUND_DUE)
    settled = booking.payment_state if booking.paid.is_zero else PaymentState.PAID
    return replace(booking, refund_due=surplus, payment_state=settled)


def _check_move(booking: Booking, act: Act, action: str, states: Collection[State]) -> None:
    expect(booking, action, *states)
    if booking.session_id is not None:
        raise SeatCannotMove
    booking.policy.check_reschedule(act.party, booking.during.start, act.at)


def _repriced(booking: Booking, items: tuple[Item, ...], act: Act) -> Booking:
    return with_surplus(replace(booking, items=items, carried_fee=_fee_to_carry(booking, act)))


def _fee_to_carry(booking: Booking, act: Act) -> Money | None:
    """What cancelling would cost at this moment: a customer who changes the visit does not get rid of it. The salon's
    own changes add nothing, and take nothing away.
    """
    if act.party is not Party.CUSTOMER:
        return booking.carried_fee
    carried = booking.carried_fee or Money.zero(booking.paid.currency_code)
    fee = booking.policy.cancellation_fee(booking.during.start, act.at, price=booking.price, carried=carried)
    due = min(fee, booking.kept)
    return None if due.is_zero else due


def _cancelled(booking: Booking, act: Act, outcome: CancellationOutcome) -> Change:
    given_up = replace(booking, state=State.CANCELLED, expires_at=None, cancellation_reason=act.reason)
    return changed(booking, _settled(given_up, outcome), EventType.CANCELLED, "cancelled", act)


def _beside_what_goes_back(booking: Booking, outcome: CancellationOutcome) -> CancellationOutcome:
    return replace(outcome, refund=outcome.refund + booking.refund_due)


def _settled(booking: Booking, outcome: CancellationOutcome) -> Booking:
    if not outcome.refund.is_zero:
        payment_state = PaymentState.REFUND_DUE
    elif booking.paid.is_zero:
        payment_state = PaymentState.NOT_REQUIRED
    else:
        payment_state = PaymentState.PAID
    return replace(booking, fee=outcome.fee, refund_due=outcome.refund, payment_state=payment_state)
