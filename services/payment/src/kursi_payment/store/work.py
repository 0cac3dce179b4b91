"""One transaction of payment."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from uuid import UUID

from kursi_chassis.db.database import Connection, Database
from kursi_chassis.events import inbox
from kursi_chassis.idempotency import Replies

from kursi_payment.domain.payment import Payment
from kursi_payment.metrics import FLAGGED
from kursi_payment.ports import Notice, RequestKey
from kursi_payment.store import audit
from kursi_payment.store.movements import MovementRows
from kursi_payment.store.payments import PaymentRows


class SqlWork(PaymentRows, MovementRows):
    """What use cases do to rows; see `ports.Work`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def kept_reply(self, key: RequestKey) -> bytes | None:
        if not key.request_id:
            return None
        return await Replies(self._connection).find(key.caller, key.method, key.request_id, key.fingerprint)

    async def keep_reply(self, key: RequestKey, reply: bytes) -> None:
        """Claimed and answered in one transaction, the one that knows the outcome: a reply that is found is
        always whole.
        """
        replies = Replies(self._connection)
        if await replies.claim(key.caller, key.method, key.request_id, key.fingerprint) is None:
            await replies.keep(key.caller, key.method, key.request_id, reply)

    async def flag(self, payment: Payment, what: str) -> None:
        if await self.mark_flagged(payment.id, what):
            FLAGGED.labels(what).inc()
            await audit.write(self._connection, payment, "flagged", {"what": what}, "system")

    async def store_notice(self, provider: str, notice: Notice, at: datetime) -> bool:
        concerns_us = notice.handle is not None and await self.is_ours(provider, notice.handle)
        cursor = await self._connection.execute(
            "INSERT INTO provider_events (provider, event_id, type, handle, state, received_at) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                provider,
                notice.event_id,
                notice.type,
                notice.handle,
                "waiting" if concerns_us else "ignored",
                at,
            ],
        )
        is_new = cursor.rowcount == 1
        if is_new and concerns_us and notice.handle:
            await self.look_sooner(provider, notice.handle, at)
        return is_new

    async def note_booking(self, booking_id: UUID, revision: int, *, has_ended: bool) -> None:
        await self._connection.execute(
            "INSERT INTO bookings (id, revision, has_ended) VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE "
            "SET revision = excluded.revision, has_ended = excluded.has_ended "
            "WHERE bookings.revision < excluded.revision",
            [booking_id, revision, has_ended],
        )

    async def has_ended(self, booking_id: UUID) -> bool:
        cursor = await self._connection.execute(
            "SELECT 1 FROM bookings WHERE id = %s AND has_ended", [booking_id]
        )
        return await cursor.fetchone() is not None

    async def claim_events(self, consumer: str, event_ids: Sequence[UUID]) -> set[UUID]:
        return await inbox.claim(self._connection, consumer, list(event_ids))

    async def audit(self, payment: Payment, action: str, after: dict[str, object], actor: str) -> None:
        await audit.write(self._connection, payment, action, after, actor)


def begin_with(database: Database) -> Callable[[], AbstractAsyncContextManager[SqlWork]]:
    """How use cases open their transactions."""

    @asynccontextmanager
    async def begin() -> AsyncIterator[SqlWork]:
        async with database.transaction() as connection:
            yield SqlWork(connection)

    return begin
