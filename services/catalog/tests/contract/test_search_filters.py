"""Who is found is who fits everything that was asked for, and what cannot be asked for is refused."""

from datetime import timedelta

import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.grpc.times import timestamp
from searching import Request, at, names, search

from bench.golden import NOW


@pytest.mark.covers("C2")
async def test_every_filter_must_fit(world):
    women = await world.salon(names={"en": "Women"}, serves=pb.Salon.WOMEN, city="الرّياض")
    await world.salon(names={"en": "Men"}, serves=pb.Salon.MEN, city="الرياض")
    await world.salon(names={"en": "All"}, city="Jeddah")
    await world.service(women, category="Nails")
    await world.service(women, category="gone", active=False)
    assert await names(world, serves=pb.Salon.WOMEN) == ["Women", "All"]
    for written in ("الرياض", "الرّياض", "ٱلرياض"):
        assert await names(world, city=written) == ["Women", "Men"]
    assert await names(world, city="JÉDDAH") == await names(world, city="jeddah") == ["All"]
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


@pytest.mark.covers("C2")
async def test_prices_ratings_and_currency_are_filters(world, make):
    cheap = await world.salon(names={"en": "Cheap"})
    await world.service(cheap, category="hair", price=make.sar(5_000))
    await world.service(cheap, category="nails", price=make.sar(30_000))
    await world.service(cheap, category="hair", price=make.sar(100), active=False)
    dear = await world.salon(names={"en": "Dear"}, currency_code="AED")
    await world.service(dear, category="hair", price=make.sar(20_000, "AED"))
    assert await names(world, maximum_price_minor=5_000) == ["Cheap"]
    assert await names(world, maximum_price_minor=4_999) == []
    assert await names(world, minimum_price_minor=20_000) == ["Cheap", "Dear"]
    assert await names(world, minimum_price_minor=20_000, category="hair") == ["Dear"]
    assert await names(world, currency_code="SAR") == ["Cheap"]
    by_price = (await search(world, order=Request.PRICE)).results
    assert [one.lowest_price for one in by_price] == [make.sar(5_000), make.sar(20_000, "AED")]
    async with world.database.transaction() as connection:
        await connection.execute(
            "UPDATE salons SET review_count = 3, rating_sum = 14 WHERE id = %s", [dear.id]
        )
    rated = (await search(world, minimum_rating_hundredths=467)).results
    assert [(one.salon.rating.average_hundredths, one.salon.rating.count) for one in rated] == [(467, 3)]
    assert await names(world, minimum_rating_hundredths=468) == []
    assert await names(world, order=Request.RATING) == ["Dear", "Cheap"]


@pytest.mark.covers("C2")
async def test_the_lowest_price_is_that_of_what_was_asked_for(world, make):
    salon = await world.salon()
    await world.service(salon, category="hair", price=make.sar(5_000))
    await world.service(salon, category="nails", price=make.sar(30_000))
    asked = ({}, {"category": "nails"}, {"minimum_price_minor": 5_001})
    found = [(await search(world, **question)).results[0].lowest_price for question in asked]
    assert found == [make.sar(5_000), make.sar(30_000), make.sar(30_000)]


@pytest.mark.covers("C2", "C5")
async def test_open_means_within_hours_and_not_closed_or_at_prayer(world, make):
    """The tests' clock shows 15:00 in Riyadh on a Thursday in Ramadan; asr is at 15:26."""
    salon = await world.salon(location=at(24.7136, 46.6753))
    owner = world.token(salon.id)

    async def opens(start, end, **more):
        hours = pb.OpeningHours(ranges=make.every_day(start, end), **more)
        request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours)
        await world.call("ReplaceOpeningHours", request, owner)

    async def is_open(at=None):
        question = {"open_time": timestamp(at)} if at else {"open_now": True}
        return await names(world, **question) == ["Rose"]

    assert not await is_open()
    await opens("09:00", "15:00")
    assert not await is_open()
    await opens("21:00", "39:01")
    assert await is_open()
    await opens("09:00", "15:01", seasonal=[pb.SeasonalHours(season=pb.RAMADAN)])
    assert not await is_open()
    asr = pb.PrayerBreaks(prayers=[pb.PrayerBreaks.ASR], after=make.minutes(20))
    await opens("09:00", "23:00", prayer_breaks=asr)
    assert [await is_open(NOW + timedelta(minutes=minutes)) for minutes in (0, 30, 50)] == [True, False, True]
    closure = pb.Closure(
        start_time=timestamp(NOW + timedelta(days=1)), end_time=timestamp(NOW + timedelta(days=1, hours=1))
    )
    await world.call("CreateClosure", api.CreateClosureRequest(salon_id=salon.id, closure=closure), owner)
    tomorrow = NOW + timedelta(days=1)
    assert [await is_open(tomorrow), await is_open(tomorrow + timedelta(hours=2))] == [False, True]


async def test_what_an_order_or_a_filter_needs_is_required(world):
    found = [
        (await world.refusal("SearchSalons", Request(**question))).violations
        for question in (
            {"order": Request.RELEVANCE, "query": " "},
            {"order": Request.DISTANCE},
            {"radius_meters": 500},
            {"order": 9},
            {"minimum_price_minor": -1},
            {"minimum_price_minor": 2, "maximum_price_minor": 1},
            {"minimum_rating_hundredths": 501, "currency_code": "riyal"},
            {"open_now": True, "open_time": timestamp(NOW)},
            {"open_time": timestamp(NOW - timedelta(seconds=1))},
            {"open_time": timestamp(NOW + timedelta(days=7, seconds=1))},
        )
    ]
    assert found == [
        {"query": "REQUIRED"},
        {"near": "REQUIRED"},
        {"near": "REQUIRED"},
        {"order": "UNKNOWN_VALUE"},
        {"minimumPriceMinor": "OUT_OF_RANGE"},
        {"maximumPriceMinor": "EMPTY_RANGE"},
        {"minimumRatingHundredths": "OUT_OF_RANGE", "currencyCode": "NOT_A_CURRENCY"},
        {"openTime": "NOT_TOGETHER"},
        {"openTime": "OUT_OF_RANGE"},
        {"openTime": "OUT_OF_RANGE"},
    ]
