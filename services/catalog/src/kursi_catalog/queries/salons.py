"""Lists of salons: those of one person, and those that fit a search."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql

from kursi_catalog.domain.salon import Location, Salon, Serves
from kursi_catalog.store import salons
from kursi_catalog.store.rows import Row, fetch_all

NEAR_MISS = 0.4
"""How much of a word's trigrams must be found (`word_similarity`). At 0.4 one wrong letter in four, or one missing in
five, still matches; better matches come first, so that what is let in too much stands at the end."""

_METERS_PER_DEGREE = 111_000
_MILLION = 1_000_000

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
class Search:
    """What is asked for; everything that is set must fit. `after` is where the page begins: rank and id."""

    words: str
    city: str
    near: Location | None
    radius_meters: int
    category: str
    serves: Serves | None


@dataclass(frozen=True, slots=True)
class Found:
    """A salon that fits. Lower ranks come first: what they count depends on the search."""

    salon: Salon
    rank: int
    distance_meters: int | None


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


async def find_salons(
    connection: Connection, search: Search, after: tuple[int, UUID] | None, limit: int
) -> list[Found]:
    """The next live salons that fit, best first.

    With words by how well they fit, names above services; else with a point by distance; else by id. A salon's
    rank depends on the salon and the search only, so pages neither repeat nor skip one when others come.
    """
    await connection.execute(
        "SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)", [str(NEAR_MISS)]
    )
    rank, salon_id = after or (None, None)
    parameters: Row = {
        "words": search.words,
        "city": search.city,
        "category": search.category,
        "serves": search.serves.value if search.serves else None,
        **_around(search.near, search.radius_meters),
        "rank": rank,
        "id": salon_id,
        "limit": limit,
    }
    query = sql.SQL("""
        SELECT {columns}, s.rank, s.distance FROM (
            SELECT found.*, {rank} AS rank FROM (
                SELECT t.*, {distance} AS distance FROM salons t
                WHERE t.status = 'live' AND t.archive_time IS NULL AND {conditions}
            ) found WHERE {within}
        ) s
        WHERE %(rank)s::bigint IS NULL OR (s.rank, s.id) > (%(rank)s, %(id)s)
        ORDER BY s.rank, s.id LIMIT %(limit)s
    """).format(
        columns=salons.COLUMNS,
        distance=_distance(search),
        conditions=sql.SQL(" AND ").join(_conditions(search, parameters)),
        within=sql.SQL("distance <= %(radius)s") if search.near else sql.SQL("true"),
        rank=_rank(search),
    )
    rows = await fetch_all(connection, query, parameters)
    return [_found(row) for row in rows]


def _conditions(search: Search, parameters: Row) -> Sequence[sql.SQL | sql.Composed]:
    conditions: list[sql.SQL | sql.Composed] = [sql.SQL("true")]
    for number, word in enumerate(search.words.split()):
        parameters[f"word_{number}"] = word
        conditions.append(
            sql.SQL("search_key({}) <%% t.search_text").format(sql.Placeholder(f"word_{number}"))
        )
    if search.city:
        conditions.append(sql.SQL("fold_text(t.city) = fold_text(%(city)s)"))
    if search.serves:
        conditions.append(sql.SQL("t.serves IN ('everybody', %(serves)s)"))
    if search.near:
        conditions.append(
            sql.SQL(
                "t.latitude BETWEEN %(south)s AND %(north)s AND t.longitude BETWEEN %(west)s AND %(east)s"
            )
        )
    if search.category:
        conditions.append(
            sql.SQL(
                "EXISTS (SELECT FROM services o WHERE o.salon_id = t.id AND o.active "
                "AND o.archive_time IS NULL AND fold_text(o.category) = fold_text(%(category)s))"
            )
        )
    return conditions


def _rank(search: Search) -> sql.SQL:
    if search.words:
        return sql.SQL(
            f"-round({_MILLION} * (2 * word_similarity(search_key(%(words)s), name_text) "
            "+ word_similarity(search_key(%(words)s), search_text)))::bigint"
        )
    return sql.SQL("distance") if search.near else sql.SQL("0::bigint")


def _distance(search: Search) -> sql.SQL:
    if not search.near:
        return sql.SQL("NULL::bigint")
    return sql.SQL("round(distance_meters(%(latitude)s, %(longitude)s, t.latitude, t.longitude))::bigint")


def _around(near: Location | None, radius_meters: int) -> Row:
    """The box that holds the circle, for the index; the exact distance decides within it.

    Where the box would reach over a pole or the antimeridian it spans all longitudes instead.
    """
    if near is None:
        return {}
    tall = radius_meters / _METERS_PER_DEGREE
    south, north = near.latitude - tall, near.latitude + tall
    narrowest = math.cos(math.radians(min(90.0, max(abs(south), abs(north)))))
    wide = tall / narrowest if narrowest > tall / 180 else 360.0
    west, east = near.longitude - wide, near.longitude + wide
    if west < -180 or east > 180:
        west, east = -180.0, 180.0
    return {
        "latitude": near.latitude, "longitude": near.longitude, "radius": radius_meters,
        "south": south, "north": north, "west": west, "east": east,
    }  # fmt: skip


def _found(row: Row) -> Found:
    distance = row["distance"]
    return Found(salons.read(row), row["rank"], None if distance is None else int(distance))
