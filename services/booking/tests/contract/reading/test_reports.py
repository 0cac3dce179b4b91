"""GetReport and ExportReport, held against a recount in plain Python."""

import csv
import io
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import grpc
import pytest
from kursi.booking.v1 import report_service_pb2 as pb
from kursi.booking.v1 import report_service_pb2_grpc
from kursi_booking.api.reports import csv_of
from kursi_booking.domain.report import COLUMNS, LocalDays, Report, ReportName, ReportRow
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id

Request = pb.GetReportRequest
GROUPS = [Request.GROUP_BY_UNSPECIFIED, Request.DAY, Request.SERVICE, Request.STAFF]
NAMES = ["bookings", "cancellations", "no_shows", "revenue", "lead_time", "returning_customers"]
# The clocks change on a day of each range: forward in Berlin, back in New York, never in Riyadh, at midnight in Beirut. Of the last
# place the database has not heard.
PLACES = [
    ("Asia/Riyadh", date(2026, 3, 20), date(2026, 4, 10)),
    ("Europe/Berlin", date(2026, 3, 27), date(2026, 3, 31)),
    ("America/New_York", date(2026, 10, 30), date(2026, 11, 3)),
    ("Asia/Beirut", date(2026, 3, 27), date(2026, 3, 30)),
    ("Kursi/Unheard", date(2026, 4, 3), date(2026, 4, 6)),
]
DEPARTED = ["held", "expired"]
WANTED = ("confirmed", "checked_in", "completed")


@pytest.fixture
def ask(world):
    """`await ask(name, first, last)`: a report, as a manager gets it."""
    stub = report_service_pb2_grpc.ReportServiceStub(world.channel)

    async def asked(
        name, first_date, last_date, group_by=0, *, salon=None, metadata=None, call="GetReport", **more
    ):
        kind = pb.GetReportRequest if call == "GetReport" else pb.ExportReportRequest
        usual = {
            "salon_id": str((salon or world.salon).id),
            "first_date": str(first_date),
            "last_date": str(last_date),
        }
        request = kind(**{**usual, **more}, name=name, group_by=group_by)
        everywhere = {one.id: Role.MANAGER for one in (salon, world.salon) if one}
        token = metadata or [("authorization", f"Bearer {world.mint.user(salons=everywhere)}")]
        return await getattr(stub, call)(request, metadata=token)

    return asked


def rate(part, whole):
    return part * 10_000 // whole if whole else 0


def counts(visits, *states):
    return sum(visit.state in states for visit in visits)


