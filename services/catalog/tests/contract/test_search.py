from contextlib import asynccontextmanager
from uuid import UUID

import psycopg
import pytest
import pytest_asyncio
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_catalog.store import openings
from kursi_chassis.db.database import Database
from psycopg import sql
from searching import Request, at, names, search

from bench.city import settle
from bench.golden import GOLDEN, NOW, judged


@pytest.mark.covers("C2")
async def test_only_live_salons_are_found(world):
    live = await world.salon()
    await world.salon(live=False)
    put_away = await world.salon()
    request = api.ArchiveSalonRequest(salon_id=put_away.id)
    await world.call("ArchiveSalon", request, world.token(put_away.id))
    assert [result.salon for result in (await search(world, query="rose")).results] == [live]


WRITTEN = {
    "الورده": "الوردة",
    "انوثه": "أُنُوثَة",
    "مقهي": "مقهى",
    "الهام": "إلهام",
    "امال": "آمال",
    "جمال": "جـمـال",
    "لولوه": "لؤلؤة",
    "رُوز": "روز",
    "creme brulee": "Crème Brûlée",
    "pearl": "PEARL",
    "77": "متجر ٧٧",
    "barbar": "Barber",
    "manicur": "Manicure",
    "صلون": "صالون",
    "حلاقه": "حلاقة",
    "سبايا": "صبايا",
    "natali": "ناتالي",
    "glitter 💅🏽": "✨Glitter✨",
    "tulip❤️": "Tulip",
}
"""What people type, and the name that they mean."""


@pytest.mark.covers("C2")
async def test_letters_are_folded_and_near_misses_found(world):
    for name in (*WRITTEN.values(), "Zyx Qwv"):
        await world.salon(names={"en": name}, city="")
    found = {query: await names(world, query=query) for query in WRITTEN}
    assert {query: first for query, (first, *_) in found.items()} == WRITTEN
    assert "Zyx Qwv" not in set().union(*found.values())


@pytest.mark.covers("C2")
async def test_services_and_cities_are_words_too_and_names_come_first(world):
    by_service = await world.salon(names={"en": "Amber"}, city="Abha")
    await world.service(by_service, names={"en": "Balayage"})
    await world.salon(names={"en": "Balayage House"}, city="Abha")
    await world.salon(names={"en": "Cedar"}, city="Balayage")
    assert await names(world, query="balayage") == ["Balayage House", "Amber", "Cedar"]
    assert await names(world, query="amber balayage") == ["Amber"]


@pytest.mark.covers("C2")
async def test_near_a_point_the_nearest_comes_first(world):
    await world.salon(names={"en": "Far"}, location=at(24.79, 46.70))
    await world.salon(names={"en": "Near"}, location=at(24.71, 46.68))
    await world.salon(names={"en": "Other city"}, location=at(21.48, 39.19))
    await world.salon(names={"en": "Nowhere"})
    around = await search(world, near=at(24.7, 46.68), radius_meters=20_000)
    assert [result.salon.names["en"] for result in around.results] == ["Near", "Far"]
    assert [result.distance_meters for result in around.results] == pytest.approx([1112, 10_210], abs=20)
    assert await names(world, near=at(24.7, 46.68), radius_meters=2_000) == ["Near"]
    await world.salon(names={"en": "In the corner"}, location=at(24.85, 46.83))
    assert await names(world, near=at(24.7, 46.68), radius_meters=20_000) == ["Near", "Far"]
    assert await names(world, near=at(24.7, 46.68), query="far", radius_meters=20_000) == ["Far"]


@pytest.mark.covers("C2")
async def test_distance_does_not_stop_at_the_antimeridian(world):
    await world.salon(names={"en": "Taveuni"}, location=at(-16.8, 179.99))
    assert await names(world, near=at(-16.8, -179.99), radius_meters=5_000) == ["Taveuni"]


async def patience(connection):
    """Five thousand at once take long, and on a busy machine also between the statements: no service does that."""
    await connection.execute("SET LOCAL statement_timeout = 0")
    await connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


