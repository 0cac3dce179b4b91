"""By which keys the files of other systems know the things of a salon."""

from collections.abc import Collection, Mapping
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql

from kursi_catalog.store.rows import fetch_all

Keys = Mapping[tuple[str, str], UUID]
"""Ids by kind and key."""


async def of_salon(connection: Connection, salon_id: UUID) -> Keys:
    query = sql.SQL("SELECT kind, key, thing_id FROM import_keys WHERE salon_id = %(salon_id)s")
    rows = await fetch_all(connection, query, {"salon_id": salon_id})
    return {(row["kind"], row["key"]): row["thing_id"] for row in rows}


async def keep(connection: Connection, salon_id: UUID, keys: Collection[tuple[str, str, UUID]]) -> None:
    """Remember kind, key and id of things that are new."""
    kinds, names, ids = ([key[number] for key in keys] for number in range(3))
    await connection.execute(
        "INSERT INTO import_keys (salon_id, kind, key, thing_id) "
        "SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::uuid[])",
        [salon_id, kinds, names, ids],
    )
