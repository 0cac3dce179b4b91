"""What is to be paid for a booking."""

from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.money import Money

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.errors import BookingNotFound
from kursi_booking.domain.payment import no_show_fee_due
from kursi_booking.domain.policy import Prepayment
from kursi_booking.domain.state import State
from kursi_booking.ports.bookings import BookingStore

_ON = frozenset({State.PENDING, State.CONFIRMED, State.CHECKED_IN, State.COMPLETED})


@dataclass(frozen=True, slots=True)
class PaymentTerms:
    """What is due now, by what it is for. The balance is not due before the prepayment."""

    booking: Booking
    prepayment: Money
    prepayment_is_full: bool
    balance: Money
    no_show_fee: Money


class GetPaymentTerms:
    """Tells payment what to charge."""

    def __init__(self, store: BookingStore) -> None:
        self._store = store

    async def __call__(self, booking_id: UUID) -> PaymentTerms:
        """The terms as they are now. Raises: BookingNotFound."""
        booking = await self._store.find(booking_id)
        if booking is None:
            raise BookingNotFound
        return terms_of(booking)


def terms_of(booking: Booking) -> PaymentTerms:
    """What this booking asks to be paid."""
    nothing = Money.zero(booking.paid.currency_code)
    is_held = booking.state is State.HELD
    return PaymentTerms(
        booking=booking,
        prepayment=max(booking.prepayment - booking.kept, nothing) if is_held else nothing,
        prepayment_is_full=booking.policy.prepayment is Prepayment.FULL,
        balance=max(booking.price - booking.kept, nothing) if booking.state in _ON else nothing,
        no_show_fee=no_show_fee_due(booking),
    )
