"""What can be refused about a booking, in words for people and reasons for programs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from kursi_chassis.errors import (
    AlreadyExists,
    Conflict,
    DomainError,
    FailedPrecondition,
    Invalid,
    NotFound,
    Unavailable,
    Violation,
)
from kursi_chassis.money import Money
from kursi_chassis.wording import register_violation_texts

from kursi_booking.domain.start_rule import Rule, StartRules

MAX_ALTERNATIVES = 5

register_violation_texts(
    {
        "AMBIGUOUS": (
            "Name a customer or a phone number, not both.",
            "اذكر العميل أو رقم الهاتف، وليس كليهما.",
        ),
        # What identity says about a number that a salon typed, in identity's words.
        "PHONE_NUMBER_MALFORMED": ("This is not a valid phone number.", "رقم الهاتف غير صحيح."),
        "PHONE_NUMBER_NOT_MOBILE": (
            "This number cannot receive text messages. Use a mobile number.",
            "لا يستقبل هذا الرقم الرسائل النصية. استخدم رقم جوال.",
        ),
    }
)


class SlotTaken(Conflict):
    """Somebody else has the time now; `alternatives` (at most five) were free a moment ago."""

    reason = "SLOT_TAKEN"
    en = "This time has just been taken."
    ar = "تم حجز هذا الوقت للتو."

    def __init__(self, alternatives: Sequence[datetime] = ()) -> None:
        starts = tuple(alternatives[:MAX_ALTERNATIVES])
        super().__init__(alternatives=",".join(start.isoformat().replace("+00:00", "Z") for start in starts))
        self.alternatives = starts


class IdentityUnavailable(Unavailable):
    """Nobody could say who has the phone number."""

    reason = "IDENTITY_UNAVAILABLE"
    en = "Visits cannot be booked by phone number right now. Try again shortly."
    ar = "لا يمكن الحجز برقم الجوال حاليًا. حاول بعد قليل."


class IllegalTransition(FailedPrecondition):
    """The booking's state does not allow what was asked."""

    reason = "ILLEGAL_TRANSITION"
    en = "A booking that is {state} cannot do this: {action}."
    ar = "لا يمكن تنفيذ الإجراء {action} على حجز حالته {state}."

    def __init__(self, state: str, action: str) -> None:
        super().__init__(state=state, action=action)


class TooLateToCancel(FailedPrecondition):
    """The visit has begun, so the customer can no longer cancel it."""

    reason = "TOO_LATE_TO_CANCEL"
    en = "This booking could be cancelled until {deadline}."
    ar = "كان يمكن إلغاء هذا الحجز حتى {deadline}."

    def __init__(self, deadline: datetime) -> None:
        super().__init__(deadline=deadline)
        self.deadline = deadline


class TooLateToReschedule(FailedPrecondition):
    """The salon's policy keeps the customer from moving the visit so shortly before it."""

    reason = "TOO_LATE_TO_RESCHEDULE"
    en = "This booking could be moved until {deadline}."
    ar = "كان يمكن تغيير موعد هذا الحجز حتى {deadline}."

    def __init__(self, deadline: datetime) -> None:
        super().__init__(deadline=deadline)
        self.deadline = deadline


class ServicePrepaymentRequired(FailedPrecondition):
    """A customer would get into a visit what has to be paid before, and nothing would ask for the money."""

    reason = "PREPAYMENT_REQUIRED"
    en = "This has to be paid in advance, which is not possible any more with this booking. Please book it by itself."
    ar = "يجب دفع ثمن ذلك مقدمًا، ولم يعد ذلك ممكنًا مع هذا الحجز. يرجى حجزه على حدة."


class NotStartedYet(FailedPrecondition):
    """Nobody can have missed a visit that has not begun."""

    reason = "NOT_STARTED"
    en = "This is possible from {start}."
    ar = "يمكن ذلك ابتداءً من {start}."

    def __init__(self, start: datetime) -> None:
        super().__init__(start=start)


class RefundExceedsPayment(FailedPrecondition):
    """More would go back than was paid."""

    reason = "REFUND_EXCEEDS_PAYMENT"
    en = "The refund of {refund} is more than the {paid} that was paid."
    ar = "مبلغ الاسترداد {refund} أكبر من المبلغ المدفوع {paid}."

    def __init__(self, *, paid: Money, refund: Money) -> None:
        super().__init__(paid=str(paid), refund=str(refund))


