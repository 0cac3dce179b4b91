"""The closed lists of words: how, for whom, about what, and what became of it."""

from enum import StrEnum


class Channel(StrEnum):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"


TEXT_CHANNELS = (Channel.SMS, Channel.WHATSAPP)
"""What reaches a phone number."""


class Audience(StrEnum):
    """For whom a message is written: the two read different words."""

    CUSTOMER = "customer"
    STAFF_MEMBER = "staff_member"


class Event(StrEnum):
    """What a message is about."""

    BOOKING_CREATED = "booking_created"
    BOOKING_CONFIRMED = "booking_confirmed"
    BOOKING_RESCHEDULED = "booking_rescheduled"
    BOOKING_CANCELLED = "booking_cancelled"
    PAYMENT_CAPTURED = "payment_captured"
    PAYMENT_FAILED = "payment_failed"
    REMINDER = "reminder"
    MANUAL = "manual"
    WAITLIST_OFFER = "waitlist_offer"
    SERIES_CREATED = "series_created"
    SERIES_CANCELLED = "series_cancelled"
    CALENDAR_CONFLICT = "calendar_conflict"
    SERIES_CONFIRMED = "series_confirmed"


class Status(StrEnum):
    """What has become of a message. The database knows which may follow which."""

    PENDING = "pending"
    SCHEDULED = "scheduled"
    DEFERRED = "deferred"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    FAILED = "failed"
    BOUNCED = "bounced"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    DEAD = "dead"


OPEN = (Status.PENDING, Status.SCHEDULED, Status.DEFERRED)
"""Not sent yet: what can still be taken back, moved and claimed."""


class SkipReason(StrEnum):
    """Why a message was deliberately not sent, or, with CANCELLED, taken back."""

    NO_PHONE = "no_phone"
    NO_EMAIL = "no_email"
    NO_SENDER = "no_sender"
    PREF_OFF = "pref_off"
    STALE = "stale"
    """The booking or the offer has moved on, and this would tell what is no longer true."""
    TOO_LATE = "too_late"
    QUIET_HOURS = "quiet_hours"
    """A reminder that no moment outside of the recipient's quiet hours was left for."""
    HELD = "held"
    """Made, but not paid yet: whoever pays is told by the confirmation."""
    OVER = "over"
    """The visit was over when the salon wrote it down: nobody waits for news of it."""
    SERIES = "series"
    """One message about the whole series tells it."""
    REPLAY = "replay"
    """The event is older than what is worth telling; it came out of a replayed stream."""
    SUPERSEDED = "superseded"
    """With CANCELLED: the booking or the salon's rules no longer ask for this reminder, or the offer is gone."""
    BY_PERSON = "by_person"
    """With CANCELLED: a manager took it back."""


PRIORITY = {
    Event.BOOKING_CANCELLED: 0,
    Event.BOOKING_RESCHEDULED: 0,
    Event.PAYMENT_FAILED: 0,
    Event.MANUAL: 0,
    Event.WAITLIST_OFFER: 0,
    Event.SERIES_CANCELLED: 0,
    Event.BOOKING_CREATED: 1,
    Event.BOOKING_CONFIRMED: 1,
    Event.SERIES_CREATED: 1,
    Event.SERIES_CONFIRMED: 1,
    Event.CALENDAR_CONFLICT: 1,
    Event.PAYMENT_CAPTURED: 1,
    Event.REMINDER: 2,
}
"""Which messages overtake which: a cancellation never waits behind tomorrow's reminders."""


class BookingState(StrEnum):
    """States of a booking, as booking's events spell them."""

    HELD = "held"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    CHECKED_IN = "checked_in"
    COMPLETED = "completed"
    NO_SHOW = "no_show"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
