"""The salons of one person."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql

from kursi_catalog.domain.salon import Salon
from kursi_catalog.store import salons
from kursi_catalog.store.rows import fetch_all

_NAMED = sql.SQL("""
SELECT {columns}, s.name FROM (
    SELECT t.*, fold_text(COALESCE(t.names ->> %(language)s, t.names ->> 'en',
        (SELECT min(value) FROM jsonb_each_text(t.names)))) AS name
    FROM salons t WHERE t.id = ANY (%(ids)s)
) s
WHERE %(name)s::text IS NULL OR (s.name, s.id) > (%(name)s, %(id)s)
ORDER BY s.name, s.id LIMIT %(limit)s
""").format(columns=salons.COLUMNS)


@dataclass(frozen=True, slots=True)
class Named:
    """A salon under the name by which it is sorted."""

    salon: Salon
    name: str


async def salons_by_name(
    connection: Connection, ids: Collection[UUID], language: str, after: tuple[str, UUID] | None, limit: int
) -> list[Named]:
    """The next of these salons by name in the language, else English, else the first there is."""
    name, salon_id = after or (None, None)
    parameters = {"ids": list(ids), "language": language, "name": name, "id": salon_id, "limit": limit}
    return [Named(salons.read(row), row["name"]) for row in await fetch_all(connection, _NAMED, parameters)]
