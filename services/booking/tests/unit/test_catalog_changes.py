"""Following the catalog's changes while there are none."""

import asyncio

import nats.errors
import pytest
from kursi_booking.consumers.catalog_changes import CatalogChanges
from nats.aio.client import Client


class Kept:
    def heard_of(self, salon_id, version): ...

    def heard_nothing(self): ...


class Silent:
    """A subscription to which nothing came; the client says so with an error of its own, or with asyncio's."""

    def __init__(self, error, stopping):
        self._error = error
        self._stopping = stopping

    async def fetch(self, batch, timeout):
        raise self._error

    async def consumer_info(self):
        self._stopping.set()


@pytest.mark.parametrize("error", [nats.errors.TimeoutError(), TimeoutError()])
async def test_a_second_without_changes_loses_no_subscription(error):
    stopping = asyncio.Event()

    await CatalogChanges(Client(), Kept())._follow(Silent(error, stopping), stopping)

    assert stopping.is_set()
