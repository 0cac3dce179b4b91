"""Instants and spans on the wire: google.protobuf.Timestamp and Duration."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from kursi_chassis.validation import Violations

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Beyond these PostgreSQL, Python or a calendar on a phone stops agreeing; no appointment is made there.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_SECONDS = 100 * 366 * 86_400


def timestamp(instant: datetime) -> Timestamp:
    """An instant for the wire. Raises: ValueError for a naive datetime."""
    if instant.tzinfo is None:
        message = "an instant needs a time zone"
        raise ValueError(message)
    span = instant - EPOCH
    return Timestamp(seconds=span.days * 86_400 + span.seconds, nanos=span.microseconds * 1_000)


def optional_timestamp(instant: datetime | None) -> Timestamp | None:
    """An instant for the wire; None stays None, which leaves a field of a message unset.

    Raises: ValueError for a naive datetime.
    """
    return None if instant is None else timestamp(instant)


def instant(check: Violations, field: str, message: Timestamp) -> datetime:
    """Read an instant, cut to microseconds; the epoch stands in for one outside of the years 1900 to 2199."""
    if 0 <= message.nanos < 1_000_000_000 and _is_plausible(message.seconds):
        return EPOCH + timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)
    check.add(field, "MALFORMED")
    return EPOCH


def duration(span: timedelta) -> Duration:
    """A span for the wire."""
    return Duration(
        seconds=int(span / timedelta(seconds=1)),
        nanos=(span - timedelta(seconds=int(span / timedelta(seconds=1))))
        // timedelta(microseconds=1)
        * 1_000,
    )


def span(check: Violations, field: str, message: Duration) -> timedelta:
    """Read a span of zero or more, up to a century; zero stands in for a bad one."""
    if 0 <= message.seconds <= _LONGEST_SECONDS and 0 <= message.nanos < 1_000_000_000:
        return timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)
    check.add(field, "MALFORMED")
    return timedelta()


def _is_plausible(seconds: int) -> bool:
    return EARLIEST.timestamp() <= seconds < LATEST.timestamp()
