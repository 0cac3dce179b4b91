"""Many want the same times at the same moment: everybody gets a straight answer, and no time is given twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from kursi_local import invariants
from kursi_local.patience import until

CLIENTS, SLOTS, PEOPLE = 64, 20, 16


def asked_until_answered(person, wish, key):
    """The answer, as an app gets it: where a machine is too slow for so many at once, some are told to ask again."""

    def look():
        answer = person.raw("POST", "/v1/bookings", json=wish, key=key)
        return None if answer.status_code == 503 else answer

    return until(look, 120, "an answer")


@pytest.mark.covers("B6")
@pytest.mark.usefixtures("unbroken")
def test_sixty_four_clients_on_twenty_times_get_twenty_bookings_and_nobody_an_error(world, platform):
    """Sixteen people with four devices each, all at once."""
    with ThreadPoolExecutor(8) as hands:
        people = list(hands.map(lambda _: world.newcomer(), range(PEOPLE)))
    apart = world.slots()[200 : 200 + 2 * SLOTS : 2]  # half an hour each, so that these do not touch
    together = Barrier(CLIENTS)

    def one(client):
        person, slot = people[client % PEOPLE], apart[client % SLOTS]
        together.wait(120)
        answer = asked_until_answered(person, world.wish(slot), f"clash-{client}")
        return answer.status_code, answer.json().get("reason")

    with ThreadPoolExecutor(CLIENTS) as hands:
        answers = Counter(hands.map(one, range(CLIENTS)))
    assert answers == {(200, None): SLOTS, (409, "SLOT_TAKEN"): CLIENTS - SLOTS}
    starts = [slot["startTime"] for slot in apart]
    taken = invariants.ask(
        platform,
        "booking",
        "SELECT count(*), count(DISTINCT start_at) FROM bookings WHERE salon_id = %s AND start_at = ANY (%s) AND state = 'confirmed'",
        world.salon.id,
        starts,
    )
    assert taken == [(SLOTS, SLOTS)]
