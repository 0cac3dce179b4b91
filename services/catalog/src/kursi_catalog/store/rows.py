"""Writing and reading rows by column name."""

from collections.abc import Mapping
from typing import Any, LiteralString, TypeAlias
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql
from psycopg.rows import dict_row

Row: TypeAlias = dict[str, Any]  # Any: the columns have as many types; each reader knows its own


async def fetch_all(
    connection: Connection, query: sql.SQL | sql.Composed, parameters: Mapping[str, object]
) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def fetch_one(
    connection: Connection, query: sql.SQL | sql.Composed, parameters: Mapping[str, object]
) -> Row | None:
    rows = await fetch_all(connection, query, parameters)
    return rows[0] if rows else None


async def insert_row(connection: Connection, table: LiteralString, row: Row) -> None:
    """Add one row. Raises: psycopg.errors.IntegrityError when a constraint refuses it."""
    query = sql.SQL("INSERT INTO {table} ({columns}) VALUES ({values})").format(
        table=sql.Identifier(table),
        columns=sql.SQL(", ").join(map(sql.Identifier, row)),
        values=sql.SQL(", ").join(map(sql.Placeholder, row)),
    )
    await connection.execute(query, row)


async def update_row(connection: Connection, table: LiteralString, thing_id: UUID, row: Row) -> None:
    """Change the named columns of one row. Raises: psycopg.errors.IntegrityError."""
    query = sql.SQL("UPDATE {table} SET {values} WHERE id = {id}").format(
        table=sql.Identifier(table),
        values=sql.SQL(", ").join(
            sql.SQL("{} = {}").format(sql.Identifier(column), sql.Placeholder(column)) for column in row
        ),
        id=sql.Literal(thing_id),
    )
    await connection.execute(query, row)
