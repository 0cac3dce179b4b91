"""Events of payments, decoded."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from kursi.payment.events.v1.payment_events_pb2 import PaymentEvent
from kursi.type.v1 import money_pb2
from kursi_chassis.events.consumer import ignored
from kursi_chassis.events.envelope import ReceivedEvent, unreadable_is_poison
from kursi_chassis.money import Money

from kursi_booking.usecases.apply_payment import CONSUMER, PaymentStep, Step

FILTERS = ("kursi.payment.v1.payment.>",)

_STEPS = {
    PaymentEvent.CAPTURED: Step.CAPTURED,
    PaymentEvent.FAILED: Step.FAILED,
    PaymentEvent.REFUNDED: Step.REFUNDED,
}
_PREPAYMENTS = frozenset({PaymentEvent.DEPOSIT, PaymentEvent.FULL})


class HandlePayments:
    """The handler of the consumer. Each step is a transaction of its own, because one may have to be given up."""

    def __init__(self, apply: Callable[[PaymentStep], Awaitable[None]]) -> None:
        self._apply = apply

    async def __call__(self, events: Sequence[ReceivedEvent]) -> None:
        for event in events:
            step = decode(event)
            if step is None:
                ignored(CONSUMER, event)
            else:
                await self._apply(step)


@unreadable_is_poison
def decode(event: ReceivedEvent) -> PaymentStep | None:
    """The step, or None when it is no business of the booking: reservations, and tips, which are not its money.

    Raises: Poison for unreadable bytes.
    """
    message = PaymentEvent.FromString(event.payload)
    step = _STEPS.get(message.type)
    if step is None or message.purpose == PaymentEvent.TIP:
        return None
    return PaymentStep(
        event_id=event.event_id,
        step=step,
        payment_id=UUID(message.payment_id),
        booking_id=UUID(message.booking_id),
        is_prepayment=message.purpose in _PREPAYMENTS,
        captured=_money(message.captured, message),
        refunded=_money(message.refunded, message),
    )


def _money(total: money_pb2.Money, message: PaymentEvent) -> Money:
    """A total that is still nothing may come without its currency."""
    return Money(total.currency_code or message.amount.currency_code, total.amount_minor)
