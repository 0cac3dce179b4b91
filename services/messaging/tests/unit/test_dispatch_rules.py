"""When a message is tried again, which reports move it, and how an address is masked."""

from datetime import timedelta
from itertools import accumulate

import pytest
from kursi_messaging.domain.delivery import predecessors
from kursi_messaging.domain.masking import masked_email, masked_phone
from kursi_messaging.domain.outcome import prefers_duplicate
from kursi_messaging.domain.retry_schedule import RetrySchedule
from kursi_messaging.domain.words import Event, Status

STEADY = RetrySchedule(jitter=lambda: 0.0)


@pytest.mark.covers("Q5")
def test_a_message_is_tried_after_one_five_and_fifteen_minutes_and_then_given_up():
    waits = [STEADY.wait(attempt, 3) for attempt in (1, 2, 3)]
    assert [moment.total_seconds() for moment in accumulate(waits)] == [60, 360, 1260]
    assert STEADY.wait(4, 3) is None


def test_a_second_budget_goes_through_all_waits_again():
    assert [STEADY.wait(attempt, 7) for attempt in (5, 6, 7, 8)] == [
        timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), None,
    ]  # fmt: skip


@pytest.mark.parametrize(("jitter", "seconds"), [(-1.0, 54), (0.0, 60), (1.0, 66)])
def test_jitter_moves_a_wait_by_a_tenth_at_most(jitter, seconds):
    assert RetrySchedule(jitter=lambda: jitter).wait(1, 3) == timedelta(seconds=seconds)


@pytest.mark.covers("Q6")
@pytest.mark.parametrize(("asked", "seconds"), [(5, 60), (120, 120)])
def test_a_provider_that_asks_for_more_time_gets_it(asked, seconds):
    assert STEADY.wait(1, 3, timedelta(seconds=asked)) == timedelta(seconds=seconds)


def test_no_retries_means_one_try():
    assert STEADY.wait(1, 0) is None


REPORTED = [
    (Status.SENT, {Status.SENDING}),
    (Status.DELIVERED, {Status.SENDING, Status.SENT}),
    (Status.FAILED, {Status.SENDING, Status.SENT}),
    (Status.BOUNCED, {Status.SENDING, Status.SENT, Status.DELIVERED}),
    (Status.OPENED, {Status.SENDING, Status.SENT, Status.DELIVERED}),
    (Status.CLICKED, {Status.SENDING, Status.SENT, Status.DELIVERED, Status.OPENED}),
]


@pytest.mark.covers("X18")
@pytest.mark.parametrize(("reported", "before"), REPORTED)
def test_a_report_moves_a_message_forward_only(reported, before):
    assert set(predecessors(reported)) == before


def test_only_what_a_salon_writes_by_hand_is_rather_missed_than_doubled():
    assert [event for event in Event if not prefers_duplicate(event)] == [Event.MANUAL]


@pytest.mark.parametrize(
    ("number", "masked"), [("+966512345678", "+9665****678"), ("+12", "****"), ("", "****")]
)
def test_a_number_is_masked_but_for_its_ends(number, masked):
    assert masked_phone(number) == masked


def test_an_address_is_masked_but_for_its_host():
    assert masked_email("sara.ahmad@example.com") == "s***@example.com"
