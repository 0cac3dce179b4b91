"""Every public method, asked badly in every way that the contract lets one think of.

The cases come from the contract: a method or field added later is in here by itself.
"""

import re

import pytest
from e2e_contract import ACCESS, METHODS, bad_requests, harmless
from kursi_local import invariants
from kursi_local.patience import until

SHAPE = {"code", "status", "reason", "message", "details", "requestId"}
REASON = re.compile(r"[A-Z][A-Z0-9_]+")
# By gRPC code: what the transport says.
HTTP_STATUS = {
    1: 499,
    3: 400,
    5: 404,
    6: 409,
    7: 403,
    8: 429,
    9: 400,
    10: 409,
    11: 400,
    12: 501,
    14: 503,
    16: 401,
}
# Of the gateway itself: the request could not be taken in at all.
ITS_OWN_STATUS = {413, 415, 431, 404, 405}

# Flaws that are none, by method or by method and field; each says why.
_DONE = "repeating what is done answers as the first time and changes nothing, whatever etag comes along"
NOT_BAD = {
    "identity.RevokeToken": "unknown tokens are answered alike, so that nobody can try them out",
    "identity.GetJwks": "takes no input",
    "identity.GetDiscoveryDocument": "takes no input",
    "booking.ConfirmBooking etag": _DONE,
    "catalog.RestoreSalon etag": _DONE,
    "catalog.RestoreService etag": _DONE,
    "catalog.RestoreStaffMember etag": _DONE,
}
# What anybody may do for themselves with an empty request, which is no bad one.
ENOUGH_FOR_ONESELF = {"identity.RevokeAllSessions", "booking.CreateCalendarFeed"}


@pytest.fixture(scope="module")
def ids(world):
    """A live booking, a payment and a message of the salon, so that only the flaw can be why a call is refused."""
    booking = world.book(world["customer"], world.slots("facial")[100], "facial")
    payment = world.pay(world["customer"], booking)
    world.decide(payment, "approve")
    world.booking_becomes(world["customer"], booking, state="CONFIRMED")

    def sent():
        listed = world["manager"].get("/v1/notifications", salonId=world.salon.id, bookingId=booking["id"])
        return [note["id"] for note in listed["notifications"] if note["status"] in ("SENT", "DELIVERED")]

    return {
        "salon_id": world.salon.id,
        "service_id": world.salon.services["cut"],
        "staff_id": world.salon.staff["staff"],
        "booking_id": booking["id"],
        "payment_id": payment["id"],
        "notification_id": until(sent, 180, "a message")[0],
    }


@pytest.fixture(scope="module")
def rows(platform, world, ids):
    """How many rows there are, once nothing moves any more; each test leaves it so.

    New tokens are rows, too. These are good for longer than the tests take.
    """
    for person in world.people.values():
        person.renew()
    return {"now": _still(platform)}


def _still(platform):
    """What the story began is over: under load the last of its messages leave long after the story itself.

    Whatever moves while one looks writes a row, so equal counts around an empty look mean that nothing did.
    """

    def look():
        before = invariants.row_counts(platform)
        quiet = not invariants.unfinished(platform) and before == invariants.row_counts(platform)
        return before if quiet else None

    return until(look, 150, "the end of all work")


def problem_with(answer):
    """Why the answer to a bad request is not as promised; empty when it is."""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:200]}"
    if answer.is_success:
        return f"taken: {answer.status_code} {answer.text[:100]}"
    try:
        body = answer.json()
    except ValueError:
        return f"not JSON: {answer.status_code} {answer.text[:100]}"
    if set(body) != SHAPE or not REASON.fullmatch(body["reason"]) or not body["message"]:
        return f"not the one shape: {body}"
    if answer.status_code not in (HTTP_STATUS.get(body["code"]), *ITS_OWN_STATUS):
        return f"{answer.status_code} for code {body['code']}"
    return ""


def asked(caller, request):
    """The answer that the caller gets."""
    return caller.raw(request.verb, request.path, **request.arguments())


def problem_with_nobody(world, method, ids):
    """Without a token a call is refused as such, unless the contract opens the method."""
    answer = asked(world.api.anonymous(), harmless(method, ids))
    if (answer.status_code == 401) != (method.access.who != ACCESS.PUBLIC):
        return f"{answer.status_code} without a token"
    return "" if answer.is_success else problem_with(answer)


def problem_with_stranger(world, name, ids):
    """Whether somebody else gets anything but a straight answer; what they may not do is test_roles' business."""
    if name in ENOUGH_FOR_ONESELF:
        return ""
    answer = asked(world["stranger"], harmless(METHODS[name], ids))
    return "" if answer.is_success else problem_with(answer)


def asker(world, method):
    """Somebody who may call the method, so that the flaw and not the role is why it is refused."""
    if method.access.who == ACCESS.PUBLIC:
        return world.api.anonymous()
    if method.access.who == ACCESS.ADMIN:
        return world["admin"]
    return world["customer" if method.access.object_customer else "owner"]


@pytest.mark.covers("G2")
@pytest.mark.parametrize("name", METHODS)
def test_bad_input_is_refused_in_one_shape_and_writes_nothing(name, world, ids, rows, platform):
    method = METHODS[name]
    caller = asker(world, method)
    found = {
        flaw: problem_with(asked(caller, request))
        for flaw, request in bad_requests(method, ids)
        if name not in NOT_BAD and f"{name} {flaw.split(':')[0]}" not in NOT_BAD
    }
    found |= {
        "nobody": problem_with_nobody(world, method, ids),
        "a stranger": problem_with_stranger(world, name, ids),
    }
    assert {flaw: problem for flaw, problem in found.items() if problem} == {}
    before, rows["now"] = rows["now"], invariants.row_counts(platform)
    assert rows["now"] == before
