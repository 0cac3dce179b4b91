"""What the catalog said is kept, and asked for again as soon as it may be another thing (B5)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from kursi.catalog.v1.catalog_service_pb2_grpc import CatalogInternalServiceStub
from kursi_booking.adapters.catalog import CatalogClient
from kursi_booking.consumers.catalog_changes import CatalogChanges
from kursi_booking.domain.errors import CatalogUnavailable, ServiceNotFound
from kursi_chassis.testing.eventually import eventually

SECOND = timedelta(seconds=1)


@dataclass
class Meanwhile:
    """The catalog, after whose first answer something happens before it arrives."""

    inner: Any
    happens: Callable[[], None] | None = None

    async def GetBookingContext(self, request, timeout):  # noqa: N802 -- spelled by the contract
        answer = await self.inner.GetBookingContext(request, timeout=timeout)
        if self.happens is not None:
            happens, self.happens = self.happens, None
            happens()
        return answer


@pytest.fixture
def stub(catalog_channel):
    return Meanwhile(CatalogInternalServiceStub(catalog_channel))


@pytest.fixture
def ask(stub, fixed_clock, salon):
    """`await ask()`: what is known of the salon with its one service; `ask.client` keeps it."""
    service = salon.service(salon.staff())
    first = int(salon.at(16, 0).timestamp())
    client = CatalogClient(stub, fixed_clock)

    def context():
        return client.context(salon.id, frozenset({service}), first, first + 86_400)

    context.client = client
    return context


@pytest.mark.covers("B5")
async def test_what_was_kept_before_changes_are_listened_to_is_asked_for_again(
    ask, salon, catalog, fixed_clock, nats_client
):
    before = await ask()
    fixed_clock.advance(SECOND)
    salon.version = 2  # nobody has heard of it
    assert (await ask(), len(catalog.requests)) == (before, 1)
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(CatalogChanges(nats_client, ask.client).run(stopping))
        await eventually(lambda: is_version(ask, 2))
        stopping.set()


async def is_version(ask, version):
    return (await ask()).version == version


@pytest.mark.covers("B5")
async def test_an_answer_is_as_old_as_its_question(ask, stub, catalog, fixed_clock):
    asked_at = fixed_clock.now()

    def changes_are_missed():
        fixed_clock.advance(SECOND)
        ask.client.heard_nothing()

    stub.happens = changes_are_missed
    assert (await ask()).as_of == asked_at
    assert ((await ask()).as_of, len(catalog.requests)) == (asked_at + SECOND, 2)


@pytest.mark.covers("B5")
async def test_a_change_that_is_heard_of_while_the_catalog_answers_is_asked_for(ask, stub, salon):
    def it_changes():
        salon.version = 2
        ask.client.heard_of(salon.id, 2)

    stub.happens = it_changes
    assert (await ask()).version == 1
    assert (await ask()).version == 2


@pytest.mark.covers("B5")
async def test_what_the_catalog_no_longer_has_is_not_kept(ask, salon, catalog):
    await ask()
    del salon.answer.offers[:]
    ask.client.heard_of(salon.id, 2)
    with pytest.raises(ServiceNotFound):
        await ask()
    await catalog.stop()
    with pytest.raises(CatalogUnavailable):
        await ask()
