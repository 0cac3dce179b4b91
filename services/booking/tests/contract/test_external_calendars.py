"""Busy times from calendars elsewhere: from a server of calendars to what can be booked, and back."""

import asyncio
import ipaddress
from datetime import UTC, timedelta

import grpc
import pytest
import pytest_asyncio
from calendar_server import answer, calendar_server, times
from kursi.booking.events.v1.calendar_events_pb2 import CalendarConflictEvent
from kursi.booking.v1 import (
    booking_service_pb2,
    calendar_service_pb2,
    calendar_service_pb2_grpc,
    external_calendar_service_pb2_grpc,
)
from kursi.booking.v1 import external_calendar_service_pb2 as pb
from kursi_booking.external_calendar_wiring import ExternalCalendarParts
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.servers import free_port

HOUR = timedelta(hours=1)


@pytest.fixture
def booking_settings(booking_settings):
    here = (ipaddress.ip_network("127.0.0.0/8"),)
    return booking_settings.model_copy(
        update={"external_calendar_http": True, "external_calendar_networks": here}
    )


@pytest_asyncio.fixture
async def server():
    async with calendar_server(free_port()) as running:
        running.calendar()
        yield running


@pytest.fixture
def stub(world):
    return external_calendar_service_pb2_grpc.ExternalCalendarServiceStub(world.channel)


@pytest.fixture
def place(world):
    return {"salon_id": str(world.salon.id), "staff_id": str(world.staff[0])}


@pytest.fixture
def connect(world, stub, server, place):
    """`await connect()`: the server's calendar, connected by a manager."""

    def make(url=None, metadata=None, **more):
        request = pb.ConnectExternalCalendarRequest(**{**place, "url": url or server.url(), **more})
        return stub.ConnectExternalCalendar(request, metadata=metadata or world.member(Role.MANAGER))

    return make


@pytest.fixture
def read_one(world, booking_settings, catalog_client):
    """`await read_one()`: reads whatever is due; what became of it."""
    return ExternalCalendarParts(world.database, world.clock, booking_settings).read_one(catalog_client)


@pytest.fixture
def read(world, read_one):
    """The same, an hour later."""

    async def go():
        world.clock.advance(HOUR)
        return await read_one()

    return go


@pytest.fixture
def blocked(world):
    """`await blocked()`: what calendars elsewhere keep, in the salon's hours of the day."""

    async def found():
        rows = await world.rows(
            "SELECT lower(during), upper(during) FROM claims WHERE external_calendar_id IS NOT NULL ORDER BY during"
        )
        return [tuple(one.astimezone(world.salon.zone).strftime("%d %H:%M") for one in row) for row in rows]

    return found


@pytest.fixture
def conflicts(world, stub):
    async def listed(metadata=None, **more):
        request = pb.ListCalendarConflictsRequest(salon_id=str(world.salon.id), **more)
        return (await stub.ListCalendarConflicts(request, metadata=metadata or world.member())).conflicts

    return listed


async def told(world):
    rows = await world.rows(
        "SELECT payload FROM outbox WHERE subject LIKE '%%.conflict_detected' ORDER BY id"
    )
    return [CalendarConflictEvent.FromString(payload) for (payload,) in rows]


def listed_calendars(stub, world, place, role=Role.MANAGER):
    return stub.ListExternalCalendars(pb.ListExternalCalendarsRequest(**place), metadata=world.member(role))


async def slots(world, start, end):
    request = booking_service_pb2.ListSlotsRequest(
        salon_id=str(world.salon.id),
        service_ids=[str(world.service_id)],
        staff_ids=[str(world.staff[0])],
    )
    request.start_time.FromDatetime(start)
    request.end_time.FromDatetime(end)
    return [
        slot.start_time.ToDatetime(UTC)
        for slot in (await world.stub.ListSlots(request, metadata=world.customer())).slots
    ]


@pytest.mark.covers("B15")
async def test_busy_elsewhere_is_not_offered_and_stands_in_the_calendar(
    world, server, connect, read, blocked, stub, place
):
    at = world.salon.at
    server.calendar((at(16, 10), at(16, 12)), (at(16, 12), at(16, 13)), "DTSTART:never")
    made = await connect()
    assert (made.name, made.host, made.busy_count) == ("127.0.0.1", "127.0.0.1", 0)
    assert not made.HasField("last_attempt_time")
    assert (await read()).why == ""
    assert await blocked() == [("16 10:00", "16 13:00")]
    (now,) = (await listed_calendars(stub, world, place)).calendars
    assert (now.busy_count, now.skipped_count, now.last_error) == (1, 1, "")
    assert now.last_success_time == now.last_attempt_time
    free = await slots(world, at(16, 9), at(16, 17))
    assert free[:2] == [at(16, 9), at(16, 13)]
    calendar = calendar_service_pb2_grpc.CalendarServiceStub(world.channel)
    request = calendar_service_pb2.GetCalendarRequest(salon_id=str(world.salon.id))
    request.start_time.FromDatetime(at(16, 0))
    request.end_time.FromDatetime(at(17, 0))
    assert "EXTERNAL_CALENDAR" in str(await calendar.GetCalendar(request, metadata=world.member()))


