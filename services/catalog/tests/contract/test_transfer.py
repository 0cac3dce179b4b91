"""A salon's catalogue out and in, through the contract."""

import json

import grpc
import pytest
from catalogue_files import HAND_MADE, bring, counts, export, import_request, named, touched
from google.protobuf.duration_pb2 import Duration
from google.type import dayofweek_pb2, latlng_pb2
from kursi.catalog.v1 import catalog_pb2 as cat
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import transfer_service_pb2 as pb

FORMATS = [pb.JSON, pb.CSV]


async def rich_salon(world, make):
    """A salon with something of everything."""
    salon = await world.salon()
    owner = world.token(salon.id)
    sara = await world.staff(salon, bios={"en": "Twenty years.\nSecond line"}, color="#A0B1C2")
    noura = await world.staff(salon, display_names={"ar": "=نورة"}, bookable_online=False)
    await world.resource(salon)
    await world.resource(salon, kind="room", names={})
    await world.service(
        salon,
        descriptions={"en": '-"quoted"; and, more\n', "ar": "'+وصف"},
        performers=[
            cat.Performer(staff_id=sara.id),
            cat.Performer(staff_id=noura.id, price=make.sar(20050), duration=make.minutes(60)),
        ],
        add_ons=[cat.AddOn(names={"en": "Beard"}, duration=Duration(), price=make.sar(5))],
        buffer_after=make.minutes(10),
    )
    colour = [
        cat.Segment(duration=make.minutes(30), needs_staff=True, resource_kinds=["chair"]),
        cat.Segment(duration=make.minutes(40)),
    ]
    await world.service(
        salon, names={"en": "Colour"}, duration=None, segments=colour, active=False,
        performers=[cat.Performer(staff_id=noura.id), cat.Performer(staff_id=sara.id)],
        place=cat.Service.ONLINE, meeting_link="https://meet.example/a",
    )  # fmt: skip
    ramadan = cat.SeasonalHours(season=cat.RAMADAN)
    hours = cat.OpeningHours(
        salon_id=salon.id, ranges=make.every_day("09:00", "26:00", [("12:00", "13:00")]), seasonal=[ramadan]
    )
    await world.call(
        "ReplaceOpeningHours", api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours), owner
    )
    availability = cat.Availability(
        schedules=[
            cat.WeeklySchedule(shifts=make.every_day("10:00", "18:00")),
            cat.WeeklySchedule(effective_from="2026-05-01", effective_until="2026-06-01", every_weeks=2),
            cat.WeeklySchedule(season=cat.RAMADAN, shifts=make.every_day("20:00", "25:00")[:2]),
        ],
        overrides=[
            cat.DateOverride(date="2026-04-01", reason="Wedding; mine"),
            cat.DateOverride(date="2026-04-02", ranges=[cat.LocalRange(start="10:00", end="11:00")]),
        ],
    )
    request = api.ReplaceAvailabilityRequest(salon_id=salon.id, staff_id=sara.id, availability=availability)
    await world.call("ReplaceAvailability", request, owner)
    gone = await world.service(salon, names={"en": "Gone"})
    await world.call(
        "ArchiveService", api.ArchiveServiceRequest(salon_id=salon.id, service_id=gone.id), owner
    )
    return salon


@pytest.mark.covers("C10")
@pytest.mark.parametrize("number", FORMATS)
async def test_a_catalogue_moves_into_an_empty_salon_as_it_is(world, make, number):
    salon = await rich_salon(world, make)
    content = await export(world, salon, number)
    empty = await world.salon()
    report = await bring(world, empty, content, number)
    assert (report.applied, named(report), counts(report)) == (True, [], (6, 2, 0))
    assert await export(world, empty, number) == content
    assert b"Gone" not in content


@pytest.mark.covers("C10")
@pytest.mark.parametrize("number", FORMATS)
async def test_importing_a_catalogue_where_it_came_from_changes_nothing(world, make, number):
    salon = await rich_salon(world, make)
    content = await export(world, salon, number)
    before = await touched(world, salon)
    for _ in range(2):
        report = await bring(world, salon, content, number)
        assert (report.applied, named(report), counts(report)) == (True, [], (0, 0, 8))
    assert await touched(world, salon) == before


