"""What can be refused about a payment, in words for people and reasons for programs."""

from datetime import timedelta

from kursi_chassis.errors import FailedPrecondition, Invalid, NotFound, Unauthenticated, Unavailable
from kursi_chassis.money import Money


class BookingNotFound(NotFound):
    """There is no such booking, or it is somebody else's."""

    reason = "BOOKING_NOT_FOUND"
    en = "There is no such booking."
    ar = "لا يوجد حجز بهذا المعرّف."


class PaymentNotFound(NotFound):
    """There is no such payment, or it is none of the caller's business."""

    reason = "PAYMENT_NOT_FOUND"
    en = "There is no such payment."
    ar = "لا توجد عملية دفع بهذا المعرّف."


class BookingUnavailable(Unavailable):
    """What is to be paid cannot be found out at the moment; nothing was charged."""

    reason = "BOOKING_UNAVAILABLE"
    en = "Bookings cannot be read at the moment. Nothing was charged; try again shortly."
    ar = "تعذّرت قراءة الحجوزات حاليًا. لم يُخصم أي مبلغ، حاول بعد قليل."

    def __init__(self) -> None:
        super().__init__(timedelta(seconds=1))


class NothingDue(FailedPrecondition):
    """The booking asks for no money of this kind now."""

    reason = "NOTHING_DUE"
    en = "Nothing is due for this booking."
    ar = "لا يوجد مبلغ مستحق لهذا الحجز."


class PaymentInProgress(FailedPrecondition):
    """There is a payment for the same purpose already: paid, or still being decided."""

    reason = "PAYMENT_IN_PROGRESS"
    en = "There is already a payment for this: {payment_id}."
    ar = "توجد عملية دفع لهذا الغرض بالفعل: {payment_id}."


class IllegalTransition(FailedPrecondition):
    """The payment's state does not allow what was asked."""

    reason = "ILLEGAL_TRANSITION"
    en = "A payment that is {state} cannot do this: {action}."
    ar = "لا يمكن تنفيذ الإجراء {action} على عملية دفع حالتها {state}."


class RefundTooLarge(FailedPrecondition):
    """More than is left of what was taken."""

    reason = "REFUND_TOO_LARGE"
    en = "At most {refundable} can be refunded."
    ar = "أقصى مبلغ يمكن استرداده هو {refundable}."

    def __init__(self, refundable: Money) -> None:
        super().__init__(refundable=refundable, refundable_minor=refundable.amount_minor)


class AmountTooLarge(Invalid):
    """More than was authorised."""

    reason = "AMOUNT_TOO_LARGE"
    en = "At most {limit} can be taken."
    ar = "أقصى مبلغ يمكن تحصيله هو {limit}."


class AmountMismatch(Invalid):
    """The customer was shown another amount than the booking asks for."""

    reason = "AMOUNT_MISMATCH"
    en = "The booking asks for {due}."
    ar = "المبلغ المستحق للحجز هو {due}."


class TipOutOfRange(AmountMismatch):
    """A tip is what the customer says, within bounds."""

    en = "A tip is {least} to {most}."
    ar = "الإكرامية من {least} إلى {most}."


class CallbackUrlNotAllowed(Invalid):
    """The address to come back to is not one of ours."""

    reason = "CALLBACK_URL_NOT_ALLOWED"
    en = "The callback_url is not allowed."
    ar = "عنوان callback_url غير مسموح به."


class CardNumberRefused(Invalid):
    """Something in the request looks like a card number; it was not kept."""

    reason = "CARD_NUMBER_REFUSED"
    en = "The request contains what looks like a card number. Send a token of the payment provider instead."
    ar = "يحتوي الطلب على ما يشبه رقم بطاقة. أرسل رمزًا من مزوّد الدفع بدلًا منه."


class WebhookRefused(Unauthenticated):
    """The notice is not from the provider, or is meant for another environment."""

    reason = "WEBHOOK_REFUSED"
    en = "The notice is refused."
    ar = "الإشعار مرفوض."


class WebhookMalformed(Invalid):
    """The notice cannot be read."""

    reason = "WEBHOOK_MALFORMED"
    en = "The notice is malformed."
    ar = "صيغة الإشعار غير صالحة."


class ProviderUnknown(NotFound):
    """No provider of that name moves money here."""

    reason = "PROVIDER_UNKNOWN"
    en = "There is no such payment provider."
    ar = "لا يوجد مزوّد دفع بهذا الاسم."


class Contradiction(Exception):
    """The provider says what cannot follow from what it said before. `what` names it for an operator."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