@pytest.mark.covers("B15")
async def test_a_clash_is_told_once_and_over_when_either_side_moves(
    world, server, connect, read, blocked, conflicts
):
    at = world.salon.at
    booking = await world.book(at(16, 10), staff=world.staff[0])
    server.calendar((at(16, 9), at(16, 12)))
    made = await connect()
    await read()
    assert await blocked() == [("16 09:00", "16 10:00"), ("16 11:00", "16 12:00")]
    for _ in range(2):
        (one,) = await conflicts()
        assert (one.booking_id, one.external_calendar_id, one.staff_id) == (
            *(booking.id, made.id, str(world.staff[0])),
        )
        assert (one.start_time.ToDatetime(UTC), one.end_time.ToDatetime(UTC)) == (at(16, 10), at(16, 11))
        (event,) = await told(world)
        assert (event.conflict_id, event.booking_id) == (one.id, booking.id)
        assert (event.clash_start_time, event.clash_end_time) == (one.start_time, one.end_time)
        assert event.staff_user_id == world.salon.answer.workers[0].staff_member.user_id
        await read()
    assert await conflicts(staff_id=str(world.staff[1])) == []
    start, staff = world.request(at(17, 10)).start_time, [str(world.staff[0])]
    await world.act("RescheduleBooking", booking, start_time=start, staff_ids=staff)
    assert await conflicts() == []
    await read()
    assert await blocked() == [("16 09:00", "16 10:00"), ("16 10:00", "16 11:00"), ("16 11:00", "16 12:00")]
    server.calendar((at(17, 10), at(17, 11)))
    await read()
    assert [one.booking_id for one in await conflicts()] == [booking.id]
    assert len(await told(world)) == 2
    server.calendar((at(18, 10), at(18, 11)))
    await read()
    assert await blocked() == [("18 10:00", "18 11:00")]
    assert await conflicts() == []
    assert await world.rows("SELECT id FROM calendar_conflicts WHERE resolved_at IS NULL") == []


async def test_what_a_move_left_free_is_wanted_within_a_minute(world, server, connect, read, read_one):
    at = world.salon.at
    booking = await world.book(at(16, 10), staff=world.staff[0])
    server.calendar((at(16, 10), at(16, 11)))
    await connect()
    await read()
    world.clock.advance(timedelta(minutes=2))
    assert await read_one() is None
    await world.act("CancelBooking", booking)
    assert await read_one() is not None
    assert await world.rows("SELECT id FROM calendar_conflicts WHERE resolved_at IS NULL") == []
    assert await slots(world, at(16, 10), at(16, 11)) == []


@pytest.mark.covers("B15")
async def test_disconnecting_gives_the_time_back_and_forgets_the_address(
    world, server, connect, read, blocked, conflicts, stub, place, refusal
):
    at = world.salon.at
    await world.book(at(16, 10), staff=world.staff[0])
    server.calendar((at(16, 9), at(16, 12)))
    made = await connect()
    await read()
    request = pb.DisconnectExternalCalendarRequest(**place, calendar_id=made.id)
    for _ in range(2):
        await stub.DisconnectExternalCalendar(request, metadata=world.member(Role.MANAGER))
    assert await blocked() == []
    assert await conflicts() == []
    assert (await listed_calendars(stub, world, place)).calendars == []
    assert await world.rows("SELECT sealed_url FROM external_calendars") == [(None,)]
    assert await read() is None
    refresh = pb.RefreshExternalCalendarRequest(**place, calendar_id=made.id)
    refused = await refusal(stub.RefreshExternalCalendar(refresh, metadata=world.member(Role.MANAGER)))
    assert refused.reason == "EXTERNAL_CALENDAR_NOT_FOUND"
    assert (await connect()).id != made.id
    actions = await world.rows("SELECT action FROM audit ORDER BY id")
    assert [action for (action,) in actions] == [
        "external_calendar.connected", "external_calendar.disconnected", "external_calendar.connected",
    ]  # fmt: skip


