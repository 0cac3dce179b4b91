"""Whatever happens to a booking, in whatever order it is heard of, its reminders are those of its last state."""

import itertools
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kursi_chassis.ids import new_id
from kursi_messaging.domain.people import zone_of
from kursi_messaging.domain.preferences import NO_PREFERENCES
from kursi_messaging.domain.reminders import reminders_of
from kursi_messaging.domain.salon import DEFAULT_REMINDERS
from kursi_messaging.domain.words import BookingState
from messaging_events import CUSTOMER, IN_THREE_DAYS, NOW, booking

STEPS = st.tuples(
    st.sampled_from(["CREATED", "CONFIRMED", "RESCHEDULED", "CHECKED_IN", "CANCELLED", "NO_SHOW"]),
    st.sampled_from([timedelta(hours=hours) for hours in (1, 3, 26, 72, 96)]),
)


@st.composite
def histories(draw):
    """A booking's history by revision, and batches in which it arrives: repeated, reordered, cut anywhere."""
    steps = draw(st.lists(STEPS, min_size=1, max_size=6))
    arrivals = draw(
        st.permutations([*range(len(steps)), *draw(st.lists(st.sampled_from(range(len(steps))), max_size=4))])
    )
    cuts = draw(st.lists(st.integers(0, len(arrivals)), max_size=3).map(sorted))
    edges = [0, *cuts, len(arrivals)]
    return steps, [arrivals[start:end] for start, end in itertools.pairwise(edges)]


def expected(steps):
    what, ahead = steps[-1]
    state = booking(what, 1, booking_id=UUID(int=1)).state
    confirmed = state == booking("CONFIRMED", 1, booking_id=UUID(int=1)).state
    planned = reminders_of(
        BookingState.CONFIRMED if confirmed else BookingState.CANCELLED,
        NOW + ahead,
        DEFAULT_REMINDERS,
        NO_PREFERENCES,
        zone_of("Asia/Riyadh"),
    )
    return {(r.occurrence, r.channel.value, r.due_at) for r in planned if r.due_at > NOW}


@pytest.mark.covers("Q3")
async def test_pending_reminders_are_those_of_the_final_booking(messaging):
    @settings(max_examples=60, deadline=None)
    @given(histories())
    def collect(history):
        examples.append(history)

    examples: list = []
    collect()
    for steps, batches in examples:
        visit = new_id()
        messages = [
            booking(what, revision, booking_id=visit, start=NOW + ahead)
            for revision, (what, ahead) in enumerate(steps, start=1)
        ]
        for batch in batches:
            await messaging.hear(*(messages[place] for place in batch))
        rows = await messaging.rows("booking_id = %s AND event = 'reminder' AND status = 'scheduled'", visit)
        assert {(row["occurrence"], row["channel"], row["due_at"]) for row in rows} == expected(steps), (
            steps,
            batches,
        )


async def test_every_reminder_goes_to_the_customer(messaging):
    await messaging.hear(booking("CONFIRMED", 1, booking_id=new_id(), start=IN_THREE_DAYS))
    rows = await messaging.rows("event = 'reminder'")
    assert {(row["audience"], row["recipient_id"]) for row in rows} == {("customer", CUSTOMER)}