class NotBookable(FailedPrecondition):
    """The start is not one of those that the salon offers; `rule` says which rule closes it."""

    reason = "NOT_BOOKABLE"
    rule: ClassVar[Rule]

    def __init__(self, **limit: datetime) -> None:
        super().__init__(rule=self.rule.value, **limit)


class TooSoon(NotBookable):
    """The salon needs more notice."""

    rule = Rule.TOO_SOON
    en = "The earliest time that can be booked now is {earliest}."
    ar = "أقرب وقت متاح للحجز الآن هو {earliest}."

    def __init__(self, earliest: datetime) -> None:
        super().__init__(earliest=earliest)


class TooFarAhead(NotBookable):
    """The salon does not take bookings for so far ahead yet."""

    rule = Rule.TOO_FAR_AHEAD
    en = "Bookings are taken until {latest} for now."
    ar = "يمكن الحجز حاليًا حتى {latest}."

    def __init__(self, latest: datetime) -> None:
        super().__init__(latest=latest)


class TooLateInDay(NotBookable):
    """The salon lets visits begin up to a certain time of day."""

    rule = Rule.TOO_LATE_IN_DAY
    en = "Visits do not begin this late in the day."
    ar = "لا تبدأ المواعيد في هذا الوقت المتأخر من اليوم."


class SalonDayFull(NotBookable):
    """The salon takes so many bookings a day."""

    rule = Rule.DAY_FULL
    en = "No more bookings are taken on this day."
    ar = "اكتملت حجوزات هذا اليوم."


class OffGrid(NotBookable):
    """Starts are some minutes apart."""

    rule = Rule.OFF_GRID
    en = "Visits do not begin at this minute. Choose one of the times on offer."
    ar = "لا تبدأ المواعيد في هذه الدقيقة. اختر أحد الأوقات المعروضة."


class NobodyPerforms(NotBookable):
    """Nobody whom customers can book performs this."""

    rule = Rule.NO_PERFORMER
    en = "There is nobody who can be booked for this."
    ar = "لا يوجد من يمكن حجزه لهذه الخدمة."


class NotEnoughResources(NotBookable):
    """The salon has fewer of the things than the visit needs at once."""

    rule = Rule.NOT_ENOUGH_RESOURCES
    en = "The salon does not have what this visit needs."
    ar = "لا تتوفر في الصالون التجهيزات اللازمة لهذا الموعد."


class OutsideWorkingTime(NotBookable):
    """Nobody who could do this works then."""

    rule = Rule.OUTSIDE_WORKING_TIME
    en = "This is outside working time."
    ar = "هذا الوقت خارج أوقات العمل."


class StaffDayFull(NotBookable):
    """Everybody who could do this has the bookings that they take on a day."""

    rule = Rule.STAFF_DAY_FULL
    en = "Those who could do this take no more bookings on this day."
    ar = "اكتملت حجوزات من يقدّمون هذه الخدمة في هذا اليوم."


class LeavesGap(NotBookable):
    """Free time would be left that is too short for anything."""

    rule = Rule.LEAVES_GAP
    en = "This would leave a gap that nobody can use. Choose one of the times on offer."
    ar = "سيترك هذا الوقت فراغًا لا يمكن استخدامه. اختر أحد الأوقات المعروضة."


_CLOSED_BY: Mapping[Rule, type[NotBookable]] = {
    one.rule: one
    for one in (
        TooLateInDay, SalonDayFull, OffGrid, NobodyPerforms, NotEnoughResources, OutsideWorkingTime, StaffDayFull, LeavesGap,
    )
}  # fmt: skip


class TooManyBookings(FailedPrecondition):
    """The customer has as many open bookings as the salon allows."""

    reason = "TOO_MANY_BOOKINGS"
    en = "The limit of open bookings here, {limit}, is reached."
    ar = "بلغت الحجوزات المفتوحة الحد الأقصى هنا، وهو {limit}."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class EntryIsClosed(IllegalTransition):
    """The state of an entry of the waiting list does not allow what was asked."""

    en = "An entry that is {state} cannot do this: {action}."
    ar = "لا يمكن تنفيذ الإجراء {action} على طلب انتظار حالته {state}."


