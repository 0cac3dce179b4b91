"""Reviews as rows, and the salon's count and sum of them, which change with each row in the same transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.db.violations import constraint_errors
from psycopg import sql

from kursi_catalog.domain.errors import ReviewExists
from kursi_catalog.domain.review import Reply, Review, ReviewState
from kursi_catalog.store.rows import Row, fetch_one, insert_row, update_row

COLUMNS = sql.SQL(
    "r.id, r.salon_id, r.booking_id, r.author_id, r.service_ids, r.staff_ids, r.rating, r.text, r.state, "
    "r.hidden_reason, r.reply_text, r.reply_time, r.revision, r.create_time, r.update_time"
)
_FIND = sql.SQL("SELECT {} FROM reviews r WHERE r.salon_id = %(salon_id)s AND r.id = %(id)s").format(COLUMNS)


@dataclass(frozen=True, slots=True)
class Report:
    """That somebody thinks a review should not stand."""

    review_id: UUID
    reporter_id: UUID
    reason: str
    at: datetime


async def find(connection: Connection, salon_id: UUID, review_id: UUID) -> Review | None:
    row = await fetch_one(connection, _FIND, {"salon_id": salon_id, "id": review_id})
    return read(row) if row else None


async def lock(connection: Connection, salon_id: UUID, review_id: UUID) -> Review | None:
    """The review, which nobody else changes until this transaction ends.

    Whoever changes one locks it before the salon's row is counted up, and changes of the salon never look at reviews:
    the two kinds of change do not wait for each other in a circle.
    """
    row = await fetch_one(connection, _FIND + sql.SQL(" FOR UPDATE"), {"salon_id": salon_id, "id": review_id})
    return read(row) if row else None


async def of_booking(connection: Connection, booking_id: UUID) -> UUID | None:
    """The id of the visit's review, deleted or not."""
    query = sql.SQL("SELECT id FROM reviews WHERE booking_id = %(booking_id)s")
    row = await fetch_one(connection, query, {"booking_id": booking_id})
    return row["id"] if row else None


async def insert(connection: Connection, review: Review) -> None:
    """Add and count it. Raises: ReviewExists when somebody was faster with the same visit."""
    with constraint_errors({"reviews_booking_key": lambda _: ReviewExists(review_id="")}):
        await insert_row(connection, "reviews", {"id": review.id, **_write(review)})
    await _count(connection, review.salon_id, (0, 0), review.counted)


async def update(connection: Connection, before: Review, after: Review) -> None:
    """Change it, and what it counts for."""
    await update_row(connection, "reviews", after.id, _write(after))
    await _count(connection, after.salon_id, before.counted, after.counted)


async def report(connection: Connection, report: Report) -> bool:
    """Keep a report; False when the same person has one standing already."""
    cursor = await connection.execute(
        "INSERT INTO review_reports (review_id, reporter_id, reason, create_time) VALUES (%s, %s, %s, %s) "
        "ON CONFLICT ON CONSTRAINT review_reports_pkey DO NOTHING",
        [report.review_id, report.reporter_id, report.reason, report.at],
    )
    return bool(cursor.rowcount)


async def settle_reports(connection: Connection, review_id: UUID, at: datetime) -> int:
    """Somebody has decided about what was reported so far; how many reports that were."""
    cursor = await connection.execute(
        "UPDATE review_reports SET settle_time = %s WHERE review_id = %s AND settle_time IS NULL",
        [at, review_id],
    )
    return cursor.rowcount


async def _count(
    connection: Connection, salon_id: UUID, before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Add what changed to what is there: concurrent reviews wait for the salon's row and none is lost."""
    if before == after:
        return
    await connection.execute(
        "UPDATE salons SET review_count = review_count + %s, rating_sum = rating_sum + %s WHERE id = %s",
        [after[0] - before[0], after[1] - before[1], salon_id],
    )


def read(row: Row) -> Review:
    """The review in a row with `COLUMNS`; further columns do no harm."""
    reply = None if row["reply_text"] is None else Reply(row["reply_text"], row["reply_time"])
    return Review(
        id=row["id"],
        salon_id=row["salon_id"],
        booking_id=row["booking_id"],
        author_id=row["author_id"],
        service_ids=tuple(row["service_ids"]),
        staff_ids=tuple(row["staff_ids"]),
        rating=row["rating"],
        text=row["text"],
        state=ReviewState(row["state"]),
        hidden_reason=row["hidden_reason"],
        reply=reply,
        revision=row["revision"],
        create_time=row["create_time"],
        update_time=row["update_time"],
    )


def _write(review: Review) -> Row:
    return {
        "salon_id": review.salon_id,
        "booking_id": review.booking_id,
        "author_id": review.author_id,
        "service_ids": list(review.service_ids),
        "staff_ids": list(review.staff_ids),
        "rating": review.rating,
        "text": review.text,
        "state": review.state.value,
        "hidden_reason": review.hidden_reason,
        "reply_text": review.reply.text if review.reply else None,
        "reply_time": review.reply.at if review.reply else None,
        "revision": review.revision,
        "create_time": review.create_time,
        "update_time": review.update_time,
    }
