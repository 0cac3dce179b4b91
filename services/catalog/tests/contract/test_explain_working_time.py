"""Over the wire: which rule closes a time, by its row, and where the values of a policy come from."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.grpc.times import timestamp

RIYADH = ZoneInfo("Asia/Riyadh")
MONDAY = date(2026, 6, 8)
Rule = api.WorkingTimeExplanation


@pytest.fixture
def world(shared_world):
    return shared_world


def at(hour, minute=0):
    local = datetime(MONDAY.year, MONDAY.month, MONDAY.day, tzinfo=RIYADH)
    return (local + timedelta(hours=hour, minutes=minute)).astimezone(UTC)


def span(member, start, end):
    return api.ExplainWorkingTimeRequest.Span(
        staff_id=member.id,
        start_seconds=int(at(start).timestamp()),
        end_seconds=int(at(end).timestamp()),
    )


async def explain(world, salon, *spans, **more):
    request = api.ExplainWorkingTimeRequest(salon_id=salon.id, spans=spans, **more)
    return await world.call("ExplainWorkingTime", request, world.mint.service("booking"))


async def closed_by(world, salon, *spans):
    answer = await explain(world, salon, *spans)
    return [(one.rule, one.row_id) for one in answer.closings]


@pytest.fixture
async def salon(world, make):
    """Open 8 to 22, on Mondays with a break from 16 to 17."""
    salon = await world.salon()
    hours = pb.OpeningHours(ranges=make.every_day("08:00", "22:00", breaks=[("16:00", "17:00")]))
    request = api.ReplaceOpeningHoursRequest(salon_id=salon.id, opening_hours=hours)
    await world.call("ReplaceOpeningHours", request, world.token(salon.id))
    return salon


async def employ(world, make, salon, *overrides):
    """Somebody who works from 9 to 20 but for 12 to 13."""
    member = await world.staff(salon)
    shifts = make.every_day("09:00", "20:00", breaks=[("12:00", "13:00")])
    availability = pb.Availability(schedules=[pb.WeeklySchedule(shifts=shifts)], overrides=overrides)
    request = api.ReplaceAvailabilityRequest(salon_id=salon.id, staff_id=member.id, availability=availability)
    await world.call("ReplaceAvailability", request, world.token(salon.id))
    return member


@pytest.mark.covers("B3")
async def test_each_span_is_closed_by_its_first_rule_in_the_order_asked(world, make, salon):
    usual = await employ(world, make, salon)
    short = await employ(world, make, salon, pb.DateOverride(date=MONDAY.isoformat()))
    found = await closed_by(
        world, salon,
        span(usual, 9, 10), span(usual, 7, 8), span(usual, 15, 17), span(usual, 20, 21), span(usual, 12, 14),
        span(short, 9, 10),
    )  # fmt: skip
    assert found == [
        (Rule.RULE_UNSPECIFIED, ""),
        (Rule.OUTSIDE_OPENING_HOURS, salon.id),
        (Rule.OPENING_BREAK, salon.id),
        (Rule.NOT_ROSTERED, usual.id),
        (Rule.BREAK, usual.id),
        (Rule.DATE_OVERRIDDEN, short.id),
    ]


@pytest.mark.covers("B3")
async def test_times_away_and_closures_are_named_by_their_ids_and_bounds(world, make, salon):
    member, other = await employ(world, make, salon), await employ(world, make, salon)
    away = api.CreateTimeOffRequest(
        salon_id=salon.id, staff_id=member.id,
        time_off=pb.TimeOff(start_time=timestamp(at(10)), end_time=timestamp(at(11))),
    )  # fmt: skip
    off = await world.call("CreateTimeOff", away, world.token(salon.id))
    close = api.CreateClosureRequest(
        salon_id=salon.id,
        closure=pb.Closure(start_time=timestamp(at(14)), end_time=timestamp(at(15))),
    )
    closure = await world.call("CreateClosure", close, world.token(salon.id))
    answer = await explain(world, salon, span(member, 9, 11), span(other, 9, 11), span(other, 14, 16))
    assert [(one.rule, one.row_id, one.date) for one in answer.closings] == [
        (Rule.TIME_OFF, off.id, "2026-06-08"),
        (Rule.RULE_UNSPECIFIED, "", ""),
        (Rule.SALON_CLOSED, closure.id, "2026-06-08"),
    ]
    assert answer.closings[0].start_seconds == at(10).timestamp()
    assert answer.closings[0].end_seconds == at(11).timestamp()


@pytest.mark.covers("B3")
async def test_an_absence_that_ends_within_a_second_closes_all_of_it_as_for_the_booking_context(
    world, make, salon
):
    member, half = await employ(world, make, salon), timedelta(milliseconds=500)
    closure = pb.Closure(start_time=timestamp(at(10)), end_time=timestamp(at(11) + half))
    owner = world.token(salon.id)
    await world.call("CreateClosure", api.CreateClosureRequest(salon_id=salon.id, closure=closure), owner)
    away = pb.TimeOff(start_time=timestamp(at(14)), end_time=timestamp(at(15) + half))
    request = api.CreateTimeOffRequest(salon_id=salon.id, staff_id=member.id, time_off=away)
    await world.call("CreateTimeOff", request, owner)
    answer = await explain(world, salon, span(member, 11, 12), span(member, 15, 16))
    assert [one.rule for one in answer.closings] == [Rule.SALON_CLOSED, Rule.TIME_OFF]


@pytest.mark.covers("B3")
async def test_spans_may_lie_sixty_four_days_apart(world, make, salon):
    """The bound of the booking context, whose times are explained."""
    member = await employ(world, make, salon)
    answer = await explain(world, salon, span(member, 9, 10), span(member, 64 * 24 + 8, 64 * 24 + 9))
    assert [one.rule for one in answer.closings] == [Rule.RULE_UNSPECIFIED, Rule.NOT_ROSTERED]


@pytest.mark.covers("B3")
async def test_what_is_not_closed_is_what_the_booking_context_gives_as_working_time(world, make, salon):
    member = await employ(world, make, salon)
    service = await world.service(salon, performers=[pb.Performer(staff_id=member.id)])
    context = await world.call(
        "GetBookingContext",
        api.GetBookingContextRequest(
            salon_id=salon.id, start_time=timestamp(at(0)), end_time=timestamp(at(24))
        ),
        world.mint.service("booking"),
    )
    working = [(one.start_seconds, one.end_seconds) for one in context.workers[0].working]
    answer = await explain(
        world, salon, *(span(member, hour, hour + 1) for hour in range(24)), service_ids=[service.id]
    )
    for hour, closing in enumerate(answer.closings):
        first, last = at(hour).timestamp(), at(hour + 1).timestamp()
        inside = any(start <= first and last <= end for start, end in working)
        assert (closing.rule == Rule.RULE_UNSPECIFIED) == inside


@pytest.mark.covers("B3")
async def test_the_source_of_each_value_of_a_policy_is_told_by_service(world, salon):
    service = await world.service(salon)
    for service_id, policy in (
        ("", pb.Policy(maximum_active_bookings=3)),
        (service.id, pb.Policy(maximum_ahead=day(9))),
    ):
        patch = api.UpdatePolicyRequest(salon_id=salon.id, service_id=service_id, policy=policy)
        await world.call("UpdatePolicy", patch, world.token(salon.id))
    (told,) = (await explain(world, salon, service_ids=[service.id])).policies
    assert told.service_id == service.id
    assert told.sources["maximumActiveBookings"] == pb.EffectivePolicy.SALON
    assert told.sources["maximumAhead"] == pb.EffectivePolicy.SERVICE
    assert told.sources["slotStep"] == pb.EffectivePolicy.PLATFORM


def day(count):
    return {"seconds": count * 86_400}


async def test_what_cannot_be_asked_is_named_by_field(world, make, salon):
    member = await world.staff(salon)
    wrong = {
        "spans[0].endSeconds": "EMPTY_RANGE",
        "spans[1].staffId": "NOT_AN_ID",
        "spans": "RANGE_TOO_LONG",
    }
    spans = [
        span(member, 9, 9),
        api.ExplainWorkingTimeRequest.Span(staff_id="x", start_seconds=0, end_seconds=1),
    ]
    request = api.ExplainWorkingTimeRequest(salon_id=salon.id, spans=spans)
    refused = await world.refusal("ExplainWorkingTime", request, world.mint.service("booking"))
    assert (refused.reason, refused.violations) == ("INVALID_ARGUMENT", wrong)
    many = api.ExplainWorkingTimeRequest(salon_id=salon.id, spans=[span(member, 9, 10)] * 2001)
    refused = await world.refusal("ExplainWorkingTime", many, world.mint.service("booking"))
    assert refused.violations == {"spans": "TOO_MANY"}


async def test_what_is_not_there_is_not_found(world, make, salon):
    foreign = await world.staff(await world.salon())
    service = world.mint.service("booking")
    for request, reason in (
        (api.ExplainWorkingTimeRequest(salon_id=make.id()), "SALON_NOT_FOUND"),
        (api.ExplainWorkingTimeRequest(salon_id=salon.id, spans=[span(foreign, 9, 10)]), "STAFF_NOT_FOUND"),
        (api.ExplainWorkingTimeRequest(salon_id=salon.id, service_ids=[make.id()]), "SERVICE_NOT_FOUND"),
    ):
        assert (await world.refusal("ExplainWorkingTime", request, service)).reason == reason


async def test_only_booking_may_ask(world, salon):
    request = api.ExplainWorkingTimeRequest(salon_id=salon.id)
    for token in (None, world.token(salon.id), world.mint.service("payment")):
        assert (await world.refusal("ExplainWorkingTime", request, token)).code.name in {
            "UNAUTHENTICATED",
            "PERMISSION_DENIED",
        }
