"""A salon's catalogue out and in, through the contract."""

import csv
import io
import json
import time

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.duration_pb2 import Duration
from google.type import dayofweek_pb2
from kursi.catalog.v1 import catalog_pb2 as cat
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import transfer_service_pb2 as pb
from kursi_chassis.caller import Role

FORMATS = [pb.JSON, pb.CSV]


async def export(world, salon, number=pb.JSON):
    request = pb.ExportCatalogueRequest(salon_id=salon.id, format=number)
    return (await world.call("ExportCatalogue", request, world.token(salon.id))).data


def import_request(salon, content, number=pb.JSON, **changes):
    data = content if isinstance(content, bytes) else content.encode()
    return pb.ImportCatalogueRequest(salon_id=salon.id, format=number, file=HttpBody(data=data), **changes)


async def bring(world, salon, content, number=pb.JSON, **changes):
    request = import_request(salon, content, number, **{"apply": True, **changes})
    return await world.call("ImportCatalogue", request, world.token(salon.id, Role.MANAGER))


def counts(report):
    return report.created, report.updated, report.unchanged


def named(report):
    return [(one.line, one.kind, one.key, one.column, one.reason) for one in report.problems]


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


async def touched(world, salon):
    """What an import that did something would have left: version, lines, events."""
    (row,) = await world.rows("SELECT version FROM salons WHERE id = %s", salon.id)
    lines = await world.rows("SELECT count(*) AS number FROM audit WHERE salon_id = %s", salon.id)
    events = await world.rows("SELECT count(*) AS number FROM outbox WHERE aggregate_id = %s", salon.id)
    return row["version"], lines[0]["number"], events[0]["number"]


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


HAND_MADE = """\
type;key;staff;displayNames.ar;kind;names.en;names.ar;category;duration;price;performers;day;start;end;breaks
staff;sara;;سارة;;;;;;;;;;;
resource;c1;;;chair;Chair 1;;;;;;;;;
service;cut;;;;Haircut;قص;hair;45;150,50;sara;;;;
opening_hours;;;;;;;;;;;SUNDAY;09:00;21:00;12:00-12:30|16:00-16:15
shift;;sara;;;;;;;;;SUNDAY;10:00;18:00;
"""


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


@pytest.mark.covers("C10")
async def test_each_bad_row_is_named_with_line_column_and_words_and_nothing_is_written(world):
    salon = await world.salon()
    content = (
        "type,key,kind,names.en,price,duration,performers,color,displayNames.en,descriptions.en\r\n"
        'service,a,,Cut,10,30,,,,"Two\r\nlines"\r\n'
        "service,b,,Cut,ten,30,,,\r\n"
        "service,c,,Cut,10,30,nobody,,\r\n"
        "service,a,,Again,10,30,,,\r\n"
        "resource,d,No Such Kind!,,,,,,\r\n"
        "staff,e,,,,,,red,Sara\r\n"
        "chair,f,,,,,,,\r\n"
        "service,,,Cut,10,30,,,\r\n"
        "service,g,,Cut,10,30,,#AABBCC,\r\n"
        "service,h,,Cut,,30,,,\r\n"
    )
    before = await touched(world, salon)
    report = await bring(world, salon, content, pb.CSV)
    assert named(report) == [
        (4, "service", "b", "price", "MALFORMED"),
        (5, "service", "c", "performers[0].staff", "UNKNOWN_STAFF"),
        (6, "service", "a", "key", "DUPLICATE"),
        (7, "resource", "d", "kind", "MALFORMED"),
        (8, "staff", "e", "color", "MALFORMED"),
        (9, "chair", "", "type", "UNKNOWN_VALUE"),
        (10, "service", "", "key", "REQUIRED"),
        (11, "service", "g", "color", "UNKNOWN_COLUMN"),
        (12, "service", "h", "price", "REQUIRED"),
    ]
    assert (report.applied, report.bad_rows, report.rows) == (False, 9, 10)
    assert report.problems[2].message == "The same entry appears twice."
    arabic = import_request(salon, content, pb.CSV)
    told = await world.call("ImportCatalogue", arabic, world.token(salon.id), **{"accept-language": "ar"})
    assert told.problems[2].message == "العنصر مكرر."
    assert await touched(world, salon) == before


@pytest.mark.covers("C10")
async def test_rows_of_hours_that_do_not_fit_together_are_named(world):
    salon = await world.salon()
    content = (
        "type,key,displayNames.en,staff,day,start,end,breaks,effectiveFrom,effectiveUntil,date,ranges\n"
        "staff,sara,Sara,,,,,,,,,\n"
        "opening_hours,,,,MONDAY,09:00,12:00,,,,,\n"
        "opening_hours,,,,MONDAY,11:00,13:00,,,,,\n"
        "shift,,,sara,MONDAY,09:00,17:00,18:00-19:00,,,,\n"
        "day,,,sara,,,,,,,2026-02-30,\n"
        "shift,,,noura,MONDAY,09:00,17:00,,,,,\n"
        "shift,,,hind,MONDAY,09:00,17:00,,2026-01-01,2026-02-01,,\n"
        "shift,,,hind,TUESDAY,09:00,17:00,,2026-01-01,2026-03-01,,\n"
    )
    report = await bring(world, salon, content, pb.CSV)
    assert named(report) == [
        (4, "opening_hours", "", "start", "OVERLAPS"),
        (6, "day", "sara", "date", "NOT_A_DATE"),
        (7, "shift", "noura", "staff", "UNKNOWN_STAFF"),
        (9, "shift", "hind", "effectiveUntil", "CONTRADICTS"),
    ]


