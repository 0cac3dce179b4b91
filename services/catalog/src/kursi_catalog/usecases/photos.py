"""Pictures of a salon, its services and its staff."""

from collections.abc import Sequence
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.errors import Invalid, RetryLater, Unavailable, Violation
from kursi_chassis.ids import new_id
from kursi_chassis.logging import get_logger

from kursi_catalog.domain.errors import PhotoNotFound, SalonFull, ServiceNotFound, StaffNotFound
from kursi_catalog.domain.photo import (
    MOST_OF_A_SALON,
    MOST_OF_A_SUBJECT,
    SAFETY,
    SIDES,
    SWEPT_AFTER,
    Developed,
    Photo,
    Subject,
    object_key,
)
from kursi_catalog.ports import ObjectStore, Studio
from kursi_catalog.queries.visibility import is_insider, visible_salon
from kursi_catalog.store import photos, salons
from kursi_catalog.store.audit import Scribe
from kursi_catalog.store.services import SERVICES
from kursi_catalog.store.staff import STAFF
from kursi_catalog.usecases import editing
from kursi_catalog.usecases.once import Render, RequestKey, first_answer, once

_TYPE = "image/webp"
_SWEPT_AT_ONCE = 100

log = get_logger()


class Photos:
    """Changes lock the salon's row, but leave its version as it is: nothing that can be booked depends on photos."""

    def __init__(self, database: Database, clock: Clock, store: ObjectStore, studio: Studio) -> None:
        self._database = database
        self._clock = clock
        self._store = store
        self._studio = studio

    async def upload(
        self, caller: Caller, subject: Subject, content: bytes, *, key: RequestKey, render: Render[Photo]
    ) -> bytes:
        """Add a picture as the last one of its subject.

        The objects come first and the row last. In between they are written down as leftovers, so wherever a process
        dies there is either a photo with its pictures, or neither after an hour.

        Raises: Invalid, SalonNotFound, SalonArchived, ServiceNotFound, StaffNotFound, SalonFull, RequestIdReused;
            Unavailable when the store does not answer.
        """
        kept = await self._kept_or_checked(caller, subject, key)
        if kept is not None:
            return kept
        developed = await self._studio.develop(content)
        photo_id = new_id()
        async with self._database.transaction() as connection:
            await photos.expect_leftovers(connection, photo_id, self._clock.now() + SWEPT_AFTER)
        for size, picture in developed.pictures.items():
            await self._store.put(object_key(photo_id, size), picture, _TYPE)

        async def work(connection: Connection) -> bytes:
            return render(await self._add(connection, caller, subject, photo_id, developed))

        return await once(self._database, caller, key, work)

    async def page(self, caller: Caller, subject: Subject) -> list[Photo]:
        """All of one subject, in order. Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, subject.salon_id)
            return await photos.of_subject(connection, subject)

    async def get(self, caller: Caller, salon_id: UUID, photo_id: UUID) -> Photo:
        """Raises: SalonNotFound, PhotoNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await _find(connection, salon_id, photo_id)

    async def picture(self, caller: Caller, photo_id: UUID, size: str) -> tuple[bytes, bool]:
        """The bytes, and whether everybody may see them. Raises: PhotoNotFound; Unavailable."""
        async with self._database.snapshot() as connection:
            photo = await photos.find(connection, photo_id)
            salon = await salons.find(connection, photo.subject.salon_id) if photo else None
        if salon is None or not (salon.is_public or is_insider(caller, salon.id)):
            raise PhotoNotFound
        content = await self._store.get(object_key(photo_id, size))
        if content is None:
            # Deleted between the two questions.
            raise PhotoNotFound
        return content, salon.is_public

    async def reorder(self, caller: Caller, subject: Subject, photo_ids: Sequence[UUID]) -> list[Photo]:
        """Raises: Invalid (NOT_ALL_PHOTOS), SalonNotFound, SalonArchived."""
        async with self._database.transaction() as connection:
            scribe = await self._begin(connection, caller, subject.salon_id)
            before = [photo.id for photo in await photos.of_subject(connection, subject)]
            if sorted(before) != sorted(photo_ids):
                raise Invalid(Violation("photo_ids", "NOT_ALL_PHOTOS"))
            if before != list(photo_ids):
                await photos.place(connection, photo_ids)
                await scribe.write(_reordered(subject, before, photo_ids))
            return await photos.of_subject(connection, subject)

    async def delete(self, caller: Caller, salon_id: UUID, photo_id: UUID) -> None:
        """The row first: nobody is shown what is half gone. Raises: PhotoNotFound, SalonNotFound, SalonArchived."""
        async with self._database.transaction() as connection:
            scribe = await self._begin(connection, caller, salon_id)
            photo = await _find(connection, salon_id, photo_id)
            await photos.delete(connection, photo_id)
            await photos.expect_leftovers(connection, photo_id, scribe.now)
            await _record(scribe, "deleted", photo)
        try:
            await self._throw_away(photo_id)
        except (Unavailable, OSError) as error:
            # It is deleted for everybody; the sweep does the rest.
            log.warning("photo_objects_left", photo=str(photo_id), error=type(error).__name__)

    async def sweep(self) -> int:
        """Throw away what uploads and deletions left in the store; how many photos that were.

        Deleting an object that is gone is no error, and the note is the last to go: it can stop anywhere and run again.
        """
        async with self._database.snapshot() as connection:
            due = await photos.due_leftovers(connection, self._clock.now(), _SWEPT_AT_ONCE)
        for photo_id in due:
            await self._throw_away(photo_id)
        return len(due)

    async def _throw_away(self, photo_id: UUID) -> None:
        for size in SIDES:
            await self._store.delete(object_key(photo_id, size))
        async with self._database.transaction() as connection:
            await photos.forget_leftovers(connection, photo_id)

    async def _kept_or_checked(self, caller: Caller, subject: Subject, key: RequestKey) -> bytes | None:
        """The first answer to the key. Otherwise what can be refused is, before a picture costs anything."""
        async with self._database.snapshot() as connection:
            kept = await first_answer(connection, caller, key)
            if kept is not None:
                return kept
            await visible_salon(connection, caller, subject.salon_id)
            await _expect_room(connection, subject)
        return None

    async def _begin(self, connection: Connection, caller: Caller, salon_id: UUID) -> Scribe:
        edit = await editing.begin(connection, caller, salon_id, self._clock.now())
        return Scribe(connection, caller, edit.now)

    async def _add(
        self, connection: Connection, caller: Caller, subject: Subject, photo_id: UUID, developed: Developed
    ) -> Photo:
        scribe = await self._begin(connection, caller, subject.salon_id)
        others = await _expect_room(connection, subject)
        if not await photos.claim_leftovers(connection, photo_id, scribe.now + SWEPT_AFTER - SAFETY):
            raise RetryLater
        position = others[-1].position + 1 if others else 0
        photo = Photo(
            id=photo_id, subject=subject, position=position, width=developed.width, height=developed.height,
            create_time=scribe.now,
        )  # fmt: skip
        await photos.insert(connection, photo)
        await _record(scribe, "added", photo)
        return photo


