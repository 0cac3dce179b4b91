"""Events that a consumer cannot handle: kept whole and counted.

A dead one is looked at by a person, and tried again on demand. One that was set aside is tried again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from nats.aio.msg import Msg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kursi_chassis.db.database import Connection, Database

_COLUMNS: Final[LiteralString] = (
    "id, consumer, stream, stream_seq, event_id, subject, headers, payload, error_class, attempts, "
    "first_at, last_at, state"
)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A failed event. `event_id` is None when not even that could be read."""

    id: UUID
    consumer: str
    stream: str
    stream_seq: int
    event_id: UUID | None
    subject: str
    headers: Mapping[str, str]
    payload: bytes
    error_class: str
    attempts: int
    first_at: datetime
    last_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How often an event has failed, and whether the broker shall give it out again."""

    attempts: int
    comes_back: bool


_NOTE: Final[LiteralString] = """
INSERT INTO dead_letters AS letter (consumer, stream, stream_seq, event_id, subject, headers, payload,
                                    error_class, attempts, state)
VALUES (%(consumer)s, %(stream)s, %(stream_seq)s, %(event_id)s, %(subject)s, %(headers)s, %(payload)s,
        %(error_class)s, 1, CASE WHEN 1 >= %(limit)s::int THEN %(at_last)s ELSE 'retrying' END)
ON CONFLICT ON CONSTRAINT dead_letters_delivery_key DO UPDATE SET
    attempts = letter.attempts + 1,
    last_at = now(),
    error_class = excluded.error_class,
    state = CASE WHEN letter.attempts + 1 >= %(limit)s::int THEN %(at_last)s ELSE 'retrying' END
RETURNING attempts, state = 'retrying'
"""


async def browse(
    connection: Connection, *, states: Sequence[str] = ("dead",), before: UUID | None = None, limit: int = 50
) -> list[DeadLetter]:
    """Newest first. `before` is the last id of the page before."""
    async with connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        await cursor.execute(
            f"SELECT {_COLUMNS} FROM dead_letters WHERE state = ANY (%s) "  # noqa: S608 - a constant
            "AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
            [list(states), before, before, limit],
        )
        return await cursor.fetchall()


async def replay(connection: Connection, letter_id: UUID) -> bool:
    """Have the consumer try a dead event once more, within seconds. False when no such dead event exists."""
    cursor = await connection.execute(
        "UPDATE dead_letters SET state = 'replaying' WHERE id = %s AND state = 'dead'", [letter_id]
    )
    return cursor.rowcount == 1


class DeadLetters:
    """A consumer's notes about failures, each in a transaction of its own: they outlive the failed one."""

    def __init__(self, database: Database, consumer: str, stream: str) -> None:
        self._database = database
        self._consumer = consumer
        self._stream = stream

    async def note(self, message: Msg, event_id: UUID | None, error: Exception, *, limit: int) -> Verdict:
        """Count a failure, in whichever process it was; from the attempt number `limit` on the event is dead.

        Told twice (a crash before the broker knew), it stays one row.
        """
        return await self._note(message, event_id, error, limit=limit, at_last="dead")

    async def set_aside(self, message: Msg, event_id: UUID | None, error: Exception) -> None:
        """Keep an event out of the others' way, to be replayed: nobody knows yet who is to blame."""
        await self._note(message, event_id, error, limit=1, at_last="replaying")

    async def _note(
        self, message: Msg, event_id: UUID | None, error: Exception, *, limit: int, at_last: str
    ) -> Verdict:
        async with self._database.autocommit() as connection:
            cursor = await connection.execute(_NOTE, {
                "consumer": self._consumer, "stream": self._stream, "event_id": event_id,
                "stream_seq": message.metadata.sequence.stream, "subject": _storable(message.subject),
                "headers": Jsonb({_storable(k): _storable(v) for k, v in (message.headers or {}).items()}),
                "payload": message.data,
                "error_class": type(error).__name__, "limit": limit, "at_last": at_last,
            })  # fmt: skip
            (attempts, comes_back), *_ = await cursor.fetchall()
            return Verdict(attempts=attempts, comes_back=comes_back)

    async def forgive(self, sequences: Sequence[int]) -> None:
        """Forget failures of events that were handled in the end."""
        async with self._database.autocommit() as connection:
            await connection.execute(
                "DELETE FROM dead_letters WHERE consumer = %s AND stream = %s AND stream_seq = ANY (%s) "
                "AND state = 'retrying'",
                [self._consumer, self._stream, list(sequences)],
            )

    async def to_replay(self) -> list[DeadLetter]:
        """What was set aside, or somebody asked to be tried again: oldest first, at most 20."""
        async with (
            self._database.autocommit() as connection,
            connection.cursor(row_factory=class_row(DeadLetter)) as cursor,
        ):
            await cursor.execute(
                f"SELECT {_COLUMNS} FROM dead_letters "  # noqa: S608 - a constant
                "WHERE consumer = %s AND stream = %s AND state = 'replaying' ORDER BY id LIMIT 20",
                [self._consumer, self._stream],
            )
            return await cursor.fetchall()

    async def settle(self, letter: DeadLetter, failure: Exception | None) -> None:
        """Write down how a replay went."""
        async with self._database.autocommit() as connection:
            await connection.execute(
                "UPDATE dead_letters SET state = %s, error_class = %s, attempts = attempts + 1, "
                "last_at = now() WHERE id = %s AND state = 'replaying'",
                [
                    "dead" if failure else "replayed",
                    type(failure).__name__ if failure else letter.error_class,
                    letter.id,
                ],
            )


def _storable(text: str) -> str:
    """PostgreSQL keeps any character but NUL, which the broker lets through."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
