"""What can be refused about calendars, in words for people and reasons for programs."""

from kursi_chassis.errors import FailedPrecondition, NotFound


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
