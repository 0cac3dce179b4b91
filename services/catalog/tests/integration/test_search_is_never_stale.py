"""What search reads against what it would be if it were made anew."""

import random
from datetime import timedelta

import grpc
import psycopg
import pytest
from google.type import latlng_pb2
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_catalog.jobs.openings import openings_job
from kursi_catalog.store import openings

WORDS = ("Rose", "Pearl", "قص شعر", "Haircut", "الوردة", "Sara", "vegan", "Hot towel")
# What search reads, and what it would be if it were made anew just now from salons, services and staff.
READ = {
    "salons": """SELECT salon_id, city_key, latitude, longitude, serves, currency_code, rating, review_count
        FROM search_salons""",
    "offers": "SELECT salon_id, service_id, category_key, price_minor FROM search_offers",
    "index": "SELECT word, salon_id, weight FROM search_index",
}
TRUE = {
    "salons": """SELECT id, fold_text(city), latitude, longitude, serves, currency_code,
        round(100.0 * rating_sum / nullif(review_count, 0))::integer, review_count FROM live""",
    "offers": """SELECT o.salon_id, o.id, fold_text(o.category), o.price_minor
        FROM services o JOIN live ON live.id = o.salon_id WHERE o.active AND o.archive_time IS NULL""",
    "index": "SELECT d.word, live.id, d.weight FROM live, search_document(live.id) d",
}
DIFFERENCE = """
WITH live AS (SELECT * FROM salons WHERE status = 'live' AND archive_time IS NULL)
(({read}) EXCEPT ({true})) UNION ALL (({true}) EXCEPT ({read}))
"""


async def stale(world):
    """Rows that search has and should not have, or the other way round, by table."""
    found = {
        table: await world.rows(DIFFERENCE.format(read=read, true=TRUE[table]))
        for table, read in READ.items()
    }
    return {table: rows for table, rows in found.items() if rows}


@pytest.mark.covers("C2")
@pytest.mark.parametrize("seed", range(4))
async def test_after_each_edit_search_reads_what_is_true(world, make, seed):
    """Looked at after each edit, one field at a time: a later edit of the same salon would heal what this one lost."""
    editor = Editor(world, make, random.Random(seed))
    for _ in range(60):
        step = await editor.edit()
        assert await stale(world) == {}, step
    assert len(editor.done) == len(editor.steps)
    unknown = "SELECT word FROM search_index EXCEPT SELECT word FROM search_vocabulary"
    assert await world.rows(unknown) == []


@pytest.mark.covers("C2")
async def test_a_rebuild_makes_what_edits_made(world, make, database_urls):
    editor = Editor(world, make, random.Random(7))
    for _ in range(20):
        await editor.edit()
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        superuser.execute("TRUNCATE search_salons, search_offers, search_index")
        assert await stale(world) != {}
        superuser.execute("SELECT refresh_search(id) FROM salons")
    assert await stale(world) == {}


