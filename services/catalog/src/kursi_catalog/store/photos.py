"""Photos as rows, and what is left in the object store without one."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.db.violations import constraint_errors
from psycopg import sql

from kursi_catalog.domain.errors import ServiceNotFound, StaffNotFound
from kursi_catalog.domain.photo import Photo, Subject
from kursi_catalog.store.rows import Row, fetch_all, fetch_one, insert_row

_COLUMNS = sql.SQL("p.id, p.salon_id, p.service_id, p.staff_id, p.position, p.width, p.height, p.create_time")
_OF_SUBJECT = sql.SQL(
    "p.salon_id = %(salon_id)s AND p.service_id IS NOT DISTINCT FROM %(service_id)s "
    "AND p.staff_id IS NOT DISTINCT FROM %(staff_id)s"
)


async def find(connection: Connection, photo_id: UUID) -> Photo | None:
    query = sql.SQL("SELECT {} FROM photos p WHERE p.id = %(id)s").format(_COLUMNS)
    row = await fetch_one(connection, query, {"id": photo_id})
    return _read(row) if row else None


async def of_subject(connection: Connection, subject: Subject) -> list[Photo]:
    """In order."""
    query = sql.SQL("SELECT {} FROM photos p WHERE {} ORDER BY p.position, p.id").format(
        _COLUMNS, _OF_SUBJECT
    )
    return [_read(row) for row in await fetch_all(connection, query, _subject_row(subject))]


async def count(connection: Connection, salon_id: UUID) -> int:
    """How many the salon has, of everything."""
    query = sql.SQL("SELECT count(*) AS number FROM photos WHERE salon_id = %(salon_id)s")
    rows = await fetch_all(connection, query, {"salon_id": salon_id})
    return int(rows[0]["number"])


async def insert(connection: Connection, photo: Photo) -> None:
    """Raises: ServiceNotFound, StaffNotFound for a subject that the salon does not have."""
    errors = {
        "photos_service_fkey": lambda _: ServiceNotFound(),
        "photos_staff_fkey": lambda _: StaffNotFound(),
    }
    row = {
        "id": photo.id, **_subject_row(photo.subject), "position": photo.position, "width": photo.width,
        "height": photo.height, "create_time": photo.create_time,
    }  # fmt: skip
    with constraint_errors(errors):
        await insert_row(connection, "photos", row)


async def place(connection: Connection, photo_ids: Sequence[UUID]) -> None:
    """Give the photos the positions of this order."""
    await connection.execute(
        "UPDATE photos SET position = wanted.number - 1 FROM unnest(%s::uuid[]) WITH ORDINALITY AS wanted (id, number) "
        "WHERE photos.id = wanted.id",
        [list(photo_ids)],
    )


async def delete(connection: Connection, photo_id: UUID) -> None:
    await connection.execute("DELETE FROM photos WHERE id = %s", [photo_id])


async def expect_leftovers(connection: Connection, photo_id: UUID, sweep_time: datetime) -> None:
    """Objects may be there without a photo: they are thrown away after the time."""
    await connection.execute(
        "INSERT INTO photo_leftovers (photo_id, sweep_time) VALUES (%s, %s)", [photo_id, sweep_time]
    )


async def claim_leftovers(connection: Connection, photo_id: UUID, not_swept_before: datetime) -> bool:
    """The objects belong to a photo now. False when they are thrown away before the time, or have been."""
    cursor = await connection.execute(
        "DELETE FROM photo_leftovers WHERE photo_id = %s AND sweep_time > %s", [photo_id, not_swept_before]
    )
    return bool(cursor.rowcount)


async def forget_leftovers(connection: Connection, photo_id: UUID) -> None:
    """The objects are gone."""
    await connection.execute("DELETE FROM photo_leftovers WHERE photo_id = %s", [photo_id])


async def due_leftovers(connection: Connection, now: datetime, limit: int) -> list[UUID]:
    """Whose objects are to be thrown away."""
    query = sql.SQL(
        "SELECT photo_id FROM photo_leftovers WHERE sweep_time <= %(now)s ORDER BY sweep_time LIMIT %(limit)s"
    )
    return [row["photo_id"] for row in await fetch_all(connection, query, {"now": now, "limit": limit})]


def _subject_row(subject: Subject) -> Row:
    return {"salon_id": subject.salon_id, "service_id": subject.service_id, "staff_id": subject.staff_id}


def _read(row: Row) -> Photo:
    return Photo(
        id=row["id"],
        subject=Subject(row["salon_id"], row["service_id"], row["staff_id"]),
        position=row["position"],
        width=row["width"],
        height=row["height"],
        create_time=row["create_time"],
    )
