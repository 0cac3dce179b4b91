"""What concurrent changes may not do."""

import asyncio
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_catalog.main import platform_policy
from kursi_catalog.queries.context import Question, booking_context
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import refused


async def outcomes(calls):
    """How each of the concurrent calls ended: OK or the reason."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return sorted(
        refused(answer).reason if isinstance(answer, grpc.aio.AioRpcError) else "OK" for answer in answers
    )


@pytest.mark.covers("C1")
async def test_of_many_updates_of_one_revision_one_is_taken(world):
    salon = await world.salon()
    owner = world.token(salon.id)
    calls = [
        world.call(
            "UpdateSalon",
            api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, city=f"City {number}", etag=salon.etag)),
            owner,
        )
        for number in range(8)
    ]
    assert await outcomes(calls) == ["OK"] + ["STALE_ETAG"] * 7


@pytest.mark.covers("C11")
async def test_every_concurrent_change_gets_a_version_of_its_own(world):
    salon = await world.salon()
    await asyncio.gather(*(world.resource(salon) for _ in range(8)))
    rows = await world.rows("SELECT revision FROM outbox WHERE aggregate_id = %s ORDER BY id", salon.id)
    assert [row["revision"] for row in rows] == list(range(1, 11))


async def waits_for_the_resources(world):
    return await world.rows(
        "SELECT 1 FROM pg_locks WHERE relation = 'resources'::regclass AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


@pytest.mark.covers("C11")
async def test_what_booking_is_told_is_of_one_instant(world, database_urls, settings):
    """It has read the salon and waits to read its chairs, when both change."""
    database = await Database.open(database_urls.app, pool_size=2, application_name="patient")
    salon = await world.salon()
    await world.resource(salon)
    now = world.clock.now()
    question = Question(UUID(salon.id), (), (), now, now + timedelta(days=1))

    async def told():
        context = await booking_context(database, platform_policy(settings), question)
        return context.salon.city, len(context.resources)

    async with database.transaction() as change:
        await change.execute("LOCK TABLE resources IN ACCESS EXCLUSIVE MODE")
        asking = asyncio.create_task(told())
        await eventually(lambda: waits_for_the_resources(world))
        await change.execute("UPDATE salons SET city = 'elsewhere'")
        await change.execute("UPDATE resources SET archive_time = now()")
    assert [await asking, await told()] == [(salon.city, 1), ("elsewhere", 0)]
    await database.close()


async def test_one_of_many_salons_gets_a_short_name(world, make):
    request = api.CreateSalonRequest(salon=make.salon(slug="the-rose"))
    calls = [world.call("CreateSalon", request, world.token(user_id=new_id())) for _ in range(4)]
    assert await outcomes(calls) == ["OK"] + ["SLUG_TAKEN"] * 3


async def test_twins_of_one_request_get_one_salon(world, make):
    request = api.CreateSalonRequest(salon=make.salon(slug="the-rose"), request_id="once")
    token = world.token(user_id=new_id())
    answers = await asyncio.gather(*(world.call("CreateSalon", request, token) for _ in range(4)))
    assert {answer.id for answer in answers} == {answers[0].id}
    assert len(await world.rows("SELECT 1 FROM salons")) == 1


async def test_a_currency_change_and_a_first_service_do_not_pass_each_other(world, make):
    """Whoever comes second meets the other: a price in another currency than the salon's never is."""
    salon = await world.salon()
    owner = world.token(salon.id)
    change = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, currency_code="AED"))
    add = api.CreateServiceRequest(salon_id=salon.id, service=make.service())
    ended = await outcomes(
        [world.call("UpdateSalon", change, owner), world.call("CreateService", add, owner)]
    )
    assert ended in (["CURRENCY_IN_USE", "OK"], ["INVALID_ARGUMENT", "OK"])
    stray = (
        "SELECT 1 FROM services v JOIN salons s ON s.id = v.salon_id WHERE s.currency_code <> v.currency_code"
    )
    assert await world.rows(stray) == []
