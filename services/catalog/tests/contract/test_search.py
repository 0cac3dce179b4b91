import pytest
import pytest_asyncio
from google.type import latlng_pb2
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from psycopg.types.json import Jsonb

FIRST = ("Rose", "Pearl", "Amber", "Saffron", "Velvet", "Cedar", "Lotus", "Ruby", "Olive", "Jasmine")
SECOND = ("Beauty", "Nails", "Spa", "Barbers", "Studio", "Lounge", "Clinic", "Corner", "House", "Garden")
FIRST_AR = (
    "الوردة",
    "اللؤلؤة",
    "العنبر",
    "الزعفران",
    "المخمل",
    "الأرز",
    "اللوتس",
    "الياقوت",
    "الزيتون",
    "الياسمين",
)
SECOND_AR = ("للتجميل", "أظافر", "سبا", "حلاقة", "استوديو", "صالة", "عيادة", "ركن", "بيت", "حديقة")
CITIES = (("Riyadh", 24.7136, 46.6753), ("Jeddah", 21.4858, 39.1925), ("الدمّام", 26.4207, 50.0888))


async def search(world, **question):
    return await world.call("SearchSalons", api.SearchSalonsRequest(**question))


async def names(world, **question):
    return [result.salon.names["en"] for result in (await search(world, **question)).results]


def at(latitude, longitude):
    return latlng_pb2.LatLng(latitude=latitude, longitude=longitude)


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
    assert await names(world, near=at(24.7, 46.68), query="far", radius_meters=20_000) == ["Far"]


@pytest.mark.covers("C2")
async def test_distance_does_not_stop_at_the_antimeridian(world):
    await world.salon(names={"en": "Taveuni"}, location=at(-16.8, 179.99))
    assert await names(world, near=at(-16.8, -179.99), radius_meters=5_000) == ["Taveuni"]


@pytest.mark.covers("C2")
async def test_every_filter_must_fit(world):
    women = await world.salon(names={"en": "Women"}, serves=pb.Salon.WOMEN, city="الرّياض")
    await world.salon(names={"en": "Men"}, serves=pb.Salon.MEN, city="الرياض")
    await world.salon(names={"en": "All"}, city="Jeddah")
    await world.service(women, category="Nails")
    await world.service(women, category="gone", active=False)
    assert await names(world, serves=pb.Salon.WOMEN) == ["Women", "All"]
    assert await names(world, city="الرياض") == ["Women", "Men"]
    assert await names(world, city="الرياض", serves=pb.Salon.MEN) == ["Men"]
    assert await names(world, category="nails") == ["Women"]
    assert await names(world, category="gone") == []


async def test_a_bad_search_is_refused_by_field(world):
    request = api.SearchSalonsRequest(
        query="x" * 101, near=at(91, 0), radius_meters=100_001, serves=9, page_size=-1
    )
    refusal = await world.refusal("SearchSalons", request)
    assert refusal.violations == {
        "query": "TOO_LONG",
        "near.latitude": "OUT_OF_RANGE",
        "radiusMeters": "OUT_OF_RANGE",
        "serves": "UNKNOWN_VALUE",
    }


@pytest_asyncio.fixture(scope="session")
async def city_of_salons(databases):
    """5,000 live salons: each pair of words fifty times, spread over three cities."""
    with databases.borrow("catalog") as urls:
        database = await Database.open(urls.app, pool_size=4, application_name="test")
        async with database.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(_INSERT, [_row(number) for number in range(5_000)])
            await cursor.execute(_WORDS)
        async with database.autocommit() as connection:
            await connection.execute("ANALYZE salons")
        yield database
        await database.close()


_INSERT = """
INSERT INTO salons (id, slug, names, city, time_zone, currency_code, serves, status, create_time, update_time,
                    latitude, longitude)
VALUES (%s, %s, %s, %s, 'Asia/Riyadh', 'SAR', 'everybody', 'live', now(), now(), %s, %s)
"""
_WORDS = """
UPDATE salons SET name_text = search_key((names ->> 'ar') || ' ' || (names ->> 'en')),
    search_text = search_key((names ->> 'ar') || ' ' || (names ->> 'en') || ' ' || city)
"""


def _row(number):
    first, second, copy = number % 10, number // 10 % 10, number // 100
    city, latitude, longitude = CITIES[copy % 3]
    words = {"en": f"{FIRST[first]} {SECOND[second]}", "ar": f"{FIRST_AR[first]} {SECOND_AR[second]}"}
    step = copy / 1000
    return (new_id(), f"salon-{number}", Jsonb(words), city, latitude + step, longitude + step)


def misspelt(word):
    """The word without its third letter."""
    return word[:2] + word[3:]


PAIRS = list(zip(FIRST, SECOND, strict=True))
PAIRS_AR = list(zip(FIRST_AR, SECOND_AR, strict=True))
GOLDEN = {
    "as written": [f"{first} {second}" for first, second in PAIRS],
    "in other cases": [f"{first.lower()} {second.upper()}" for first, second in PAIRS],
    "in another order": [f"{second} {first}" for first, second in PAIRS],
    "in Arabic": [f"{first} {second}" for first, second in PAIRS_AR],
    "in careless Arabic": [
        f"{first} {second}".replace("ة", "ه").replace("أ", "ا").replace("ؤ", "و").replace("ى", "ي")
        for first, second in PAIRS_AR
    ],
    "misspelt": [f"{misspelt(first)} {misspelt(second)}" for first, second in PAIRS],
}
"""Sixty queries; the n-th of each kind means the n-th pair of words."""


@pytest_asyncio.fixture
async def city(city_of_salons, identity, settings, fixed_clock, run_world):
    async with run_world(city_of_salons, identity, settings, fixed_clock) as world:
        yield world


@pytest.mark.covers("C2")
@pytest.mark.parametrize("kind", GOLDEN)
async def test_the_golden_queries_find_what_they_mean_first(city, kind):
    found = [set(await names(city, query=query)) for query in GOLDEN[kind]]
    assert found == [{f"{first} {second}"} for first, second in PAIRS]


@pytest.mark.covers("C2")
@pytest.mark.parametrize(
    "question",
    [
        {"query": "rose garden"},
        {"near": at(24.7136, 46.6753), "radius_meters": 3_000},
        {"city": "الدمام", "query": "cedar"},
    ],
    ids=["words", "distance", "city"],
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
