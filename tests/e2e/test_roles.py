"""Who may call what, as the contract's access options say, for every public method and every kind of caller."""

import pytest
from e2e_contract import ACCESS, METHODS, harmless
from kursi_local.patience import until

ROLES = {"staff": ACCESS.STAFF, "manager": ACCESS.MANAGER, "owner": ACCESS.OWNER}
CALLERS = (
    "nobody",
    "stranger",
    "customer",
    "staff",
    "manager",
    "owner",
    "admin",
    "staff of another salon",
    "owner of another salon",
)
LEFT_OUT = {
    "identity.RevokeAllSessions": "anybody may end their own sessions, and the matrix needs them",
    "identity.LeaveSalon": "anybody may leave, and the matrix needs the members",
}


@pytest.fixture(scope="module")
def ids(world):
    """One of everything that belongs to the customer and the salon."""
    booking = world.book(world["customer"], world.slots("facial")[60], "facial")
    payment = world.pay(world["customer"], booking)
    world.decide(payment, "approve")
    world.booking_becomes(world["customer"], booking, state="CONFIRMED")

    def theirs():
        notes = world["customer"].get("/v1/notifications", bookingId=booking["id"])["notifications"]
        return [note["id"] for note in notes if note["status"] in ("SENT", "DELIVERED")]

    return {
        "salon_id": world.salon.id,
        "booking_id": booking["id"],
        "payment_id": payment["id"],
        "notification_id": until(theirs, 180, "a message to the customer")[0],
        "series_id": world.recur(world["customer"], world.slots()[80])["id"],
        "session_id": world.gather(world["owner"], world.slots()[120])["id"],
        "waitlist_entry_id": world.wait(world["customer"], world.slots()[90])["id"],
        "review_id": world.review(world["customer"], world.slots()[70])["id"],
    }


def may(method, caller):
    """What the contract says about this caller."""
    access = method.access
    if access.who == ACCESS.PUBLIC:
        return True
    if caller == "nobody":
        return False
    if caller == "admin":
        return access.who != ACCESS.USER or is_anybodys(access) or bool(access.object_role)
    if access.who == ACCESS.SALON:
        return ROLES.get(caller, 0) >= access.role
    if access.who == ACCESS.USER:
        return is_anybodys(access) or is_among(access, caller)
    return False


def is_anybodys(access):
    """Whether a method for users works on no object of somebody."""
    return not access.object_customer and not access.object_role


def is_among(access, caller):
    """Whether the caller has to do with the object."""
    if caller == "customer":
        return access.object_customer
    return bool(access.object_role) and ROLES.get(caller, 0) >= access.object_role


def was_let_in(method, answer):
    """Refused is: not known, not allowed, or told that somebody else's object does not exist."""
    refusals = {401, 403}
    if method.access.who == ACCESS.USER and not is_anybodys(method.access):
        refusals.add(404)
    return answer.status_code not in refusals


@pytest.mark.covers("I12")
@pytest.mark.parametrize("name", [name for name in METHODS if name not in LEFT_OUT])
def test_a_method_is_open_to_whom_the_contract_says_and_to_nobody_else(name, world, ids):
    method = METHODS[name]
    request = harmless(method, ids)
    people = {caller: world.api.anonymous() if caller == "nobody" else world[caller] for caller in CALLERS}
    let_in = {
        caller: was_let_in(method, session.raw(request.verb, request.path, **request.arguments()))
        for caller, session in people.items()
    }
    assert let_in == {caller: may(method, caller) for caller in CALLERS}
