"""What closes a start, and what can be done about it, in words: in English and Arabic, for customers and for the salon."""

from typing import NamedTuple

from kursi_chassis.wording import render

from kursi_booking.domain.closing import ClosedBy, Closing


class Text(NamedTuple):
    """A sentence in both languages; a template over the parameters of a closing."""

    en: str
    ar: str

    def say(self, closing: Closing, language: str) -> str:
        """The sentence in Arabic if asked for, else in English."""
        return render(self.ar if language == "ar" else self.en, closing.params, language)


_OTHER_TIME = Text("Choose another time.", "اختر وقتًا آخر.")
_OTHER_PERSON = Text("Choose another time or another person.", "اختر وقتًا آخر أو شخصًا آخر.")

_MESSAGES = {
    ClosedBy.SALON_NOT_LIVE: Text("The salon takes no bookings now.", "لا يستقبل الصالون الحجوزات حاليًا."),
    ClosedBy.CUSTOMER_LIMIT: Text(
        "The limit of open bookings here, {limit}, is reached.",
        "بلغت الحجوزات المفتوحة الحد الأقصى هنا، وهو {limit}.",
    ),
    ClosedBy.TOO_SOON: Text(
        "The earliest time that can be booked now is {earliest}.", "أقرب وقت متاح للحجز الآن هو {earliest}."
    ),
    ClosedBy.TOO_FAR_AHEAD: Text(
        "Bookings are taken until {latest} for now.", "يمكن الحجز حاليًا حتى {latest}."
    ),
    ClosedBy.TOO_LATE_IN_DAY: Text("Visits start until {limit}.", "تبدأ المواعيد حتى الساعة {limit}."),
    ClosedBy.DAY_FULL: Text(
        "The salon has as many bookings on this day as it takes ({limit}).",
        "اكتملت حجوزات الصالون في هذا اليوم (الحد الأقصى {limit}).",
    ),
    ClosedBy.OFF_GRID: Text("Visits start at intervals of {step}.", "تبدأ المواعيد كل {step}."),
    ClosedBy.NO_PERFORMER: Text(
        "Not enough people who can be booked perform this service.",
        "لا يوجد عدد كافٍ من الموظفين المتاحين للحجز لتقديم هذه الخدمة.",
    ),
    ClosedBy.NOT_ENOUGH_RESOURCES: Text(
        "The salon does not have enough of what this visit takes ({kind}).",
        "لا يتوفر لدى الصالون ما يكفي مما تتطلبه هذه الزيارة ({kind}).",
    ),
    ClosedBy.SALON_CLOSED: Text("The salon is closed at this time.", "الصالون مغلق في هذا الوقت."),
    ClosedBy.OUTSIDE_OPENING_HOURS: Text(
        "This is outside of the opening hours.", "هذا الوقت خارج ساعات العمل."
    ),
    ClosedBy.OPENING_BREAK: Text("The salon has a break at this time.", "الصالون في استراحة في هذا الوقت."),
    ClosedBy.PRAYER_BREAK: Text("It is time for prayer.", "هذا وقت الصلاة."),
    ClosedBy.TIME_OFF: Text("They are away at this time.", "الموظف في إجازة في هذا الوقت."),
    ClosedBy.DATE_OVERRIDDEN: Text(
        "They work other hours on this date.", "يعمل الموظف في ساعات مختلفة في هذا التاريخ."
    ),
    ClosedBy.NOT_ROSTERED: Text("They do not work at this time.", "لا يعمل الموظف في هذا الوقت."),
    ClosedBy.BREAK: Text("They have a break at this time.", "الموظف في استراحة في هذا الوقت."),
    ClosedBy.OUTSIDE_WORKING_TIME: Text(
        "Nobody who is needed works at this time.", "لا يعمل أحد من الموظفين المطلوبين في هذا الوقت."
    ),
    ClosedBy.TAKEN: Text("This time is taken.", "هذا الوقت محجوز."),
    ClosedBy.RESOURCES_TAKEN: Text(
        "What this visit takes is in use at this time ({kind}).",
        "ما تتطلبه هذه الزيارة مستخدم في هذا الوقت ({kind}).",
    ),
    ClosedBy.STAFF_DAY_FULL: Text(
        "They have as many bookings on this day as they take ({limit}).",
        "اكتملت حجوزات الموظف في هذا اليوم (الحد الأقصى {limit}).",
    ),
    ClosedBy.LEAVES_GAP: Text(
        "This start would leave a gap that is too short to be used.",
        "سيترك هذا الموعد فراغًا قصيرًا لا يمكن استخدامه.",
    ),
}

_FOR_CUSTOMERS = {
    ClosedBy.SALON_NOT_LIVE: Text("Try again later.", "حاول مجددًا لاحقًا."),
    ClosedBy.CUSTOMER_LIMIT: Text(
        "Cancel one of your bookings, or come back after the next visit.",
        "ألغِ أحد حجوزاتك أو عد بعد زيارتك القادمة.",
    ),
    ClosedBy.TOO_SOON: Text("Choose a later time.", "اختر وقتًا لاحقًا."),
    ClosedBy.TOO_FAR_AHEAD: Text(
        "Choose an earlier time, or come back later.", "اختر وقتًا أقرب أو عد لاحقًا."
    ),
    ClosedBy.TOO_LATE_IN_DAY: Text("Choose an earlier time of the day.", "اختر وقتًا أبكر من اليوم."),
    ClosedBy.DAY_FULL: Text("Choose another day.", "اختر يومًا آخر."),
    ClosedBy.NO_PERFORMER: Text(
        "Choose another service, or call the salon.", "اختر خدمة أخرى أو اتصل بالصالون."
    ),
    ClosedBy.NOT_ENOUGH_RESOURCES: Text("Call the salon.", "اتصل بالصالون."),
    ClosedBy.TIME_OFF: _OTHER_PERSON,
    ClosedBy.DATE_OVERRIDDEN: _OTHER_PERSON,
    ClosedBy.NOT_ROSTERED: _OTHER_PERSON,
    ClosedBy.BREAK: _OTHER_PERSON,
    ClosedBy.TAKEN: _OTHER_PERSON,
    ClosedBy.STAFF_DAY_FULL: Text("Choose another day or another person.", "اختر يومًا آخر أو شخصًا آخر."),
}