async def _expect_room(connection: Connection, subject: Subject) -> list[Photo]:
    """The photos of the subject, which is there and takes one more."""
    salon_id = subject.salon_id
    if subject.service_id and await SERVICES.find(connection, salon_id, subject.service_id) is None:
        raise ServiceNotFound
    if subject.staff_id and await STAFF.find(connection, salon_id, subject.staff_id) is None:
        raise StaffNotFound
    others = await photos.of_subject(connection, subject)
    if len(others) >= MOST_OF_A_SUBJECT:
        raise SalonFull(most=MOST_OF_A_SUBJECT)
    if await photos.count(connection, salon_id) >= MOST_OF_A_SALON:
        raise SalonFull(most=MOST_OF_A_SALON)
    return others


async def _find(connection: Connection, salon_id: UUID, photo_id: UUID) -> Photo:
    photo = await photos.find(connection, photo_id)
    if photo is None or photo.subject.salon_id != salon_id:
        raise PhotoNotFound
    return photo


def _reordered(subject: Subject, before: Sequence[UUID], after: Sequence[UUID]) -> Entry:
    target = subject.service_id or subject.staff_id or subject.salon_id
    old, new = ({"order": list(map(str, order))} for order in (before, after))
    return Entry("photos.reordered", "photos", target, subject.salon_id, old, new)


async def _record(scribe: Scribe, action: str, photo: Photo) -> None:
    subject = photo.subject
    said = {
        "service_id": subject.service_id,
        "staff_id": subject.staff_id,
        "width": photo.width,
        "height": photo.height,
    }
    document = {name: str(value) if isinstance(value, UUID) else value for name, value in said.items()}
    is_new = action == "added"
    before, after = (None, document) if is_new else (document, None)
    await scribe.write(Entry(f"photo.{action}", "photo", photo.id, subject.salon_id, before, after))
