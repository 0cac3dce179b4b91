"""What can be refused about calendars, in words for people and reasons for programs."""

from datetime import timedelta

from kursi_chassis.errors import AlreadyExists, Exhausted, FailedPrecondition, Invalid, NotFound, Violation
from kursi_chassis.wording import register_violation_texts

register_violation_texts(
    {
        "SCHEME_NOT_ALLOWED": ("Use an address that begins with https.", "استخدم عنوانًا يبدأ بـ https."),
        "PORT_NOT_ALLOWED": ("This port is not allowed.", "هذا المنفذ غير مسموح به."),
        "HAS_CREDENTIALS": (
            "Use an address without a user name or password.",
            "استخدم عنوانًا دون اسم مستخدم أو كلمة مرور.",
        ),
        "NOT_A_PUBLIC_HOST": (
            "This host was not found on the public internet.",
            "لم يُعثر على هذا الخادم على الإنترنت العام.",
        ),
    }
)


class CalendarFeedNotFound(NotFound):
    """There is no such feed, or no longer, or it is none of the caller's business."""

    reason = "CALENDAR_FEED_NOT_FOUND"
    en = "This calendar feed was not found."
    ar = "لم يُعثر على هذا التقويم."


class TooManyFeeds(FailedPrecondition):
    """One must be revoked first."""

    reason = "TOO_MANY_FEEDS"
    en = "There are already {limit} feeds; revoke one first."
    ar = "يوجد بالفعل {limit} من روابط التقويم؛ ألغِ أحدها أولًا."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class ExternalCalendarNotFound(NotFound):
    """The staff member has no such calendar."""

    reason = "EXTERNAL_CALENDAR_NOT_FOUND"
    en = "This calendar was not found."
    ar = "لم يُعثر على هذا التقويم."


class TooManyCalendars(FailedPrecondition):
    """One must be disconnected first."""

    reason = "TOO_MANY_CALENDARS"
    en = "There are already {limit} calendars; disconnect one first."
    ar = "يوجد بالفعل {limit} من التقاويم المتصلة؛ افصل أحدها أولًا."

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)


class CalendarAlreadyConnected(AlreadyExists):
    """The staff member has a calendar of this address."""

    reason = "CALENDAR_ALREADY_CONNECTED"
    en = "This calendar is already connected."
    ar = "هذا التقويم متصل بالفعل."


class RefreshedTooOften(Exhausted):
    """Somebody has just asked for the same."""

    reason = "REFRESHED_TOO_OFTEN"
    en = "This calendar was refreshed less than a minute ago."
    ar = "تم تحديث هذا التقويم قبل أقل من دقيقة."

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(retry_after)


class AddressNotAllowed(Invalid):
    """The address of a calendar cannot be used, whatever is behind it."""

    def __init__(self, reason: str) -> None:
        super().__init__(Violation("url", reason))
        self.why = reason
