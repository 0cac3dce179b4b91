"""The bytes of the events that messaging publishes are pinned: whoever reads them may rely on them."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from kursi_messaging.domain.words import Status
from kursi_messaging.store.events import notification_event

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "messaging"
NOTIFICATION = UUID("018f3a5e-0000-7000-8000-000000000001")


def event_of(status: Status, error_code: str = "", attempt: int = 1):
    return notification_event(
        status,
        notification_id=NOTIFICATION,
        salon_id=UUID("018f3a5e-0000-7000-8000-0000000000a1"),
        booking_id=UUID("018f3a5e-0000-7000-8000-000000000002"),
        recipient_id=UUID("018f3a5e-0000-7000-8000-0000000000c1"),
        channel="sms",
        about="booking_confirmed",
        error_code=error_code,
        attempt=attempt,
        at=datetime(2026, 3, 12, 12, 0, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("status", "error_code"), [(Status.SENT, ""), (Status.DELIVERED, ""), (Status.FAILED, "twilio_30003")]
)
def test_an_event_is_the_pinned_bytes(status, error_code):
    event = event_of(status, error_code)
    assert event.type == event.subject == f"kursi.messaging.v1.notification.{status}"
    assert event.payload == (GOLDEN / f"{event.type}.binpb").read_bytes()


def test_revisions_grow_with_every_step_and_every_try():
    steps = [
        event_of(Status.SENT), event_of(Status.DELIVERED), event_of(Status.DEAD, "x"),
        event_of(Status.SENT, attempt=2),
    ]  # fmt: skip
    revisions = [event.revision for event in steps]
    assert revisions == sorted(set(revisions))


def test_what_concerns_nobody_else_is_no_event():
    assert event_of(Status.SKIPPED) is None
