"""What customers say of their visits, and what is said to that."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.clock import Clock
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.events import outbox
from kursi_chassis.grpc.etag import check_etag
from kursi_chassis.ids import new_id

from kursi_catalog.domain import trail
from kursi_catalog.domain.errors import (
    BookingNotFound,
    OwnSalon,
    ReviewExists,
    ReviewNotFound,
    VisitNotCompleted,
)
from kursi_catalog.domain.review import Reply, Review, ReviewState
from kursi_catalog.domain.trail import Json
from kursi_catalog.ports import Booking, Visit
from kursi_catalog.queries import reviews as lists
from kursi_catalog.queries.reviews import Order, Reported
from kursi_catalog.queries.visibility import is_insider, visible_salon
from kursi_catalog.store import reviews
from kursi_catalog.store.audit import Scribe
from kursi_catalog.store.review_events import posted_event
from kursi_catalog.store.reviews import Report
from kursi_catalog.usecases.kinds import Fields
from kursi_catalog.usecases.once import Render, RequestKey, first_answer, once


class Reviews:
    """Every change locks the review, changes the salon's count with it, and adds a line to the audit trail."""

    def __init__(self, database: Database, clock: Clock, booking: Booking) -> None:
        self._database = database
        self._clock = clock
        self._booking = booking

    async def write(
        self,
        caller: Caller,
        salon_id: UUID,
        booking_id: UUID,
        fields: Fields,
        *,
        key: RequestKey,
        render: Render[Review],
    ) -> bytes:
        """Review a visit.

        Raises: SalonNotFound, BookingNotFound, OwnSalon, VisitNotCompleted, ReviewExists, RequestIdReused; Unavailable
            when booking does not answer.
        """
        async with self._database.snapshot() as connection:
            kept = await first_answer(connection, caller, key)
        if kept is not None:
            # Given again also while booking cannot be asked.
            return kept
        visit = await self._visit_of(caller, salon_id, booking_id)

        async def work(connection: Connection) -> bytes:
            scribe = Scribe(connection, caller, self._clock.now())
            review = _fresh(visit, scribe.now, fields)
            # The constraint decides; asking first gives the id of the review that stands.
            existing = await reviews.of_booking(connection, booking_id)
            if existing is not None:
                raise ReviewExists(review_id=existing)
            await reviews.insert(connection, review)
            await _record(scribe, "posted", None, review)
            await outbox.append(connection, posted_event(review))
            return render(review)

        return await once(self._database, caller, key, work)

    async def get(self, caller: Caller, salon_id: UUID, review_id: UUID) -> Review:
        """Raises: SalonNotFound; ReviewNotFound also when it is hidden from the caller."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            review = await reviews.find(connection, salon_id, review_id)
        if review is None or not _may_see(caller, review):
            raise ReviewNotFound
        return review

    async def page(
        self, caller: Caller, salon_id: UUID, order: Order, *, after: tuple[int, UUID] | None, limit: int
    ) -> list[Review]:
        """The next published ones. Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await lists.published(connection, salon_id, order, after, limit)

    async def reported(self, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Reported]:
        """The next ones that wait for a decision."""
        async with self._database.snapshot() as connection:
            return await lists.reported(connection, after, limit)

    async def change(
        self, caller: Caller, salon_id: UUID, review_id: UUID, *, etag: str, fields: Fields
    ) -> Review:
        """Change one's own. Raises: ReviewNotFound, StaleEtag, ReviewHidden, TooLateToEdit."""
        async with self._database.transaction() as connection:
            scribe = Scribe(connection, caller, self._clock.now())
            before = await _own(connection, caller, salon_id, review_id)
            check_etag(etag, before.revision)
            before.expect_editable(scribe.now)
            asked = replace(before, **fields)
            if asked == before:
                return before
            return await _save(scribe, "updated", before, replace(asked, update_time=scribe.now))

    async def delete(self, caller: Caller, salon_id: UUID, review_id: UUID) -> None:
        """Take one's own back, words and all; a repetition changes nothing. Raises: ReviewNotFound."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            before = await reviews.lock(connection, salon_id, review_id)
            if before is None or before.author_id != caller.user_id:
                raise ReviewNotFound
            if before.state is ReviewState.DELETED:
                return
            husk = replace(
                before, state=ReviewState.DELETED, text="", reply=None, hidden_reason="", update_time=now,
                revision=before.revision + 1,
            )  # fmt: skip
            await reviews.update(connection, before, husk)
            await reviews.settle_reports(connection, review_id, now)
            await _record(Scribe(connection, caller, now), "deleted", before, None)

    async def reply(self, caller: Caller, salon_id: UUID, review_id: UUID, text: str) -> Review:
        """Answer for the salon; an empty answer takes it back. Raises: ReviewNotFound."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            before = await _standing(connection, salon_id, review_id)
            if text == (before.reply.text if before.reply else ""):
                return before
            asked = replace(before, reply=Reply(text, now) if text else None)
            return await _save(Scribe(connection, caller, now), "replied", before, asked)

    async def report(self, caller: Caller, salon_id: UUID, review_id: UUID, reason: str) -> None:
        """Say that it should not stand, once. Raises: SalonNotFound, ReviewNotFound."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            await visible_salon(connection, caller, salon_id)
            review = await _standing(connection, salon_id, review_id)
            if not _may_see(caller, review) or caller.user_id is None:
                raise ReviewNotFound
            if await reviews.report(connection, Report(review.id, caller.user_id, reason, now)):
                # Who reports is for the platform to know, not for the salon: the line names no salon.
                scribe, said = Scribe(connection, caller, now), {"reason": reason}
                await scribe.write(Entry("review.reported", "review", review.id, after=said))

    async def moderate(
        self, caller: Caller, salon_id: UUID, review_id: UUID, state: ReviewState, reason: str
    ) -> Review:
        """Hide or publish it; the reports so far are settled by that. Raises: ReviewNotFound."""
        async with self._database.transaction() as connection:
            now = self._clock.now()
            before = await _standing(connection, salon_id, review_id)
            settled = await reviews.settle_reports(connection, review_id, now)
            hidden_reason = reason if state is ReviewState.HIDDEN else ""
            asked = replace(before, state=state, hidden_reason=hidden_reason)
            if asked == before and not settled:
                return before
            action = "hidden" if state is ReviewState.HIDDEN else "published"
            return await _save(Scribe(connection, caller, now), action, before, asked)

    async def _visit_of(self, caller: Caller, salon_id: UUID, booking_id: UUID) -> Visit:
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
        if caller.role_in(salon_id) >= Role.STAFF:
            raise OwnSalon
        visit = await self._booking.visit(booking_id)
        if visit is None or visit.salon_id != salon_id or visit.customer_id != caller.user_id:
            raise BookingNotFound
        if not visit.is_completed:
            raise VisitNotCompleted
        return visit


def _fresh(visit: Visit, now: datetime, fields: Fields) -> Review:
    if visit.customer_id is None:
        raise BookingNotFound
    return Review(
        id=new_id(), salon_id=visit.salon_id, booking_id=visit.booking_id, author_id=visit.customer_id,
        service_ids=visit.service_ids, staff_ids=visit.staff_ids, state=ReviewState.PUBLISHED, hidden_reason="",
        reply=None, revision=1, create_time=now, update_time=now, **fields,
    )  # fmt: skip


def _may_see(caller: Caller, review: Review) -> bool:
    if review.state is ReviewState.DELETED:
        return False
    is_known = caller.user_id == review.author_id or is_insider(caller, review.salon_id)
    return review.state is ReviewState.PUBLISHED or is_known


async def _standing(connection: Connection, salon_id: UUID, review_id: UUID) -> Review:
    review = await reviews.lock(connection, salon_id, review_id)
    if review is None or review.state is ReviewState.DELETED:
        raise ReviewNotFound
    return review


async def _own(connection: Connection, caller: Caller, salon_id: UUID, review_id: UUID) -> Review:
    review = await _standing(connection, salon_id, review_id)
    if review.author_id != caller.user_id:
        raise ReviewNotFound
    return review


async def _save(scribe: Scribe, action: str, before: Review, asked: Review) -> Review:
    after = replace(asked, revision=before.revision + 1)
    await reviews.update(scribe.connection, before, after)
    await _record(scribe, action, before, after)
    return after


async def _record(scribe: Scribe, action: str, before: Review | None, after: Review | None) -> None:
    if before and after:
        old, new = trail.difference(before, after)
    else:
        old, new = _document(before), _document(after)
    target = after or before
    if target is None:
        message = "a line is about something"
        raise ValueError(message)
    entry = Entry(
        f"review.{action}", "review", target.id, target.salon_id, _without_words(old), _without_words(new)
    )
    await scribe.write(entry)


def _document(review: Review | None) -> dict[str, Json]:
    return trail.document(review) if review else {}


def _without_words(values: Mapping[str, object]) -> Mapping[str, object] | None:
    """The trail is for good, a customer's words are not: it says how long they were."""
    if "text" not in values:
        return values or None
    others = {name: value for name, value in values.items() if name != "text"}
    return {**others, "text_length": len(str(values["text"]))}
