"""What PostgreSQL makes of the questions that dispatchers ask all the time, before it knows what the tables hold.

A connection keeps the plan that it made while little was due, and uses it when much is, until the statistics are
gathered again.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest_asyncio
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from kursi_messaging.store import claims

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ENOUGH = 20
"""Calls after which the driver has prepared the statement and PostgreSQL has compared plans of its own with a general one."""
LONG_OVER = """
INSERT INTO notifications (id, salon_id, recipient_id, audience, event, occurrence, channel, status, priority, due_at,
                           facts, created_at, updated_at, sent_at, provider, external_id)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'customer', 'manual', number::text, 'sms', 'delivered',
       number % 3, now(), '{}', now(), now(), now(), 'twilio', 'SM' || number
FROM generate_series(1, 5000) AS number
"""


@pytest_asyncio.fixture(params=["empty", "never analysed", "analysed"])
async def database(request, databases) -> AsyncIterator[Database]:
    """Messages that are all over, or none at all: nothing has been due for long."""
    with databases.borrow("messaging") as urls:
        async with await psycopg.AsyncConnection.connect(urls.superuser, autocommit=True) as connection:
            await connection.execute("ALTER TABLE notifications SET (autovacuum_enabled = off)")
            for statement in {"empty": [], "never analysed": [LONG_OVER]}.get(
                request.param, [LONG_OVER, "ANALYZE notifications"]
            ):
                await connection.execute(statement)
        database = await Database.open(urls.app, pool_size=1, application_name="test")
        yield database
        await database.close()


async def kept_plan(database: Database, words: str) -> list[dict[str, Any]]:
    """The steps of the general plan of the one prepared statement that has these words."""
    async with database.reading() as connection:
        found = await connection.execute(
            "SELECT name, cardinality(parameter_types) FROM pg_prepared_statements WHERE position(%s IN statement) > 0",
            [words],
        )
        [(name, count)] = await found.fetchall()
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        nothing = ", ".join(["NULL"] * count)
        cursor = await connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE {name} ({nothing})")
        [([answer],)] = await cursor.fetchall()
    return list(steps(answer["Plan"]))


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from steps(part)


def indexes(plan: list[dict[str, Any]]) -> set[str]:
    return {step["Index Name"] for step in plan if "Index Name" in step}


async def test_a_claim_reads_the_first_of_what_is_due_and_finds_the_rest_by_their_ids(database):
    for _ in range(ENOUGH):
        async with database.transaction() as connection:
            await claims.claim(connection, token=new_id(), lease=MINUTE, most=100, now=NOW)

    plan = await kept_plan(database, "placed AS")
    assert [step for step in plan if step["Node Type"] == "Seq Scan"] == []
    assert indexes(plan) <= {
        "notifications_due",
        "notifications_pkey",
        "notifications_in_flight",
        "notifications_leased",
    }
    chosen = {index for step in plan if step.get("Alias") in ("mine", "taken") for index in indexes([step])}
    assert chosen == {"notifications_pkey"}


async def test_what_is_overdue_is_not_looked_for_among_all_that_a_provider_ever_took(database):
    asking = claims.Asking(providers=["twilio"], after=MINUTE, until=60 * MINUTE, most=100, now=NOW)
    for _ in range(ENOUGH):
        async with database.transaction() as connection:
            await claims.overdue(connection, asking)

    assert "notifications_by_external_id" not in indexes(await kept_plan(database, "sent_at >"))


async def test_what_a_person_got_is_not_looked_for_among_all_that_a_provider_ever_took(database):
    for _ in range(ENOUGH):
        async with database.transaction() as connection:
            await claims.known_ids(connection, "twilio", [new_id()])

    assert "notifications_by_external_id" not in indexes(await kept_plan(database, "SELECT external_id"))
