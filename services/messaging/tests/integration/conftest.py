"""The stage for dispatching."""

from collections.abc import AsyncIterator

import pytest_asyncio
from dispatch_stage import Directory, Stage, served, stage_settings
from kursi_chassis.clock import SystemClock
from kursi_chassis.db.database import Database
from kursi_simulators.testing import Simulators, running_simulators


@pytest_asyncio.fixture(scope="session")
async def simulators() -> AsyncIterator[Simulators]:
    async with running_simulators(time_factor=0.001) as running:
        yield running


@pytest_asyncio.fixture
async def stage(databases, simulators) -> AsyncIterator[Stage]:
    simulators.reset()
    # Reports are kept by the provider; tests bring them, in the order that they want to try.
    simulators.twilio.callbacks.pause()
    directory = Directory()
    with databases.borrow("messaging") as urls:
        database = await Database.open(urls.app, pool_size=6, application_name="test")
        try:
            async with served(directory) as address:
                settings = stage_settings(simulators, address, urls)
                yield Stage(urls, database, directory, address, simulators, SystemClock(), settings)
        finally:  # a pool that stays open keeps the run from ending
            await database.close()
