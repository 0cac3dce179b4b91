"""What services, staff members and resources have in common as tables: things of one salon, by id."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, LiteralString, TypeVar
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql

from kursi_catalog.domain.kept import KeptInSalon
from kursi_catalog.store.rows import Row, fetch_all, fetch_one, insert_row, update_row

T = TypeVar("T", bound=KeptInSalon)
_NOTHING = sql.SQL("")


async def _no_parts(_connection: Connection, _thing: KeptInSalon) -> None:
    return


@dataclass(frozen=True, slots=True)
class Table(Generic[T]):
    """Reads and writes one kind of thing.

    `columns` are selected from the table under the alias `it`. `write` gives the columns besides those of
    `KeptInSalon`. `save_parts` replaces what lives in further tables, after the row itself was written.
    """

    name: LiteralString
    columns: LiteralString
    read: Callable[[Row], T]
    write: Callable[[T], Row]
    save_parts: Callable[[Connection, T], Awaitable[None]] = _no_parts

    async def find(self, connection: Connection, salon_id: UUID, thing_id: UUID) -> T | None:
        query = self.select(sql.SQL("it.salon_id = %(salon_id)s AND it.id = %(id)s"))
        row = await fetch_one(connection, query, {"salon_id": salon_id, "id": thing_id})
        return self.read(row) if row else None

    async def page(
        self, connection: Connection, salon_id: UUID, *, after: UUID | None, limit: int, show_archived: bool
    ) -> list[T]:
        """The next things by id."""
        where = sql.SQL(
            "it.salon_id = %(salon_id)s AND (%(after)s::uuid IS NULL OR it.id > %(after)s) "
            "AND (%(show_archived)s OR it.archive_time IS NULL) ORDER BY it.id LIMIT %(limit)s"
        )
        parameters = {"salon_id": salon_id, "after": after, "limit": limit, "show_archived": show_archived}
        return [self.read(row) for row in await fetch_all(connection, self.select(where), parameters)]

    async def count(self, connection: Connection, salon_id: UUID) -> int:
        """How many the salon has, archived ones included."""
        query = sql.SQL("SELECT count(*) AS number FROM {} WHERE salon_id = %(salon_id)s").format(
            sql.Identifier(self.name)
        )
        rows = await fetch_all(connection, query, {"salon_id": salon_id})
        return int(rows[0]["number"])

    async def insert(self, connection: Connection, thing: T) -> None:
        row = {"id": thing.id, "salon_id": thing.salon_id, **_history(thing), **self.write(thing)}
        await insert_row(connection, self.name, row)
        await self.save_parts(connection, thing)

    async def update(self, connection: Connection, thing: T) -> None:
        await update_row(connection, self.name, thing.id, {**_history(thing), **self.write(thing)})
        await self.save_parts(connection, thing)

    def select(self, where: sql.SQL, *, extra: sql.SQL = _NOTHING) -> sql.Composed:
        """The statement that reads the rows that fit; `extra` columns begin with a comma."""
        return sql.SQL(
            "SELECT it.id, it.salon_id, it.archive_time, it.create_time, it.update_time, it.revision, "
            "{columns}{extra} FROM {table} it WHERE {where}"
        ).format(columns=sql.SQL(self.columns), extra=extra, table=sql.Identifier(self.name), where=where)


def read_history(row: Row) -> Row:
    """The values of `KeptInSalon`, by name."""
    names = ("id", "salon_id", "archive_time", "create_time", "update_time", "revision")
    return {name: row[name] for name in names}


def _history(thing: KeptInSalon) -> Row:
    return {
        "archive_time": thing.archive_time,
        "create_time": thing.create_time,
        "update_time": thing.update_time,
        "revision": thing.revision,
    }
