"""Salons that fit a search."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.money import Money
from psycopg import sql

from kursi_catalog.domain.salon import Location, Salon, Serves
from kursi_catalog.store import salons
from kursi_catalog.store.rows import Row, fetch_all

MOST_WORDS = 8
_WORTH_A_LOOK = 0.15
"""How many trigrams of a word must be those of another one before its letters are compared: `bueaty` and
`beauty` share two of twelve."""
# How many salons have a word turns out while the statement runs; before, the planner guesses one or two. It then walks
# through one list for each row of the other, which for a word that thousands have takes seconds. Hashing is as fast
# for one row as for thousands. Where looking up row by row is meant, below, LATERAL with OFFSET 0 leaves nothing else.
_SETTINGS = """
SELECT set_config('pg_trgm.similarity_threshold', %s, true), set_config('enable_nestloop', 'off', true)
"""
_METERS_PER_DEGREE = 111_000
_NO_PRICE = 2**63 - 1
_MOST_RATINGS = 999_999

Part = sql.SQL | sql.Composed
_NOTHING = sql.SQL("")


class Order(StrEnum):
    RELEVANCE = "relevance"
    DISTANCE = "distance"
    RATING = "rating"
    PRICE = "price"
    OPENED = "opened"


@dataclass(frozen=True, slots=True)
class Search:
    """What is asked for; everything that is set must fit. Prices are in minor units, ratings in hundredths."""

    order: Order
    words: str = ""
    city: str = ""
    near: Location | None = None
    radius_meters: int = 0
    category: str = ""
    serves: Serves | None = None
    lowest_price: int | None = None
    highest_price: int | None = None
    currency_code: str = ""
    minimum_rating: int = 0
    open_now: bool = False
    open_at: datetime | None = None

    @property
    def asks_for_offers(self) -> bool:
        """Whether only salons with a certain service fit."""
        return bool(self.category) or self.lowest_price is not None or self.highest_price is not None


@dataclass(frozen=True, slots=True)
class Found:
    """A salon that fits. Lower ranks come first: what they count depends on the order."""

    salon: Salon
    rank: int
    distance_meters: int | None
    lowest_price: Money | None


# What was typed, word by word, and the words of the vocabulary that may be meant by each, with how close they are in
# thousandths: the word itself, words that begin with it, and words with a letter or two wrong (one more or less, another
# one, or two that changed places). A salon's closeness hangs on its own words only: no word comes closer or moves
# away because other salons bring words, and so pages stay in order.
_WORDS = sql.SQL("""
asked AS MATERIALIZED (
    SELECT part.word, min(part.number) AS number FROM search_words(%(words)s) part
    GROUP BY part.word ORDER BY min(part.number) LIMIT %(most_words)s
), meant AS MATERIALIZED (
    SELECT asked.number, known.word, max(known.closeness) AS closeness
    FROM asked CROSS JOIN LATERAL (
        SELECT v.word, CASE WHEN v.word = asked.word THEN 1000
            ELSE 700 + 200 * length(asked.word) / length(v.word) END AS closeness
        FROM search_vocabulary v
        WHERE v.word >= asked.word COLLATE "C" AND v.word < asked.word || chr(1114111) COLLATE "C"
            AND (length(asked.word) > 1 OR v.word = asked.word)
        UNION ALL
        SELECT near.word, 800 - 150 * near.wrong
        FROM (SELECT v.word, levenshtein_less_equal(v.word, asked.word, 2) AS wrong
              FROM search_vocabulary v WHERE length(asked.word) > 2 AND v.word %% asked.word) near
        WHERE near.wrong = 1 AND greatest(length(near.word), length(asked.word)) > 3
            OR near.wrong = 2 AND (greatest(length(near.word), length(asked.word)) > 6
                OR length(near.word) = length(asked.word)
                    AND translate(near.word, asked.word, '') = '' AND translate(asked.word, near.word, '') = '')
    ) known
    GROUP BY asked.number, known.word
), scored AS MATERIALIZED (
    SELECT hits.salon_id, sum(hits.score) AS score
    FROM (SELECT i.salon_id, meant.number, max(meant.closeness * i.weight) AS score
          FROM meant CROSS JOIN LATERAL (
              SELECT x.salon_id, x.weight FROM search_index x WHERE x.word = meant.word OFFSET 0
          ) i
          GROUP BY i.salon_id, meant.number) hits
    GROUP BY hits.salon_id
    HAVING count(*) = (SELECT count(*) FROM asked)
),""")

_SEARCH = sql.SQL("""
WITH {words} page AS (
    SELECT ranked.* FROM (
        SELECT fitting.*, {rank} AS rank FROM (
            SELECT f.salon_id, f.currency_code, f.rating, f.review_count, {score} AS score, {distance} AS distance,
                {lowest} AS lowest
            FROM {salons} f {joins}
            WHERE {conditions}
            OFFSET 0 -- so that a distance is worked out once, not wherever it is looked at
        ) fitting
        WHERE {within}
    ) ranked
    WHERE %(rank)s::bigint IS NULL OR (ranked.rank, ranked.salon_id) > (%(rank)s, %(id)s)
    ORDER BY ranked.rank, ranked.salon_id LIMIT %(limit)s
)
SELECT s.*, page.rank, page.distance, COALESCE(page.lowest, (
    SELECT min(o.price_minor) FROM search_offers o WHERE o.salon_id = page.salon_id)) AS lowest
