"""What was taken back is refused everywhere within five seconds, whatever the access token still says."""

import time

import pytest
from kursi_chassis.testing.eventually import on_this_machine
from kursi_local.client import Refused
from kursi_local.patience import until
from kursi_local.salon import invite


def call_of_every_service(world, session):
    """One call to each service that needs nothing but a token: status by service."""
    paths = {
        "identity": "/v1/users/me",
        "catalog": "/v1/salons",
        "booking": "/v1/bookings",
        "payment": "/v1/payments",
        "messaging": "/v1/notifications",
    }
    return {name: session.raw("GET", path).status_code for name, path in paths.items()}


EVERYBODY = ("identity", "catalog", "booking", "payment", "messaging")


@pytest.mark.covers("I9")
def test_every_service_refuses_the_token_of_a_session_that_ended(world):
    """Three people are tried, as nobody knows what else this machine does: a service that lags does so with each."""
    assert any(is_refused_soon(world, world.newcomer()) for _ in range(3))


def is_refused_soon(world, person):
    assert call_of_every_service(world, person) == dict.fromkeys(EVERYBODY, 200)
    began = time.monotonic()
    person.post("/v1/users/me/sessions:revokeAll")
    refused = dict.fromkeys(EVERYBODY, 401)
    until(lambda: call_of_every_service(world, person) == refused, 180, "refusal by every service")
    seconds = time.monotonic() - began
    with pytest.raises(Refused) as refusal:
        person.renew()
    assert refusal.value.reason in ("REFRESH_TOKEN_INVALID", "TOKEN_REVOKED", "TOKEN_INVALID")
    return seconds < on_this_machine(5)


@pytest.mark.covers("I9")
def test_a_member_who_was_let_go_is_refused_by_the_services_of_the_salon(world):
    person = world.newcomer()
    member = invite(world["owner"], world.salon, person, "MANAGER")
    salon = world.salon
    asked = {
        "identity": salon.path("/members"),
        "catalog": salon.path("/audit"),
        "booking": f"/v1/bookings?salonId={salon.id}",
        "payment": f"/v1/payments?salonId={salon.id}",
        "messaging": salon.path("/notification-settings"),
    }

    def statuses():
        return {name: person.raw("GET", path).status_code for name, path in asked.items()}

    assert statuses() == dict.fromkeys(asked, 200)
    world["owner"].delete(salon.path(f"/members/{member['id']}"))
    until(lambda: set(statuses().values()) <= {401, 403, 404}, 180, "refusal by every service")
    person.renew()
    assert set(statuses().values()) <= {403, 404}
