"""Bookings in calendars elsewhere, read by a parser that shares nothing with the writer."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
import pytest
import vobject
from kursi.booking.v1 import ical_service_pb2 as pb
from kursi.booking.v1 import ical_service_pb2_grpc
from kursi_booking.adapters.icalendar_writing import CalendarView, vtimezone, write_calendar
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.time_range import TimeRange
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

HOST = "bookings.kursi"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
ITEM = Item(
    UUID(int=4), UUID(int=5), UUID(int=6), TimeRange(NOON, NOON + timedelta(hours=1)), Money("EUR", 5_000)
)
BOOKING = verbs.create(
    Act("user:1", Party.CUSTOMER, NOON),
    booking_id=UUID(int=1),
    salon_id=UUID(int=2),
    salon=SalonFacts({"en": "Rose"}, "Europe/Berlin", "DE"),
    customer_id=UUID(int=3),
    items=(ITEM,),
    policy=PolicySnapshot(timedelta(), timedelta(), hold=timedelta(minutes=10), auto_confirm=True),
).booking


@pytest.fixture
def ical(world):
    return ical_service_pb2_grpc.ICalendarServiceStub(world.channel)


@pytest.fixture
def feed(world, ical):
    """`await feed(metadata, staff=…)`: a new feed."""

    def make(metadata=None, staff=None, **more):
        place = {"salon_id": str(world.salon.id), "staff_id": str(staff)} if staff else {}
        return ical.CreateCalendarFeed(
            pb.CreateCalendarFeedRequest(**{"language": "en", **place, **more}),
            metadata=metadata or world.customer(),
        )

    return make


@pytest.fixture
def fetch(ical):
    """`await fetch(feed)`: its events as the other parser sees them, by UID."""

    async def get(made):
        answer = await ical.GetCalendarFeed(pb.GetCalendarFeedRequest(token=token_of(made)))
        assert answer.content_type == "text/calendar; charset=utf-8"
        return events(answer.data)

    return get


def token_of(made):
    return made.path.removeprefix("/v1/calendars/").removesuffix("/feed.ics")


def events(data):
    calendar = vobject.readOne(data.decode())
    return {event.uid.value: event for event in getattr(calendar, "vevent_list", [])}


def told(event):
    return (
        event.dtstart.value.astimezone(UTC),
        event.dtend.value.astimezone(UTC),
        event.status.value,
        int(event.sequence.value),
    )


def booked(booking, status="CONFIRMED"):
    return (
        booking.start_time.ToDatetime(UTC),
        booking.end_time.ToDatetime(UTC),
        status,
        booking.revision,
    )


@pytest.mark.covers("B14")
@pytest.mark.parametrize("zone", ["Asia/Riyadh", "Europe/Berlin", "America/New_York"])
async def test_a_feed_equals_the_bookings_in_the_salons_own_time(zone, world, make_salon, feed, fetch):
    world.salon = make_salon(zone)
    staff = world.salon.staff()
    world.service_id = world.salon.service(staff)
    starts = [world.salon.at(day, 10) for day in (16, 30)]
    made = [await world.book(start) for start in starts]
    found = await fetch(await feed())
    assert {uid: told(event) for uid, event in found.items()} == {
        f"{one.id}@{HOST}": booked(one) for one in made
    }
    assert {event.dtstart.value.hour for event in found.values()} == {10}


@pytest.mark.covers("B14")
async def test_each_change_is_a_new_version_of_the_same_event_and_a_cancelled_one_stays(world, feed, fetch):
    first, second = [await world.book(world.salon.at(16, hour), staff=world.staff[0]) for hour in (10, 12)]
    made = await feed()
    moved = await world.act(
        "RescheduleBooking", first, start_time=world.request(world.salon.at(17, 11)).start_time
    )
    gone = await world.act("CancelBooking", second)
    world.clock.advance(timedelta(days=60))
    found = await fetch(made)
    assert {uid: told(event) for uid, event in found.items()} == {
        f"{first.id}@{HOST}": booked(moved),
        f"{second.id}@{HOST}": booked(gone, "CANCELLED"),
    }
    assert moved.revision > first.revision
    world.clock.set(world.salon.at(16, 12) + timedelta(days=90))
    assert len(await fetch(made)) == 2
    world.clock.advance(timedelta(seconds=1))
    assert list(await fetch(made)) == [f"{first.id}@{HOST}"]


@pytest.mark.covers("B14")
async def test_lines_are_folded_between_letters_and_end_as_the_format_wants(world, ical):
    name = "قصّ وتصفيف الشعر وعلاج بالزيوت; \\ طويل, جدًّا"
    service = world.salon.service(world.staff[0])
    world.salon.answer.offers[-1].service.names.clear()
    world.salon.answer.offers[-1].service.names["ar"] = name
    one = await world.book(world.salon.at(16, 10), service)
    answer = await ical.GetBookingCalendar(
        pb.GetBookingCalendarRequest(booking_id=one.id), metadata=world.customer(accept_language="ar")
    )
    lines = answer.data.split(b"\r\n")
    assert all(len(line) <= 75 and b"\n" not in line for line in lines)
    assert all(line.decode() for line in lines[:-1])
    (event,) = events(answer.data).values()
    assert event.summary.value == f"{name} · روز"
    assert event.location.value == "روز"


@pytest.mark.covers("B14")
async def test_staff_see_their_own_part_and_nothing_of_the_customer(world, feed, fetch, ical):
    second = world.salon.service(world.staff[1])
    one = await world.book(world.salon.at(16, 10), world.service_id, second, note="My secret wish")
    manager = world.member(Role.MANAGER)
    mine = await feed(manager, staff=one.items[1].staff_id)
    other = await feed(manager, staff=one.items[0].staff_id)
    (event,) = (await fetch(mine)).values()
    item = one.items[1]
    assert event.dtstart.value.astimezone(UTC) == item.start_time.ToDatetime(UTC)
    assert event.dtend.value.astimezone(UTC) == item.end_time.ToDatetime(UTC)
    assert len(await fetch(other)) == 1
    whole = (await ical.GetCalendarFeed(pb.GetCalendarFeedRequest(token=token_of(mine)))).data
    assert b"secret" not in whole
    assert str(world.customer_id).encode() not in whole


@pytest.mark.covers("B14")
async def test_who_helps_has_the_visit_in_their_feed_as_far_as_they_help(world, feed, fetch):
    pair = [{"duration": timedelta(hours=1), "needs_staff": True, "staff_count": 2}]
    massage = world.salon.service(*world.staff, segments=pair)
    third = world.salon.service(world.salon.staff())
    one = await world.book(world.salon.at(16, 10), massage, third)
    (helper,) = one.items[0].assistants
    (event,) = (await fetch(await feed(world.member(Role.MANAGER), staff=helper.staff_id))).values()
    assert event.uid.value == f"{one.id}@{HOST}"
    assert event.dtstart.value.astimezone(UTC) == one.items[0].start_time.ToDatetime(UTC)
    assert event.dtend.value.astimezone(UTC) == one.items[0].end_time.ToDatetime(UTC)


@pytest.mark.covers("B14")
async def test_only_the_linked_account_and_managers_make_a_feed_of_staff(world, feed, refusal):
    staff = world.staff[0]
    linked = world.salon.answer.workers[0].staff_member.user_id
    denied = [world.customer(), world.member(Role.STAFF)]
    for metadata in denied:
        assert (await refusal(feed(metadata, staff=staff))).code is grpc.StatusCode.PERMISSION_DENIED
    world.member_id = linked
    assert (await feed(world.member(Role.STAFF), staff=staff)).path
    assert (await refusal(feed(world.member(Role.MANAGER), staff=new_id()))).reason == "STAFF_NOT_FOUND"
    half = await refusal(feed(world.member(Role.MANAGER), staff_id=str(staff)))
    assert half.violations == {"salonId": "REQUIRED"}
    assert (await refusal(feed(language="fr"))).violations == {"language": "UNKNOWN_VALUE"}


@pytest.mark.covers("B14")
async def test_the_secret_is_told_once_and_kept_only_as_its_hash(world, feed, ical):
    made = await feed(request_id="one")
    assert len(token_of(made)) == 43
    again = await feed(request_id="one")
    assert again == made
    listed = (await ical.ListCalendarFeeds(pb.ListCalendarFeedsRequest(), metadata=world.customer())).feeds
    assert [(one.id, one.path) for one in listed] == [(made.id, "")]
    ((kept,),) = await world.rows("SELECT token_hash FROM calendar_feeds")
    assert bytes(kept) == hashlib.sha256(token_of(made).encode()).digest()
    secret = token_of(made).encode()
    answers = await world.rows("SELECT response FROM replies")
    notes = await world.rows("SELECT row_to_json(audit)::text FROM audit")
    assert len(answers) == len(notes) == 1
    assert secret not in bytes(answers[0][0])
    assert secret not in notes[0][0].encode()


@pytest.mark.covers("B14")
async def test_a_revoked_feed_and_one_that_never_was_are_alike(world, feed, fetch, ical, refusal):
    made = await feed()
    revoke = pb.RevokeCalendarFeedRequest(feed_id=made.id)
    stranger = await refusal(ical.RevokeCalendarFeed(revoke, metadata=world.customer(new_id())))
    assert stranger.reason == "CALENDAR_FEED_NOT_FOUND"
    await fetch(made)
    await ical.RevokeCalendarFeed(revoke, metadata=world.customer())
    await ical.RevokeCalendarFeed(revoke, metadata=world.customer())
    answers = [
        await refusal(ical.GetCalendarFeed(pb.GetCalendarFeedRequest(token=token)))
        for token in (token_of(made), "A" * 43, "short")
    ]
    assert {(one.code, one.reason, one.text) for one in answers} == {
        (grpc.StatusCode.NOT_FOUND, "CALENDAR_FEED_NOT_FOUND", answers[0].text)
    }
    assert [row for (row,) in await world.rows("SELECT action FROM audit ORDER BY id")] == [
        "calendar_feed.created",
        "calendar_feed.revoked",
    ]


async def test_managers_see_and_end_the_feeds_of_their_staff(world, feed, ical, refusal):
    made = await feed(world.member(Role.MANAGER), staff=world.staff[0])
    of_salon = pb.ListCalendarFeedsRequest(salon_id=str(world.salon.id))
    world.member_id = new_id()
    found = await ical.ListCalendarFeeds(of_salon, metadata=world.member(Role.MANAGER))
    assert [one.id for one in found.feeds] == [made.id]
    refused = await refusal(ical.ListCalendarFeeds(of_salon, metadata=world.member(Role.STAFF)))
    assert refused.reason == "ROLE_REQUIRED"
    end = pb.RevokeCalendarFeedRequest(feed_id=made.id)
    await ical.RevokeCalendarFeed(end, metadata=world.member(Role.MANAGER))
    assert not (await ical.ListCalendarFeeds(of_salon, metadata=world.member(Role.MANAGER))).feeds


async def test_there_are_ten_feeds_at_most(world, feed, refusal):
    for _ in range(10):
        await feed()
    assert (await refusal(feed())).reason == "TOO_MANY_FEEDS"


async def test_a_booking_of_somebody_else_is_not_found(world, ical, refusal):
    one = await world.book(world.salon.at(16, 10))
    wanted = pb.GetBookingCalendarRequest(booking_id=one.id)
    for metadata in (world.customer(), world.member()):
        assert len(events((await ical.GetBookingCalendar(wanted, metadata=metadata)).data)) == 1
    refused = await refusal(ical.GetBookingCalendar(wanted, metadata=world.customer(new_id())))
    assert refused.reason == "BOOKING_NOT_FOUND"


@pytest.mark.covers("B14")
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, 14, 45, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 3, 29, 0, 30, tzinfo=UTC)),
    ],
)
def test_a_visit_in_the_hour_that_the_clock_shows_twice_is_when_it_is(zone, start):
    during = TimeRange(start, start + timedelta(hours=1))
    visit = replace(
        BOOKING, salon=SalonFacts({"en": "Rose"}, zone, "DE"), items=(replace(ITEM, during=during),)
    )
    (event,) = events(write_calendar([visit], CalendarView("en"), HOST)).values()
    assert event.dtstart.value.astimezone(UTC) == during.start
    assert event.dtend.value.astimezone(UTC) == during.end


def test_the_clock_changes_in_the_calendar_when_it_does():
    berlin = vtimezone("Europe/Berlin", 2026, 2026).to_ical().decode()
    assert "DTSTART:20260329T020000\r\nTZNAME:CEST\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200" in berlin
    assert "DTSTART:20261025T030000\r\nTZNAME:CET\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100" in berlin
    new_york = vtimezone("America/New_York", 2026, 2026).to_ical().decode()
    assert "DTSTART:20260308T020000" in new_york
    riyadh = vtimezone("Asia/Riyadh", 2026, 2026).to_ical().decode()
    assert riyadh.count("DTSTART") == 1
