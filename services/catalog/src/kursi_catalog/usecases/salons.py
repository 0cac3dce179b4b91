"""Opening a salon, changing it, putting it away and bringing it back."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.errors import Unauthenticated
from kursi_chassis.grpc.etag import check_etag
from kursi_chassis.ids import new_id

from kursi_catalog.domain import trail
from kursi_catalog.domain.errors import AdminRequired, SlugTaken
from kursi_catalog.domain.salon import Salon, SalonStatus, distinguished, slug_from
from kursi_catalog.ports import Identity
from kursi_catalog.queries.visibility import visible_salon
from kursi_catalog.store import salons
from kursi_catalog.store.edits import Change, Edit
from kursi_catalog.usecases import editing
from kursi_catalog.usecases.kinds import Fields
from kursi_catalog.usecases.once import Render, RequestKey, first_answer, once


class Salons:
    def __init__(self, database: Database, clock: Clock, identity: Identity) -> None:
        self._database = database
        self._clock = clock
        self._identity = identity

    async def open(self, caller: Caller, fields: Fields, *, key: RequestKey, render: Render[Salon]) -> bytes:
        """Open a salon as a draft, with the caller as its owner.

        Two services take part, and no transaction spans them: identity writes down the owner, then the salon
        is inserted here. A process that dies in between leaves an owner of a salon that does not exist, which
        nobody can see or use. The retry heals it, because it comes with the same key and the key decides the
        salon's id: identity finds the membership already there, and the salon appears under it. The other
        order would leave a salon that nobody owns, and that nobody may bring in order.

        Raises: Invalid, SlugTaken, RequestIdReused, Unavailable when identity does not answer.
        """
        if caller.user_id is None:
            raise Unauthenticated
        kept, salon_id = await self._known_or_id(caller, key, fields["slug"])
        if kept is not None:
            return kept
        await self._identity.grant_owner(salon_id, caller.user_id)

        async def work(connection: Connection) -> bytes:
            salon = await self._insert(connection, caller, salon_id, fields)
            return render(salon)

        return await once(self._database, caller, key, work)

    async def get(self, caller: Caller, salon_id: UUID) -> Salon:
        """Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            return await visible_salon(connection, caller, salon_id)

    async def update(self, caller: Caller, salon_id: UUID, *, etag: str, fields: Fields) -> Salon:
        """Change the given fields.

        Raises: StaleEtag, SlugTaken, CurrencyInUse, LocationInUse, SalonArchived, SalonNotFound, AdminRequired when
        the platform's own status is to be set or lifted by somebody else.
        """
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            check_etag(etag, edit.salon.revision)
            asked = replace(edit.salon, **_with_slug(edit.salon, fields))
            if asked == edit.salon:
                return asked
            _check_status(caller, edit.salon.status, asked.status)
            return await self._write(edit, "updated", asked)

    async def archive(self, caller: Caller, salon_id: UUID, *, etag: str) -> Salon:
        """Take the salon out of sight; a repetition changes nothing. Raises: SalonNotFound, StaleEtag."""
        return await self._set_archived(caller, salon_id, etag, self._clock.now())

    async def restore(self, caller: Caller, salon_id: UUID, *, etag: str) -> Salon:
        """Bring the salon back; a repetition changes nothing. Raises: SalonNotFound, StaleEtag."""
        return await self._set_archived(caller, salon_id, etag, None)

    async def _known_or_id(self, caller: Caller, key: RequestKey, slug: str) -> tuple[bytes | None, UUID]:
        """The first answer to the key if there is one, and the id that the salon is to have.

        Asked before identity is: somebody who gave their salon away must not become its owner again by
        repeating an old request. For the same reason a key outlives its answer only as a fresh salon.
        """
        async with self._database.snapshot() as connection:
            kept = await first_answer(connection, caller, key)
            salon_id = _id_for(caller, key)
            if kept is None and await salons.find(connection, salon_id) is not None:
                salon_id = new_id()
            # The constraint decides; asking first only saves an owner entry for a salon that cannot be.
            if kept is None and slug and await salons.slug_is_taken(connection, slug):
                raise SlugTaken(slug=slug)
        return kept, salon_id

    async def _insert(self, connection: Connection, caller: Caller, salon_id: UUID, fields: Fields) -> Salon:
        now = self._clock.now()
        slug = fields["slug"] or await _free_slug(connection, fields["names"], salon_id)
        values = {**fields, "slug": slug, "status": SalonStatus.DRAFT}
        salon = Salon(id=salon_id, revision=1, create_time=now, update_time=now, archive_time=None, **values)
        await salons.insert(connection, salon)
        await _record(Edit(connection, salon, caller, now), "created", None, salon)
        return salon

    async def _set_archived(self, caller: Caller, salon_id: UUID, etag: str, at: datetime | None) -> Salon:
        async with self._database.transaction() as connection:
            edit = await editing.begin_on_any(connection, caller, salon_id, self._clock.now())
            if (edit.salon.archive_time is None) == (at is None):
                return edit.salon
            check_etag(etag, edit.salon.revision)
            return await self._write(
                edit, "archived" if at else "restored", replace(edit.salon, archive_time=at)
            )

    async def _write(self, edit: Edit, action: str, asked: Salon) -> Salon:
        after = replace(asked, revision=edit.salon.revision + 1, update_time=edit.now)
        await salons.update(edit.connection, after)
        await _record(edit, action, edit.salon, after)
        return after


def _id_for(caller: Caller, key: RequestKey) -> UUID:
    """The same id for the same caller and key, otherwise a new one.

    Derived ids are of version 8 (RFC 9562): made by a rule of our own, and honest about not holding a time.
    """
    if not key.request_id:
        return new_id()
    digest = hashlib.sha256(f"kursi.salon\0{caller.key}\0{key.request_id}".encode()).digest()
    bits = int.from_bytes(digest[:16], "big")
    bits = bits & ~(0xF << 76) | 0x8 << 76
    return UUID(int=bits & ~(0x3 << 62) | 0x2 << 62)


async def _free_slug(connection: Connection, names: Mapping[str, str], salon_id: UUID) -> str:
    """A short name that is free now; if somebody takes it until the commit, SLUG_TAKEN says so."""
    slug = slug_from(names)
    return distinguished(slug, salon_id) if await salons.slug_is_taken(connection, slug) else slug


def _with_slug(salon: Salon, fields: Fields) -> Fields:
    """An emptied short name keeps the old one: links to the salon exist, and a salon is never without."""
    return {**fields, "slug": fields.get("slug") or salon.slug}


def _check_status(caller: Caller, before: SalonStatus, after: SalonStatus) -> None:
    if before != after and SalonStatus.SUSPENDED in (before, after) and not caller.is_admin:
        raise AdminRequired


async def _record(edit: Edit, action: str, before: Salon | None, after: Salon) -> None:
    old, new = (None, trail.document(after)) if before is None else trail.difference(before, after)
    await edit.record(
        Change(
            action=f"salon.{action}",
            target_type="salon",
            target_id=after.id,
            before=old,
            after=new,
            topic="salon",
            resource_id=after.id,
        )
    )
