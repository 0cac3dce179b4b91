"""What a customer adds to a visit has to be bookable then by its own rules."""

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi_chassis.ids import new_id

DAY_SECONDS = 86_400


def change(world, booking, *services, metadata=None, **more):
    items = [pb.WantedItem(service_id=str(service)) for service in services]
    return world.act("ChangeServices", booking, metadata=metadata or world.customer(), items=items, **more)


@pytest.fixture
def extra(world):
    """Half an hour more, with a policy of its own."""
    return lambda **terms: world.salon.service(*world.staff, duration=30, terms=terms)


@pytest.mark.covers("B8")
@pytest.mark.parametrize(
    ("terms", "reason", "rule"),
    [
        ({"minimum_notice": Duration(seconds=60 * DAY_SECONDS)}, "NOT_BOOKABLE", "TOO_SOON"),
        ({"maximum_ahead": Duration(seconds=DAY_SECONDS // 24)}, "NOT_BOOKABLE", "TOO_FAR_AHEAD"),
        ({"latest_start": "09:00"}, "NOT_BOOKABLE", "TOO_LATE_IN_DAY"),
        ({"maximum_bookings_per_day": 1}, "NOT_BOOKABLE", "DAY_FULL"),
        ({"maximum_active_bookings": 1}, "TOO_MANY_BOOKINGS", None),
    ],
)
async def test_a_customer_adds_only_what_could_be_booked_for_that_start(
    world, refusal, extra, terms, reason, rule
):
    await world.book(world.salon.at(16, 14))
    booked = await world.book(world.salon.at(16, 10), staff=world.staff[0])
    service = extra(**terms)
    for is_dry in (True, False):
        answer = await refusal(change(world, booked, world.service_id, service, dry_run=is_dry))
        assert (answer.reason, answer.metadata.get("rule")) == (reason, rule)
    assert await world.get(booked) == booked
    by_the_salon = await change(world, booked, world.service_id, service, metadata=world.member())
    assert len(by_the_salon.items) == 2


@pytest.mark.parametrize("terms", [{"maximum_bookings_per_day": 1}, {"maximum_active_bookings": 1}])
async def test_the_visit_itself_does_not_count_against_what_is_added_to_it(world, extra, terms):
    booked = await world.book(world.salon.at(16, 10))
    assert len((await change(world, booked, world.service_id, extra(**terms))).items) == 2


@pytest.mark.covers("B8")
async def test_what_is_booked_already_has_kept_its_notice_and_another_of_it_has_not(world, refusal, extra):
    brief, slow = extra(), extra(minimum_notice=Duration(seconds=3 * DAY_SECONDS))
    booked = await world.book(world.salon.at(16, 10), slow)
    world.clock.set(world.salon.at(16, 10) - timedelta(days=2))
    more = await change(world, booked, slow, brief)
    assert [item.service_id for item in more.items] == [str(slow), str(brief)]
    answer = await refusal(change(world, booked, slow, slow))
    assert answer.metadata["rule"] == "TOO_SOON"
    fewer = await change(world, booked, slow)
    assert (await change(world, fewer, slow)) == fewer


async def test_how_starts_are_laid_out_does_not_bind_what_is_added(world, extra):
    booked = await world.book(world.salon.at(16, 10, 15))
    hourly = extra(slot_step=Duration(seconds=3_600))
    assert len((await change(world, booked, world.service_id, hourly)).items) == 2


async def test_people_keep_the_limit_of_their_day_whatever_is_added(world, refusal, extra):
    limited = extra(maximum_bookings_per_staff_day=1)
    people = {"staff": world.staff[0], "metadata": world.customer(new_id())}
    booked = await world.book(world.salon.at(16, 10), limited, **people)
    await world.book(world.salon.at(16, 14), staff=world.staff[0], metadata=world.customer(new_id()))
    items = [
        pb.WantedItem(service_id=str(service), staff_id=str(world.staff[0]))
        for service in (limited, world.service_id)
    ]
    call = world.act("ChangeServices", booked, metadata=people["metadata"], items=items)
    assert (await refusal(call)).metadata["rule"] == "STAFF_DAY_FULL"
