"""Files of a catalogue that are wrong in a row or as a whole, and who may bring one."""

import json
import time

import grpc
import pytest
from catalogue_files import as_csv, bring, counts, export, import_request, named, touched
from google.api.httpbody_pb2 import HttpBody
from google.type import dayofweek_pb2
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import transfer_service_pb2 as pb
from kursi_chassis.caller import Role


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
async def test_cells_behind_the_last_column_are_named_where_they_hold_something(world):
    salon = await world.salon()
    content = "type,key,kind,,\nresource,a,chair,,,,\nresource,b,chair,,,red\nresource,c,chair\n"
    report = await bring(world, salon, content, pb.CSV)
    assert named(report) == [(3, "resource", "b", "#6", "UNKNOWN_COLUMN")]
    assert (report.rows, report.bad_rows) == (3, 1)


@pytest.mark.covers("C10")
async def test_half_a_character_and_endless_texts_are_named_as_far_as_they_can_be(world):
    salon = await world.salon()
    cut = {"names": {"en": "Cut"}, "duration": "60s", "price": {"currencyCode": "SAR", "amountMinor": "5"}}
    services = [
        {**cut, "key": "a\ud83d"},
        {**cut, "key": "b", "performers": [{"staff": "\ud83d"}]},
        {**cut, "key": "c", "\ud83d": 1},
        {**cut, "key": "d", "names.\ud83d": "x"},
        {**cut, "key": "k" * 1_000_000},
    ]
    before = await touched(world, salon)
    report = await bring(world, salon, json.dumps({"services": services}), apply=True)
    assert named(report) == [
        (1, "service", "a?", "key", "MALFORMED"),
        (2, "service", "b", "performers", "MALFORMED"),
        (3, "service", "c", "?", "UNKNOWN_COLUMN"),
        (4, "service", "d", "names.?", "MALFORMED"),
        (5, "service", "k" * 100, "key", "TOO_LONG"),
    ]
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


@pytest.mark.covers("C10")
async def test_of_ten_thousand_rows_the_three_bad_ones_are_named_and_then_all_are_written(world):
    salon = await world.salon()
    good, rows = as_csv(ten_thousand_rows()), ten_thousand_rows()
    rows[77][2], rows[1_234][5], rows[9_000][10] = "", "free", "25:61"
    started = time.process_time()
    report = await bring(world, salon, as_csv(rows), pb.CSV)
    seconds = time.process_time() - started
    assert report.rows == 10_000
    assert named(report) == [
        (78, "staff", "p76", "displayNames", "REQUIRED"),
        (1_235, "service", "s233", "price", "MALFORMED"),
        (9_001, "shift", rows[9_000][8], "start", "NOT_A_TIME"),
    ]
    assert not json.loads(await export(world, salon))["staff"]
    started = time.process_time()
    report = await bring(world, salon, good, pb.CSV)
    seconds = max(seconds, time.process_time() - started)
    assert (report.applied, report.created) == (True, 1_500)
    assert seconds < 10
    assert counts(await bring(world, salon, good, pb.CSV))[:2] == (0, 0)


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
        (pb.CSV, b'type,"key\nservice,a\n', "MALFORMED"),
        (pb.CSV, b"type,key,,key,\n", "NO_HEADER"),
        (pb.CSV, b"type\n" + b"service\n" * 20_001, "TOO_MANY"),
        (pb.JSON, b"[" * 100_000, "MALFORMED"),
        (pb.JSON, b'{"staff": {}}', "MALFORMED"),
        (pb.JSON, b'{"staff": [1]}', "MALFORMED"),
        (pb.JSON, b'{"staff": [{"key": NaN}]}', "MALFORMED"),
        (pb.JSON, b'{"people": []}', "UNKNOWN_COLUMN"),
        (pb.JSON, b'{"\\ud800": []}', "UNKNOWN_COLUMN"),
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


@pytest.mark.covers("C10")
@pytest.mark.parametrize("apply", [False, True])
async def test_an_archived_salon_takes_no_file_and_looks_at_none(world, apply):
    salon = await world.salon()
    owner = world.token(salon.id)
    await world.call("ArchiveSalon", api.ArchiveSalonRequest(salon_id=salon.id), owner)
    request = import_request(salon, "type,key,kind\nresource,a,chair\n", pb.CSV, apply=apply)
    refusal = await world.refusal("ImportCatalogue", request, owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SALON_ARCHIVED")


@pytest.mark.covers("C10")
async def test_whose_account_somebody_has_neither_leaves_nor_comes_with_a_file(world, make):
    salon, user_id = await world.salon(), make.id()
    world.identity.users.add(user_id)
    await world.staff(salon, user_id=user_id)
    for number in (pb.JSON, pb.CSV):
        assert user_id not in str(await export(world, salon, number))
    content = f"type,key,displayNames.en,userId\nstaff,mine,Me,{user_id}\n"
    report = await bring(world, salon, content, pb.CSV)
    assert named(report) == [(2, "staff", "mine", "userId", "UNKNOWN_COLUMN")]


@pytest.mark.covers("C10")
async def test_of_very_many_bad_rows_all_are_counted_and_the_first_thousand_named(world):
    salon = await world.salon()
    rows = [["type", "key", "kind"], *(["resource", f"r{number}", "No!"] for number in range(1_100))]
    report = await bring(world, salon, as_csv(rows), pb.CSV)
    assert (report.bad_rows, len(report.problems), report.problems[-1].line) == (1_100, 1_000, 1_001)


@pytest.mark.covers("C10")
async def test_add_ons_of_a_file_have_no_ids_and_people_are_named_by_key(world, make):
    salon = await world.salon()
    person = await world.staff(salon)
    price = {"currencyCode": "SAR", "amountMinor": "5"}
    cut = {"names": {"en": "Cut"}, "duration": "60s", "price": price}
    extra = {"id": make.id(), "names": {"en": "Mask"}, "price": price}
    services = [
        {**cut, "key": "a", "addOns": [extra]},
        {**cut, "key": "b", "performers": [{"staffId": person.id}]},
    ]
    report = await bring(world, salon, json.dumps({"services": services}))
    assert named(report) == [
        (1, "service", "a", "addOns", "MALFORMED"),
        (2, "service", "b", "performers", "MALFORMED"),
    ]
