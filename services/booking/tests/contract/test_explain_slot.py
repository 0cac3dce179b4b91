"""Why a time is not offered, over the wire: every rule has a case, members see the rows, and the list agrees."""

import random
from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import availability_service_pb2 as pb
from kursi.booking.v1 import availability_service_pb2_grpc as rpc
from kursi.booking.v1 import booking_service_pb2
from kursi.catalog.v1 import catalog_pb2, catalog_service_pb2
from kursi_booking.adapters.catalog_explanation import RULES as CATALOG_RULES
from kursi_booking.domain.closing import ClosedBy, RowType
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer

Word = catalog_service_pb2.WorkingTimeExplanation
Rule, Row = pb.SlotClosing, pb.SlotRow
DAY = 86_400
ROW = str(new_id())


def seconds(count):
    return {"seconds": count}


@pytest.fixture
def explain(world):
    """`await explain(services, start, …)`, asked by a member of the salon unless told otherwise."""

    async def ask(services, start, *, metadata=None, **more):
        request = pb.ExplainSlotRequest(
            salon_id=str(world.salon.id),
            service_ids=[str(one) for one in services],
            start_time=Timestamp(seconds=int(start.timestamp())),
            **more,
        )
        stub = rpc.AvailabilityServiceStub(world.channel)
        return await stub.ExplainSlot(request, metadata=world.member() if metadata is None else metadata)

    return ask


class Case:
    """A world with one rule in the way of a visit on the 16th: what to ask for, and what is expected."""

    def __init__(self, world, claim):
        self.world, self.salon, self.claim = world, world.salon, claim
        self.services, self.metadata = [world.service_id], world.member()
        self.start = self.salon.at(16, 10)
        self.row = None

    def service(self, **more):
        self.services = [self.salon.service(*self.world.staff, **more)]

    def policy(self, field, value, **terms):
        self.service(terms=terms)
        self.salon.sources[field] = catalog_pb2.EffectivePolicy.SALON
        self.row = (Row.POLICY, str(self.salon.id), field, value)

    def closed(self, rule, row_type):
        """At eight nobody works, and the catalog says why."""
        self.start = self.salon.at(16, 8)
        for staff_id in self.world.staff:
            self.salon.closings[staff_id] = Word.Closing(rule=rule, row_id=ROW, date="2026-03-16")
        self.row = (row_type, ROW, "", "")

    async def not_live(self):
        self.salon.answer.salon.status = catalog_pb2.Salon.DRAFT
        self.row = (Row.SALON, str(self.salon.id), "", "")

    async def customer_limit(self):
        self.policy("maximumActiveBookings", "1", maximum_active_bookings=1)
        self.metadata = self.world.customer()
        await self.world.book(self.salon.at(16, 15))

    async def too_soon(self):
        self.policy("minimumNotice", f"{9 * DAY}s", minimum_notice=seconds(9 * DAY))

    async def too_far_ahead(self):
        self.policy("maximumAhead", f"{DAY}s", maximum_ahead=seconds(DAY))

    async def too_late_in_day(self):
        self.policy("latestStart", "09:30", latest_start="09:30")

    async def day_full(self):
        self.policy("maximumBookingsPerDay", "1", maximum_bookings_per_day=1)
        self.metadata = self.world.customer()
        await self.world.book(self.salon.at(16, 15))

    async def off_grid(self):
        self.policy("slotStep", "3600s", slot_step=seconds(3_600))
        self.start = self.salon.at(16, 10, 15)

    async def no_performer(self):
        self.services = [self.salon.service()]
        self.row = (Row.SERVICE, str(self.services[0]), "", "")

    async def not_enough_resources(self):
        self.salon.resource("chair")
        self.seat("chair", "chair")
        self.row = (Row.RESOURCE_KIND, "chair", "", "1")

    async def resources_taken(self):
        chair = self.salon.resource("chair")
        self.seat("chair")
        await self.claim(chair, self.salon.at(16, 10), self.salon.at(16, 11))
        self.row = (Row.RESOURCE_KIND, "chair", "", "1")

    def seat(self, *kinds):
        segment = {"duration": seconds(3_600), "needs_staff": True, "resource_kinds": kinds}
        self.service(duration=0, segments=[segment])

    async def outside_working_time(self):
        self.start = self.salon.at(16, 8)

    async def taken(self):
        for staff_id in self.world.staff:
            await self.claim(staff_id, self.salon.at(16, 10), self.salon.at(16, 11))

    async def staff_day_full(self):
        self.policy("maximumBookingsPerStaffDay", "1", maximum_bookings_per_staff_day=1)
        self.metadata = self.world.customer()
        for staff_id in self.world.staff:
            await self.world.book(self.salon.at(16, 15), staff=staff_id)

    async def leaves_gap(self):
        self.policy("startMode", "GAP_FREE", start_mode=catalog_pb2.Policy.GAP_FREE)
        self.salon.answer.shortest_service.seconds = 3_600
        self.start = self.salon.at(16, 9, 15)


