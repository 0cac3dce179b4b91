"""The rules of offering times, one by one, in the words of a salon."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from kursi_booking.domain.availability import (
    Assignment,
    Question,
    Rejection,
    Supply,
    check_placement,
    check_start,
    find_openings,
)
from kursi_booking.domain.claims import claims_of
from kursi_booking.domain.errors import SlotTaken, TooFarAhead, TooManyBookings, TooSoon, refusal
from kursi_booking.domain.start_rule import (
    Counters,
    Limits,
    Rule,
    SlotRules,
    StartMode,
    StartPolicy,
    StartRules,
    strictest,
)
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.visit import Kind, RequestedService, Requirement, Segment, Visit

RIYADH = ZoneInfo("Asia/Riyadh")
DAY = datetime(2026, 6, 1, tzinfo=RIYADH)
SARA, NOURA, CHAIR = UUID(int=1), UUID(int=2), UUID(int=3)
MINUTE, HOUR = 60, 3600


def at(clock, day=DAY):
    hours, minutes = clock.split(":")
    return int((day + timedelta(hours=int(hours), minutes=int(minutes))).timestamp())


def span(start, end):
    return at(start), at(end)


def segment(minutes, *pools, before=0, after=0):
    kinds = {"chair": Kind.RESOURCE}
    return Segment(
        minutes * MINUTE,
        tuple(
            Requirement(kinds.get(pool, Kind.STAFF), pool, 1, before * MINUTE, after * MINUTE)
            for pool in pools
        ),
    )


def service(*segments, staff=(SARA, NOURA)):
    return RequestedService(UUID(int=9), segments, {"stylist": staff, "chair": (CHAIR,)})


HAIRCUT = service(segment(60, "stylist"), staff=(SARA,))


def question(*services, working=None, busy=None, **policy):
    rules = {"step": 30 * MINUTE, "min_notice": 0, "max_ahead": 30 * 24 * HOUR} | {
        name: policy.pop(name) for name in ("step", "min_notice", "max_ahead") if name in policy
    }
    limits, counters = policy.pop("limits", Limits()), policy.pop("counters", Counters())
    everybody = {each: [span("9:00", "12:00")] for each in (SARA, NOURA, CHAIR)}
    return Question(
        Visit(services or (HAIRCUT,)),
        Supply(everybody if working is None else working, busy or {}),
        StartRules(StartPolicy(RIYADH, SlotRules(**rules), **policy), at("0:00"), limits, counters),
    )


def offered(a_question, zone=RIYADH, days=1):
    openings = find_openings(a_question, at("0:00"), at("0:00") + days * 24 * HOUR)
    return [datetime.fromtimestamp(opening.start, zone).strftime("%H:%M") for opening in openings]


def test_a_visit_must_end_within_working_time():
    assert offered(question()) == ["09:00", "09:30", "10:00", "10:30", "11:00"]


def test_an_old_claim_and_the_new_paddings_keep_apart_on_both_sides():
    padded = service(segment(60, "stylist", before=15, after=30), staff=(SARA,))
    day = {SARA: [span("8:00", "16:00")]}
    taken = {SARA: [span("11:00", "12:00")]}
    assert offered(question(padded, working=day, busy=taken)) == [
        "08:30",
        "09:00",
        "09:30",
        "12:30",
        "13:00",
        "13:30",
        "14:00",
        "14:30",
    ]


def test_paddings_between_segments_of_one_service_do_not_count():
    two_phases = service(
        segment(10, "stylist", before=20), segment(10, "stylist", before=60, after=5), staff=(SARA,)
    )
    plain = question(two_phases, working={SARA: [span("9:40", "10:25")]})
    answer = check_start(plain, at("10:00"))
    assert isinstance(answer, Assignment)
    assert [claim.during for claim in claims_of(answer)] == [TimeRange.of_epoch(*span("9:40", "10:25"))]


def test_a_person_who_goes_on_to_the_next_service_needs_no_padding_between():
    first = service(segment(10, "stylist", before=5, after=60), staff=(SARA,))
    second = service(segment(10, "stylist", before=60, after=5), staff=(SARA,))
    answer = check_start(question(first, second, working={SARA: [span("9:55", "10:25")]}), at("10:00"))
    assert isinstance(answer, Assignment)
    assert [claim.during for claim in claims_of(answer)] == [TimeRange.of_epoch(*span("9:55", "10:25"))]


def test_two_people_who_share_a_visit_keep_their_own_paddings():
    first = service(segment(30, "stylist", after=30), staff=(SARA,))
    second = service(segment(30, "stylist", before=30), staff=(NOURA,))
    answer = check_start(question(first, second), at("10:00"))
    assert isinstance(answer, Assignment)
    assert [(claim.resource_id, claim.during) for claim in claims_of(answer)] == [
        (SARA, TimeRange.of_epoch(*span("10:00", "11:00"))),
        (NOURA, TimeRange.of_epoch(*span("10:00", "11:00"))),
    ]


def test_while_the_colour_works_the_chair_is_kept_and_the_stylist_is_free():
    colour = service(
        segment(30, "stylist", "chair"), segment(60, "chair"), segment(30, "stylist", "chair"), staff=(SARA,)
    )
    busy = {SARA: [span("9:30", "10:30")]}
    assert offered(question(colour, busy=busy)) == ["09:00"]
    assert offered(question(colour, busy={CHAIR: [span("9:30", "10:30")]})) == []


def test_anybody_means_everybody_who_could_and_the_best_ranked_is_assigned():
    busy = {SARA: [span("9:00", "10:00")]}
    openings = find_openings(question(service(segment(60, "stylist")), busy=busy), at("9:00"), at("10:01"))
    assert [(opening.staff, opening.assignment.staff_of(0)) for opening in openings] == [
        (((NOURA,),), (NOURA,)),
        (((NOURA,),), (NOURA,)),
        (((SARA, NOURA),), (SARA,)),
    ]


def test_the_grid_starts_anew_at_each_local_midnight():
    berlin = ZoneInfo("Europe/Berlin")
    change = datetime(2026, 3, 29, tzinfo=berlin)
    first = int(change.timestamp())
    asked = replace(
        question(working={SARA: [(first, first + 3 * 24 * HOUR)]}),
        rules=StartRules(StartPolicy(berlin, SlotRules(5 * HOUR, 0, 99 * 24 * HOUR)), first),
    )
    starts = [opening.start for opening in find_openings(asked, first, first + 47 * HOUR)]
    assert [datetime.fromtimestamp(start, berlin).strftime("%d %H") for start in starts] == [
        "29 00", "29 06", "29 11", "29 16", "29 21", "30 00", "30 05", "30 10", "30 15", "30 20",
    ]  # fmt: skip


def test_gap_free_starts_touch_an_edge_or_leave_something_that_can_be_sold():
    gap_free = {"mode": StartMode.GAP_FREE, "shortest": 60 * MINUTE}
    assert offered(question(**gap_free)) == ["09:00", "10:00", "11:00"]
    assert offered(question(busy={SARA: [span("10:10", "10:20")]}, **gap_free)) == [
        "09:00",
        "09:10",
        "10:20",
        "11:00",
    ]


@pytest.mark.covers("B1")
def test_gap_free_starts_of_a_colour_mind_what_is_left_after_its_last_part():
    colour = service(segment(45, "stylist"), segment(30), segment(30, "stylist"), staff=(SARA,))
    day = {SARA: [span("9:00", "12:10")]}
    asked = question(colour, working=day, mode=StartMode.GAP_FREE, shortest=30 * MINUTE, step=15 * MINUTE)
    assert offered(asked) == ["09:00", "09:30", "09:45", "10:25"]
    assert check_start(asked, at("10:15")) == Rejection(Rule.LEAVES_GAP)


@pytest.mark.covers("B1")
def test_gap_free_starts_let_others_be_served_while_a_colour_takes_time():
    colour = service(segment(45, "stylist"), segment(45), segment(30, "stylist"), staff=(SARA,))
    day, busy = {SARA: [span("9:00", "14:00")]}, {SARA: [span("10:50", "11:20")]}
    gap_free = {"mode": StartMode.GAP_FREE, "shortest": 30 * MINUTE}
    assert offered(question(colour, working=day, busy=busy, **gap_free)) == ["10:00", "11:20", "12:00"]


@pytest.mark.covers("B4")
def test_without_anybody_whose_gaps_could_count_starts_are_on_the_grid():
    tanning = question(service(segment(60, "chair")), mode=StartMode.GAP_FREE, shortest=60 * MINUTE)
    assert offered(tanning) == ["09:00", "09:30", "10:00", "10:30", "11:00"]
    assert check_start(tanning, at("9:10")) == Rejection(Rule.OFF_GRID)


REFUSED = [
    (Rule.CUSTOMER_LIMIT, "10:00", {"limits": Limits(active_per_customer=2), "counters": Counters(2)}),
    (Rule.TOO_SOON, "10:00", {"min_notice": 11 * HOUR}),
    (Rule.TOO_FAR_AHEAD, "10:00", {"max_ahead": 9 * HOUR}),
    (Rule.DAY_FULL, "10:00", {"limits": Limits(per_day=3), "counters": Counters(by_day={DAY.date(): 3})}),
    (Rule.OFF_GRID, "10:10", {}),
    (Rule.OUTSIDE_WORKING_TIME, "11:30", {}),
    (Rule.TAKEN, "10:00", {"busy": {SARA: [span("10:30", "11:00")]}}),
    (
        Rule.STAFF_DAY_FULL,
        "10:00",
        {"limits": Limits(per_staff_day=1), "counters": Counters(by_staff_day={(SARA, DAY.date()): 1})},
    ),
    (Rule.LEAVES_GAP, "9:30", {"mode": StartMode.GAP_FREE, "shortest": 60 * MINUTE}),
]


@pytest.mark.covers("B4")
@pytest.mark.parametrize(
    ("rule", "clock", "situation"), REFUSED, ids=lambda value: getattr(value, "value", None)
)
def test_every_rule_refuses_by_its_name_what_the_list_does_not_offer(rule, clock, situation):
    asked = question(**situation)
    assert check_start(asked, at(clock)) == Rejection(rule)
    assert clock.zfill(5) not in offered(asked)


def test_staff_may_place_a_visit_against_notice_horizon_and_grid_but_not_on_taken_time():
    strict = question(min_notice=99 * HOUR, max_ahead=0, busy={SARA: [span("9:00", "10:00")]})
    assert isinstance(check_placement(strict, at("10:10")), Assignment)
    assert check_placement(strict, at("9:50")) == Rejection(Rule.TAKEN)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (Rule.TAKEN, SlotTaken),
        (Rule.TOO_SOON, TooSoon),
        (Rule.TOO_FAR_AHEAD, TooFarAhead),
        (Rule.CUSTOMER_LIMIT, TooManyBookings),
    ],
)
def test_a_rejected_rule_becomes_an_error_in_both_languages(rule, error):
    refused = refusal(rule, question(limits=Limits(active_per_customer=2)).rules)
    assert isinstance(refused, error)
    assert refused.text("en") != refused.text("ar")


def test_other_rules_are_named_in_the_refusal():
    assert refusal(Rule.OFF_GRID, question().rules).metadata == {"rule": "OFF_GRID"}


def test_every_rule_has_words_of_its_own_for_people():
    refused = [refusal(rule, question().rules) for rule in Rule]
    said = [(error.text("en"), error.text("ar")) for error in refused]
    assert len(set(said)) == len(Rule)
    assert not [texts for texts in said if any("_" in text or not text.strip() for text in texts)]


def test_a_visit_follows_the_strictest_of_its_services():
    assert strictest([SlotRules(900, 0, 5000), SlotRules(600, 60, 9000)]) == SlotRules(900, 60, 5000)


@pytest.mark.parametrize("count", [0, 9])
def test_a_visit_has_one_to_eight_services(count):
    with pytest.raises(ValueError, match="1 to 8"):
        Visit((HAIRCUT,) * count)
