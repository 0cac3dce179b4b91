"""The things of a salon that are made, changed, put away and brought back: one way for all kinds."""

from dataclasses import replace
from datetime import datetime
from typing import Generic
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.grpc.etag import check_etag
from kursi_chassis.ids import new_id

from kursi_catalog.domain import trail
from kursi_catalog.domain.errors import SalonFull
from kursi_catalog.queries.visibility import is_insider, visible_salon
from kursi_catalog.store.edits import Change, Edit
from kursi_catalog.store.table import T
from kursi_catalog.usecases import editing
from kursi_catalog.usecases.kinds import Fields, Kind
from kursi_catalog.usecases.once import Render, RequestKey, once

MOST_OF_A_KIND = 500
"""Services, staff members or resources of one salon. Booking reads all of them for every day that it shows, and search
compares its words with the names of all services: anybody can open a salon, so one must not slow down the others."""


class Collection(Generic[T]):
    """The things of one kind in a salon."""

    def __init__(self, database: Database, clock: Clock, kind: Kind[T]) -> None:
        self._database = database
        self._clock = clock
        self._kind = kind

    async def create(
        self, caller: Caller, salon_id: UUID, fields: Fields, *, key: RequestKey, render: Render[T]
    ) -> bytes:
        """Add one. Raises: SalonNotFound, SalonArchived, SalonFull, Invalid, RequestIdReused."""

        async def work(connection: Connection) -> bytes:
            now = self._clock.now()
            edit = await editing.begin(connection, caller, salon_id, now)
            if await self._kind.table.count(connection, salon_id) >= MOST_OF_A_KIND:
                raise SalonFull(most=MOST_OF_A_KIND)
            asked = self._kind.make(
                id=new_id(), salon_id=salon_id, revision=1, create_time=now, update_time=now, archive_time=None,
                **fields,
            )  # fmt: skip
            thing = self._kind.settle(edit.salon, None, asked)
            await self._kind.table.insert(connection, thing)
            await self._record(edit, "created", None, thing)
            return render(thing)

        return await once(self._database, caller, key, work)

    async def get(self, caller: Caller, salon_id: UUID, thing_id: UUID) -> T:
        """Raises: SalonNotFound; the kind's own error for a thing that is not there, or not for this caller."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            thing = await self._find(connection, salon_id, thing_id)
        if thing.archive_time is not None and not is_insider(caller, salon_id):
            raise self._kind.missing
        return thing

    async def page(
        self, caller: Caller, salon_id: UUID, *, after: UUID | None, limit: int, show_archived: bool
    ) -> list[T]:
        """The next ones by id; archived ones only for members who ask. Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await self._kind.table.page(
                connection,
                salon_id,
                after=after,
                limit=limit,
                show_archived=show_archived and is_insider(caller, salon_id),
            )

    async def update(self, caller: Caller, salon_id: UUID, thing_id: UUID, *, etag: str, fields: Fields) -> T:
        """Change the given fields. Raises: StaleEtag, Invalid, SalonArchived, the kind's own not-found error."""
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            before = await self._find(connection, salon_id, thing_id)
            check_etag(etag, before.revision)
            asked = replace(before, **fields)
            if asked == before:
                return before
            return await self._write(edit, "updated", before, asked)

    async def archive(self, caller: Caller, salon_id: UUID, thing_id: UUID, *, etag: str) -> T:
        """Take it out of use; a repetition changes nothing. Raises: as update."""
        return await self._set_archived(caller, salon_id, thing_id, etag, self._clock.now())

    async def restore(self, caller: Caller, salon_id: UUID, thing_id: UUID, *, etag: str) -> T:
        """Bring it back into use; a repetition changes nothing. Raises: as update."""
        return await self._set_archived(caller, salon_id, thing_id, etag, None)

    async def _set_archived(
        self, caller: Caller, salon_id: UUID, thing_id: UUID, etag: str, at: datetime | None
    ) -> T:
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            before = await self._find(connection, salon_id, thing_id)
            if (before.archive_time is None) == (at is None):
                return before
            check_etag(etag, before.revision)
            return await self._write(
                edit, "archived" if at else "restored", before, replace(before, archive_time=at)
            )

    async def _write(self, edit: Edit, action: str, before: T, asked: T) -> T:
        settled = self._kind.settle(edit.salon, before, asked)
        after = replace(settled, revision=before.revision + 1, update_time=edit.now)
        await self._kind.table.update(edit.connection, after)
        await self._record(edit, action, before, after)
        return after

    async def _record(self, edit: Edit, action: str, before: T | None, after: T) -> None:
        await edit.record(change_of(self._kind, action, before, after))

    async def _find(self, connection: Connection, salon_id: UUID, thing_id: UUID) -> T:
        thing = await self._kind.table.find(connection, salon_id, thing_id)
        if thing is None:
            raise self._kind.missing
        return thing


def change_of(kind: Kind[T], action: str, before: T | None, after: T) -> Change:
    """What is written down and told of a thing that changed."""
    old, new = (None, trail.document(after)) if before is None else trail.difference(before, after)
    return Change(
        action=f"{kind.noun}.{action}",
        target_type=kind.noun,
        target_id=after.id,
        before=old,
        after=new,
        topic=kind.topic,
        resource_id=after.salon_id if kind.topic == "salon" else after.id,
    )