def of_catalog(rule, row_type):
    async def prepare(case):
        case.closed(rule, row_type)

    return prepare


CASES = {
    Rule.SALON_NOT_LIVE: Case.not_live,
    Rule.CUSTOMER_LIMIT: Case.customer_limit,
    Rule.TOO_SOON: Case.too_soon,
    Rule.TOO_FAR_AHEAD: Case.too_far_ahead,
    Rule.TOO_LATE_IN_DAY: Case.too_late_in_day,
    Rule.DAY_FULL: Case.day_full,
    Rule.OFF_GRID: Case.off_grid,
    Rule.NO_PERFORMER: Case.no_performer,
    Rule.NOT_ENOUGH_RESOURCES: Case.not_enough_resources,
    Rule.SALON_CLOSED: of_catalog(Word.SALON_CLOSED, Row.CLOSURE),
    Rule.OUTSIDE_OPENING_HOURS: of_catalog(Word.OUTSIDE_OPENING_HOURS, Row.OPENING_HOURS),
    Rule.OPENING_BREAK: of_catalog(Word.OPENING_BREAK, Row.OPENING_HOURS),
    Rule.PRAYER_BREAK: of_catalog(Word.PRAYER_BREAK, Row.PRAYER_TIMES),
    Rule.TIME_OFF: of_catalog(Word.TIME_OFF, Row.TIME_OFF),
    Rule.DATE_OVERRIDDEN: of_catalog(Word.DATE_OVERRIDDEN, Row.DATE_OVERRIDE),
    Rule.NOT_ROSTERED: of_catalog(Word.NOT_ROSTERED, Row.SCHEDULE),
    Rule.BREAK: of_catalog(Word.BREAK, Row.SCHEDULE),
    Rule.OUTSIDE_WORKING_TIME: Case.outside_working_time,
    Rule.TAKEN: Case.taken,
    Rule.RESOURCES_TAKEN: Case.resources_taken,
    Rule.STAFF_DAY_FULL: Case.staff_day_full,
    Rule.LEAVES_GAP: Case.leaves_gap,
}


@pytest.mark.covers("B3")
@pytest.mark.parametrize("rule", CASES, ids=Rule.Rule.Name)
async def test_each_rule_is_told_with_its_row_and_in_both_languages_and_the_list_leaves_the_start_out(
    rule, world, claim, explain
):
    case = Case(world, claim)
    await CASES[rule](case)
    english = await explain(case.services, case.start, metadata=case.metadata)
    arabic = await explain(case.services, case.start, metadata=(*case.metadata, ("accept-language", "ar")))
    assert Rule.Rule.Name(english.closing.rule) == Rule.Rule.Name(rule)
    assert not english.offered
    row = english.closing.row
    assert case.row is None or (row.type, row.id, row.field, row.value) == case.row
    for text in ("message", "remedy"):
        said = getattr(english.closing, text), getattr(arabic.closing, text)
        assert said[0].isascii()
        assert not said[1].isascii()
        assert "{" not in said[0] + said[1]
    assert case.start.timestamp() not in await listed(world, case)


@pytest.mark.covers("B3")
@pytest.mark.parametrize(
    ("step", "english", "arabic"),
    [
        (5, "Visits start at intervals of 5 minutes.", "تبدأ المواعيد كل 5 دقائق."),
        (15, "Visits start at intervals of 15 minutes.", "تبدأ المواعيد كل 15 دقيقة."),
        (120, "Visits start at intervals of 2 hours.", "تبدأ المواعيد كل ساعتين."),
    ],
)
async def test_the_step_of_starts_is_said_as_people_count(step, english, arabic, world, claim, explain):
    case = Case(world, claim)
    case.policy("slotStep", f"{step * 60}s", slot_step=seconds(step * 60))
    start = world.salon.at(16, 10, 1)
    told = await explain(case.services, start)
    told_in_arabic = await explain(case.services, start, metadata=[("accept-language", "ar")])
    assert (told.closing.message, told_in_arabic.closing.message) == (english, arabic)


