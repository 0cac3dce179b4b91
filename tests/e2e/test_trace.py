"""One trace leads from the call of an app to what followed from it in other services."""

import uuid

import pytest
from kursi_local import invariants
from kursi_local.patience import until


def test_the_trace_of_a_call_is_carried_by_its_event(world, platform):
    trace = uuid.uuid4().hex
    answer = world["customer"].raw(
        "POST",
        "/v1/bookings",
        json=world.wish(world.slots()[-3]),
        headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
    )
    query = (
        "SELECT headers ->> 'traceparent' FROM outbox WHERE aggregate_id = %s AND published_at IS NOT NULL"
    )
    (header,) = until(
        lambda: invariants.ask(platform, "booking", query, answer.json()["id"]), 60, "a published event"
    )[0]
    assert str(header).split("-")[1] == trace


def test_without_one_the_edge_begins_a_trace_that_the_request_id_names(world, platform):
    answer = world["customer"].raw("POST", "/v1/bookings", json=world.wish(world.slots()[-5]))
    query = "SELECT headers ->> 'traceparent' FROM outbox WHERE aggregate_id = %s"
    (header,) = invariants.ask(platform, "booking", query, answer.json()["id"])[0]
    assert str(header).split("-")[1] == answer.headers["x-request-id"].replace("-", "")


@pytest.mark.covers("G8")
def test_one_trace_leads_from_a_call_to_what_a_provider_was_given(world, api, platform):
    answer = world["customer"].raw("POST", "/v1/bookings", json=world.wish(world.slots()[-7]))
    booking, trace = answer.json()["id"], answer.headers["x-request-id"].replace("-", "")

    def tries():
        query = """SELECT attempts.provider, trace_id, traceparent FROM attempts
                   JOIN notifications ON notifications.id = notification_id
                   WHERE booking_id = %s AND channel = 'sms' AND outcome = 'accepted'"""
        return invariants.ask(platform, "messaging", query, booking)

    told = until(tries, 180, "a text about the booking")
    assert {(row[0], row[1], str(row[2]).split("-")[1]) for row in told} == {("twilio", trace, trace)}
    given = [attempt["traceparent"] for attempt in api.outside.text_attempts()]
    # More than one where an answer took the provider too long.
    assert len([header for header in given if header and header.split("-")[1] == trace]) >= len(told)
