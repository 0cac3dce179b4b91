"""The events that consumers are tested with are the ones that are written here, byte by byte."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from kursi_chassis.caller import Role
from kursi_identity.domain.guest import Guest
from kursi_identity.domain.member import Member, MemberState
from kursi_identity.domain.user import User
from kursi_identity.store import events

GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "identity"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
USER_ID = UUID("01890000-0000-7000-8000-000000000001")
SALON_ID = UUID("01890000-0000-7000-8000-000000000002")
MEMBER_ID = UUID("01890000-0000-7000-8000-000000000003")
SESSION_ID = UUID("01890000-0000-7000-8000-000000000004")
GUEST_ID = UUID("01890000-0000-7000-8000-000000000005")


def user(revision: int) -> User:
    return User(USER_ID, "+966512345678", None, "Sara", "ar", "Asia/Riyadh", revision, NOON, NOON)


def member(state: MemberState, revision: int) -> Member:
    return Member(MEMBER_ID, SALON_ID, USER_ID, None, Role.MANAGER, state, revision, NOON)


EVENTS = [
    events.user_event("user.registered", user(1)),
    events.user_event("user.updated", user(2)),
    events.membership_event(member(MemberState.ACTIVE, 1), NOON),
    events.membership_event(member(MemberState.REMOVED, 2), NOON),
    events.guest_event(Guest(GUEST_ID, SALON_ID, "+966512345678", "ar", NOON), USER_ID, NOON),
    events.session_event(USER_ID, SESSION_ID, NOON),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_is_the_one_that_consumers_are_tested_with(event):
    assert event.subject == event.type
    assert event.payload == (GOLDEN / f"{event.type}.binpb").read_bytes()


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_never_holds_a_number_or_a_name(event):
    assert b"512345678" not in event.payload
    assert b"Sara" not in event.payload