def ten_thousand_rows():
    """500 staff members, as many services and resources, and shifts; three rows of them are bad."""
    names = [f"p{number}" for number in range(500)]
    rows = [
        [
            "type",
            "key",
            "displayNames.en",
            "kind",
            "names.en",
            "price",
            "duration",
            "performers",
            "staff",
            "day",
            "start",
            "end",
        ]
    ]
    rows += [["staff", name, f"Person {name}"] for name in names]
    rows += [["resource", f"r{number}", "", "chair"] for number in range(500)]
    rows += [["service", f"s{number}", "", "", "Cut", "10", "30", names[number]] for number in range(500)]
    days = [dayofweek_pb2.DayOfWeek.Name(number) for number in range(1, 8)]
    shifts = [
        ["shift", *[""] * 7, name, day, f"{hour:02d}:00", f"{hour + 2:02d}:00"]
        for name in names
        for day in days
        for hour in (8, 11, 14)
    ]
    rows += shifts[: 10_000 - 1_500]
    return rows


def as_csv(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


@pytest.mark.covers("C10")
async def test_of_ten_thousand_rows_the_three_bad_ones_are_named_and_then_all_are_written(world):
    salon = await world.salon()
    good, rows = as_csv(ten_thousand_rows()), ten_thousand_rows()
    rows[77][2], rows[1_234][5], rows[9_000][10] = "", "free", "25:61"
    started = time.perf_counter()
    report = await bring(world, salon, as_csv(rows), pb.CSV)
    seconds = time.perf_counter() - started
    assert report.rows == 10_000
    assert named(report) == [
        (78, "staff", "p76", "displayNames", "REQUIRED"),
        (1_235, "service", "s233", "price", "MALFORMED"),
        (9_001, "shift", rows[9_000][8], "start", "NOT_A_TIME"),
    ]
    assert not json.loads(await export(world, salon))["staff"]
    started = time.perf_counter()
    report = await bring(world, salon, good, pb.CSV)
    seconds = max(seconds, time.perf_counter() - started)
    assert (report.applied, report.created) == (True, 1_500)
    assert seconds < 10
    assert counts(await bring(world, salon, good, pb.CSV))[:2] == (0, 0)


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


async def test_a_full_salon_takes_no_more(world):
    salon = await world.salon()
    rows = [["type", "key", "kind"], *(["resource", f"r{number}", "chair"] for number in range(502))]
    report = await bring(world, salon, as_csv(rows), pb.CSV)
    assert [(one.line, one.reason) for one in report.problems] == [(502, "SALON_FULL"), (503, "SALON_FULL")]


async def test_prices_are_in_the_salons_currency(world):
    salon = await world.salon(currency_code="KWD")
    await bring(world, salon, "type,key,names.en,price,duration\nservice,a,Cut,1.255,30\n", pb.CSV)
    (row,) = await world.rows("SELECT price_minor FROM services WHERE salon_id = %s", salon.id)
    assert row["price_minor"] == 1255
    price = {"currencyCode": "SAR", "amountMinor": "5"}
    document = {"services": [{"key": "b", "names": {"en": "Cut"}, "duration": "60s", "price": price}]}
    report = await bring(world, salon, json.dumps(document))
    assert named(report) == [(1, "service", "b", "price.currencyCode", "OTHER_CURRENCY")]


@pytest.mark.covers("C10")
@pytest.mark.parametrize(
    ("number", "content", "reason"),
    [
        (pb.CSV, b"", "REQUIRED"),
        (pb.CSV, "type,key\nservice,\u0642".encode("utf-16"), "NOT_UTF8"),
        (pb.CSV, b"a,b\n1,2\n", "NO_HEADER"),
        (pb.CSV, b"type,key,key\n", "NO_HEADER"),
        (pb.CSV, b'type,key\nservice,"open\n', "MALFORMED"),
        (pb.CSV, b"type,key\nservice,a,b\n", "MALFORMED"),
        (pb.CSV, b"type\n" + b"service\n" * 20_001, "TOO_MANY"),
        (pb.JSON, b"[" * 100_000, "MALFORMED"),
        (pb.JSON, b'{"staff": {}}', "MALFORMED"),
        (pb.JSON, b'{"staff": [1]}', "MALFORMED"),
        (pb.JSON, b'{"staff": [{"key": NaN}]}', "MALFORMED"),
        (pb.JSON, b'{"people": []}', "UNKNOWN_COLUMN"),
        (pb.JSON, b" " * (8 * 1024 * 1024 + 1), "TOO_LARGE"),
    ],
)
async def test_what_is_no_catalogue_is_refused_as_a_whole(
    shared_world, shared_salon, number, content, reason
):
    file = HttpBody(data=content)
    request = pb.ImportCatalogueRequest(salon_id=shared_salon, format=number, file=file)
    refusal = await shared_world.refusal("ImportCatalogue", request, shared_world.token(shared_salon))
    assert refusal.violations == {"file": reason}


@pytest.mark.covers("C9", "C10")
@pytest.mark.parametrize("method", ["ExportCatalogue", "ImportCatalogue"])
async def test_only_managers_of_the_salon_take_its_catalogue(shared_world, shared_salon, method):
    request = getattr(pb, f"{method}Request")(salon_id=shared_salon)
    for token in (shared_world.token(shared_salon, Role.STAFF), shared_world.token()):
        refusal = await shared_world.refusal(method, request, token)
        assert refusal.code == grpc.StatusCode.PERMISSION_DENIED
