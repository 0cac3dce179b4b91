"""Who may wait, for what and for how much, and what they see of it."""

from datetime import timedelta

from kursi.booking.v1 import waitlist_service_pb2 as pb
from kursi_chassis.ids import new_id
from waiting_room import Entry, moment

MINUTE = timedelta(minutes=1)


async def test_strangers_find_nothing(room, world, refusal):
    entry = await room.offered()
    stranger = world.customer(new_id())
    calls = [
        room.get(entry, stranger),
        room.accept(entry, stranger),
        room.decline(entry, stranger),
        room.cancel(entry, stranger),
        room.get(Entry(id=str(new_id()))),
    ]
    assert {(await refusal(call)).reason for call in calls} == {"WAITLIST_ENTRY_NOT_FOUND"}
    assert await room.states(entry) == ["OFFERED"]
    assert (await refusal(room.join(customer_id=str(new_id())))).reason == "PERMISSION_DENIED"
    assert (await refusal(room.join(priority=1))).reason == "PERMISSION_DENIED"


async def test_one_person_waits_once_for_the_same_and_for_so_much_at_most(room, world, refusal):
    user = new_id()
    await room.join(9, 12, user=user)
    assert (await refusal(room.join(11, 13, user=user))).reason == "ALREADY_WAITING"
    for hour in (12, 13, 14, 15):
        await room.join(hour, hour + 1, user=user)
    refused = await refusal(room.join(16, 17, user=user))
    assert (refused.reason, refused.metadata["limit"]) == ("TOO_MANY_WAITLIST_ENTRIES", "5")
    assert (await room.join(16, 17)).state == Entry.WAITING
    assert await world.rows("SELECT count(*) FROM waitlist_entries") == [(6,)]


async def test_what_can_never_be_given_is_refused_and_nothing_is_written(room, world, refusal, make_salon):
    other = make_salon()
    foreign = other.service(other.staff())
    idle = world.salon.staff()
    refusals = [
        await refusal(room.join(9, 17, 16, foreign)),
        await refusal(room.join(staff=new_id())),
        await refusal(room.join(staff=idle)),
        await refusal(room.join(salon_id=str(new_id()))),
    ]
    assert [one.reason for one in refusals] == [
        "SERVICE_NOT_FOUND",
        "STAFF_NOT_FOUND",
        "STAFF_DOES_NOT_PERFORM",
        "SALON_NOT_FOUND",
    ]
    assert await world.rows("SELECT count(*) FROM waitlist_entries") == [(0,)]
    assert await room.told() == []


async def test_impossible_ranges_are_refused_by_field(room, world, refusal):
    def between(start, end):
        return pb.WishedRange(start_time=moment(start), end_time=moment(end))

    now, at = world.clock.now(), world.salon.at
    farthest = now + timedelta(days=62)
    fraction = moment(at(16, 9))
    fraction.nanos = 1
    wrong = [
        between(at(16, 10), at(16, 10)),
        between(now - 2 * MINUTE, now),
        between(at(16, 10), farthest + timedelta(seconds=1)),
        pb.WishedRange(start_time=fraction, end_time=moment(at(16, 10))),
        pb.WishedRange(start_time=moment(at(16, 10))),
    ]
    found = [(await refusal(room.join(ranges=[one]))).violations for one in wrong]
    assert found == [
        {"ranges[0].endTime": "EMPTY_RANGE"},
        {"ranges[0].endTime": "IN_THE_PAST"},
        {"ranges[0].endTime": "OUT_OF_RANGE"},
        {"ranges[0].startTime": "MALFORMED"},
        {"ranges[0].endTime": "REQUIRED"},
    ]
    many = [between(at(16, 9) + number * MINUTE, at(16, 10)) for number in range(11)]
    assert (await refusal(room.join(ranges=many))).violations == {"ranges": "TOO_MANY"}
    assert (await refusal(room.join(ranges=[]))).violations == {"ranges": "REQUIRED"}
    assert (await refusal(room.join(items=[]))).violations == {"items": "REQUIRED"}
    joined = await room.join(ranges=[between(at(16, 12), farthest), between(at(16, 9), at(16, 12))])
    assert list(joined.ranges) == [between(at(16, 9), farthest)]


async def test_a_salon_that_is_not_live_takes_nobody_in_and_offers_nothing(room, world, refusal):
    entry = await room.join()
    world.salon.answer.salon.status = 1
    world.salon.version += 1
    world.kept.heard_of(world.salon.id, world.salon.version)
    assert (await refusal(room.join())).reason == "SALON_NOT_LIVE"
    assert await room.matched() == 0
    assert await room.states(entry) == ["WAITING"]


async def test_lists_are_of_ones_own_or_of_a_salon_page_by_page(room, world, refusal):
    user = new_id()
    mine = []
    for hour in (9, 10, 11):
        mine.append(await room.join(hour, hour + 1, user=user))
        world.clock.advance(MINUTE)
    theirs = await room.join()
    own = world.customer(user)

    async def ask(metadata, **filters):
        return await room.stub.ListWaitlistEntries(
            pb.ListWaitlistEntriesRequest(**filters), metadata=metadata
        )

    first = await ask(own, page_size=2)
    second = await ask(own, page_size=2, page_token=first.next_page_token)
    assert [entry.id for entry in [*first.entries, *second.entries]] == [entry.id for entry in mine[::-1]]
    assert second.next_page_token == ""
    salon = await ask(world.member(), salon_id=str(world.salon.id), states=[Entry.WAITING])
    assert [entry.id for entry in salon.entries] == [theirs.id, *(entry.id for entry in mine[::-1])]
    of_one = await ask(world.member(), salon_id=str(world.salon.id), customer_id=theirs.customer_id)
    assert [entry.id for entry in of_one.entries] == [theirs.id]
    assert list((await ask(own, states=[Entry.BOOKED])).entries) == []
    assert (await refusal(ask(own, salon_id=str(world.salon.id)))).reason == "ROLE_REQUIRED"
    assert (await refusal(ask(own, customer_id=theirs.customer_id))).reason == "PERMISSION_DENIED"
    assert (await refusal(ask(own, states=[99]))).violations == {"states": "UNKNOWN_VALUE"}
    stolen = await refusal(ask(world.customer(new_id()), page_token=first.next_page_token))
    assert stolen.violations == {"pageToken": "MALFORMED"}
