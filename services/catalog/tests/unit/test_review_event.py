"""What others are told of a review."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from kursi_catalog.domain.review import Review, ReviewState
from kursi_catalog.store.review_events import posted_event

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "catalog"


def test_the_posted_event_is_the_one_that_consumers_are_tested_with():
    ids = [UUID(f"01890000-0000-7000-8000-00000000000{number}") for number in range(1, 7)]
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    review = Review(
        id=ids[0], salon_id=ids[1], booking_id=ids[2], author_id=ids[3], service_ids=(ids[4],),
        staff_ids=(ids[5],), rating=5, text="Not told.", state=ReviewState.PUBLISHED, hidden_reason="", reply=None,
        revision=1, create_time=noon, update_time=noon,
    )  # fmt: skip
    event = posted_event(review)
    assert (event.subject, event.aggregate_id, event.revision) == (event.type, review.id, 1)
    assert event.payload == (GOLDEN / f"{event.type}.binpb").read_bytes()
    assert b"Not told" not in event.payload