async def listed(world, case):
    request = booking_service_pb2.ListSlotsRequest(
        salon_id=str(world.salon.id),
        service_ids=[str(one) for one in case.services],
        start_time=Timestamp(seconds=int(case.start.timestamp())),
        end_time=Timestamp(seconds=int(case.start.timestamp()) + 1),
    )
    answer = await world.stub.ListSlots(request, metadata=case.metadata)
    return [slot.start_time.seconds for slot in answer.slots]


@pytest.mark.covers("B3")
async def test_a_service_of_nobody_is_told_though_only_things_are_busy(world, explain):
    world.salon.resource("chair")
    service = world.salon.service(segments=[{"duration": seconds(1_800), "resource_kinds": ["chair"]}])
    told = await explain([service], world.salon.at(16, 10))
    assert (told.closing.rule, told.closing.row.id) == (Rule.NO_PERFORMER, str(service))
    assert (told.offered, told.placeable) == (False, False)


@pytest.mark.covers("B3")
def test_every_rule_has_a_case():
    assert set(CASES) == set(Rule.Rule.values()) - {Rule.RULE_UNSPECIFIED}
    assert {rule.value for rule in ClosedBy} == {Rule.Rule.Name(rule) for rule in CASES}
    assert {kind.value for kind in RowType} == set(Row.Type.keys()) - {"TYPE_UNSPECIFIED"}
    assert set(CATALOG_RULES) == set(Word.Rule.values()) - {Word.RULE_UNSPECIFIED}


@pytest.mark.covers("B3")
async def test_the_list_and_the_explanation_agree_on_every_quarter_of_an_hour(world, explain, claim):
    rnd = random.Random(3)
    for staff_id in world.staff:
        for begin in rnd.sample(range(9, 17), 4):
            await claim(staff_id, world.salon.at(16, begin, 20), world.salon.at(16, begin, 50))
    case = Case(world, claim)
    request = booking_service_pb2.ListSlotsRequest(
        salon_id=str(world.salon.id),
        service_ids=[str(world.service_id)],
        start_time=Timestamp(seconds=int(world.salon.at(16, 8).timestamp())),
        end_time=Timestamp(seconds=int(world.salon.at(16, 18).timestamp())),
    )
    slots = {slot.start_time.seconds: slot for slot in (await world.stub.ListSlots(request)).slots}
    start = world.salon.at(16, 8)
    while start < world.salon.at(16, 18):
        answer = await explain(case.services, start)
        offered = slots.get(int(start.timestamp()))
        assert answer.offered == (offered is not None)
        assert not answer.offered or answer.slot == offered
        start += timedelta(minutes=15)
    assert slots


@pytest.mark.covers("B3")
async def test_each_person_is_told_apart_and_whoever_is_free_is_said_to_be(world, explain, claim):
    first, second = world.staff
    booking = await world.book(world.salon.at(16, 10), staff=first)
    world.salon.closings[second] = Word.Closing(
        rule=Word.TIME_OFF, row_id=ROW, date="2026-03-16", start_seconds=1, end_seconds=2
    )
    busy = await explain([world.service_id], world.salon.at(16, 10, 30), staff_ids=[str(first)])
    (candidate,) = busy.candidates
    assert (candidate.closing.rule, candidate.closing.row.id) == (Rule.TAKEN, booking.id)
    assert candidate.closing.row.start_time == booking.start_time
    off_grid = await explain([world.service_id], world.salon.at(16, 10, 5))
    found = {UUID(one.staff_id): one for one in off_grid.candidates}
    assert off_grid.closing.rule == Rule.OFF_GRID
    assert found[first].closing.rule == Rule.TAKEN
    assert not found[second].HasField("closing")
    assert off_grid.placeable


@pytest.mark.covers("B3")
async def test_the_public_is_told_the_rule_but_not_whose_time_it_is(world, explain, claim):
    first, second = world.staff
    away = Word.Closing(rule=Word.TIME_OFF, row_id=ROW, date="2026-03-16")
    world.salon.closings.update({first: away, second: away})
    booking = await world.book(world.salon.at(16, 10), staff=first)
    stranger = bearer(world.mint.user(new_id(), salons={new_id(): Role.OWNER}))
    for metadata in ((), world.customer(), stranger):
        closed = await explain([world.service_id], world.salon.at(16, 8), metadata=metadata)
        taken = await explain(
            [world.service_id], world.salon.at(16, 10), metadata=metadata, staff_ids=[str(first)]
        )
        assert (closed.closing.rule, taken.closing.rule) == (Rule.TIME_OFF, Rule.TAKEN)
        text = f"{closed}{taken}"
        assert ROW not in text
        assert booking.id not in text
        assert not any(one.closing.HasField("row") for one in [*closed.candidates, *taken.candidates])
    members = await explain([world.service_id], world.salon.at(16, 8), metadata=world.member(Role.STAFF))
    assert members.closing.row.id == ROW


