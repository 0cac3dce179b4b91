"""What stays in a visit whose services change keeps its person and its price, also where it is there twice."""

import pytest
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.catalog.v1 import catalog_pb2
from kursi_chassis.ids import new_id
from waiting_room import moment


@pytest.fixture
def beard(world):
    return world.salon.service(*world.staff, duration=30, price=3_000)


@pytest.fixture
def wash():
    """An add-on that takes no time."""
    return str(new_id())


@pytest.fixture
def cut(world, wash):
    return world.salon.service(*world.staff, add_ons=[catalog_pb2.AddOn(id=wash, names={"en": "Wash"})])


def wanted(service, staff="", *add_ons):
    return pb.WantedItem(service_id=str(service), staff_id=str(staff), add_on_ids=add_ons)


async def booked(world, *items):
    request = world.request(world.salon.at(16, 10))
    del request.items[:]
    request.items.extend(items)
    return await world.stub.CreateBooking(request, metadata=world.customer())


def change(world, booking, *items):
    return world.act("ChangeServices", booking, metadata=world.customer(), items=items)


def people(booking):
    return [item.staff_id for item in booking.items]


@pytest.fixture
def idle(world):
    """Somebody who performs everything and whose turn it is by fairness."""
    return world.salon.staff()


@pytest.fixture
def colour(world, idle):
    return world.salon.service(*world.staff, idle)


def make_dearer(world, service):
    sell_otherwise(world, service, price=99_900)


def sell_otherwise(world, service, *, price, minutes=60):
    """The salon asks another price from now on, and knows no add-ons of it any more."""
    sold = next(one.service for one in world.salon.answer.offers if one.service.id == str(service))
    sold.price.amount_minor, sold.duration.seconds = price, minutes * 60
    del sold.add_ons[:]
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)


