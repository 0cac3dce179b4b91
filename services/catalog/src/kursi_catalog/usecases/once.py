"""Doing something once per request key, and giving the first answer again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.idempotency import Replies

T = TypeVar("T")
Render = Callable[[T], bytes]
"""Turns what was made into the answer that is kept. The use case does not look into it."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """By what a repeated request is known; an empty `request_id` asks for nothing."""

    method: str
    request_id: str
    fingerprint: bytes


async def first_answer(connection: Connection, caller: Caller, key: RequestKey) -> bytes | None:
    """What this request was answered the first time; None when it was not. Raises: RequestIdReused."""
    if not key.request_id:
        return None
    return await Replies(connection).find(caller.key, key.method, key.request_id, key.fingerprint)


async def once(
    database: Database, caller: Caller, key: RequestKey, work: Callable[[Connection], Awaitable[bytes]]
) -> bytes:
    """Do the work in a transaction of its own, or give the answer it gave the first time.

    Raises:
        RequestIdReused: the key belongs to another request.
        RequestInProgress: the first one is still at work.
    """
    async with database.transaction() as connection:
        replies = Replies(connection)
        kept = await replies.claim(caller.key, key.method, key.request_id, key.fingerprint)
        if kept is not None:
            return kept
        answer = await work(connection)
        await replies.keep(caller.key, key.method, key.request_id, answer)
        return answer