class Editor:
    """Somebody who changes whatever comes to mind."""

    def __init__(self, world, make, chance):
        self.world, self.make, self.chance = world, make, chance
        self.salons, self.services, self.people, self.done = [], [], [], set()
        self.steps = (self.salon, self.archive, self.service, self.person, self.review)

    async def edit(self):
        """The name of what was done."""
        if len(self.salons) < 3 or self.chance.random() < 0.05:
            self.salons.append(await self.world.salon(names=self.names()))
        salon = self.chance.choice(self.salons)
        step = self.chance.choices(self.steps, weights=[3, 1, 3, 2, 1])[0]
        try:
            done = await step(salon)
        except grpc.aio.AioRpcError as refusal:
            if refusal.code() is not grpc.StatusCode.FAILED_PRECONDITION:  # archived
                raise
            return "nothing"
        self.done.add(step)
        return done

    def names(self):
        """Words that others have too, and one that nobody else has."""
        own = f"w{self.chance.randrange(10**9)}"
        return {"en": f"{self.chance.choice(WORDS)} {own}", "ar": self.chance.choice(WORDS)}

    async def call(self, method, request, salon):
        return await self.world.call(method, request, self.world.token(salon.id))

    def one_of(self, **fields):
        """One field and its new value."""
        return self.chance.choice(sorted(fields.items()))

    async def salon(self, salon):
        field, value = self.one_of(
            names=self.names(),
            city=self.chance.choice(WORDS),
            descriptions={"en": self.chance.choice(WORDS)},
            status=self.chance.choice([pb.Salon.LIVE, pb.Salon.LIVE, pb.Salon.DRAFT]),
            serves=self.chance.choice([pb.Salon.WOMEN, pb.Salon.MEN, pb.Salon.FAMILIES]),
            location=latlng_pb2.LatLng(latitude=self.chance.uniform(-80, 80), longitude=45),
        )
        change = pb.Salon(**{"id": salon.id, field: value})
        request = api.UpdateSalonRequest(salon=change, update_mask={"paths": [field]})
        await self.call("UpdateSalon", request, salon)
        return f"salon.{field}"

    async def archive(self, salon):
        kind = self.chance.choice(["Archive", "Restore", "Restore"])
        request = getattr(api, f"{kind}SalonRequest")(salon_id=salon.id)
        await self.call(f"{kind}Salon", request, salon)
        return kind

    async def service(self, salon):
        mine = [one for one in self.services if one.salon_id == salon.id]
        if not mine or self.chance.random() < 0.2:
            self.services.append(await self.world.service(salon, names=self.names()))
            return "new service"
        one = self.chance.choice(mine)
        if self.chance.random() < 0.15:
            request = api.ArchiveServiceRequest(salon_id=salon.id, service_id=one.id)
            await self.call("ArchiveService", request, salon)
            return "archived service"
        field, value = self.one_of(
            names=self.names(),
            category=self.chance.choice(WORDS),
            price=self.make.sar(self.chance.randrange(1, 99_999)),
            active=self.chance.random() < 0.5,
        )
        change = pb.Service(**{"id": one.id, field: value})
        request = api.UpdateServiceRequest(salon_id=salon.id, service=change, update_mask={"paths": [field]})
        await self.call("UpdateService", request, salon)
        return f"service.{field}"

    async def person(self, salon):
        mine = [one for one in self.people if one.salon_id == salon.id]
        if not mine or self.chance.random() < 0.3:
            self.people.append(await self.world.staff(salon, display_names=self.names()))
            return "new person"
        one = self.chance.choice(mine)
        if self.chance.random() < 0.4:
            request = api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=one.id)
            await self.call("ArchiveStaffMember", request, salon)
            return "archived person"
        change = pb.StaffMember(id=one.id, display_names=self.names())
        request = api.UpdateStaffMemberRequest(
            salon_id=salon.id, staff_member=change, update_mask={"paths": ["display_names"]}
        )
        await self.call("UpdateStaffMember", request, salon)
        return "person.display_names"

    async def review(self, salon):
        await self.world.execute(
            "UPDATE salons SET review_count = review_count + 1, rating_sum = rating_sum + 4 WHERE id = %s",
            salon.id,
        )
        return "review"


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
async def test_opening_times_are_kept_ahead_of_the_clock(world, make, monkeypatch):
    """Halfway, late and twice: the job brings up to date what is due, in as many batches as it takes, and nothing else."""
    monkeypatch.setattr("kursi_catalog.jobs.openings._BATCH", 2)
    salons = [await world.salon() for _ in range(3)]
    for salon in salons:
        hours = pb.OpeningHours(ranges=make.every_day())
        request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours)
        await world.call("ReplaceOpeningHours", request, world.token(salon.id))
    written = await open_times(world)
    job = openings_job(world.database, world.clock)
    await job.run()
    assert await open_times(world) == written
    world.clock.advance(timedelta(days=1, seconds=1))
    await job.run()
    assert {row["open_until"] for row in await open_times(world)} == {world.clock.now() + openings.AHEAD}
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
