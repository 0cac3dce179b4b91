"""What is known of entries of waiting lists."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from kursi_chassis.db.database import Connection

from kursi_messaging.domain.waitlist import WaitlistChange
from kursi_messaging.domain.words import Event, SkipReason


async def revisions(connection: Connection, entry_ids: Collection[UUID]) -> dict[UUID, int]:
    """The latest revisions of those that are known."""
    cursor = await connection.execute(
        "SELECT entry_id, last_revision FROM waitlist_view WHERE entry_id = ANY (%s)", [list(entry_ids)]
    )
    return dict(await cursor.fetchall())


async def open_offers(connection: Connection, entry_ids: Collection[UUID]) -> set[UUID]:
    """The offers to these entries that are open."""
    if not entry_ids:
        return set()
    cursor = await connection.execute(
        "SELECT offer_id FROM waitlist_view WHERE entry_id = ANY (%s) AND offer_id IS NOT NULL",
        [list(entry_ids)],
    )
    return {offer_id for (offer_id,) in await cursor.fetchall()}


async def remember(connection: Connection, latest: Sequence[WaitlistChange], now: datetime) -> None:
    """Keep what is true now, and take back messages about offers that are gone and not told yet."""
    await connection.execute(
        """
        INSERT INTO waitlist_view (entry_id, last_revision, offer_id, changed_at)
        SELECT entry_id, revision, offer_id, %s
        FROM unnest(%s::uuid[], %s::bigint[], %s::uuid[]) AS latest (entry_id, revision, offer_id)
        ON CONFLICT (entry_id) DO UPDATE SET last_revision = excluded.last_revision,
            offer_id = excluded.offer_id, changed_at = excluded.changed_at
        WHERE waitlist_view.last_revision < excluded.last_revision
        """,
        [
            now,
            [change.entry_id for change in latest],
            [change.revision for change in latest],
            [change.offer.offer_id if change.offer else None for change in latest],
        ],
    )
    await connection.execute(
        """
        UPDATE notifications AS told SET status = 'cancelled', skip_reason = %s, updated_at = %s
        FROM waitlist_view AS waiting
        WHERE told.recipient_id = ANY (%s) AND told.event = %s AND told.status IN ('pending', 'scheduled', 'deferred')
          AND waiting.entry_id = ANY (%s) AND waiting.entry_id = (told.facts ->> 'waitlist_entry_id')::uuid
          AND waiting.offer_id IS DISTINCT FROM (told.facts ->> 'offer_id')::uuid
        """,
        [
            SkipReason.SUPERSEDED,
            now,
            [change.customer_id for change in latest],
            Event.WAITLIST_OFFER,
            [change.entry_id for change in latest],
        ],
    )
