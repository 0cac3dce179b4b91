"""Lists of reviews."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql

from kursi_catalog.domain.review import Review
from kursi_catalog.store import reviews
from kursi_catalog.store.rows import fetch_all


class Order(StrEnum):
    NEWEST = "newest"
    HIGHEST = "highest"
    LOWEST = "lowest"


# Ids are made in the order of time. The row comparisons follow the indexes of the same order.
_AFTER = {
    Order.NEWEST: sql.SQL("r.id < %(id)s ORDER BY r.id DESC"),
    Order.HIGHEST: sql.SQL("(r.rating, r.id) < (%(rating)s, %(id)s) ORDER BY r.rating DESC, r.id DESC"),
    Order.LOWEST: sql.SQL("(-r.rating, r.id) < (-%(rating)s, %(id)s) ORDER BY -r.rating DESC, r.id DESC"),
}
_LAST_ID = UUID(int=2**128 - 1)
_BEGINNING = {
    Order.NEWEST: (0, _LAST_ID),
    Order.HIGHEST: (5, _LAST_ID),
    Order.LOWEST: (1, _LAST_ID),
}

_MOST_REASONS = 10
_REPORTED = sql.SQL("""
SELECT {columns}, w.number, w.first_time,
    ARRAY(SELECT p.reason FROM review_reports p WHERE p.review_id = r.id AND p.settle_time IS NULL
          ORDER BY p.create_time, p.reporter_id LIMIT {most}) AS reasons
FROM (
    SELECT review_id, count(*) AS number, min(create_time) AS first_time
    FROM review_reports WHERE settle_time IS NULL GROUP BY review_id
) w JOIN reviews r ON r.id = w.review_id
WHERE r.state <> 'deleted' AND (%(time)s::timestamptz IS NULL OR (w.first_time, r.id) > (%(time)s, %(id)s))
ORDER BY w.first_time, r.id LIMIT %(limit)s
""").format(columns=reviews.COLUMNS, most=sql.Literal(_MOST_REASONS))


@dataclass(frozen=True, slots=True)
class Reported:
    """A review, and what was said against it since somebody last decided."""

    review: Review
    count: int
    first_time: datetime
    reasons: tuple[str, ...]


async def published(
    connection: Connection, salon_id: UUID, order: Order, after: tuple[int, UUID] | None, limit: int
) -> list[Review]:
    """The salon's next published reviews in the order; `after` is rating and id of the last one seen."""
    rating, review_id = after or _BEGINNING[order]
    query = sql.SQL(
        "SELECT {} FROM reviews r WHERE r.salon_id = %(salon_id)s AND r.state = 'published' AND {} LIMIT %(limit)s"
    ).format(reviews.COLUMNS, _AFTER[order])
    parameters = {"salon_id": salon_id, "rating": rating, "id": review_id, "limit": limit}
    return [reviews.read(row) for row in await fetch_all(connection, query, parameters)]


async def reported(connection: Connection, after: tuple[datetime, UUID] | None, limit: int) -> list[Reported]:
    """The next reviews with reports that nobody has settled, the longest waiting first."""
    time, review_id = after or (None, None)
    rows = await fetch_all(connection, _REPORTED, {"time": time, "id": review_id, "limit": limit})
    return [
        Reported(reviews.read(row), row["number"], row["first_time"], tuple(row["reasons"])) for row in rows
    ]
