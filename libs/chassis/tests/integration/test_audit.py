"""One line per thing that somebody did, in the transaction of what it tells about."""

from datetime import UTC, datetime

from kursi_chassis.caller import Caller
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.ids import new_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SALON, PERSON = new_id(), new_id()
SARA = Caller(kind="user", user_id=PERSON, address="203.0.113.7", request_id="a request")
COLUMNS = "actor, action, salon_id, target_type, target_id, before, after, address, request_id"


async def lines(database):
    async with database.snapshot() as connection:
        cursor = await connection.execute(f"SELECT {COLUMNS} FROM audit ORDER BY id")
        return await cursor.fetchall()


async def test_lines_say_who_did_what_to_which_thing_and_from_where(database):
    first = Entry("thing.changed", "thing", SALON, SALON, {"a": 1}, {"a": 2})
    second = Entry("session.made", "session", "s1", actor="user:somebody new")
    async with database.transaction() as connection:
        await audit.append(connection, SARA, first, second, at=NOON)
    place = ("203.0.113.7", "a request")
    assert await lines(database) == [
        (f"user:{PERSON}", "thing.changed", SALON, "thing", str(SALON), {"a": 1}, {"a": 2}, *place),
        ("user:somebody new", "session.made", None, "session", "s1", None, None, *place),
    ]


async def test_what_a_service_does_by_itself_names_its_actor_and_gets_the_time_of_the_database(database):
    async with database.transaction() as connection:
        await audit.append(connection, None, Entry("payment_flagged", "payment", PERSON, actor="system"))
        cursor = await connection.execute("SELECT at = now(), actor, address FROM audit")
        assert await cursor.fetchall() == [(True, "system", "")]


async def test_many_lines_keep_their_order(database):
    entries = [Entry("thing.added", "thing", str(number)) for number in range(500)]
    async with database.transaction() as connection:
        await audit.append(connection, SARA, *entries)
    assert [row[4] for row in await lines(database)] == [str(number) for number in range(500)]