@pytest.mark.covers("B3")
async def test_what_everybody_may_read_in_the_catalog_is_told_to_everybody(world, explain, claim):
    case = Case(world, claim)
    case.closed(Word.SALON_CLOSED, Row.CLOSURE)
    answer = await explain(case.services, case.start, metadata=())
    assert (answer.closing.row.type, answer.closing.row.id) == (Row.CLOSURE, ROW)


@pytest.mark.covers("B3")
async def test_the_policy_of_the_service_that_decides_is_named_and_where_its_value_was_set(world, explain):
    strict = world.salon.service(*world.staff, terms={"maximum_ahead": seconds(DAY)})
    for source, told, row_id in (
        (catalog_pb2.EffectivePolicy.SERVICE, Row.OF_SERVICE, str(strict)),
        (catalog_pb2.EffectivePolicy.SALON, Row.OF_SALON, str(world.salon.id)),
        (catalog_pb2.EffectivePolicy.PLATFORM, Row.PLATFORM, ""),
    ):
        world.salon.sources["maximumAhead"] = source
        row = (await explain([world.service_id, strict], world.salon.at(16, 10))).closing.row
        assert (row.source, row.id, row.field) == (told, row_id, "maximumAhead")


@pytest.mark.covers("B3")
async def test_with_the_catalog_down_what_is_known_is_told_and_marked(world, explain, catalog, refusal):
    await explain([world.service_id], world.salon.at(16, 10))
    await catalog.stop()
    closed = await explain([world.service_id], world.salon.at(16, 8))
    assert (closed.closing.rule, closed.stale) == (Rule.OUTSIDE_WORKING_TIME, True)
    offered = await explain([world.service_id], world.salon.at(16, 10))
    assert offered.offered
    unknown = world.salon.service(*world.staff)
    assert (await refusal(explain([unknown], world.salon.at(16, 8)))).reason == "CATALOG_UNAVAILABLE"


async def test_an_offered_time_asks_the_catalog_for_no_rules(world, explain, catalog):
    answer = await explain([world.service_id], world.salon.at(16, 10), metadata=())
    assert answer.offered
    assert answer.slot.local_start == "2026-03-16T10:00:00+03:00"
    assert not catalog.explained


@pytest.mark.parametrize(
    ("change", "violations"),
    [
        ({"service_ids": []}, {"serviceIds": "REQUIRED"}),
        ({"service_ids": [str(new_id())] * 9}, {"serviceIds": "TOO_MANY"}),
        ({"staff_ids": ["any", "any"]}, {"staffIds": "MALFORMED"}),
        ({"start_time": Timestamp(seconds=1_773_600_000, nanos=1)}, {"startTime": "MALFORMED"}),
        ({"start_time": Timestamp(seconds=99_999_999_999)}, {"startTime": "MALFORMED"}),
        ({"add_on_ids": [str(new_id())]}, {"addOnIds[0]": "UNKNOWN_VALUE"}),
    ],
)
async def test_what_cannot_be_explained_is_named_by_field(change, violations, world, refusal):
    usual = {
        "salon_id": str(world.salon.id),
        "service_ids": [str(world.service_id)],
        "start_time": Timestamp(seconds=1_773_600_000),
    }
    stub = rpc.AvailabilityServiceStub(world.channel)
    refused = await refusal(stub.ExplainSlot(pb.ExplainSlotRequest(**{**usual, **change})))
    assert (refused.reason, refused.violations) == ("INVALID_ARGUMENT", violations)


async def test_what_is_not_there_is_not_found(world, explain, refusal):
    start, other = world.salon.at(16, 10), world.salon.staff()
    world.salon.service(other)
    assert (await refusal(explain([new_id()], start))).reason == "SERVICE_NOT_FOUND"
    for staff_id, reason in ((new_id(), "STAFF_NOT_FOUND"), (other, "STAFF_DOES_NOT_PERFORM")):
        refused = await refusal(explain([world.service_id], start, staff_ids=[str(staff_id)]))
        assert refused.reason == reason
    world.salon.answer.salon.status = catalog_pb2.Salon.DRAFT
    world.kept.heard_of(world.salon.id, 2)
    assert (await refusal(explain([world.service_id], start, metadata=()))).reason == "SALON_NOT_FOUND"
