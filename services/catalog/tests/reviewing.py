"""Customers who review, the platform that decides, and what is left behind, as the tests do it."""

from kursi.catalog.v1 import review_service_pb2 as pb
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id


class Customer:
    """Somebody with an account, and what they do about reviews."""

    def __init__(self, world, salon):
        self.world, self.salon, self.id = world, salon, new_id()
        self.token = world.mint.user(self.id)

    def visit(self, **changes):
        return self.world.booking.visit(**{"salon_id": self.salon.id, "customer_id": self.id, **changes})

    def request(self, booking_id=None, **changes):
        usual = {
            "salon_id": self.salon.id,
            "booking_id": booking_id or self.visit(),
            "rating": 4,
            "text": "Good.",
        }
        return pb.CreateReviewRequest(**{**usual, **changes})

    async def review(self, **changes):
        return await self.world.call("CreateReview", self.request(**changes), self.token)

    async def change(self, review, **fields):
        request = pb.UpdateReviewRequest(salon_id=self.salon.id, review=pb.Review(id=review.id, **fields))
        return await self.world.call("UpdateReview", request, self.token)

    async def delete(self, review):
        request = pb.DeleteReviewRequest(salon_id=self.salon.id, review_id=review.id)
        return await self.world.call("DeleteReview", request, self.token)

    async def report(self, review, reason="Not true."):
        request = pb.ReportReviewRequest(salon_id=self.salon.id, review_id=review.id, reason=reason)
        return await self.world.call("ReportReview", request, self.token)


async def counts(world, salon):
    """The salon's number of reviews and sum of ratings as they are kept."""
    (row,) = await world.rows("SELECT review_count, rating_sum FROM salons WHERE id = %s", salon.id)
    return row["review_count"], row["rating_sum"]


async def moderate(world, review, decision, reason=""):
    request = pb.ModerateReviewRequest(
        salon_id=review.salon_id, review_id=review.id, decision=decision, reason=reason
    )
    return await world.call("ModerateReview", request, world.mint.user(is_admin=True))


def hide(world, review):
    return moderate(world, review, pb.ModerateReviewRequest.HIDE, "Insults.")


def publish(world, review):
    return moderate(world, review, pb.ModerateReviewRequest.PUBLISH)


async def reply(world, review, text):
    request = pb.ReplyToReviewRequest(salon_id=review.salon_id, review_id=review.id, text=text)
    return await world.call("ReplyToReview", request, world.token(review.salon_id, Role.MANAGER))


async def seen_by(world, review, token=None):
    request = pb.GetReviewRequest(salon_id=review.salon_id, review_id=review.id)
    return await world.call("GetReview", request, token)


async def listed(world, salon, token=None, **changes):
    return await world.call("ListReviews", pb.ListReviewsRequest(salon_id=salon.id, **changes), token)


async def lines(world, review):
    """Actions and salons of the audit trail about the review, oldest first."""
    return await world.rows(
        "SELECT action, salon_id, before, after FROM audit WHERE target_id = %s ORDER BY id", review.id
    )


async def reported(world):
    found, token = [], ""
    while True:
        request = pb.ListReportedReviewsRequest(page_size=1, page_token=token)
        page = await world.call("ListReportedReviews", request, world.mint.user(is_admin=True))
        found.extend(page.reviews)
        token = page.next_page_token
        if not token:
            return found