@pytest.mark.covers("C10")
@pytest.mark.parametrize("number", FORMATS)
async def test_importing_twice_changes_nothing_the_second_time(world, make, number):
    content = await export(world, await rich_salon(world, make), number)
    empty = await world.salon()
    await bring(world, empty, content, number)
    before = await touched(world, empty)
    assert counts(await bring(world, empty, content, number)) == (0, 0, 8)
    assert await touched(world, empty) == before


@pytest.mark.covers("C10")
async def test_nothing_is_written_unless_asked(world, make):
    content = await export(world, await rich_salon(world, make))
    empty = await world.salon()
    before = await touched(world, empty)
    report = await bring(world, empty, content, apply=False)
    assert (report.applied, counts(report)) == (False, (6, 2, 0))
    assert await touched(world, empty) == before
    assert json.loads(await export(world, empty))["services"] == []


@pytest.mark.covers("C10")
async def test_a_table_that_a_person_typed_is_understood(world):
    salon = await world.salon()
    report = await bring(world, salon, HAND_MADE, pb.CSV)
    assert (report.applied, named(report), report.rows) == (True, [], 5)
    found = await world.call("ListServices", api.ListServicesRequest(salon_id=salon.id))
    (service,) = found.services
    (member,) = (
        await world.call("ListStaffMembers", api.ListStaffMembersRequest(salon_id=salon.id))
    ).staff_members
    assert (service.price.amount_minor, service.duration.seconds, service.active) == (15050, 2700, True)
    assert [one.staff_id for one in service.performers] == [member.id]
    assert (dict(member.display_names), member.bookable_online) == ({"ar": "سارة"}, True)
    hours = await world.call("GetOpeningHours", api.GetOpeningHoursRequest(salon_id=salon.id))
    assert [(one.day, len(one.breaks)) for one in hours.ranges] == [(dayofweek_pb2.SUNDAY, 2)]


@pytest.mark.covers("C10")
async def test_what_a_file_does_not_say_stays_as_it_is(world):
    salon = await world.salon()
    await bring(world, salon, HAND_MADE, pb.CSV)
    report = await bring(world, salon, "type,key,price\nservice,cut,99\n", pb.CSV)
    assert counts(report) == (0, 1, 0)
    (service,) = (await world.call("ListServices", api.ListServicesRequest(salon_id=salon.id))).services
    assert (service.price.amount_minor, service.names["ar"], len(service.performers)) == (9900, "قص", 1)


@pytest.mark.covers("C10", "C2")
async def test_what_was_imported_is_found_at_once(world):
    salon = await world.salon()
    await bring(world, salon, HAND_MADE, pb.CSV)
    found = await world.call("SearchSalons", api.SearchSalonsRequest(query="haircut"))
    assert [result.salon.id for result in found.results] == [salon.id]


@pytest.mark.covers("C10")
async def test_hours_of_a_file_leave_breaks_for_prayer_as_they_are(world):
    salon = await world.salon(location=latlng_pb2.LatLng(latitude=24.7, longitude=46.7))
    breaks = cat.PrayerBreaks(prayers=[cat.PrayerBreaks.ASR], after=Duration(seconds=1200))
    hours = cat.OpeningHours(salon_id=salon.id, prayer_breaks=breaks)
    request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours)
    written = await world.call("ReplaceOpeningHours", request, world.token(salon.id))
    await bring(world, salon, HAND_MADE, pb.CSV)
    kept = await world.call("GetOpeningHours", api.GetOpeningHoursRequest(salon_id=salon.id))
    assert (len(kept.ranges), kept.prayer_breaks) == (1, written.prayer_breaks)


