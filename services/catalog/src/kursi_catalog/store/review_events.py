"""What the other services are told of reviews."""

from kursi.catalog.events.v1 import catalog_events_pb2
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import timestamp

from kursi_catalog.domain.review import Review

_POSTED = "kursi.catalog.v1.review.posted"


def posted_event(review: Review) -> Event:
    """That a visit was reviewed. What booking caches of the salon stays good: its version does not change."""
    message = catalog_events_pb2.ReviewPostedEvent(
        review_id=str(review.id),
        salon_id=str(review.salon_id),
        booking_id=str(review.booking_id),
        customer_id=str(review.author_id),
        rating=review.rating,
        service_ids=map(str, review.service_ids),
        staff_ids=map(str, review.staff_ids),
        occur_time=timestamp(review.create_time),
    )
    return Event(
        type=_POSTED,
        subject=_POSTED,
        aggregate_id=review.id,
        revision=review.revision,
        payload=message.SerializeToString(deterministic=True),
        occurred_at=review.create_time,
        schema="kursi.catalog.events.v1.ReviewPostedEvent",
    )