FROM page CROSS JOIN LATERAL (SELECT {columns} FROM salons s WHERE s.id = page.salon_id OFFSET 0) s
ORDER BY page.rank, page.salon_id
""")

# Salons that have the words are looked up by their ids in one walk through the index, be they three or thousands.
_SCORED_SALONS = sql.SQL("""(
    SELECT x.* FROM search_salons x WHERE x.salon_id = ANY (ARRAY(SELECT scored.salon_id FROM scored)) OFFSET 0
)""")

# Of the services that are asked for; one pass over them costs less than looking for each salon's.
_OFFERS = sql.SQL("""{join} (
    SELECT o.salon_id, min(o.price_minor) AS lowest FROM search_offers o WHERE {conditions} GROUP BY o.salon_id
) offers ON offers.salon_id = f.salon_id""")


async def find_salons(
    connection: Connection, search: Search, after: tuple[int, UUID] | None, limit: int
) -> list[Found]:
    """The next salons that fit and that customers may find, best first.

    A salon's rank depends on the salon and the search only, so pages neither repeat nor skip one when others come.
    """
    await connection.execute(_SETTINGS, [str(_WORTH_A_LOOK)])
    rank, salon_id = after or (None, None)
    parameters = {**_parameters(search), "rank": rank, "id": salon_id, "limit": limit}
    rows = await fetch_all(connection, _statement(search), parameters)
    return [_found(row) for row in rows]


def _parameters(search: Search) -> Row:
    return {
        "words": search.words,
        "most_words": MOST_WORDS,
        "city": search.city,
        "category": search.category,
        "serves": search.serves.value if search.serves else None,
        "lowest_price": search.lowest_price,
        "highest_price": search.highest_price,
        "currency": search.currency_code,
        "minimum_rating": search.minimum_rating,
        "open_at": search.open_at,
        **_around(search.near, search.radius_meters),
    }


def _statement(search: Search) -> sql.Composed:
    return _SEARCH.format(
        words=_WORDS if search.words else _NOTHING,
        score=sql.SQL("scored.score" if search.words else "0::bigint"),
        distance=_distance(search),
        lowest=sql.SQL("offers.lowest" if _needs_offers(search) else "NULL::bigint"),
        salons=_SCORED_SALONS if search.words else sql.SQL("search_salons"),
        joins=_joins(search),
        conditions=sql.SQL(" AND ").join(_conditions(search)),
        within=sql.SQL("distance <= %(radius)s" if search.near else "true"),
        rank=sql.SQL(_RANKS[search.order]),
        columns=salons.COLUMNS,
    )


_RANKS = {
    Order.RELEVANCE: "(-score)::bigint",
    Order.DISTANCE: "distance",
    Order.RATING: f"-(COALESCE(rating, 0)::bigint * {_MOST_RATINGS + 1} + least(review_count, {_MOST_RATINGS}))",
    Order.PRICE: f"COALESCE(lowest, {_NO_PRICE})",
    Order.OPENED: "0::bigint",
}


def _needs_offers(search: Search) -> bool:
    return search.asks_for_offers or search.order is Order.PRICE


def _joins(search: Search) -> sql.Composed:
    joins: list[Part] = []
    if search.words:
        joins.append(sql.SQL("JOIN scored ON scored.salon_id = f.salon_id"))
    if _needs_offers(search):
        joins.append(_offers(search))
    return sql.SQL(" ").join(joins)


def _offers(search: Search) -> sql.Composed:
    conditions = [sql.SQL("true")]
    if search.category:
        conditions.append(sql.SQL("o.category_key = fold_text(%(category)s)"))
    if search.lowest_price is not None:
        conditions.append(sql.SQL("o.price_minor >= %(lowest_price)s"))
    if search.highest_price is not None:
        conditions.append(sql.SQL("o.price_minor <= %(highest_price)s"))
    return _OFFERS.format(
        join=sql.SQL("JOIN" if search.asks_for_offers else "LEFT JOIN"),
        conditions=sql.SQL(" AND ").join(conditions),
    )


def _conditions(search: Search) -> Sequence[Part]:
    conditions = [sql.SQL("true")]
    if search.city:
        conditions.append(sql.SQL("f.city_key = fold_text(%(city)s)"))
    if search.serves:
        conditions.append(sql.SQL("f.serves IN ('everybody', %(serves)s)"))
    if search.currency_code:
        conditions.append(sql.SQL("f.currency_code = %(currency)s"))
    if search.minimum_rating:
        conditions.append(sql.SQL("f.rating >= %(minimum_rating)s"))
    if search.open_at:
        conditions.append(sql.SQL("f.open_times @> %(open_at)s::timestamptz"))
    if search.near:
        conditions.append(
            sql.SQL(
                "f.latitude BETWEEN %(south)s AND %(north)s AND f.longitude BETWEEN %(west)s AND %(east)s"
            )
        )
    return conditions


def _distance(search: Search) -> sql.SQL:
    if not search.near:
        return sql.SQL("NULL::bigint")
    return sql.SQL("round(distance_meters(%(latitude)s, %(longitude)s, f.latitude, f.longitude))::bigint")


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
    distance, lowest = row["distance"], row["lowest"]
    return Found(
        salons.read(row),
        row["rank"],
        None if distance is None else int(distance),
        None if lowest is None else Money(row["currency_code"], lowest),
    )
