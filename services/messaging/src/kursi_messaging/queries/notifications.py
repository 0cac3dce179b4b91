"""Lists of messages, and one message with its tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from psycopg import sql
from psycopg.rows import class_row

from kursi_messaging.domain.notification import Attempt, Notification, NotificationNotFound
from kursi_messaging.store.notifications import COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which messages; everything that is not None or empty must fit."""

    salon_id: UUID | None = None
    recipient_id: UUID | None = None
    booking_id: UUID | None = None
    statuses: Sequence[str] = ()
    channel: str = ""


class Notifications:
    """What has been and will be sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, search: Search, *, before: UUID | None, limit: int) -> list[Notification]:
        """Messages, newest first, from after the one with the id `before`."""
        conditions = {
            "salon_id = %(salon)s": search.salon_id,
            "recipient_id = %(recipient)s": search.recipient_id,
            "booking_id = %(booking)s": search.booking_id,
            "status = ANY (%(statuses)s)": search.statuses,
            "channel = %(channel)s": search.channel,
            "id < %(before)s": before,
        }
        wanted = [sql.SQL(condition) for condition, value in conditions.items() if value]
        query = sql.SQL("SELECT {} FROM notifications WHERE {} ORDER BY id DESC LIMIT %(limit)s").format(
            COLUMNS, sql.SQL(" AND ").join(wanted) if wanted else sql.SQL("true")
        )
        parameters = {
            "salon": search.salon_id,
            "recipient": search.recipient_id,
            "booking": search.booking_id,
            "statuses": list(search.statuses),
            "channel": search.channel,
            "before": before,
            "limit": limit,
        }
        async with self._database.snapshot() as connection:
            return await _rows(connection, query, parameters)

    async def coming(
        self, salon_id: UUID, booking_id: UUID | None, *, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Notification]:
        """A salon's messages that are not sent yet, soonest first, from after that moment and id."""
        conditions = [sql.SQL("salon_id = %(salon)s AND status IN ('pending', 'scheduled', 'deferred')")]
        if booking_id:
            conditions.append(sql.SQL("booking_id = %(booking)s"))
        if after:
            conditions.append(sql.SQL("(due_at, id) > (%(due_at)s, %(id)s)"))
        due_at, last_id = after or (None, None)
        query = sql.SQL("SELECT {} FROM notifications WHERE {} ORDER BY due_at, id LIMIT %(limit)s").format(
            COLUMNS, sql.SQL(" AND ").join(conditions)
        )
        parameters = {
            "salon": salon_id, "booking": booking_id, "due_at": due_at, "id": last_id, "limit": limit,
        }  # fmt: skip
        async with self._database.snapshot() as connection:
            return await _rows(connection, query, parameters)

    async def one(self, notification_id: UUID) -> tuple[Notification, list[Attempt]]:
        """A message and its tries, oldest first, as of one moment.

        Raises:
            NotificationNotFound: there is none.
        """
        async with self._database.repeatable_snapshot() as connection:
            query = sql.SQL("SELECT {} FROM notifications WHERE id = %(id)s").format(COLUMNS)
            found = await _rows(connection, query, {"id": notification_id})
            if not found:
                raise NotificationNotFound
            async with connection.cursor(row_factory=class_row(Attempt)) as cursor:
                await cursor.execute(
                    "SELECT number, provider, outcome, code, dispatched_at, finished_at FROM attempts "
                    "WHERE notification_id = %s ORDER BY number",
                    [notification_id],
                )
                return found[0], await cursor.fetchall()


async def _rows(
    connection: Connection, query: sql.Composed, parameters: Mapping[str, object]
) -> list[Notification]:
    async with connection.cursor(row_factory=class_row(Notification)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()
