"""A person decides about their own place in salons: accept, decline, leave."""

import asyncio
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1 import membership_service_pb2 as mine_pb2
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer, refused

OTHER_PHONE = "+966512345679"
STAFF, MANAGER = identity_pb2.Member.STAFF, identity_pb2.Member.MANAGER
OWNER = identity_pb2.Member.OWNER


class Person:
    """Somebody with an account, and what they do about memberships."""

    def __init__(self, identity, pair: pb2.TokenPair) -> None:
        self.identity, self.pair = identity, pair

    async def invitations(self) -> list[mine_pb2.Invitation]:
        request = mine_pb2.ListMyInvitationsRequest()
        return list((await self.identity.mine.ListMyInvitations(request, metadata=self._as())).invitations)

    async def memberships(self) -> list[mine_pb2.Membership]:
        request = mine_pb2.ListMyMembershipsRequest()
        return list((await self.identity.mine.ListMyMemberships(request, metadata=self._as())).memberships)

    async def accept(self, invitation_id: str) -> mine_pb2.Membership:
        request = mine_pb2.AcceptInvitationRequest(invitation_id=invitation_id)
        return await self.identity.mine.AcceptInvitation(request, metadata=self._as())

    async def decline(self, invitation_id: str) -> None:
        request = mine_pb2.DeclineInvitationRequest(invitation_id=invitation_id)
        await self.identity.mine.DeclineInvitation(request, metadata=self._as())

    async def leave(self, salon_id: object) -> None:
        request = mine_pb2.LeaveSalonRequest(salon_id=str(salon_id))
        await self.identity.mine.LeaveSalon(request, metadata=self._as())

    def _as(self):
        return bearer(self.pair.access_token)


@pytest_asyncio.fixture
async def salon_id(identity):
    """A salon, and its owner's token that says so."""
    salon_id, pair = new_id(), await identity.log_in()
    await identity.member_of(salon_id, pair.access_token, Role.OWNER)
    identity.clock.advance(timedelta(seconds=1))
    identity.owner = await identity.refresh(pair.refresh_token)
    return salon_id


@pytest_asyncio.fixture
async def person(identity, salon_id) -> Person:
    return Person(identity, await identity.log_in(OTHER_PHONE))


async def invite(identity, salon_id, phone: str = OTHER_PHONE, role: int = STAFF) -> identity_pb2.Member:
    request = pb2.InviteMemberRequest(salon_id=str(salon_id), phone_number=phone, role=role)
    return await identity.public.InviteMember(request, metadata=bearer(identity.owner.access_token))


@pytest.mark.covers("I12")
async def test_an_invitation_is_seen_and_accepted_by_whoever_verified_its_number(identity, salon_id, person):
    invited = await invite(identity, salon_id)
    (waiting,) = await person.invitations()
    assert (waiting.id, waiting.salon_id, waiting.role) == (invited.id, str(salon_id), STAFF)
    assert waiting.expire_time.seconds - waiting.create_time.seconds == timedelta(days=30).total_seconds()
    accepted = await person.accept(waiting.id)
    assert (accepted.salon_id, accepted.role) == (str(salon_id), STAFF)
    assert await person.memberships() == [accepted]
    assert await person.invitations() == []


@pytest.mark.covers("I12")
async def test_a_declined_invitation_is_gone_and_the_next_login_does_not_bring_it_back(
    identity, salon_id, person
):
    invited = await invite(identity, salon_id)
    await person.decline(invited.id)
    await identity.log_in_again(OTHER_PHONE)
    assert (await person.memberships(), await identity.count("members")) == ([], 1)
    assert await identity.audited("invitation_declined") == 1


@pytest.mark.covers("I12")
@pytest.mark.parametrize("answer", ["accept", "decline"])
async def test_an_invitation_of_another_number_is_not_found(identity, salon_id, person, refusal_of, answer):
    invited = await invite(identity, salon_id, "+966512345680")
    refused_call = await refusal_of(getattr(person, answer)(invited.id))
    assert (refused_call.code, refused_call.reason) == (grpc.StatusCode.NOT_FOUND, "INVITATION_NOT_FOUND")
    assert await identity.count("members", "state = 'invited'") == 1


@pytest.mark.covers("I12")
async def test_an_invitation_ends_after_a_month_and_can_be_made_again(identity, salon_id, person, refusal_of):
    old = await invite(identity, salon_id, role=OWNER)
    identity.clock.advance(timedelta(days=30))
    person.pair, identity.owner = await identity.log_in(OTHER_PHONE), await identity.log_in()
    assert (await person.invitations(), await person.memberships()) == ([], [])
    assert (await refusal_of(person.accept(old.id))).reason == "INVITATION_NOT_FOUND"
    new = await invite(identity, salon_id)
    assert [invitation.id for invitation in await person.invitations()] == [new.id] != [old.id]
    assert (await person.accept(new.id)).role == STAFF, "what was offered then counts no more"


