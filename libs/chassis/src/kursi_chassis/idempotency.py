"""Answers already given: a repeated request id gets the first answer, and nothing is done twice."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final, LiteralString

import psycopg

from kursi_chassis.db.database import Connection
from kursi_chassis.errors import AlreadyExists, Conflict

INSERT_REPLY: Final[LiteralString] = """
INSERT INTO replies (caller, method, request_id, fingerprint, response)
SELECT %(reply_caller)s, %(reply_method)s, %(reply_request_id)s, %(reply_fingerprint)s, %(reply_response)s
"""
"""For a statement that writes the change and its answer at once; a WHERE may follow.

A repetition violates `replies_pkey`, which takes the whole statement back; then `Replies.find` has the first
answer. While the first one is still at work the repetition waits for it, up to the lock timeout.
"""

KEPT: Final = timedelta(hours=24)


class RequestInProgress(Conflict):
    """The same request id is being worked on right now; ask again and get its answer."""

    reason = "REQUEST_IN_PROGRESS"
    en = "The same request is still being processed. Try again shortly."
    ar = "ما زال الطلب نفسه قيد المعالجة. حاول بعد قليل."


class RequestIdReused(AlreadyExists):
    """The request id was used before, for a request that said something else."""

    reason = "REQUEST_ID_REUSED"
    en = "This request id was already used for a different request."
    ar = "استُخدم معرّف الطلب هذا من قبل لطلب مختلف."


class Replies:
    """The answers of one service, seen through one connection, in its transaction.

    An empty request id means that the caller did not ask for idempotency: nothing is looked up or kept.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def claim(self, caller: str, method: str, request_id: str, fingerprint: bytes) -> bytes | None:
        """The first answer, or None: then this transaction does the work and `keep`s its answer.

        The first statement of the transaction. When the transaction rolls back, the claim goes with it, so
        errors are never remembered. A concurrent twin waits here for the first one.

        Raises:
            RequestInProgress: the first one took longer than the lock timeout.
            RequestIdReused: the request id belongs to another request.
        """
        if not request_id:
            return None
        try:
            cursor = await self._connection.execute(
                "INSERT INTO replies (caller, method, request_id, fingerprint) VALUES (%s, %s, %s, %s) "
                "ON CONFLICT DO NOTHING",
                [caller, method, request_id, fingerprint],
            )
        except psycopg.errors.LockNotAvailable as error:
            raise RequestInProgress from error
        return None if cursor.rowcount else await self.find(caller, method, request_id, fingerprint)

    async def keep(self, caller: str, method: str, request_id: str, response: bytes) -> None:
        """Remember the answer of the request that this transaction has claimed."""
        if request_id:
            await self._connection.execute(
                "UPDATE replies SET response = %s WHERE caller = %s AND method = %s AND request_id = %s",
                [response, caller, method, request_id],
            )

    async def find(self, caller: str, method: str, request_id: str, fingerprint: bytes) -> bytes | None:
        """The first answer, or None when there is none.

        Raises:
            RequestIdReused: the request id belongs to another request.
        """
        cursor = await self._connection.execute(
            "SELECT fingerprint, response FROM replies WHERE caller = %s AND method = %s AND request_id = %s",
            [caller, method, request_id],
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        if bytes(row[0]) != fingerprint:
            raise RequestIdReused
        return bytes(row[1])


def fingerprint(request: bytes) -> bytes:
    """What tells two requests with one id apart. `request` is its deterministic serialization."""
    return hashlib.sha256(request).digest()


def parameters(
    caller: str, method: str, request_id: str, request_fingerprint: bytes, response: bytes
) -> dict[str, object]:
    """What `INSERT_REPLY` needs, under names that begin with `reply_`."""
    return {
        "reply_caller": caller,
        "reply_method": method,
        "reply_request_id": request_id,
        "reply_fingerprint": request_fingerprint,
        "reply_response": response,
    }


async def prune(connection: Connection, kept: timedelta = KEPT) -> int:
    """Delete at most 5000 answers older than `kept`, and say how many."""
    cursor = await connection.execute(
        """
        DELETE FROM replies WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM replies WHERE created_at < now() - %s LIMIT 5000
        ))
        """,
        [kept],
    )
    return cursor.rowcount