@pytest.mark.covers("B15")
async def test_what_cannot_be_read_changes_nothing(world, server, connect, read, blocked, stub, place):
    at = world.salon.at
    server.calendar((at(16, 10), at(16, 11)), etag='"one"')
    await connect()
    await read()
    for found, why in [
        (answer(b"", status="503 Later"), "HTTP_STATUS"),
        (answer(b"<html>"), "NOT_A_CALENDAR"),
        (answer(b"x" * 6_000_000), "TOO_LARGE"),
    ]:
        server.answers["/busy.ics"] = found
        world.clock.advance(2 * HOUR)
        assert (await read()).why == why
        assert await blocked() == [("16 10:00", "16 11:00")]
        (one,) = (await listed_calendars(stub, world, place)).calendars
        assert (one.last_error, one.last_status, one.busy_count) == (
            *(why, 503 if why == "HTTP_STATUS" else 0, 1),
        )
    assert await world.rows("SELECT failures FROM external_calendars") == [(3,)]
    assert await read() is None
    server.calendar((at(16, 10), at(16, 11)), etag='"one"')
    world.clock.advance(2 * HOUR)
    assert (await read()).why == ""
    assert server.requests[-1][1]["if-none-match"] == '"one"'
    assert await blocked() == [("16 10:00", "16 11:00")]


@pytest.mark.covers("B15")
async def test_whole_days_are_those_of_the_zone_that_the_salon_has_by_now(
    world, server, connect, read, blocked, catalog
):
    server.calendar("UID:1\nDTSTART;VALUE=DATE:20260316", etag='"one"')
    await connect()
    await read()
    assert await blocked() == [("16 00:00", "17 00:00")]
    world.salon.answer.salon.time_zone = "Europe/Berlin"
    world.salon.version += 1
    await read()
    assert await blocked() == [("16 02:00", "17 02:00")]
    assert "if-none-match" not in server.requests[-1][1]
    await read()
    assert server.requests[-1][1]["if-none-match"] == '"one"'
    assert await world.rows("SELECT time_zone FROM external_calendars") == [("Europe/Berlin",)]


@pytest.mark.covers("B15")
async def test_with_the_catalog_down_calendars_are_read_in_the_zone_that_is_known(
    world, server, connect, read, blocked, catalog
):
    server.calendar("UID:1\nDTSTART;VALUE=DATE:20260316")
    await connect()
    await catalog.stop()
    world.clock.advance(24 * HOUR)
    assert (await read()).why == ""
    assert await blocked() == [("16 00:00", "17 00:00")]


async def test_an_address_that_cannot_be_unsealed_any_more_has_to_be_connected_again(world, connect, read):
    await connect()
    async with world.database.transaction() as connection:
        await connection.execute("UPDATE external_calendars SET sealed_url = sealed_url || sealed_url")
    assert (await read()).why == "RECONNECT"


@pytest.mark.covers("B15")
async def test_two_who_read_at_once_read_it_once(
    world, server, connect, read_one, booking_settings, catalog_client
):
    await connect()
    other = ExternalCalendarParts(world.database, world.clock, booking_settings).read_one(catalog_client)
    found = await asyncio.gather(read_one(), other())
    assert sorted(one is None for one in found) == [False, True]
    assert len(server.requests) == 1