_PLACE_IT = " You may book it for a customer all the same."
_PLACE_IT_AR = " ويمكنك حجزه للعميل على أي حال."

_FOR_MEMBERS = {
    ClosedBy.SALON_NOT_LIVE: Text("Set the salon's status to live.", "غيّر حالة الصالون إلى نشط."),
    ClosedBy.CUSTOMER_LIMIT: Text(
        "Raise maximumActiveBookings in the policy." + _PLACE_IT,
        "ارفع قيمة maximumActiveBookings في السياسة." + _PLACE_IT_AR,
    ),
    ClosedBy.TOO_SOON: Text(
        "Shorten minimumNotice in the policy." + _PLACE_IT,
        "قلّل قيمة minimumNotice في السياسة." + _PLACE_IT_AR,
    ),
    ClosedBy.TOO_FAR_AHEAD: Text(
        "Raise maximumAhead in the policy." + _PLACE_IT, "ارفع قيمة maximumAhead في السياسة." + _PLACE_IT_AR
    ),
    ClosedBy.TOO_LATE_IN_DAY: Text(
        "Set a later latestStart in the policy." + _PLACE_IT,
        "أخّر قيمة latestStart في السياسة." + _PLACE_IT_AR,
    ),
    ClosedBy.DAY_FULL: Text(
        "Raise maximumBookingsPerDay in the policy." + _PLACE_IT,
        "ارفع قيمة maximumBookingsPerDay في السياسة." + _PLACE_IT_AR,
    ),
    ClosedBy.OFF_GRID: Text(
        "Shorten slotStep in the policy." + _PLACE_IT, "قلّل قيمة slotStep في السياسة." + _PLACE_IT_AR
    ),
    ClosedBy.NO_PERFORMER: Text(
        "Add performers to the service, or let them be booked online.",
        "أضف موظفين إلى الخدمة أو اسمح بحجزهم عبر الإنترنت.",
    ),
    ClosedBy.NOT_ENOUGH_RESOURCES: Text(
        "Add resources of this kind, or let the service take fewer.",
        "أضف موارد من هذا النوع أو قلّل ما تتطلبه الخدمة.",
    ),
    ClosedBy.SALON_CLOSED: Text("Change or remove the closure.", "عدّل الإغلاق أو احذفه."),
    ClosedBy.OUTSIDE_OPENING_HOURS: Text("Extend the opening hours.", "مدّد ساعات عمل الصالون."),
    ClosedBy.OPENING_BREAK: Text("Change the break in the opening hours.", "عدّل الاستراحة في ساعات العمل."),
    ClosedBy.PRAYER_BREAK: Text(
        "Change the prayer breaks in the opening hours.", "عدّل أوقات استراحة الصلاة في ساعات العمل."
    ),
    ClosedBy.TIME_OFF: Text("Change or remove the time off.", "عدّل الإجازة أو احذفها."),
    ClosedBy.DATE_OVERRIDDEN: Text(
        "Change or remove the override of {date}.", "عدّل الاستثناء الخاص بتاريخ {date} أو احذفه."
    ),
    ClosedBy.NOT_ROSTERED: Text(
        "Add a shift to the schedule, or an override for {date}.",
        "أضف وردية إلى الجدول أو استثناءً لتاريخ {date}.",
    ),
    ClosedBy.BREAK: Text("Change the break in the schedule.", "عدّل الاستراحة في الجدول."),
    ClosedBy.OUTSIDE_WORKING_TIME: Text(
        "Look at what is told for each person.", "راجع السبب المذكور لكل موظف."
    ),
    ClosedBy.TAKEN: Text("Move or cancel what takes the time.", "انقل ما يشغل هذا الوقت أو ألغِه."),
    ClosedBy.RESOURCES_TAKEN: Text(
        "Move or cancel what uses it, or add resources of this kind.",
        "انقل ما يستخدمه أو ألغِه، أو أضف موارد من هذا النوع.",
    ),
    ClosedBy.STAFF_DAY_FULL: Text(
        "Raise maximumBookingsPerStaffDay in the policy." + _PLACE_IT,
        "ارفع قيمة maximumBookingsPerStaffDay في السياسة." + _PLACE_IT_AR,
    ),
    ClosedBy.LEAVES_GAP: Text(
        "Set startMode in the policy to GRID." + _PLACE_IT,
        "غيّر startMode في السياسة إلى GRID." + _PLACE_IT_AR,
    ),
}


def message(closing: Closing, language: str) -> str:
    """What closes the start."""
    return _MESSAGES[closing.rule].say(closing, language)


def remedy_for_customers(closing: Closing, language: str) -> str:
    """What a customer can do."""
    return _FOR_CUSTOMERS.get(closing.rule, _OTHER_TIME).say(closing, language)


def remedy_for_members(closing: Closing, language: str) -> str:
    """What the salon can change."""
    return _FOR_MEMBERS[closing.rule].say(closing, language)
