"""What PostgreSQL makes of the question that every booking asks first."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from kursi_booking.ports.supply import Wanted
from kursi_booking.queries.occupancy import ClaimedTimes
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ENOUGH = 20
"""Calls after which the driver has prepared the statement and PostgreSQL has compared plans of its own with a general one."""


@pytest.mark.parametrize("people", [1, 10])
async def test_the_search_for_claims_is_planned_once_for_however_many_people(database_urls, people):
    start = int((NOW + timedelta(days=1)).timestamp())
    wanted = Wanted(
        unit_ids=[new_id() for _ in range(people)],
        during=(start, start + 1_800),
        now=NOW,
        salon_id=UUID(int=1),
        customer_id=UUID(int=2),
        own_booking=None,
    )
    database = await Database.open(database_urls.app, pool_size=1, application_name="test")
    taken = ClaimedTimes(database)

    for _ in range(ENOUGH):
        await taken(wanted)

    async with database.reading() as connection:
        cursor = await connection.execute(
            "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE '%unit.position%'"
        )
        [(kept_plans,)] = await cursor.fetchall()
    await database.close()
    assert kept_plans > 0
