"""What a service may just be, and what it may not be any more."""

import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api


@pytest.fixture
def world(shared_world):
    return shared_world


@pytest.mark.covers("C3")
async def test_a_service_lasts_a_whole_day_at_most(world, make):
    salon = await world.salon()
    halves = [pb.Segment(duration=make.minutes(720), needs_staff=True)] * 2
    parted = await world.service(salon, duration=None, segments=halves)
    assert parted.duration == make.minutes(1440)
    assert (await world.service(salon, duration=make.minutes(1440))).duration == make.minutes(1440)
    longer = make.service(duration=None, segments=[*halves, pb.Segment(duration=make.minutes(1))])
    request = api.CreateServiceRequest(salon_id=salon.id, service=longer)
    refusal = await world.refusal("CreateService", request, world.token(salon.id))
    assert refusal.violations == {"service.segments": "OUT_OF_RANGE"}


@pytest.mark.covers("C3")
async def test_add_ons_are_in_the_salons_currency_and_each_is_there_once(world, make):
    salon = await world.salon()
    foreign = make.service(add_ons=[pb.AddOn(names={"en": "Mask"}, price=make.sar(1, "AED"))])
    request = api.CreateServiceRequest(salon_id=salon.id, service=foreign)
    refusal = await world.refusal("CreateService", request, world.token(salon.id))
    assert refusal.violations == {"service.addOns[0].price.currencyCode": "OTHER_CURRENCY"}
    service = await world.service(salon, add_ons=[pb.AddOn(names={"en": "Mask"}, price=make.sar(2000))])
    twice = pb.Service(id=service.id, add_ons=[service.add_ons[0]] * 2)
    request = api.UpdateServiceRequest(salon_id=salon.id, service=twice)
    refusal = await world.refusal("UpdateService", request, world.token(salon.id))
    assert refusal.violations == {"service.addOns[1].id": "DUPLICATE"}