def recount(name, group, history, parts_of):
    """The values of one row: `group` are its visits, `history` all of the salon, `parts_of` what a visit has in it."""
    booked = [visit for visit in group if visit.state not in DEPARTED]
    wanted = [visit for visit in group if visit.state in WANTED]
    if name == "bookings":
        states = ("pending", "confirmed", "checked_in", "completed", "no_show", "cancelled")
        return [len(booked), *(counts(booked, state) for state in states)]
    if name == "cancellations":
        cancelled = [visit for visit in booked if visit.state == "cancelled"]
        kept = sum(visit.fee > 0 for visit in cancelled)
        return [len(booked), len(cancelled), kept, rate(len(cancelled), len(booked))]
    if name == "no_shows":
        due = counts(booked, "checked_in", "completed", "no_show")
        return [due, counts(booked, "no_show"), rate(counts(booked, "no_show"), due)]
    if name == "revenue":
        completed = [visit for visit in wanted if visit.state == "completed"]
        money = [
            sum(part.price for visit in some for part in parts_of(visit)) for some in (wanted, completed)
        ]
        return [len(wanted), *money]
    if name == "lead_time":
        waits = sorted(max(int((one.start - one.created).total_seconds()), 0) for one in booked)
        if not waits:
            return [0, 0, 0]
        return [len(waits), sum(waits) // len(waits), waits[(len(waits) + 1) // 2 - 1]]
    first = {}
    for visit in wanted:
        first[visit.customer_id] = min(visit.start, first.get(visit.customer_id, visit.start))
    returning = sum(
        any(one.customer_id == who and one.state == "completed" and one.start < start for one in history)
        for who, start in first.items()
    )
    return [len(first), returning, len(first) - returning]


def groups_of(visits, group_by, zone):
    """{key: visits}, and what of a visit belongs to the key."""
    grouped = defaultdict(list)
    for visit in visits:
        if group_by == Request.SERVICE:
            keys = {str(part.service.id) for part in visit.parts}
        elif group_by == Request.STAFF:
            keys = {str(part.staff.id) for part in visit.parts}
        elif group_by == Request.DAY:
            keys = {visit.start.astimezone(zone).date().isoformat()}
        else:
            keys = {""}
        for key in keys:
            grouped[key].append(visit)
    return grouped


def in_days(visits, first, last, zone):
    return [visit for visit in visits if first <= visit.start.astimezone(zone).date() <= last]


def parts_for(key, group_by):
    def of(visit):
        if group_by == Request.SERVICE:
            return [part for part in visit.parts if str(part.service.id) == key]
        if group_by == Request.STAFF:
            return [part for part in visit.parts if str(part.staff.id) == key]
        return visit.parts

    return of


def recounted(name, visits, first, last, zone, group_by):
    rows = {
        key: recount(name, group, visits, parts_for(key, group_by))
        for key, group in groups_of(in_days(visits, first, last, zone), group_by, zone).items()
    }
    return {key: values for key, values in rows.items() if values[0]}


def rows_of(report):
    return {row.key: list(row.values) for row in report.rows}


@pytest.mark.covers("B17")
@pytest.mark.usefixtures("unheard_of_zone")
@pytest.mark.parametrize(("zone", "first", "last"), PLACES, ids=[zone for zone, _, _ in PLACES])
async def test_each_report_is_what_counting_again_gives(make_salon, ask, trade, write, zone, first, last):
    salon = make_salon(zone)
    salon.service(salon.staff())
    ours = trade(salon.id, seed=len(zone))
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=4)
    visits = [
        replace(visit, fee=ours.chance.choice([0, 500]))
        for visit in ours.visits(500, begin, days=(last - first).days + 9)
    ]
    others = trade(new_id(), seed=3)
    others.customers = ours.customers
    await write([*visits, *others.visits(200, begin, days=30)])
    for name in NAMES:
        for group_by in GROUPS:
            report = await ask(name, first, last, group_by, salon=salon)
            expected = recounted(name, visits, first, last, salon.zone, group_by)
            assert rows_of(report) == expected, (name, group_by)
            assert [row.key for row in report.rows] == sorted(expected)
            (total,) = report.totals
            everything = recounted(name, visits, first, last, salon.zone, Request.GROUP_BY_UNSPECIFIED)
            assert list(total.values) == everything[""]
            assert tuple(report.columns) == COLUMNS[ReportName(name)]
    assert report.time_zone == zone


