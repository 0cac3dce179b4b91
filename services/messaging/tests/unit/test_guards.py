"""What is decided about a message at the last moment."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from kursi_messaging.domain.guards import Candidate, Defer, LatestBooking, Send, Skip, decide
from kursi_messaging.domain.preferences import NO_PREFERENCES, Preferences, PreferredMethod
from kursi_messaging.domain.quiet_hours import QuietHours, instant
from kursi_messaging.domain.reminders import ReminderRule, reminders_of
from kursi_messaging.domain.words import BookingState, Channel, Event, SkipReason

RIYADH, BERLIN = ZoneInfo("Asia/Riyadh"), ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(time(22), time(7))
QUIET = Preferences(quiet_hours_enabled=True)
NOON = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)  # in Riyadh
WAIT_FOR_THE_MORNING = {Event.REMINDER, Event.MANUAL, Event.CALENDAR_CONFLICT}
START = NOON + timedelta(hours=24)


def riyadh(hour: int, minute: int = 0, *, day: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=RIYADH).astimezone(UTC)


def reminder(*, due: datetime, start: datetime = START) -> Candidate:
    return Candidate(Event.REMINDER, Channel.SMS, 2, start, due)


def news(event: Event, revision: int = 2) -> Candidate:
    return Candidate(event, Channel.SMS, revision, START, NOON)


def booking(state: BookingState = BookingState.CONFIRMED, revision: int = 2, start: datetime = START):
    return LatestBooking(state, revision, start)


@pytest.mark.covers("D3")
@pytest.mark.parametrize(
    ("wall", "is_quiet"),
    [
        (time(21, 59), False),
        (time(22), True),
        (time(23, 59), True),
        (time(0), True),
        (time(6, 59), True),
        (time(7), False),
    ],
)
def test_quiet_hours_wrap_midnight_and_are_half_open(wall, is_quiet):
    moment = datetime.combine(date(2026, 3, 12), wall, RIYADH).astimezone(UTC)
    assert (NIGHT.around(moment, RIYADH) is not None) is is_quiet


@pytest.mark.covers("D3")
def test_equal_ends_mean_no_quiet_hours():
    assert QuietHours(time(22), time(22)).around(riyadh(22), RIYADH) is None


@pytest.mark.covers("D3")
def test_quiet_hours_inside_one_day_do_not_reach_the_next():
    lunch = QuietHours(time(12), time(14))
    assert lunch.around(riyadh(13), RIYADH) == (riyadh(12), riyadh(14))
    assert lunch.around(riyadh(14), RIYADH) is None


@pytest.mark.covers("D3")
@pytest.mark.parametrize(
    ("evening", "hours"),
    [(date(2026, 3, 28), 8), (date(2026, 10, 24), 10), (date(2026, 6, 1), 9)],
)
def test_a_night_in_berlin_has_as_many_hours_as_the_clocks_make_it(evening, hours):
    begin, end = NIGHT.around(instant(evening, time(23), BERLIN), BERLIN)
    assert begin == instant(evening, time(22), BERLIN)
    assert end == instant(evening + timedelta(days=1), time(7), BERLIN)
    assert end - begin == timedelta(hours=hours)


@pytest.mark.covers("D3")
def test_quiet_hours_that_end_in_the_hour_that_is_skipped_end_with_the_jump():
    short = QuietHours(time(22), time(2, 30))
    jump = datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert short.around(jump - timedelta(seconds=1), BERLIN) == (
        datetime(2026, 3, 28, 21, 0, tzinfo=UTC),
        jump,
    )
    assert short.around(jump, BERLIN) is None


@pytest.mark.covers("D3")
def test_quiet_hours_that_end_in_the_hour_that_comes_twice_end_the_first_time():
    short = QuietHours(time(22), time(2, 30))
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert short.around(first - timedelta(seconds=1), BERLIN) is not None
    assert short.around(first, BERLIN) is None
    assert short.around(first + timedelta(minutes=59), BERLIN) is None


@pytest.mark.covers("D4")
def test_a_reminder_at_half_past_eleven_at_night_waits_until_seven():
    due = riyadh(23, 30)
    assert decide(reminder(due=due), booking(), QUIET, RIYADH, due) == Defer(riyadh(7, day=13))


@pytest.mark.covers("D4")
def test_a_reminder_that_was_put_off_goes_out_when_quiet_hours_end():
    due = riyadh(7, day=13)
    assert decide(reminder(due=due), booking(), QUIET, RIYADH, due) == Send()


@pytest.mark.covers("D4")
@pytest.mark.parametrize("minutes_to_seven", [30, 0])
def test_a_reminder_is_never_put_off_to_the_start_or_past_it(minutes_to_seven):
    start = riyadh(7, day=13) - timedelta(minutes=minutes_to_seven)
    candidate = reminder(due=start - timedelta(hours=2), start=start)
    decision = decide(candidate, booking(start=start), QUIET, RIYADH, candidate.due_at)
    assert decision == Skip(SkipReason.QUIET_HOURS)


@pytest.mark.covers("D4")
@pytest.mark.parametrize("minutes_to_seven", [30, 0])
def test_a_reminder_whose_quiet_hours_last_until_the_visit_is_planned_before_them(minutes_to_seven):
    start = riyadh(7, day=13) - timedelta(minutes=minutes_to_seven)
    rules = [ReminderRule(timedelta(hours=2), (Channel.SMS,))]
    [planned] = reminders_of(BookingState.CONFIRMED, start, rules, QUIET, RIYADH)
    assert planned.due_at == riyadh(21, 45)
    candidate = reminder(due=planned.due_at, start=start)
    assert decide(candidate, booking(start=start), QUIET, RIYADH, planned.due_at) == Send()


@pytest.mark.covers("D4")
def test_a_reminder_is_put_off_where_quiet_hours_end_a_minute_before_the_visit():
    start, due = riyadh(7, 1, day=13), riyadh(5, 1, day=13)
    rules = [ReminderRule(timedelta(hours=2), (Channel.SMS,))]
    [planned] = reminders_of(BookingState.CONFIRMED, start, rules, QUIET, RIYADH)
    assert planned.due_at == due
    candidate = reminder(due=due, start=start)
    assert decide(candidate, booking(start=start), QUIET, RIYADH, due) == Defer(riyadh(7, day=13))


@pytest.mark.parametrize("event", [event for event in Event if event not in WAIT_FOR_THE_MORNING])
def test_answers_to_what_somebody_did_go_out_at_night(event):
    assert decide(news(event), booking(), QUIET, RIYADH, riyadh(23)) == Send()


def test_a_clash_waits_for_the_morning_unless_the_visit_comes_before():
    clash = news(Event.CALENDAR_CONFLICT)
    assert decide(clash, booking(), QUIET, RIYADH, riyadh(23)) == Defer(riyadh(7, day=13))
    early = riyadh(6, 30, day=13)
    clash = replace(clash, start=early)
    assert decide(clash, booking(start=early), QUIET, RIYADH, riyadh(23)) == Send()


def test_a_clash_is_stale_once_the_visit_moved_away_from_it():
    moved = booking(revision=3, start=riyadh(20, day=14))
    assert decide(news(Event.CALENDAR_CONFLICT), moved, NO_PREFERENCES, RIYADH, riyadh(12)) == Skip(
        SkipReason.STALE
    )


def test_a_letter_waits_for_the_morning():
    letter = Candidate(Event.MANUAL, Channel.SMS, None, None, riyadh(23))
    assert decide(letter, None, QUIET, RIYADH, riyadh(23)) == Defer(riyadh(7, day=13))


@pytest.mark.parametrize(
    ("single", "many"),
    [
        (Event.BOOKING_CREATED, Event.SERIES_CREATED),
        (Event.BOOKING_CONFIRMED, Event.SERIES_CONFIRMED),
        (Event.BOOKING_CANCELLED, Event.SERIES_CANCELLED),
    ],
)
def test_who_is_not_told_of_one_visit_is_not_told_of_many_at_once_unless_they_say_so(single, many):
    off = {(single, Channel.SMS): False}
    assert not Preferences(toggles=off).allows(many, Channel.SMS)
    assert Preferences(toggles=off).allows(many, Channel.EMAIL)
    assert Preferences(toggles={**off, (many, Channel.SMS): True}).allows(many, Channel.SMS)


@pytest.mark.covers("D1")
def test_what_is_switched_off_is_skipped_and_the_rest_is_sent():
    off = Preferences(toggles={(Event.BOOKING_CONFIRMED, Channel.SMS): False})
    confirmed = news(Event.BOOKING_CONFIRMED)
    assert decide(confirmed, booking(), off, RIYADH, NOON) == Skip(SkipReason.PREF_OFF)
    assert decide(replace(confirmed, channel=Channel.EMAIL), booking(), off, RIYADH, NOON) == Send()
    assert decide(news(Event.BOOKING_CANCELLED), booking(), off, RIYADH, NOON) == Send()


@pytest.mark.covers("D2")
@pytest.mark.parametrize(
    ("method", "offered", "used"),
    [
        (PreferredMethod.UNSPECIFIED, (Channel.SMS,), (Channel.SMS,)),
        (PreferredMethod.EMAIL_ONLY, (Channel.SMS, Channel.EMAIL), (Channel.EMAIL,)),
        (PreferredMethod.EMAIL_ONLY, (Channel.SMS,), (Channel.EMAIL,)),
        (PreferredMethod.TEXT_ONLY, (Channel.SMS, Channel.EMAIL), (Channel.SMS,)),
        (PreferredMethod.TEXT_ONLY, (Channel.WHATSAPP, Channel.EMAIL), (Channel.WHATSAPP,)),
        (PreferredMethod.TEXT_ONLY, (Channel.EMAIL,), (Channel.SMS,)),
        (PreferredMethod.BOTH, (Channel.SMS,), (Channel.EMAIL, Channel.SMS)),
        (PreferredMethod.BOTH, (), ()),
    ],
)
def test_the_preferred_method_decides_how_and_not_whether(method, offered, used):
    assert Preferences(method=method).channels(offered) == used


@pytest.mark.covers("D2")
def test_a_text_that_is_due_is_skipped_for_somebody_who_by_now_wants_mail_only():
    mail_only = Preferences(method=PreferredMethod.EMAIL_ONLY)
    assert decide(news(Event.BOOKING_CONFIRMED), booking(), mail_only, RIYADH, NOON) == Skip(
        SkipReason.PREF_OFF
    )


@pytest.mark.covers("X19")
@pytest.mark.parametrize(
    "latest",
    [
        booking(BookingState.CANCELLED, 3),
        booking(BookingState.EXPIRED, 3),
        booking(BookingState.CONFIRMED, 3, START + timedelta(hours=1)),
    ],
)
@pytest.mark.parametrize("event", [Event.BOOKING_CREATED, Event.BOOKING_CONFIRMED, Event.BOOKING_RESCHEDULED])
def test_news_of_a_plan_that_is_over_or_has_moved_is_stale(event, latest):
    assert decide(news(event), latest, NO_PREFERENCES, RIYADH, NOON) == Skip(SkipReason.STALE)


@pytest.mark.parametrize(
    "latest", [booking(revision=2), booking(revision=3), booking(BookingState.CHECKED_IN, 4)]
)
def test_news_that_is_still_true_is_sent_though_the_booking_went_on(latest):
    assert decide(news(Event.BOOKING_CREATED), latest, NO_PREFERENCES, RIYADH, NOON) == Send()


def test_a_cancellation_is_never_stale():
    latest = booking(BookingState.CANCELLED, 9, START + timedelta(days=9))
    assert decide(news(Event.BOOKING_CANCELLED), latest, NO_PREFERENCES, RIYADH, NOON) == Send()


@pytest.mark.covers("X19")
@pytest.mark.parametrize(
    "latest",
    [
        booking(BookingState.CANCELLED, 3),
        booking(BookingState.CHECKED_IN, 3),
        booking(BookingState.CONFIRMED, 3, START + timedelta(minutes=15)),
    ],
)
def test_a_reminder_of_a_visit_that_is_no_longer_so_is_stale(latest):
    due = START - timedelta(hours=2)
    assert decide(reminder(due=due), latest, NO_PREFERENCES, RIYADH, due) == Skip(SkipReason.STALE)


@pytest.mark.covers("Q4")
@pytest.mark.parametrize(
    ("late", "decision"),
    [
        (timedelta(0), Send()),
        (timedelta(hours=1), Send()),
        (timedelta(hours=1, seconds=1), Skip(SkipReason.TOO_LATE)),
        (timedelta(hours=2), Skip(SkipReason.TOO_LATE)),
        (timedelta(hours=9), Skip(SkipReason.TOO_LATE)),
    ],
)
def test_a_reminder_may_be_late_by_half_of_the_time_that_was_left(late, decision):
    due = START - timedelta(hours=2)
    assert decide(reminder(due=due), booking(), NO_PREFERENCES, RIYADH, due + late) == decision


@pytest.mark.covers("Q4")
def test_nobody_is_reminded_of_a_visit_that_begins_now():
    assert decide(reminder(due=START), booking(), NO_PREFERENCES, RIYADH, START) == Skip(SkipReason.TOO_LATE)


def test_only_a_confirmed_visit_has_reminders():
    rules = [ReminderRule(timedelta(hours=2), (Channel.SMS,))]
    having = [state for state in BookingState if reminders_of(state, START, rules, NO_PREFERENCES, RIYADH)]
    assert having == [BookingState.CONFIRMED]


def test_a_row_is_judged_by_the_start_that_its_text_names():
    row = Candidate.from_row("reminder", "sms", 2, {"start": START.isoformat()}, NOON)
    assert row == Candidate(Event.REMINDER, Channel.SMS, 2, START, NOON)
    assert Candidate.from_row("manual", "email", None, {}, NOON).start is None