@pytest.mark.covers("I12")
async def test_an_invitation_takes_no_stronger_role_from_anybody(identity, salon_id, person):
    invited = await invite(identity, salon_id)
    await identity.member_of(salon_id, person.pair.access_token, Role.MANAGER)
    assert (await person.accept(invited.id)).role == MANAGER
    assert [membership.role for membership in await person.memberships()] == [MANAGER]
    assert await person.invitations() == []


@pytest.mark.covers("I12")
async def test_accepting_twice_at_once_makes_one_member(identity, salon_id, person):
    invited = await invite(identity, salon_id)
    results = await asyncio.gather(*(person.accept(invited.id) for _ in range(8)), return_exceptions=True)
    reasons = [refused(result).reason for result in results if isinstance(result, BaseException)]
    assert reasons == ["INVITATION_NOT_FOUND"] * 7
    assert len(await identity.events("membership.granted")) == 2


@pytest.mark.covers("I12", "I9")
async def test_who_leaves_is_out_at_once_also_with_the_old_token(identity, salon_id, person, refusal_of):
    await invite(identity, salon_id)
    person.pair = await identity.log_in_again(OTHER_PHONE)
    identity.clock.advance(timedelta(seconds=1))
    await person.leave(salon_id)
    assert len(await identity.events("membership.revoked")) == 1
    assert await identity.count("members", "state = 'active'") == 1
    assert (await refusal_of(person.memberships())).reason == "TOKEN_REVOKED"


async def test_leaving_a_salon_that_one_is_not_in_changes_nothing(identity, person):
    await person.leave(new_id())
    assert await identity.events("membership.revoked") == []


async def test_leaving_a_salon_again_changes_nothing(identity, salon_id, person):
    await identity.member_of(salon_id, person.pair.access_token, Role.STAFF)
    for _ in range(2):
        await person.leave(salon_id)
    assert len(await identity.events("membership.revoked")) == 1


@pytest.mark.covers("I12")
async def test_the_last_owner_cannot_leave(identity, salon_id, refusal_of):
    refused_call = await refusal_of(Person(identity, identity.owner).leave(salon_id))
    assert (refused_call.code, refused_call.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LAST_OWNER")


@pytest.mark.covers("I12")
async def test_nobody_gets_more_roles_than_a_token_can_name(identity, person, refusal_of, monkeypatch):
    monkeypatch.setattr("kursi_identity.usecases.membership.MOST_SALONS", 2)
    own, token = new_id(), person.pair.access_token
    await identity.member_of(own, token, Role.STAFF)

    opened = await asyncio.gather(
        *(identity.member_of(new_id(), token) for _ in range(5)), return_exceptions=True
    )
    reasons = [refused(error).reason for error in opened if isinstance(error, grpc.aio.AioRpcError)]
    assert reasons == ["TOO_MANY_SALONS"] * 4
    for _ in range(2):
        assert (await identity.member_of(own, token)).role == OWNER, "what somebody has is no role too many"


@pytest.mark.covers("I12")
@pytest.mark.parametrize("answers", [True, False], ids=["accepted", "by the next login"])
async def test_an_invitation_to_a_salon_that_one_is_in_is_no_role_too_many(
    identity, salon_id, person, answers, monkeypatch
):
    invited = await invite(identity, salon_id, role=MANAGER)
    await identity.member_of(salon_id, person.pair.access_token, Role.STAFF)
    monkeypatch.setattr("kursi_identity.usecases.membership.MOST_SALONS", 1)

    if answers:
        await person.accept(invited.id)
    else:
        person.pair = await identity.log_in_again(OTHER_PHONE)

    [membership] = await person.memberships()
    assert (membership.salon_id, membership.role) == (str(salon_id), MANAGER)


@pytest.mark.covers("I12")
async def test_an_invitation_to_one_salon_too_many_waits_and_locks_nobody_out(
    identity, salon_id, person, refusal_of, monkeypatch
):
    monkeypatch.setattr("kursi_identity.usecases.membership.MOST_SALONS", 1)
    own = new_id()
    await identity.member_of(own, person.pair.access_token, Role.STAFF)
    invited = await invite(identity, salon_id)
    assert (await refusal_of(person.accept(invited.id))).reason == "TOO_MANY_SALONS"
    person.pair = await identity.log_in_again(OTHER_PHONE)
    assert [membership.salon_id for membership in await person.memberships()] == [str(own)]

    await person.leave(own)
    assert (await person.accept(invited.id)).salon_id == str(salon_id)
