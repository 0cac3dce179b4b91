"""`kursi.catalog.v1.ReviewService`."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from kursi.catalog.v1 import review_service_pb2 as pb
from kursi_chassis.caller import Caller, current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.validation import Violations

from kursi_catalog.api.reading import Read, choice, page_of, read_fields, request_key, writable
from kursi_catalog.domain.review import Review, ReviewState
from kursi_catalog.queries.reviews import Order, Reported
from kursi_catalog.queries.visibility import is_insider
from kursi_catalog.usecases.reviews import Reviews

REVIEWS = "kursi.catalog.v1.ReviewService"

_LONGEST_TEXT, _LONGEST_REASON = 2000, 500
_ORDERS: Mapping[int, Order] = {
    pb.ListReviewsRequest.NEWEST: Order.NEWEST,
    pb.ListReviewsRequest.ORDER_UNSPECIFIED: Order.NEWEST,
    pb.ListReviewsRequest.HIGHEST: Order.HIGHEST,
    pb.ListReviewsRequest.LOWEST: Order.LOWEST,
}
_DECISIONS: Mapping[int, ReviewState] = {
    pb.ModerateReviewRequest.HIDE: ReviewState.HIDDEN,
    pb.ModerateReviewRequest.PUBLISH: ReviewState.PUBLISHED,
}
_STATES = {ReviewState.PUBLISHED: pb.Review.PUBLISHED, ReviewState.HIDDEN: pb.Review.HIDDEN}
_READERS: Mapping[str, Read[pb.Review]] = {
    "rating": lambda check, field, review: check.integer(field, review.rating, 1, 5),
    "text": lambda check, field, review: check.text(field, review.text, _LONGEST_TEXT, lines=True),
}


class ReviewServicer:
    def __init__(self, reviews: Reviews, page_token_key: str) -> None:
        self._reviews = reviews
        self._pages = PageTokens(page_token_key, "catalog.reviews")
        self._reported = PageTokens(page_token_key, "catalog.reported_reviews")

    async def CreateReview(self, request: pb.CreateReviewRequest, _context: Context) -> pb.Review:
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            booking_id = check.id("booking_id", request.booking_id)
            fields = {
                "rating": check.integer("rating", request.rating, 1, 5),
                "text": check.text("text", request.text, _LONGEST_TEXT, lines=True),
            }
        caller = current_caller()
        answer = await self._reviews.write(
            caller,
            salon_id,
            booking_id,
            fields,
            key=request_key(request, request.request_id),
            render=lambda review: _review(review, caller).SerializeToString(deterministic=True),
        )
        return pb.Review.FromString(answer)

    async def GetReview(self, request: pb.GetReviewRequest, _context: Context) -> pb.Review:
        salon_id, review_id = _ids(request.salon_id, request.review_id)
        caller = current_caller()
        return _review(await self._reviews.get(caller, salon_id, review_id), caller)

    async def ListReviews(self, request: pb.ListReviewsRequest, _context: Context) -> pb.ListReviewsResponse:
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            order = choice(check, "order", request.order, _ORDERS)
        caller, limit = current_caller(), page_size(request.page_size)
        filters = {"salon_id": salon_id, "order": order.value}
        position = self._pages.decode(request.page_token, filters)
        after = (int(str(position[0])), UUID(str(position[1]))) if position else None
        found = await self._reviews.page(caller, salon_id, order, after=after, limit=limit + 1)
        rows, last = page_of(found, limit)
        return pb.ListReviewsResponse(
            reviews=[_review(row, caller) for row in rows],
            next_page_token=self._pages.encode([last.rating, str(last.id)], filters) if last else "",
        )

    async def UpdateReview(self, request: pb.UpdateReviewRequest, _context: Context) -> pb.Review:
        salon_id, review_id = _ids(request.salon_id, request.review.id, "review.id")
        paths = writable("review", request.review, request.update_mask)
        fields = read_fields("review", request.review, _READERS, paths)
        caller, etag = current_caller(), request.review.etag
        changed = await self._reviews.change(caller, salon_id, review_id, etag=etag, fields=fields)
        return _review(changed, caller)

    async def DeleteReview(self, request: pb.DeleteReviewRequest, _context: Context) -> Empty:
        salon_id, review_id = _ids(request.salon_id, request.review_id)
        await self._reviews.delete(current_caller(), salon_id, review_id)
        return Empty()

    async def ReplyToReview(self, request: pb.ReplyToReviewRequest, _context: Context) -> pb.Review:
        salon_id, review_id = _ids(request.salon_id, request.review_id)
        with Violations() as check:
            text = check.text("text", request.text, _LONGEST_TEXT, lines=True)
        caller = current_caller()
        return _review(await self._reviews.reply(caller, salon_id, review_id, text), caller)

    async def ReportReview(self, request: pb.ReportReviewRequest, _context: Context) -> Empty:
        salon_id, review_id = _ids(request.salon_id, request.review_id)
        with Violations() as check:
            reason = check.text("reason", request.reason, _LONGEST_REASON, 1, lines=True)
        await self._reviews.report(current_caller(), salon_id, review_id, reason)
        return Empty()

    async def ModerateReview(self, request: pb.ModerateReviewRequest, _context: Context) -> pb.Review:
        salon_id, review_id = _ids(request.salon_id, request.review_id)
        with Violations() as check:
            state = choice(check, "decision", request.decision, _DECISIONS)
            least = 1 if state is ReviewState.HIDDEN else 0
            reason = check.text("reason", request.reason, _LONGEST_REASON, least, lines=True)
        caller = current_caller()
        return _review(await self._reviews.moderate(caller, salon_id, review_id, state, reason), caller)

    async def ListReportedReviews(
        self, request: pb.ListReportedReviewsRequest, _context: Context
    ) -> pb.ListReportedReviewsResponse:
        caller, limit = current_caller(), page_size(request.page_size)
        position = self._reported.decode(request.page_token, {})
        after = (datetime.fromisoformat(str(position[0])), UUID(str(position[1]))) if position else None
        rows, last = page_of(await self._reviews.reported(after=after, limit=limit + 1), limit)
        position = [last.first_time.isoformat(), str(last.review.id)] if last else None
        return pb.ListReportedReviewsResponse(
            reviews=[_reported(row, caller) for row in rows],
            next_page_token=self._reported.encode(position, {}) if position else "",
        )


def _ids(salon_id: str, review_id: str, field: str = "review_id") -> tuple[UUID, UUID]:
    with Violations() as check:
        return check.id("salon_id", salon_id), check.id(field, review_id)


def _review(it: Review, caller: Caller) -> pb.Review:
    """As the caller may see it: whose visit it was is between its customer and the salon."""
    own = caller.user_id is not None and caller.user_id == it.author_id
    reply = pb.Review.Reply(text=it.reply.text, time=timestamp(it.reply.at)) if it.reply else None
    return pb.Review(
        id=str(it.id), salon_id=str(it.salon_id),
        booking_id=str(it.booking_id) if own or is_insider(caller, it.salon_id) else "",
        service_ids=map(str, it.service_ids), staff_ids=map(str, it.staff_ids), rating=it.rating, text=it.text,
        state=_STATES[it.state], hidden_reason=it.hidden_reason, reply=reply, own=own,
        create_time=timestamp(it.create_time), update_time=timestamp(it.update_time), etag=etag_of(it.revision),
    )  # fmt: skip


def _reported(it: Reported, caller: Caller) -> pb.ListReportedReviewsResponse.Reported:
    return pb.ListReportedReviewsResponse.Reported(
        review=_review(it.review, caller),
        report_count=it.count,
        reasons=it.reasons,
        first_report_time=timestamp(it.first_time),
    )
