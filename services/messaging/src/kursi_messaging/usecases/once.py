"""Doing something once per request id, and giving the first answer again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.idempotency import Replies

from kursi_messaging.domain.notification import Notification

Render = Callable[[Notification], bytes]
"""Turns a message into the answer that is kept; the use case does not look into it."""


@dataclass(frozen=True, slots=True)
class Request:
    """By what a repeated request is known (an empty id asks for nothing), and how its answer is written."""

    method: str
    request_id: str
    fingerprint: bytes
    render: Render


async def once(
    database: Database,
    caller: Caller,
    request: Request,
    work: Callable[[Connection], Awaitable[Notification]],
) -> bytes:
    """Do the work in a transaction of its own, or give the answer that it gave the first time.

    Raises:
        RequestIdReused: the id belongs to another request.
        RequestInProgress: the first one is still at work.
    """
    async with database.transaction() as connection:
        replies = Replies(connection)
        kept = await replies.claim(caller.key, request.method, request.request_id, request.fingerprint)
        if kept is not None:
            return kept
        answer = request.render(await work(connection))
        await replies.keep(caller.key, request.method, request.request_id, answer)
        return answer
