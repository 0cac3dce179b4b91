"""What every change of a salon leaves behind: a new version, a line in the audit trail, an event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from kursi.catalog.events.v1 import catalog_events_pb2
from kursi_chassis.caller import Caller
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection
from kursi_chassis.events import outbox
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import timestamp
from psycopg import sql

from kursi_catalog.domain.salon import Salon
from kursi_catalog.store import openings
from kursi_catalog.store.rows import fetch_all

Topic = Literal["salon", "service", "staff", "schedule", "policy"]
_MOVES_OPENINGS = frozenset[Topic]({"salon", "schedule"})
"""Changes after which search may have to know other opening times: of hours, closures, zone, place, and of being found."""

_TOUCH = sql.SQL("UPDATE salons SET version = version + %(times)s WHERE id = %(id)s RETURNING version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody did to one thing. `topic` names the event that tells the other services of it."""

    action: str
    target_type: str
    target_id: UUID
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    topic: Topic
    resource_id: UUID


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one salon at work: the locked salon, and the transaction that holds the lock."""

    connection: Connection
    salon: Salon
    caller: Caller
    now: datetime

    async def record(self, change: Change) -> int:
        """Count the change, write it into the trail, tell the others; the salon's new version.

        The last step of every change, in its transaction: nothing changes without it, and nothing is told
        that was not changed.
        """
        return await self.record_all([change])

    async def record_all(self, changes: Sequence[Change]) -> int:
        """Many changes at once, in their order: each has a version, a line and an event of its own."""
        if any(change.topic in _MOVES_OPENINGS for change in changes):
            await openings.refresh(self.connection, [self.salon.id], self.now)
        version = await self._touch(len(changes))
        await audit.append(self.connection, self.caller, *map(self._entry, changes), at=self.now)
        first = version - len(changes) + 1
        await outbox.append(
            self.connection,
            *(
                changed_event(self.salon.id, change, number, self.now)
                for number, change in enumerate(changes, first)
            ),
        )
        return version

    async def _touch(self, times: int) -> int:
        rows = await fetch_all(self.connection, _TOUCH, {"id": self.salon.id, "times": times})
        return int(rows[0]["version"])

    def _entry(self, change: Change) -> Entry:
        return Entry(
            change.action,
            change.target_type,
            change.target_id,
            salon_id=self.salon.id,
            before=change.before,
            after=change.after,
        )


def changed_event(salon_id: UUID, change: Change, version: int, now: datetime) -> Event:
    """What the other services are told. The aggregate is the salon, so that its events arrive in order."""
    message = catalog_events_pb2.CatalogChangedEvent(
        salon_id=str(salon_id),
        resource_id=str(change.resource_id),
        version=version,
        occur_time=timestamp(now),
    )
    name = f"kursi.catalog.v1.{change.topic}.changed"
    return Event(
        type=name,
        subject=name,
        aggregate_id=salon_id,
        revision=version,
        payload=message.SerializeToString(deterministic=True),
        occurred_at=now,
        schema="kursi.catalog.events.v1.CatalogChangedEvent",
    )