async def test_what_somebody_has_in_hand_is_left_to_them(world, server, connect, read_one):
    others = []

    async def slow(writer, _headers):
        others.append(await read_one())
        writer.write(answer(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"))

    server.answers["/busy.ics"] = slow
    await connect()
    assert (await read_one()).why == ""
    assert (others, len(server.requests)) == ([None], 1)


async def test_who_lost_the_lease_writes_nothing(world, server, connect, read_one, blocked):
    at = world.salon.at

    async def slow(writer, _headers):
        server.calendar((at(17, 10), at(17, 11)))
        world.clock.advance(timedelta(minutes=4))
        assert (await read_one()).why == ""
        writer.write(answer(b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"))

    server.answers["/busy.ics"] = slow
    await connect()
    await read_one()
    assert await blocked() == [("17 10:00", "17 11:00")]


async def test_bookings_that_come_back_are_no_clash_and_those_of_others_count(
    world, server, connect, read, blocked, conflicts
):
    at = world.salon.at
    mine = await world.book(at(16, 10), staff=world.staff[0])
    other = await world.book(at(16, 12), staff=world.staff[1])
    server.calendar(
        f"UID:{mine.id}@bookings.kursi\n{times(at(16, 10), at(16, 11))}",
        f"UID:{other.id}@bookings.kursi\n{times(at(16, 12), at(16, 13))}",
    )
    await connect()
    await read()
    assert await conflicts() == []
    assert await blocked() == [("16 12:00", "16 13:00")]


@pytest.mark.covers("B15")
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://10.0.0.1/a.ics", "NOT_A_PUBLIC_HOST"),
        ("https://169.254.169.254/", "NOT_A_PUBLIC_HOST"),
        ("https://[::1]/", "NOT_A_PUBLIC_HOST"),
        ("https://no.such.host.invalid/", "NOT_A_PUBLIC_HOST"),
        ("ftp://cal.test/", "SCHEME_NOT_ALLOWED"),
        ("https://me:secret@cal.test/", "HAS_CREDENTIALS"),
        ("https://cal.test:22/", "PORT_NOT_ALLOWED"),
        ("https://2130706433/", "MALFORMED"),
        ("https://cal.test/" + "x" * 2_000, "TOO_LONG"),
    ],
)
async def test_an_address_is_judged_at_once_and_nothing_is_written(url, reason, world, connect, refusal):
    refused = await refusal(connect(url))
    assert (refused.code, refused.violations) == (grpc.StatusCode.INVALID_ARGUMENT, {"url": reason})
    assert await world.rows("SELECT id FROM external_calendars UNION SELECT target_id::uuid FROM audit") == []


@pytest.mark.covers("B15")
async def test_the_address_is_kept_sealed_and_shown_to_nobody(world, server, connect, read, capsys, caplog):
    server.answers["/secret-token.ics"] = answer(b"", status="404 Not Found")
    caplog.set_level("INFO")
    made = await connect(server.url("/secret-token.ics"), request_id="one")
    assert await connect(server.url("/secret-token.ics"), request_id="one") == made
    assert (await read()).why == "HTTP_STATUS"
    kept = await world.rows("SELECT row_to_json(e)::text FROM external_calendars AS e")
    kept += await world.rows("SELECT row_to_json(r)::text FROM replies AS r")
    kept += await world.rows("SELECT row_to_json(a)::text FROM audit AS a")
    assert "secret-token" not in str(kept)
    ((sealed,),) = await world.rows("SELECT sealed_url FROM external_calendars")
    assert b"secret-token" not in bytes(sealed)
    await world.database.close()
    out = capsys.readouterr()
    assert "secret-token" not in out.out + out.err + str(made)


async def test_only_the_linked_account_and_managers_look_after_it(world, connect, stub, place, refusal):
    for metadata in (world.customer(), world.member(Role.STAFF)):
        assert (await refusal(connect(metadata=metadata))).code is grpc.StatusCode.PERMISSION_DENIED
    unknown = await refusal(connect(staff_id=str(new_id())))
    assert unknown.reason == "STAFF_NOT_FOUND"
    made = await connect()
    world.member_id = world.salon.answer.workers[0].staff_member.user_id
    mine = await listed_calendars(stub, world, place, Role.STAFF)
    assert [one.id for one in mine.calendars] == [made.id]
    elsewhere = {**place, "staff_id": str(world.staff[1])}
    refused = await refusal(
        stub.DisconnectExternalCalendar(
            pb.DisconnectExternalCalendarRequest(**elsewhere, calendar_id=made.id),
            metadata=world.member(Role.MANAGER),
        )
    )
    assert refused.reason == "EXTERNAL_CALENDAR_NOT_FOUND"


async def test_five_at_most_and_each_once(connect, server, refusal):
    await connect()
    assert (await refusal(connect())).reason == "CALENDAR_ALREADY_CONNECTED"
    for number in range(4):
        await connect(server.url(f"/{number}"))
    assert (await refusal(connect(server.url("/five")))).reason == "TOO_MANY_CALENDARS"


async def test_it_is_read_again_when_asked_once_a_minute(world, server, connect, read, stub, place, refusal):
    made = await connect()
    await read()
    assert len(server.requests) == 1

    def refresh(**more):
        request = pb.RefreshExternalCalendarRequest(**place, calendar_id=made.id, **more)
        return stub.RefreshExternalCalendar(request, metadata=world.member(Role.MANAGER))

    first = await refresh(request_id="one")
    assert await refresh(request_id="one") == first
    refused = await refusal(refresh())
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "REFRESHED_TOO_OFTEN")
    world.clock.advance(timedelta(minutes=1))
    assert (await refresh()).id == made.id
    await read()
    assert len(server.requests) == 2