@pytest.mark.covers("C10", "C9")
async def test_an_import_leaves_a_line_an_event_and_a_version_for_each_thing(world):
    salon = await world.salon()
    version, lines, events = await touched(world, salon)
    await bring(world, salon, HAND_MADE, pb.CSV)
    assert await touched(world, salon) == (version + 5, lines + 5, events + 5)
    rows = await world.rows(
        "SELECT subject, revision FROM outbox WHERE aggregate_id = %s ORDER BY id DESC LIMIT 5", salon.id
    )
    assert [(row["subject"].split(".")[3], row["revision"] - version) for row in reversed(rows)] == [
        ("staff", 1), ("salon", 2), ("service", 3), ("schedule", 4), ("schedule", 5),
    ]  # fmt: skip


@pytest.mark.covers("C10")
@pytest.mark.usefixtures("brief_waits")
async def test_a_change_that_cannot_be_told_writes_none_of_the_file(world):
    salon = await world.salon()
    before = await touched(world, salon)
    async with world.database.transaction() as blocker:
        await blocker.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        request = import_request(salon, HAND_MADE, pb.CSV, apply=True)
        refusal = await world.refusal("ImportCatalogue", request, world.token(salon.id))
    assert refusal.code == grpc.StatusCode.UNAVAILABLE
    assert await touched(world, salon) == before
    assert await world.rows("SELECT 1 FROM import_keys WHERE salon_id = %s", salon.id) == []


@pytest.mark.covers("C10")
async def test_a_repeated_request_gets_the_first_report(world):
    salon, user = await world.salon(), None
    user = world.token(salon.id, user_id=salon.id)
    request = import_request(salon, HAND_MADE, pb.CSV, apply=True, request_id="once")
    first = await world.call("ImportCatalogue", request, user)
    assert await world.call("ImportCatalogue", request, user) == first
    assert first.created == 3


async def test_a_performer_who_is_archived_stays_through_an_import(world):
    salon = await world.salon()
    sara, noura = await world.staff(salon), await world.staff(salon)
    service = await world.service(
        salon, performers=[cat.Performer(staff_id=sara.id), cat.Performer(staff_id=noura.id)]
    )
    owner = world.token(salon.id)
    await world.call(
        "ArchiveStaffMember", api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=sara.id), owner
    )
    content = await export(world, salon, pb.CSV)
    assert sara.id.encode() not in content
    assert counts(await bring(world, salon, content, pb.CSV))[:2] == (0, 0)
    await bring(world, salon, f"type,key,performers\nservice,{service.id},\n", pb.CSV)
    request = api.GetServiceRequest(salon_id=salon.id, service_id=service.id)
    kept = await world.call("GetService", request)
    assert [one.staff_id for one in kept.performers] == [sara.id]


async def test_add_ons_keep_their_ids_while_their_names_do(world, make):
    salon = await rich_salon(world, make)
    document = json.loads(await export(world, salon))
    before = await world.rows("SELECT add_ons FROM services WHERE salon_id = %s ORDER BY id", salon.id)
    document["services"][0]["addOns"][0]["price"]["amountMinor"] = "700"
    assert counts(await bring(world, salon, json.dumps(document)))[:2] == (0, 1)
    after = await world.rows("SELECT add_ons FROM services WHERE salon_id = %s ORDER BY id", salon.id)
    assert [one["id"] for one in after[0]["add_ons"]] == [one["id"] for one in before[0]["add_ons"]]
    assert after[0]["add_ons"][0]["price_minor"] == 700


async def test_an_archived_thing_is_not_changed_by_a_file(world):
    salon = await world.salon()
    service = await world.service(salon)
    owner = world.token(salon.id)
    await world.call(
        "ArchiveService", api.ArchiveServiceRequest(salon_id=salon.id, service_id=service.id), owner
    )
    report = await bring(world, salon, f"type,key,price\nservice,{service.id},5\n", pb.CSV)
    assert named(report) == [(2, "service", service.id, "key", "ARCHIVED")]


async def test_the_key_of_one_salon_says_nothing_in_another(world):
    salon, other = await world.salon(), await world.salon()
    service = await world.service(salon)
    row = f"type,key,names.en,price,duration\nservice,{service.id},Mine,5,30\n"
    assert counts(await bring(world, other, row, pb.CSV)) == (1, 0, 0)
    kept = await world.call("GetService", api.GetServiceRequest(salon_id=salon.id, service_id=service.id))
    assert kept == service
