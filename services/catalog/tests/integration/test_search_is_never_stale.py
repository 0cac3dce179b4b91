"""What search reads against what it would be if it were made anew."""

import random
from datetime import timedelta

import grpc
import psycopg
import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_catalog.jobs.openings import openings_job
from kursi_catalog.store import openings

WORDS = ("Rose", "Pearl", "قص شعر", "Haircut", "الوردة", "Sara", "vegan", "Hot towel")
STORED = {
    "salons": "SELECT salon_id, city_key, latitude, serves, currency_code, rating, review_count FROM search_salons ORDER BY 1",
    "offers": "SELECT * FROM search_offers ORDER BY 1, 2",
    "index": "SELECT * FROM search_index ORDER BY 1, 2",
}

# Words that stand in the index and should not, or the other way round. Looked at after each edit: a later one heals.
STALE = """
WITH now AS (SELECT d.word, f.salon_id, d.weight FROM search_salons f, search_document(f.salon_id) d)
(SELECT * FROM search_index EXCEPT SELECT * FROM now) UNION ALL (SELECT * FROM now EXCEPT SELECT * FROM search_index)
"""


async def stored(world):
    return {name: await world.rows(query) for name, query in STORED.items()}


async def rebuilt(world, superuser):
    """The same, from nothing."""
    superuser.execute("TRUNCATE search_salons, search_offers, search_index")
    superuser.execute("SELECT refresh_search(id) FROM salons")
    return await stored(world)


@pytest.mark.covers("C2")
@pytest.mark.parametrize("seed", range(4))
async def test_after_any_edits_it_equals_a_rebuild(world, make, database_urls, seed):
    editor = Editor(world, make, random.Random(seed))
    for _ in range(40):
        await editor.edit()
        assert await world.rows(STALE) == []
    before = await stored(world)
    assert before["index"]
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        assert before == await rebuilt(world, superuser)
        missing = superuser.execute(
            "SELECT word FROM search_index EXCEPT SELECT word FROM search_vocabulary"
        ).fetchall()
    assert missing == []


class Editor:
    """Somebody who changes whatever comes to mind."""

    def __init__(self, world, make, chance):
        self.world, self.make, self.chance = world, make, chance
        self.salons, self.services, self.people = [], [], []

    async def edit(self):
        if not self.salons or self.chance.random() < 0.1:
            self.salons.append(await self.world.salon(names=self.names()))
        salon = self.chance.choice(self.salons)
        step = self.chance.choice(
            [self.salon, self.salon, self.archive, self.service, self.service, self.person, self.review]
        )
        try:
            await step(salon)
        except grpc.aio.AioRpcError as refusal:
            if refusal.code() is not grpc.StatusCode.FAILED_PRECONDITION:  # archived
                raise

    def names(self):
        """Words that others have too, and one that nobody else has."""
        own = f"w{self.chance.randrange(10**9)}"
        return {"en": f"{self.chance.choice(WORDS)} {own}", "ar": self.chance.choice(WORDS)}

    async def call(self, method, request, salon):
        return await self.world.call(method, request, self.world.token(salon.id))

    async def salon(self, salon):
        change = pb.Salon(
            id=salon.id,
            names=self.names(),
            city=self.chance.choice(WORDS),
            descriptions={"en": self.chance.choice(WORDS)},
            status=self.chance.choice([pb.Salon.LIVE, pb.Salon.LIVE, pb.Salon.DRAFT]),
        )
        await self.call("UpdateSalon", api.UpdateSalonRequest(salon=change), salon)

    async def archive(self, salon):
        kind = self.chance.choice(["Archive", "Restore", "Restore"])
        request = getattr(api, f"{kind}SalonRequest")(salon_id=salon.id)
        await self.call(f"{kind}Salon", request, salon)

    async def service(self, salon):
        mine = [one for one in self.services if one.salon_id == salon.id]
        if not mine or self.chance.random() < 0.4:
            self.services.append(await self.world.service(salon, names=self.names()))
            return
        one = self.chance.choice(mine)
        if self.chance.random() < 0.3:
            request = api.ArchiveServiceRequest(salon_id=salon.id, service_id=one.id)
            await self.call("ArchiveService", request, salon)
            return
        change = pb.Service(
            id=one.id,
            names=self.names(),
            category=self.chance.choice(WORDS),
            price=self.make.sar(self.chance.randrange(1, 99_999)),
            active=self.chance.random() < 0.7,
        )
        mask = {"paths": ["names", "category", "price", "active"]}
        await self.call(
            "UpdateService",
            api.UpdateServiceRequest(salon_id=salon.id, service=change, update_mask=mask),
            salon,
        )

    async def person(self, salon):
        mine = [one for one in self.people if one.salon_id == salon.id]
        if not mine or self.chance.random() < 0.4:
            self.people.append(await self.world.staff(salon, display_names=self.names()))
            return
        request = api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=self.chance.choice(mine).id)
        await self.call("ArchiveStaffMember", request, salon)

    async def review(self, salon):
        async with self.world.database.transaction() as connection:
            await connection.execute(
                "UPDATE salons SET review_count = review_count + 1, rating_sum = rating_sum + 4 WHERE id = %s",
                [salon.id],
            )


@pytest.mark.covers("C2")
async def test_the_service_cannot_write_what_search_reads(world):
    await world.salon()
    for statement in (
        "DELETE FROM search_salons", "UPDATE search_salons SET rating = 500", "DELETE FROM search_index",
        "UPDATE search_offers SET price_minor = 1", "INSERT INTO search_vocabulary VALUES ('x')",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with world.database.transaction() as connection:
                await connection.execute(statement)


async def open_times(world):
    return await world.rows("SELECT salon_id, open_times, open_until FROM search_salons ORDER BY 1")


@pytest.mark.covers("C2")
async def test_opening_times_are_kept_ahead_of_the_clock(world, make):
    """Halfway, late and twice: the job brings up to date what is due, and nothing else."""
    salons = [await world.salon() for _ in range(3)]
    for salon in salons:
        hours = pb.OpeningHours(ranges=make.every_day())
        request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours)
        await world.call("ReplaceOpeningHours", request, world.token(salon.id))
    written = await open_times(world)
    job = openings_job(world.database, world.clock)
    await job.run()
    assert await open_times(world) == written
    world.clock.advance(timedelta(days=30))
    await job.run()
    late = await open_times(world)
    assert {row["open_until"] for row in late} == {world.clock.now() + openings.AHEAD}
    assert all(row["open_times"][0].lower >= world.clock.now() - timedelta(hours=1) for row in late)
    await job.run()
    assert await open_times(world) == late


@pytest.mark.covers("C2")
async def test_somebody_who_left_is_not_found(world):
    salon = await world.salon()
    member = await world.staff(salon, display_names={"en": "Zumurrud"})
    request = api.SearchSalonsRequest(query="zumurrud")
    assert len((await world.call("SearchSalons", request)).results) == 1
    leave = api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=member.id)
    await world.call("ArchiveStaffMember", leave, world.token(salon.id))
    assert len((await world.call("SearchSalons", request)).results) == 0
