"""Reading rows as dataclasses."""

from typing import LiteralString, TypeVar

from kursi_chassis.db.database import Connection
from psycopg import AsyncCursor
from psycopg.rows import class_row

Row = TypeVar("Row")
Parameters = dict[str, object]


async def fetch_one(
    connection: Connection, kind: type[Row], statement: LiteralString, parameters: Parameters
) -> Row | None:
    """The first row as a `kind`, whose fields are the columns; None when there is no row."""
    async with _executed(connection, kind) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchone()


async def fetch_all(
    connection: Connection, kind: type[Row], statement: LiteralString, parameters: Parameters
) -> list[Row]:
    """All rows as `kind`s."""
    async with _executed(connection, kind) as cursor:
        await cursor.execute(statement, parameters)
        return await cursor.fetchall()


def _executed(connection: Connection, kind: type[Row]) -> AsyncCursor[Row]:
    return connection.cursor(row_factory=class_row(kind))