def minutes_of_day(zone, day):
    """Every minute of a local day, as instants."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    minutes = [begin + timedelta(minutes=number) for number in range(3 * 24 * 60)]
    return [one for one in minutes if one.astimezone(zone).date() == day]


@pytest.mark.covers("B17")
@pytest.mark.usefixtures("unheard_of_zone")
@pytest.mark.parametrize(("zone", "first", "last"), PLACES, ids=[zone for zone, _, _ in PLACES])
async def test_utilisation_is_what_counting_minutes_gives(make_salon, ask, trade, write, zone, first, last):
    last = min(last, first + timedelta(days=4))
    salon = make_salon(zone)
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    shifts = [
        (begin + timedelta(hours=20 * number), begin + timedelta(hours=20 * number + 9))
        for number in range(9)
    ]
    working = [(int(start.timestamp()), int(end.timestamp())) for start, end in shifts]
    people = [salon.staff(working=working), salon.staff(working=[])]
    salon.service(*people)
    ours = trade(salon.id, seed=len(zone))
    ours.people = [replace(person, id=one) for person, one in zip(ours.people, people, strict=False)]
    visits = [
        *ours.visits(60, begin - timedelta(days=1), days=7),
        ours.plain(begin + timedelta(days=1, hours=5), minutes=60 * 40, state="completed"),
    ]
    await write(visits)
    by_person, by_day = defaultdict(lambda: [0, 0]), defaultdict(lambda: [0, 0])
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        minutes = minutes_of_day(salon.zone, day)
        for staff_id in people:
            parts = [
                part
                for visit in visits
                if visit.state in (*WANTED, "pending", "no_show")
                for part in visit.parts
                if part.staff.id == staff_id
            ]
            booked = sum(any(part.start <= one < part.end for part in parts) for one in minutes)
            works = sum(any(start <= one < end for start, end in shifts) for one in minutes)
            for cell in (by_person[str(staff_id)], by_day[day.isoformat()]):
                cell[0] += booked * 60
                cell[1] += works * 60 if staff_id == people[0] else 0

    def with_rate(cells):
        return {key: [booked, works, rate(booked, works)] for key, (booked, works) in cells.items()}

    total = [sum(cell[0] for cell in by_day.values()), sum(cell[1] for cell in by_day.values())]
    assert rows_of(await ask("utilisation", first, last, Request.DAY, salon=salon)) == with_rate(by_day)
    assert rows_of(await ask("utilisation", first, last, Request.STAFF, salon=salon)) == with_rate(by_person)
    everything = await ask("utilisation", first, last, salon=salon)
    assert rows_of(everything) == with_rate({"": total})
    assert everything.rows == everything.totals


@pytest.mark.covers("B17")
async def test_a_rescheduled_booking_counts_where_it_is_and_an_empty_range_is_zero(world, ask):
    booked = await world.book(world.salon.at(16, 10))
    start = world.request(world.salon.at(18, 10)).start_time
    await world.act("RescheduleBooking", booked, start_time=start)
    days = date(2026, 3, 10), date(2026, 3, 20)
    assert rows_of(await ask("bookings", *days, Request.DAY)) == {"2026-03-18": [1, 0, 1, 0, 0, 0, 0]}
    empty = await ask("revenue", date(2026, 3, 1), date(2026, 3, 5))
    assert rows_of(empty) == {"": [0, 0, 0]}
    assert [(row.currency_code, list(row.values)) for row in empty.totals] == [("SAR", [0, 0, 0])]


@pytest.mark.covers("B17")
async def test_money_of_two_currencies_is_never_added_up(world, ask, trade, write):
    salon, start = trade(world.salon.id), world.salon.at(16, 10)
    await write([salon.plain(start, price=500), salon.plain(start, price=70, currency="EUR")])
    report = await ask("revenue", date(2026, 3, 16), date(2026, 3, 16), Request.DAY)
    assert [(row.currency_code, list(row.values)) for row in report.rows] == [
        ("EUR", [1, 70, 0]),
        ("SAR", [1, 500, 0]),
    ]
    assert len(report.totals) == 2


@pytest.mark.covers("B17")
async def test_what_a_customer_does_in_another_salon_changes_no_report_of_this_one(
    world, make_salon, ask, trade, write
):
    here, elsewhere = trade(world.salon.id), trade(make_salon().id)
    elsewhere.customers = here.customers = here.customers[:1]
    start = world.salon.at(16, 10)

    def visit(where, days):
        return where.plain(start + timedelta(days=days), state="completed")

    await write([visit(elsewhere, -3), visit(elsewhere, 0), visit(here, 0)])
    days = (date(2026, 3, 16), date(2026, 3, 16))
    assert rows_of(await ask("returning_customers", *days)) == {"": [1, 0, 1]}
    await write([visit(here, -2)])
    assert rows_of(await ask("returning_customers", *days)) == {"": [1, 1, 0]}


@pytest.mark.covers("B17")
async def test_a_year_of_utilisation_asks_the_catalog_in_parts_and_adds_them_up(world, ask, catalog):
    del world.salon.answer.workers[0].working[:]
    first = date(2026, 1, 1)
    report = await ask("utilisation", first, first + timedelta(days=365), Request.STAFF)
    seconds = {row.key: row.values[1] for row in report.rows}
    assert seconds == {str(world.staff[1]): 150 * 8 * 3_600}
    assert len(catalog.requests) <= 8


@pytest.mark.covers("B17")
async def test_csv_is_read_back_as_it_was_and_holds_no_formula(world, ask, trade, write):
    salon, start = trade(world.salon.id), world.salon.at(16, 10)
    names = ["=1+1", "+9", "-5", "@x", "\tx", 'say "hi", twice\nor so', "صبغة"]
    services = [
        replace(salon.services[0], id=new_id(), names={"en": "English", "ar": name}) for name in names
    ]
    salon.services = services
    await write([salon.plain(start, service=number) for number in range(len(names))])
    days = date(2026, 3, 16), date(2026, 3, 16)
    token = world.mint.user(salons={world.salon.id: Role.MANAGER})
    arabic = [("authorization", f"Bearer {token}"), ("accept-language", "ar")]
    answer = await ask("revenue", *days, Request.SERVICE, call="ExportReport", metadata=arabic)
    assert answer.content_type == "text/csv; charset=utf-8"
    text = answer.data.decode()
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert header == ["key", "name", "currency_code", *COLUMNS[ReportName.REVENUE]]
    found = {line[0]: line[1:] for line in lines}
    safe = ["'=1+1", "'+9", "'-5", "'@x", "'\tx", *names[5:]]
    assert found == {
        str(service.id): [name, "SAR", "1", "10000", "0"]
        for service, name in zip(services, safe, strict=True)
    }
    assert text.endswith("\r\n")
    assert text.count("\r\n") == len(names) + 1


def test_a_line_without_a_name_in_the_language_shows_another_one():
    rows = [ReportRow("1", (2, 3, 4), names={"de": "Schnitt"}), ReportRow("2", (2, 3, 4))]
    text = csv_of(Report(ReportName.NO_SHOWS, rows, (), "UTC"), "ar")
    assert text == "key,name,due,no_show,rate_basis_points\r\n1,Schnitt,2,3,4\r\n2,,2,3,4\r\n"


@pytest.mark.parametrize(
    ("asked", "violations"),
    [
        ({"name": "profit"}, {"name": "UNKNOWN_VALUE"}),
        ({"name": ""}, {"name": "REQUIRED"}),
        ({"first_date": "20260301"}, {"firstDate": "MALFORMED"}),
        ({"first_date": "2026-02-30"}, {"firstDate": "MALFORMED"}),
        ({"first_date": ""}, {"firstDate": "REQUIRED"}),
        ({"last_date": "2026-02-28"}, {"lastDate": "EMPTY_RANGE"}),
        ({"last_date": "2027-03-02"}, {"lastDate": "RANGE_TOO_LONG"}),
        ({"group_by": 9}, {"groupBy": "UNKNOWN_VALUE"}),
        ({"name": "utilisation", "group_by": Request.SERVICE}, {"groupBy": "UNKNOWN_VALUE"}),
    ],
)
async def test_what_cannot_be_reported_is_refused_by_field(ask, refusal, asked, violations):
    usual = {"name": "bookings", "first_date": "2026-03-01", "last_date": "2026-03-31"}
    for call in ("GetReport", "ExportReport"):
        answer = await refusal(ask(call=call, **{**usual, **asked}))
        assert answer.violations == violations
    assert (await ask("bookings", "2026-03-01", "2027-03-01")).rows


@pytest.mark.covers("7", "B17")
async def test_only_managers_of_the_salon_get_its_reports(world, ask, refusal):
    days = date(2026, 3, 16), date(2026, 3, 16)
    for metadata in (world.customer(), world.member(Role.STAFF)):
        for call in ("GetReport", "ExportReport"):
            answer = await refusal(ask("bookings", *days, metadata=metadata, call=call))
            assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")
    nowhere = await refusal(ask("bookings", *days, metadata=world.admin(), salon_id=str(new_id())))
    assert (nowhere.code, nowhere.reason) == (grpc.StatusCode.NOT_FOUND, "SALON_NOT_FOUND")


@pytest.mark.parametrize("zone", ["Africa/Cairo", "America/Havana", "Asia/Beirut", "Pacific/Apia"])
def test_local_days_meet_without_gap_and_begin_with_their_first_instant(zone):
    days = LocalDays.of(ZoneInfo(zone), date(2026, 1, 1), date(2026, 12, 31))
    assert days.begins[1:] == days.ends[:-1]
    for day, begin in zip(days.days, days.begins, strict=True):
        assert begin.astimezone(days.zone).date() == day
        assert (begin - timedelta(seconds=1)).astimezone(days.zone).date() == day - timedelta(days=1)
