"""Free times over the wire: what is offered can be booked, what cannot be asked is said, and a silent catalog is told."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.catalog.events.v1.catalog_events_pb2 import CatalogChangedEvent
from kursi_booking.adapters.catalog import CatalogClient
from kursi_booking.consumers.catalog_changes import CatalogChanges
from kursi_chassis.caller import Role
from kursi_chassis.events.streams import STREAMS, ensure_stream
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import bearer

STEP, DAY = 900, 86_400


def epoch(instant):
    return int(instant.timestamp())


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def slots(world):
    """`await slots([services], first, last, …)`: the answer of ListSlots, asked by a customer."""

    async def ask(services, first=None, last=None, *, salon=None, metadata=None, **more):
        salon = salon or world.salon
        request = pb.ListSlotsRequest(
            salon_id=str(salon.id),
            service_ids=[str(one) for one in services],
            start_time=Timestamp(seconds=epoch(first or salon.at(16, 0))),
            end_time=Timestamp(seconds=epoch(last or salon.at(17, 0))),
            **more,
        )
        return await world.stub.ListSlots(
            request, metadata=world.customer() if metadata is None else metadata
        )

    return ask


def local_starts(answer):
    return [slot.local_start[11:16] for slot in answer.slots]


class RandomSalon:
    """A salon whose one service is 15 to 90 minutes long with buffers, and whose staff have odd hours and claims."""

    def __init__(self, seed, salon, first):
        rnd = random.Random(seed)
        self.first, self.last = epoch(first), epoch(first) + rnd.choice([1, 2, 9]) * DAY
        self.length, self.before, self.after = (
            rnd.randint(1, 6) * STEP,
            rnd.choice([0, 600]),
            rnd.choice([0, 900]),
        )
        self.working, self.busy = {}, {}
        for _ in range(rnd.randint(1, 3)):
            hours = [
                (day + rnd.randint(20, 50) * STEP, day + rnd.randint(51, 110) * STEP)
                for day in range(self.first - DAY, self.last + DAY, DAY)
            ]
            staff_id = salon.staff(working=hours)
            self.working[staff_id] = hours
            begins = [rnd.randrange(start, end, 300) for start, end in hours]
            self.busy[staff_id] = [(begin, begin + rnd.randint(1, 12) * 600) for begin in begins]
        self.service_id = salon.service(
            *self.working,
            duration=self.length // 60,
            buffer_before={"seconds": self.before},
            buffer_after={"seconds": self.after},
        )
        self.midnights = [epoch(first) + day * DAY for day in range(10)]

    def expected(self, now, notice):
        """Start to staff, found by looking at each quarter of an hour and each person by itself."""
        grid = range(max(self.first, now + notice), self.last)
        return {
            start: staff
            for start in grid
            if (start - self.first) % STEP == 0
            and (staff := self.free(start - self.before, start + self.length + self.after))
        }

    def free(self, start, end):
        return sorted(
            str(staff_id)
            for staff_id, hours in self.working.items()
            if any(begin <= start and end <= stop for begin, stop in hours)
            and all(end <= begin or stop <= start for begin, stop in self.busy[staff_id])
        )


@pytest.mark.covers("B1")
@pytest.mark.parametrize("seed", range(12))
async def test_over_the_wire_free_times_are_what_looking_at_each_quarter_of_an_hour_finds(
    seed, world, make_salon, slots, claim
):
    salon = make_salon(["Asia/Riyadh", "Asia/Dubai"][seed % 2])
    odd = RandomSalon(seed, salon, salon.at(13, 0))
    for staff_id, claims in odd.busy.items():
        for start, end in claims:
            await claim(staff_id, at(start), at(end))
    answer = await slots([odd.service_id], at(odd.first), at(odd.last), salon=salon)
    found = {slot.start_time.seconds: sorted(slot.items[0].staff_ids) for slot in answer.slots}
    assert found == odd.expected(epoch(world.clock.now()), 3_600)
    assert found


@pytest.mark.covers("B4")
@pytest.mark.parametrize("seed", range(8))
async def test_an_offered_start_with_an_offered_person_can_be_booked(seed, world, slots):
    rnd, salon = random.Random(seed), world.salon
    first, second = world.staff
    salon.resource("chair")
    quick = salon.service(first, second, duration=40, own={second: {"duration": {"seconds": 1_500}}})
    colour = salon.service(
        first, second, duration=0, buffer_after={"seconds": 600},
        segments=[
            {"duration": {"seconds": 1_800}, "needs_staff": True, "resource_kinds": ["chair"]},
            {"duration": {"seconds": 1_200}, "resource_kinds": ["chair"]},
            {"duration": {"seconds": 900}, "needs_staff": True},
        ],
    )  # fmt: skip
    for _ in range(5):
        services = rnd.choices([world.service_id, quick, colour], k=rnd.choice([1, 1, 2]))
        answer = await slots(services, salon.at(16, 0), salon.at(18, 0))
        slot = rnd.choice(answer.slots)
        world.clock.advance(timedelta(seconds=rnd.randrange(290)))
        wanted = [
            pb.WantedItem(service_id=item.service_id, staff_id=rnd.choice(["", *item.staff_ids]))
            for item in slot.items[:1]
        ] + [pb.WantedItem(service_id=item.service_id) for item in slot.items[1:]]
        request = pb.CreateBookingRequest(salon_id=str(salon.id), start_time=slot.start_time, items=wanted)
        booking = await world.stub.CreateBooking(request, metadata=world.customer(new_id()))
        assert booking.start_time == slot.start_time


@pytest.mark.covers("B4")
async def test_the_last_start_that_notice_allows_can_be_booked_a_few_minutes_later(world, slots):
    world.clock.set(world.salon.at(16, 9))
    (slot, *_) = (await slots([world.service_id])).slots
    assert slot.local_start[11:16] == "10:00"
    world.clock.advance(timedelta(minutes=4))
    assert (await world.book(world.salon.at(16, 10))).start_time == slot.start_time


async def test_a_customer_with_all_the_bookings_they_may_have_is_offered_nothing_and_others_are(world, slots):
    service = world.salon.service(*world.staff, terms={"maximum_active_bookings": 1})
    await world.book(world.salon.at(16, 9))
    assert not (await slots([service])).slots
    assert (await slots([service], metadata=world.customer(new_id()))).slots
    assert (await slots([service], metadata=())).slots


async def test_staff_who_are_not_bookable_online_are_offered_to_the_salon_only(world, slots, refusal):
    hidden = world.salon.staff(online=False)
    service = world.salon.service(hidden)
    assert not (await slots([service])).slots
    assert (await slots([service], metadata=world.member())).slots
    assert (await refusal(slots([service], staff_ids=[str(hidden)]))).reason == "STAFF_DOES_NOT_PERFORM"


async def test_an_add_on_prolongs_the_visit_and_its_price(world, slots):
    first, _ = world.staff
    mask, gloss = new_id(), new_id()
    add_ons = [
        {
            "id": str(mask),
            "duration": {"seconds": 1_800},
            "price": {"currency_code": "SAR", "amount_minor": 2_000},
        },
        {"id": str(gloss), "price": {"currency_code": "SAR", "amount_minor": 500}},
    ]
    service = world.salon.service(first, add_ons=add_ons)
    answer = await slots([service], add_on_ids=[str(mask), str(gloss)])
    assert answer.total.amount_minor == 12_500
    assert local_starts(answer)[-1] == "15:30"
    assert answer.slots[-1].end_time.seconds == epoch(world.salon.at(16, 17))


async def test_who_is_quicker_than_others_is_offered_where_only_they_fit(world, slots):
    first, second = world.staff
    service = world.salon.service(first, second, own={second: {"duration": {"seconds": 1_800}}})
    last = (await slots([service])).slots[-1]
    assert (last.local_start[11:16], list(last.items[0].staff_ids)) == ("16:30", [str(second)])


@pytest.mark.covers("B1")
async def test_ways_to_share_the_services_that_take_equally_long_are_one_free_time(world, slots):
    quick, slow = world.staff
    cut, wash = (
        world.salon.service(quick, slow, own={quick: {"duration": {"seconds": 1_800}}}) for _ in range(2)
    )
    answer = await slots([cut, wash], world.salon.at(16, 10), world.salon.at(16, 10, 1))
    minutes = [(slot.end_time.seconds - slot.start_time.seconds) // 60 for slot in answer.slots]
    assert minutes == [60, 90, 120]
    people = [[set(item.staff_ids) for item in slot.items] for slot in answer.slots]
    alone, both = [{str(quick)}, {str(slow)}], {str(quick), str(slow)}
    assert people == [[alone[0]] * 2, [both] * 2, [alone[1]] * 2]


async def test_one_person_throughout_and_one_per_service_can_be_asked_for(world, slots):
    first, second = map(str, world.staff)
    twice = [world.service_id, world.service_id]
    together = await slots(twice, staff_ids=[first])
    assert {tuple(item.staff_ids) for slot in together.slots for item in slot.items} == {(first,)}
    each = await slots(twice, staff_ids=["any", second])
    assert {tuple(slot.items[1].staff_ids) for slot in each.slots} == {(second,)}
    assert {tuple(sorted(slot.items[0].staff_ids)) for slot in each.slots} == {tuple(sorted([first, second]))}


async def test_as_many_people_are_named_at_the_same_starts_as_the_caller_wants(world, slots):
    everybody = await slots([world.service_id])
    one = await slots([world.service_id], staff_limit=1)
    assert [slot.items[0].staff_ids[:1] for slot in everybody.slots] == [
        slot.items[0].staff_ids for slot in one.slots
    ]
    assert {len(slot.items[0].staff_ids) for slot in everybody.slots} == {2}
    assert {slot.items[0].staff_count for slot in one.slots} == {2}
    assert await slots([world.service_id], staff_limit=3) == everybody


BAD = [
    ({"service_ids": []}, {"serviceIds": "REQUIRED"}),
    ({"service_ids": ["x"]}, {"serviceIds[0]": "NOT_AN_ID"}),
    ({"service_ids": [str(new_id())] * 9}, {"serviceIds": "TOO_MANY"}),
    ({"staff_ids": ["x"]}, {"staffIds[0]": "NOT_AN_ID"}),
    ({"staff_ids": ["any", "any"]}, {"staffIds": "MALFORMED"}),
    ({"end_time": Timestamp(seconds=1_773_600_000)}, {"endTime": "EMPTY_RANGE"}),
    ({"end_time": Timestamp(seconds=1_773_600_000 + 62 * DAY + 1)}, {"endTime": "RANGE_TOO_LONG"}),
    ({"add_on_ids": [str(new_id())]}, {"addOnIds[0]": "UNKNOWN_VALUE"}),
    ({"staff_limit": -1}, {"staffLimit": "OUT_OF_RANGE"}),
]


@pytest.mark.parametrize(("change", "violations"), BAD)
async def test_what_cannot_be_asked_is_named_by_field(change, violations, world, refusal):
    usual = {
        "salon_id": str(world.salon.id),
        "service_ids": [str(world.service_id)],
        "start_time": Timestamp(seconds=1_773_600_000),
        "end_time": Timestamp(seconds=1_773_600_000 + DAY),
    }
    refused = await refusal(world.stub.ListSlots(pb.ListSlotsRequest(**{**usual, **change})))
    assert (refused.reason, refused.violations) == ("INVALID_ARGUMENT", violations)


async def test_an_add_on_of_another_service_is_none_of_the_visit(world, slots, refusal):
    mask = new_id()
    world.salon.service(*world.staff, add_ons=[{"id": str(mask)}])
    refused = await refusal(slots([world.service_id], add_on_ids=[str(mask)]))
    assert refused.violations == {"addOnIds[0]": "UNKNOWN_VALUE"}


@pytest.mark.covers("B5")
@pytest.mark.parametrize("hour", [0, 11, 14, 18, 23])
async def test_sixty_two_days_from_any_hour_are_answered_in_one_call_of_the_catalog_and_kept(
    world, slots, catalog, hour
):
    first = world.salon.at(14, hour)
    answer = await slots([world.service_id], first, first + timedelta(days=62))
    assert answer.slots[-1].start_time.seconds > epoch(first) + 60 * DAY
    assert await slots([world.service_id], first, first + timedelta(days=62)) == answer
    assert len(catalog.requests) == 1


async def test_a_visit_that_lasts_for_days_is_offered_up_to_the_end_of_the_longest_range(
    world, slots, catalog
):
    day_and_night = [(epoch(world.salon.at(1, 0)), epoch(world.salon.at(1, 0)) + 150 * DAY)]
    service = world.salon.service(world.salon.staff(working=day_and_night), duration=24 * 60)
    first = world.salon.at(14, 0)
    answer = await slots([service] * 3, first, first + timedelta(days=62))
    assert answer.slots[-1].start_time.seconds == epoch(first) + 62 * DAY - STEP
    assert len(catalog.requests) == 2


async def test_what_is_not_there_is_not_found(world, slots, refusal):
    nobody = [str(new_id())]
    other = world.salon.staff()
    world.salon.service(other)
    assert (await refusal(slots([new_id()]))).reason == "SERVICE_NOT_FOUND"
    assert (await refusal(slots([world.service_id], staff_ids=nobody))).reason == "STAFF_NOT_FOUND"
    refused = await refusal(slots([world.service_id], staff_ids=[str(other)]))
    assert refused.reason == "STAFF_DOES_NOT_PERFORM"
    request = pb.ListSlotsRequest(
        salon_id=nobody[0], service_ids=nobody, start_time={"seconds": 0}, end_time={"seconds": 1}
    )
    assert (await refusal(world.stub.ListSlots(request))).reason == "SALON_NOT_FOUND"


async def test_a_salon_that_is_not_live_is_known_to_its_own_people_and_offers_nothing(world, slots, refusal):
    world.salon.answer.salon.status = 1
    assert (await refusal(slots([world.service_id]))).reason == "SALON_NOT_FOUND"
    assert not (await slots([world.service_id], metadata=world.member(Role.OWNER))).slots


@pytest.mark.covers("B5")
async def test_with_the_catalog_down_slots_come_from_what_is_kept_and_say_so(world, slots, catalog, refusal):
    fresh = await slots([world.service_id])
    asked_at = world.clock.now()
    await catalog.stop()
    world.clock.advance(timedelta(minutes=2))
    kept = await slots([world.service_id])
    assert (kept.stale, fresh.stale) == (True, False)
    assert kept.slots == fresh.slots
    assert kept.as_of.ToDatetime(UTC) == asked_at
    assert (await world.book(world.salon.at(16, 9))).id
    unknown = world.salon.service(*world.staff)
    assert (await refusal(slots([unknown]))).reason == "CATALOG_UNAVAILABLE"


@pytest.mark.covers("B5")
async def test_with_the_catalog_down_for_too_long_times_are_shown_but_not_promised(
    world, slots, catalog, refusal, booking_settings
):
    await slots([world.service_id])
    await catalog.stop()
    world.clock.advance(booking_settings.catalog_oldest)
    assert (await world.book(world.salon.at(16, 9), metadata=late_token(world))).id
    world.clock.advance(timedelta(seconds=1))
    refused = await refusal(world.book(world.salon.at(16, 11), metadata=late_token(world)))
    assert (refused.code.name, refused.reason) == ("UNAVAILABLE", "CATALOG_UNAVAILABLE")
    assert (await slots([world.service_id], metadata=())).stale
    await catalog.start()
    await eventually(lambda: is_fresh(world, slots))
    assert (await world.book(world.salon.at(16, 11), metadata=late_token(world))).id


def late_token(world):
    return bearer(world.mint.user(new_id()))


async def is_fresh(world, slots):
    world.clock.advance(timedelta(seconds=3))
    return not (await slots([world.service_id], metadata=())).stale


@pytest.mark.covers("B5")
async def test_many_at_once_ask_the_catalog_once(world, slots, catalog):
    answers = await asyncio.gather(*(slots([world.service_id]) for _ in range(20)))
    assert len({answer.SerializeToString(deterministic=True) for answer in answers}) == 1
    assert len(catalog.requests) == 1


@pytest.mark.covers("B5")
async def test_a_change_in_the_catalog_is_heard_and_asked_for(world, slots, catalog, nats_client):
    kept = world.kept
    assert isinstance(kept, CatalogClient)
    stopping = asyncio.Event()
    await ensure_stream(nats_client.jetstream(), STREAMS["catalog"])
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(CatalogChanges(nats_client, kept).run(stopping))
        await eventually(lambda: has_consumer(nats_client))
        before = await slots([world.service_id])
        del world.salon.answer.workers[:]
        assert (await slots([world.service_id])).slots == before.slots
        change = CatalogChangedEvent(salon_id=str(world.salon.id), version=2)
        world.salon.version = 2
        await nats_client.jetstream().publish("kursi.catalog.v1.staff.changed", change.SerializeToString())
        await eventually(lambda: offers_nothing(slots, world))
        stopping.set()


async def test_nothing_that_was_worked_out_for_a_salon_outlives_its_version(world, slots):
    before = await slots([world.service_id])
    service = world.salon.answer.offers[0].service
    service.price.amount_minor, service.duration.seconds = 12_000, 5_400
    del service.performers[1:]
    world.salon.version = 2
    world.kept.heard_of(world.salon.id, 2)
    after = await slots([world.service_id])
    assert (before.total.amount_minor, after.total.amount_minor) == (10_000, 12_000)
    assert after.slots[0].end_time.seconds - after.slots[0].start_time.seconds == 5_400
    assert [len(answer.slots[0].items[0].staff_ids) for answer in (before, after)] == [2, 1]


async def has_consumer(nats_client):
    return (await nats_client.jetstream().stream_info("CATALOG")).state.consumer_count == 1


async def offers_nothing(slots, world):
    return not (await slots([world.service_id])).slots