def lasting(booking):
    """Minutes of each service."""
    return [(item.end_time.seconds - item.start_time.seconds) // 60 for item in booking.items]


@pytest.mark.covers("B8")
@pytest.mark.parametrize("turn", [1, -1])
async def test_a_service_by_two_people_stays_with_both_at_its_price_when_another_is_added(
    world, cut, beard, turn
):
    before = await booked(world, *(wanted(cut, person) for person in world.staff[::turn]))
    make_dearer(world, cut)
    after = await change(world, before, wanted(cut), wanted(cut), wanted(beard))
    assert people(after)[:2] == people(before)
    assert [item.price.amount_minor for item in after.items] == [10_000, 10_000, 3_000]


@pytest.mark.covers("B8")
@pytest.mark.parametrize("turn", [1, -1])
async def test_who_is_named_keeps_theirs_and_what_is_left_stays_with_the_other(world, cut, beard, turn):
    one, other = world.staff[::turn]
    before = await booked(world, wanted(cut, one), wanted(cut, other))
    after = await change(world, before, wanted(cut), wanted(cut, one), wanted(beard, one))
    assert people(after) == [str(other), str(one), str(one)]


@pytest.mark.covers("B8")
@pytest.mark.parametrize("turn", [1, -1])
async def test_what_has_the_same_add_ons_stays_with_who_has_them(world, cut, wash, beard, turn):
    one, other = world.staff[::turn]
    before = await booked(world, wanted(cut, one, wash), wanted(cut, other))
    after = await change(world, before, wanted(cut), wanted(cut, "", wash), wanted(beard, one))
    assert people(after) == [str(other), str(one), str(one)]
    less = await change(world, after, wanted(cut, "", wash))
    assert people(less) == [str(one)]


@pytest.mark.covers("B8")
@pytest.mark.parametrize("turn", [1, -1])
async def test_a_moved_visit_stays_with_who_is_free_when_another_of_its_people_is_not(
    world, colour, claim, turn
):
    one, other = world.staff[::turn]
    before = await booked(world, wanted(colour, one), wanted(colour, other))
    make_dearer(world, colour)
    await claim(other, world.salon.at(16, 14), world.salon.at(16, 17))
    start = moment(world.salon.at(16, 14))
    after = await world.act("RescheduleBooking", before, metadata=world.customer(), start_time=start)
    assert people(after)[0] == str(one)
    assert after.items[0].price.amount_minor == 10_000
    assert people(after)[1] != str(other)


@pytest.mark.covers("B8")
@pytest.mark.parametrize("turn", [1, -1])
async def test_what_is_added_takes_no_service_from_who_can_still_do_it(world, colour, beard, claim, turn):
    one, other = world.staff[::turn]
    before = await booked(world, wanted(colour, one), wanted(colour, other))
    make_dearer(world, colour)
    await claim(other, world.salon.at(16, 12), world.salon.at(16, 13))
    after = await change(world, before, wanted(colour), wanted(beard), wanted(colour))
    assert people(after)[0] == str(one)
    assert after.items[0].price.amount_minor == 10_000
    assert people(after)[2] != str(other)


@pytest.mark.covers("B6", "B8")
@pytest.mark.parametrize("turn", [1, -1])
async def test_who_can_still_come_keeps_time_and_add_ons_as_booked_when_a_visit_moves(
    world, cut, wash, colour, claim, turn
):
    one, other = world.staff[::turn]
    before = await booked(world, wanted(cut, one, wash), wanted(colour, other))
    sell_otherwise(world, cut, price=99_900, minutes=90)
    await claim(other, world.salon.at(16, 14), world.salon.at(16, 17))
    start = moment(world.salon.at(16, 14))
    after = await world.act("RescheduleBooking", before, metadata=world.customer(), start_time=start)
    assert (people(after)[0], lasting(after)) == (str(one), [60, 60])
    assert list(after.items[0].add_on_ids) == [wash]
    assert people(after)[1] != str(other)


@pytest.mark.covers("B6", "B8")
async def test_the_only_one_of_three_who_can_still_come_keeps_what_was_booked(
    world, cut, wash, colour, beard, idle, claim
):
    one, other = world.staff
    before = await booked(world, wanted(beard, other), wanted(cut, one, wash), wanted(colour, idle))
    sell_otherwise(world, cut, price=99_900, minutes=90)
    for away in (other, idle):
        await claim(away, world.salon.at(16, 14), world.salon.at(16, 18))
    start = moment(world.salon.at(16, 14))
    after = await world.act("RescheduleBooking", before, metadata=world.customer(), start_time=start)
    assert (people(after), lasting(after)) == ([str(one)] * 3, [30, 60, 60])
    assert list(after.items[1].add_on_ids) == [wash]


@pytest.mark.covers("B6", "B8")
@pytest.mark.parametrize("turn", [1, -1])
async def test_who_can_still_come_keeps_time_and_add_ons_as_booked_when_services_are_added(
    world, cut, wash, colour, beard, claim, turn
):
    one, other = world.staff[::turn]
    before = await booked(world, wanted(cut, one, wash), wanted(colour, other))
    sell_otherwise(world, cut, price=99_900, minutes=90)
    await claim(other, world.salon.at(16, 12), world.salon.at(16, 13))
    after = await change(world, before, wanted(cut, "", wash), wanted(beard), wanted(colour))
    assert (people(after)[0], lasting(after)) == (str(one), [60, 30, 60])
    assert list(after.items[0].add_on_ids) == [wash]
    assert people(after)[2] != str(other)


@pytest.mark.covers("B8")
async def test_a_visit_can_do_with_less_on_a_day_that_has_become_full(world, cut, beard):
    before = await booked(world, wanted(cut), wanted(beard))
    await world.book(world.salon.at(16, 15), cut, metadata=world.customer(new_id()))
    for offer in world.salon.answer.offers:
        offer.policy.maximum_bookings_per_day = 1
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)
    after = await change(world, before, wanted(cut))
    assert [item.service_id for item in after.items] == [str(cut)]


@pytest.mark.covers("B8")
async def test_another_of_a_service_that_is_paid_before_by_now_is_not_slipped_into_an_unpaid_visit(
    world, cut, refusal
):
    before = await booked(world, wanted(cut))
    offer = next(one for one in world.salon.answer.offers if one.service.id == str(cut))
    offer.policy.prepayment = catalog_pb2.Policy.FULL
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)
    refused = await refusal(change(world, before, wanted(cut), wanted(cut)))
    assert refused.reason == "PREPAYMENT_REQUIRED"
    moved = await world.act(
        "RescheduleBooking",
        before,
        metadata=world.customer(),
        start_time=moment(world.salon.at(16, 14)),
    )
    assert moved.state == moved.CONFIRMED