class OfferGone(FailedPrecondition):
    """The offered time is no longer kept for this entry, or never was."""

    reason = "OFFER_GONE"
    en = "This offer is no longer open."
    ar = "لم يعد هذا العرض متاحًا."


class TooManyWaitlistEntries(FailedPrecondition):
    """The customer waits for as much as one person may wait for here."""

    reason = "TOO_MANY_WAITLIST_ENTRIES"
    en = "There are already {limit} open entries on this waiting list, which is the limit."
    ar = "يوجد بالفعل {limit} من الطلبات المفتوحة في قائمة الانتظار، وهو الحد الأقصى."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class AlreadyWaiting(AlreadyExists):
    """The customer waits for the same services at the same time already."""

    reason = "ALREADY_WAITING"
    en = "There is already an open entry for these services at this time."
    ar = "يوجد بالفعل طلب انتظار مفتوح لهذه الخدمات في هذا الوقت."


class WaitlistEntryNotFound(NotFound):
    """There is no such entry, or it is none of the caller's business."""

    reason = "WAITLIST_ENTRY_NOT_FOUND"
    en = "This entry of the waiting list was not found."
    ar = "لم يُعثر على هذا الطلب في قائمة الانتظار."


class BookingNotFound(NotFound):
    """There is no such booking, or it is none of the caller's business."""

    reason = "BOOKING_NOT_FOUND"
    en = "This booking was not found."
    ar = "لم يُعثر على هذا الحجز."


class SalonNotFound(NotFound):
    """There is no such salon."""

    reason = "SALON_NOT_FOUND"
    en = "This salon was not found."
    ar = "لم يُعثر على هذا الصالون."


class ServiceNotFound(NotFound):
    """The salon does not sell this service now."""

    reason = "SERVICE_NOT_FOUND"
    en = "This service was not found."
    ar = "لم يُعثر على هذه الخدمة."


class StaffNotFound(NotFound):
    """Nobody of this id works there."""

    reason = "STAFF_NOT_FOUND"
    en = "This staff member was not found."
    ar = "لم يُعثر على هذا الموظف."


class StaffDoesNotPerform(FailedPrecondition):
    """The chosen person does not perform the service."""

    reason = "STAFF_DOES_NOT_PERFORM"
    en = "The chosen staff member does not perform this service."
    ar = "الموظف المختار لا يقدّم هذه الخدمة."


class AddOnNotFound(Invalid):
    """None of the services has this add-on, or they all have it already."""

    def __init__(self, field: str) -> None:
        super().__init__(Violation(field, "UNKNOWN_VALUE"))


class CalendarTooLarge(FailedPrecondition):
    """More stands in the range than fits into one answer."""

    reason = "CALENDAR_TOO_LARGE"
    en = "This range holds more than {limit} entries; ask for a shorter one or for fewer people."
    ar = "تحتوي هذه الفترة على أكثر من {limit} من المواعيد؛ اختر فترة أقصر أو عددًا أقل من الأشخاص."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class SalonNotLive(FailedPrecondition):
    """The salon is not open to customers yet, or no longer."""

    reason = "SALON_NOT_LIVE"
    en = "This salon does not take bookings now."
    ar = "لا يستقبل هذا الصالون الحجوزات حاليًا."


class CatalogUnavailable(Unavailable):
    """The salon's data cannot be asked for, and what is known of it is too old."""

    reason = "CATALOG_UNAVAILABLE"


def refusal(rule: Rule, rules: StartRules) -> DomainError:
    """The error that tells a caller why a start was rejected; a taken one has no alternatives yet."""
    now = datetime.fromtimestamp(rules.now, UTC)
    match rule:
        case Rule.TAKEN:
            return SlotTaken()
        case Rule.TOO_SOON:
            return TooSoon(now + timedelta(seconds=max(0, rules.policy.rules.min_notice)))
        case Rule.TOO_FAR_AHEAD:
            return TooFarAhead(now + timedelta(seconds=rules.policy.rules.max_ahead))
        case Rule.CUSTOMER_LIMIT:
            return TooManyBookings(rules.limits.active_per_customer or 0)
        case _:
            return _CLOSED_BY[rule]()
