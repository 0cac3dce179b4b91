"""Requests that may be repeated: their transactions and their first answers."""

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.idempotency import Replies

from kursi_booking.ports.answers import KeyedRequest


class KeptAnswers:
    """See `kursi_booking.ports.answers.FirstAnswers`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def first_answer(self, request: KeyedRequest) -> bytes | None:
        """The kept answer of a request, if there is one. Raises: RequestIdReused."""
        if not request.request_id:
            return None
        async with self._database.reading() as connection:
            return await Replies(connection).find(
                request.caller, request.method, request.request_id, request.fingerprint
            )


class KeyedTransaction:
    """The transaction of one connection; see `kursi_booking.ports.answers.KeyedWork`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._replies = Replies(connection)

    async def kept_answer(self, request: KeyedRequest) -> bytes | None:
        """The first answer to this request, or None: then this transaction does the work. Call it first."""
        return await self._replies.claim(
            request.caller, request.method, request.request_id, request.fingerprint
        )

    async def keep_answer(self, request: KeyedRequest, answer: bytes) -> None:
        """Remember the answer, when the request has a key."""
        await self._replies.keep(request.caller, request.method, request.request_id, answer)