@pytest_asyncio.fixture(scope="session")
async def city_of_salons(databases):
    """Five thousand live salons, open as of the tests' clock."""
    with databases.borrow("catalog") as urls:
        database = await Database.open(urls.app, pool_size=4, application_name="test")
        async with database.transaction() as connection:
            await patience(connection)
            await settle(connection)
        async with database.transaction() as connection:
            await patience(connection)
            await openings.refresh(connection, list(judged()), NOW)
        with psycopg.connect(urls.superuser, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield database
        await database.close()


@pytest_asyncio.fixture
async def city(city_of_salons, identity, settings, fixed_clock, run_world):
    async with run_world(city_of_salons, identity, settings, fixed_clock) as world:
        yield world


@pytest.mark.covers("C2")
@pytest.mark.parametrize("name", GOLDEN)
async def test_a_golden_query_finds_what_it_means(city, name):
    """Nothing that does not fit among the first five, and of the first ten that could be found, all."""
    question, fits = GOLDEN[name]
    found = [
        judged()[UUID(result.salon.id)] for result in (await search(city, **question, page_size=10)).results
    ]
    relevant = [salon for salon in judged().values() if fits(salon)]
    assert relevant, "nobody could find it"
    assert [salon.names["en"] for salon in found[:5] if not fits(salon)] == []
    assert sum(map(fits, found)) == min(10, len(relevant))


ORDERS = {
    "rating": ({"order": Request.RATING}, lambda one: -round(one.rating, 2)),
    "price": ({"order": Request.PRICE}, lambda one: min(offer.price for offer in one.offers)),
    "price of a category": (
        {"order": Request.PRICE, "category": "bridal"},
        lambda one: min(offer.price for offer in one.offers_in("bridal")),
    ),
    "price above": (
        {"order": Request.PRICE, "minimum_price_minor": 100_000},
        lambda one: min(offer.price for offer in one.offers if offer.price >= 100_000),
    ),
}


@pytest.mark.covers("C2")
@pytest.mark.parametrize("name", ORDERS)
async def test_results_come_in_the_order_that_was_asked_for(city, name):
    question, key = ORDERS[name]
    page = (await search(city, **question, page_size=100)).results
    keys = [key(judged()[UUID(result.salon.id)]) for result in page]
    assert keys == sorted(keys)
    best = sorted(key(salon) for salon in judged().values() if name == "rating" or name == "price")[:1]
    assert keys[:1] == (best or keys[:1])
    assert len(page) == 100


@pytest.mark.covers("C2")
@pytest.mark.parametrize(
    "question",
    [
        {"query": "cedar"},
        {"near": at(24.7136, 46.6753), "radius_meters": 3_000},
        {"city": "الدمام"},
        {"order": Request.PRICE, "category": "hair", "maximum_price_minor": 6_000},
        {"order": Request.RATING, "query": "garden", "open_now": True},
    ],
    ids=["words", "distance", "city", "price", "rating"],
)
async def test_pages_neither_repeat_nor_skip_while_salons_are_added(city, question):
    everything = await walk(city, question, page_size=100)
    expected = [salon_id for salon_id in everything if salon_id not in await newcomers(city)]
    seen = await walk(city, question, page_size=37, meanwhile=lambda: add_salon(city))
    assert [salon_id for salon_id in seen if salon_id in set(expected)] == expected
    assert len(set(seen)) == len(seen)
    assert len(expected) > 37


async def walk(world, question, page_size, meanwhile=None):
    """The ids on all pages, in order."""
    ids, token = [], ""
    while True:
        page = await search(world, **question, page_size=page_size, page_token=token)
        ids += [result.salon.id for result in page.results]
        token = page.next_page_token
        if not token:
            return ids
        if meanwhile:
            await meanwhile()


async def add_salon(world):
    """A salon that fits every question, beside what was generated."""
    await world.salon(names={"en": "Cedar Rose Garden"}, city="الدمام", location=at(24.7137, 46.6754))


async def newcomers(world):
    rows = await world.rows("SELECT id FROM salons WHERE slug LIKE %s", "cedar-rose%")
    return {str(row["id"]) for row in rows}


async def test_a_page_token_is_good_for_its_search_only(city):
    first = await search(city, query="rose", page_size=1)
    other = api.SearchSalonsRequest(query="pearl", page_size=1, page_token=first.next_page_token)
    assert (await city.refusal("SearchSalons", other)).violations == {"pageToken": "MALFORMED"}


@pytest.mark.covers("C2")
async def test_fifty_words_of_a_letter_are_eight(city, statements):
    """Only as many words as bounded are looked at, each of them once."""
    letters = " ".join("abcdefghijklmnopqrstuvwxyz"[number % 26] for number in range(50))
    assert await names(city, query=letters) == []
    assert await names(city, query="rose garden " * 8) == await names(city, query="rose garden")
    assert await names(city, query="rose " + "garden " * 6 + "unheardof") == []
    eight = "rose hair nails skin massage makeup henna bath"
    assert await names(city, query=eight) == await names(city, query=f"{eight} unheardof")
    assert await names(city, query="…!؟") == []


@pytest.fixture
def work_of(monkeypatch):
    """How many rows the statement of a search touches: the same number on a busy machine and on an idle one."""

    @asynccontextmanager
    async def counting(world):
        seen = []
        execute = psycopg.AsyncCursor.execute

        async def remembered(self, query, params=None, **options):
            seen.append((query, params))
            return await execute(self, query, params, **options)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.AsyncCursor, "execute", remembered)
            yield (rows := [])
        async with world.database.snapshot() as connection:
            await connection.execute(*seen[-2])
            explained = sql.SQL("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ") + seen[-1][0]
            cursor = await connection.execute(explained, seen[-1][1])
            ((plan,),) = await cursor.fetchall()
            rows.append(rows_touched(plan[0]["Plan"]))

    return counting


def rows_touched(node):
    """Rows that a node of a plan made or threw away, and those below it."""
    kinds = ("Actual Rows", "Rows Removed by Join Filter", "Rows Removed by Filter")
    own = node["Actual Loops"] * sum(node.get(kind, 0) for kind in kinds)
    return own + sum(map(rows_touched, node.get("Plans", ())))


@pytest.mark.covers("C2")
@pytest.mark.parametrize(
    "question",
    [
        {"query": "manicure", "maximum_price_minor": 5_000},
        {"query": "hair", "near": at(24.7136, 46.6753), "radius_meters": 100_000},
        {"query": "hair", "near": at(24.7136, 46.6753), "radius_meters": 9_000, "order": Request.RATING},
        {"query": "founded by", "category": "nails", "open_now": True, "order": Request.PRICE},
    ],
    ids=["price", "distance", "rating", "everything"],
)
async def test_words_that_thousands_have_are_no_more_work_than_there_are_salons(city, work_of, question):
    """Each list is walked through a few times at most, not once for each row of another one; on later pages too."""
    async with work_of(city) as first:
        page = await search(city, **question)
    async with work_of(city) as second:
        await search(city, **question, page_token=page.next_page_token)
    assert page.next_page_token
    assert max(first + second) < 20 * len(judged())
