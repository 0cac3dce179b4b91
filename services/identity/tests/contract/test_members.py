"""Who works in a salon: invitations, roles, and the owner that always stays."""

import asyncio
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio
from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer, refused

OTHER_PHONE = "+966512345679"
THIRD_PHONE = "+966512345680"
STAFF, MANAGER, OWNER = identity_pb2.Member.STAFF, identity_pb2.Member.MANAGER, identity_pb2.Member.OWNER


class Salon:
    """A salon with an owner."""

    def __init__(self, identity, salon_id, owner: pb2.TokenPair) -> None:
        self.identity, self.id, self.owner = identity, salon_id, owner

    async def invite(self, phone: str, role: int = STAFF, *, by: pb2.TokenPair | None = None, key: str = ""):
        request = pb2.InviteMemberRequest(
            salon_id=str(self.id), phone_number=phone, role=role, request_id=key
        )
        return await self.identity.public.InviteMember(request, metadata=self._as(by))

    async def update(self, member_id: str, role: int, *, by: pb2.TokenPair | None = None):
        request = pb2.UpdateMemberRequest(salon_id=str(self.id), member_id=member_id, role=role)
        return await self.identity.public.UpdateMember(request, metadata=self._as(by))

    async def remove(self, member_id: str, *, by: pb2.TokenPair | None = None):
        request = pb2.RemoveMemberRequest(salon_id=str(self.id), member_id=member_id)
        return await self.identity.public.RemoveMember(request, metadata=self._as(by))

    async def page(self, **fields: object) -> pb2.ListMembersResponse:
        request = pb2.ListMembersRequest(salon_id=str(self.id), **fields)
        return await self.identity.public.ListMembers(request, metadata=self._as(None))

    async def members(self) -> list[identity_pb2.Member]:
        return list((await self.page(page_size=100)).members)

    async def join(self, phone: str, role: int) -> pb2.TokenPair:
        """Somebody who is a member, with a token that says so."""
        await self.invite(phone, role)
        return await self.identity.log_in(phone)

    def _as(self, by: pb2.TokenPair | None):
        return bearer((by or self.owner).access_token)


@pytest_asyncio.fixture
async def salon(identity) -> Salon:
    salon_id, pair = new_id(), await identity.log_in()
    await identity.member_of(salon_id, pair.access_token, Role.OWNER)
    identity.clock.advance(timedelta(seconds=1))
    return Salon(identity, salon_id, await identity.refresh(pair.refresh_token))


@pytest.mark.covers("I12")
async def test_an_invitation_becomes_a_membership_when_the_number_is_verified(salon, identity):
    invited = await salon.invite("0512345679", MANAGER)
    assert (invited.state, invited.user_id) == (identity_pb2.Member.INVITED, "")
    assert invited.masked_phone_number == "••••••••••679"
    pair = await identity.log_in(OTHER_PHONE)
    (_, member) = await salon.members()
    assert (member.id, member.user_id, member.role) == (invited.id, pair.user.id, MANAGER)
    assert member.state == identity_pb2.Member.ACTIVE
    await identity.public.ListMembers(
        pb2.ListMembersRequest(salon_id=str(salon.id)), metadata=bearer(pair.access_token)
    )


@pytest.mark.covers("I12")
async def test_an_invitation_tells_nothing_of_whoever_has_the_number(salon, identity):
    await identity.log_in(OTHER_PHONE, profile=identity_pb2.User(display_name="Sara"))
    answers = [await salon.invite(phone) for phone in (OTHER_PHONE, THIRD_PHONE)]
    for answer in (*answers, *(await salon.members())[1:]):
        assert (answer.state, answer.user_id, answer.display_name) == (identity_pb2.Member.INVITED, "", "")


@pytest.mark.covers("I12")
async def test_whoever_has_an_account_already_is_a_member_after_the_next_login(salon, identity):
    await identity.log_in(OTHER_PHONE)
    await salon.invite(OTHER_PHONE)
    pair = await identity.log_in_again(OTHER_PHONE)
    (_, member) = await salon.members()
    assert (member.state, member.user_id) == (identity_pb2.Member.ACTIVE, pair.user.id)


@pytest.mark.covers("I12")
async def test_a_login_by_mail_accepts_no_invitation_of_a_number_that_may_be_anothers_by_now(salon, identity):
    pair = await identity.log_in(OTHER_PHONE)
    address = {"phone": "", "email": "sara@example.com"}
    verify = pb2.RequestOtpRequest.VERIFY
    ticket = await identity.request_code(**address, token=pair.access_token, purpose=verify)
    await identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    await salon.invite(OTHER_PHONE)

    identity.clock.advance(timedelta(seconds=61))
    ticket = await identity.request_code(**address)
    by_mail = await identity.verify(ticket.request_id, identity.last_code())

    assert by_mail.user.id == pair.user.id
    assert [member.state for member in await salon.members()][1:] == [identity_pb2.Member.INVITED]


@pytest.mark.covers("I12")
async def test_a_salon_invites_so_many_numbers_and_no_more_until_a_month_has_passed(
    salon, identity, refusal_of, monkeypatch
):
    monkeypatch.setattr("kursi_identity.usecases.members.MOST_INVITATIONS", 2)
    for phone in (OTHER_PHONE, THIRD_PHONE):
        await salon.invite(phone)
    refused = await refusal_of(salon.invite("+966512345681"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MANY_INVITATIONS")
    assert len(await salon.members()) == 3
    identity.clock.advance(timedelta(days=30))
    salon.owner = await identity.log_in()
    await salon.invite("+966512345681")


@pytest.mark.covers("I12")
async def test_adding_a_number_to_an_account_accepts_its_invitations(salon, identity):
    ticket = await identity.request_code(email="sara@example.com")
    pair = await identity.verify(ticket.request_id, identity.last_code())
    await salon.invite(OTHER_PHONE)
    ticket = await identity.request_code(
        OTHER_PHONE, token=pair.access_token, purpose=pb2.RequestOtpRequest.VERIFY
    )
    await identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    assert [member.user_id for member in await salon.members() if member.role == STAFF] == [pair.user.id]


@pytest.mark.covers("I12")
@pytest.mark.parametrize("twice_after", ["invitation", "acceptance"])
async def test_nobody_is_invited_twice(salon, identity, refusal_of, twice_after):
    await (salon.invite(OTHER_PHONE) if twice_after == "invitation" else salon.join(OTHER_PHONE, STAFF))
    refused = await refusal_of(salon.invite(OTHER_PHONE, MANAGER))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_MEMBER")


@pytest.mark.covers("I12")
async def test_a_repeated_invitation_gets_the_first_answer(salon, refusal_of):
    first = await salon.invite(OTHER_PHONE, key="invitation-1")
    assert await salon.invite(OTHER_PHONE, key="invitation-1") == first
    refused = await refusal_of(salon.invite(THIRD_PHONE, key="invitation-1"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    assert len(await salon.members()) == 2


@pytest.mark.covers("I12")
async def test_managers_invite_and_remove_staff_only(salon, refusal_of):
    manager = await salon.join(OTHER_PHONE, MANAGER)
    staff = await salon.invite(THIRD_PHONE, STAFF, by=manager)
    refused = await refusal_of(salon.invite("+966512345681", MANAGER, by=manager))
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")
    owner = next(member for member in await salon.members() if member.role == OWNER)
    assert (await refusal_of(salon.remove(owner.id, by=manager))).reason == "ROLE_REQUIRED"
    await salon.remove(staff.id, by=manager)
    assert len(await salon.members()) == 2


@pytest.mark.covers("I12", "I9")
async def test_a_weakened_manager_is_a_manager_no_longer_with_the_old_token(salon, identity, refusal_of):
    manager = await salon.join(OTHER_PHONE, MANAGER)
    identity.clock.advance(timedelta(seconds=1))
    (_, member) = await salon.members()
    assert (await salon.update(member.id, STAFF)).role == STAFF
    assert (await refusal_of(salon.invite(THIRD_PHONE, by=manager))).reason == "TOKEN_REVOKED"
    renewed = await identity.refresh(manager.refresh_token)
    assert (await refusal_of(salon.invite(THIRD_PHONE, by=renewed))).reason == "ROLE_REQUIRED"


@pytest.mark.covers("I12", "I9")
async def test_who_was_removed_is_out_at_once_with_the_old_token(salon, identity, refusal_of):
    manager = await salon.join(OTHER_PHONE, MANAGER)
    identity.clock.advance(timedelta(seconds=1))
    (_, member) = await salon.members()
    await salon.remove(member.id)
    assert (await refusal_of(salon.invite(THIRD_PHONE, by=manager))).reason == "TOKEN_REVOKED"
    renewed = await identity.refresh(manager.refresh_token)
    assert (await refusal_of(salon.invite(THIRD_PHONE, by=renewed))).reason == "ROLE_REQUIRED"


@pytest.mark.covers("I12")
async def test_a_role_that_was_taken_counts_at_once_even_where_the_news_did_not_arrive(
    salon, identity, start_replica, refusal_of
):
    manager = await salon.join(OTHER_PHONE, MANAGER)
    (_, member) = await salon.members()
    await salon.update(member.id, STAFF)
    async with start_replica(identity) as other:
        elsewhere = Salon(other, salon.id, manager)
        assert (await refusal_of(elsewhere.invite(THIRD_PHONE))).reason == "ROLE_REQUIRED"


@pytest.mark.covers("I12")
async def test_the_last_owner_can_neither_step_down_nor_be_removed(salon, refusal_of):
    (owner,) = await salon.members()
    for call in (salon.update(owner.id, MANAGER), salon.remove(owner.id)):
        refused = await refusal_of(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "LAST_OWNER")
    await salon.invite(OTHER_PHONE, OWNER)
    assert (await refusal_of(salon.remove(owner.id))).reason == "LAST_OWNER"


@pytest.mark.covers("I12")
async def test_two_owners_who_remove_each_other_at_once_leave_one(salon, identity):
    for attempt in range(5):
        phone = f"+96651311000{attempt}"
        other = await salon.join(phone, OWNER)
        mine, theirs = await identity.rows(
            "SELECT id::text FROM members WHERE state = 'active' ORDER BY user_id = %s", [other.user.id]
        )
        results = await asyncio.gather(
            salon.remove(theirs[0]), salon.remove(mine[0], by=other), return_exceptions=True
        )
        reasons = [refused(result).reason for result in results if isinstance(result, BaseException)]
        assert len(reasons) == 1
        assert reasons[0] in {"LAST_OWNER", "ROLE_REQUIRED", "TOKEN_REVOKED", "MEMBER_NOT_FOUND"}
        assert await identity.count("members", "state = 'active' AND role = 'owner'") == 1
        await identity.member_of(salon.id, salon.owner.access_token, Role.OWNER)
        await identity.rows(
            "UPDATE members SET state = 'removed' WHERE user_id = %s RETURNING id", [other.user.id]
        )


@pytest.mark.covers("I12")
async def test_who_comes_back_keeps_the_old_row_and_its_events_go_on(salon, identity):
    member = await salon.invite(OTHER_PHONE)
    await identity.log_in(OTHER_PHONE)
    await salon.remove(member.id)
    assert await salon.invite(OTHER_PHONE, MANAGER)
    await identity.log_in_again(OTHER_PHONE)
    sent = await identity.rows(
        "SELECT subject, revision FROM outbox WHERE aggregate_id = %s ORDER BY id", [member.id]
    )
    granted, revoked = "kursi.identity.v1.membership.granted", "kursi.identity.v1.membership.revoked"
    assert sent == [(granted, 1), (revoked, 2), (granted, 3)]


@pytest.mark.covers("I12")
async def test_every_change_of_a_member_is_told_and_written_down(salon, identity):
    before = len(await identity.events("membership.granted"))
    pair = await salon.join(OTHER_PHONE, STAFF)
    (_, member) = await salon.members()
    await salon.update(member.id, MANAGER)
    await salon.remove(member.id)
    granted = [events_pb2.MembershipEvent.FromString(e) for e in await identity.events("membership.granted")]
    assert [event.role for event in granted[before:]] == ["staff", "manager"]
    (gone,) = await identity.events("membership.revoked")
    event = events_pb2.MembershipEvent.FromString(gone)
    assert (event.user_id, event.salon_id, event.role) == (pair.user.id, str(salon.id), "")
    rows = await identity.rows(
        "SELECT action, before->>'role', after->>'role' FROM audit WHERE target_id = %s ORDER BY id",
        [member.id],
    )
    assert rows == [
        ("member_invited", None, "staff"),
        ("member_granted", None, "staff"),
        ("member_role_changed", "staff", "manager"),
        ("member_removed", "manager", "manager"),
    ]


async def test_an_invitation_is_taken_back_without_a_word_to_others(salon, identity):
    invited = await salon.invite(OTHER_PHONE)
    await salon.remove(invited.id)
    await identity.log_in(OTHER_PHONE)
    assert len(await salon.members()) == 1
    assert await identity.events("membership.revoked") == []


async def test_an_invitation_can_get_another_role(salon, identity):
    invited = await salon.invite(OTHER_PHONE)
    assert (await salon.update(invited.id, MANAGER)).role == MANAGER
    await identity.log_in(OTHER_PHONE)
    assert [member.role for member in await salon.members()] == [OWNER, MANAGER]


@pytest.mark.covers("I12")
@pytest.mark.parametrize("call", ["update", "remove"])
async def test_a_member_of_another_salon_is_not_found(salon, identity, refusal_of, call):
    elsewhere = await identity.member_of(new_id(), (await identity.log_in(OTHER_PHONE)).access_token)
    request = salon.update(elsewhere.id, STAFF) if call == "update" else salon.remove(elsewhere.id)
    refused_call = await refusal_of(request)
    assert (refused_call.code, refused_call.reason) == (grpc.StatusCode.NOT_FOUND, "MEMBER_NOT_FOUND")


@pytest.mark.covers("I12")
async def test_members_are_listed_owners_first_then_by_name_page_by_page(salon, identity, refusal_of):
    for phone, role, name in [
        (OTHER_PHONE, STAFF, "Zaid"), (THIRD_PHONE, STAFF, "Amal"), ("+966512345681", MANAGER, "Noura"),
    ]:  # fmt: skip
        await salon.invite(phone, role)
        await identity.log_in(phone, profile=identity_pb2.User(display_name=name))
    pages, token = [], ""
    for _ in range(2):
        page = await salon.page(page_size=2, page_token=token)
        pages.append([member.display_name for member in page.members])
        token = page.next_page_token
    assert pages == [["", "Noura"], ["Amal", "Zaid"]]
    assert token == ""
    refused_call = await refusal_of(salon.page(page_token="made up"))
    assert refused_call.violations == {"pageToken": "MALFORMED"}


@pytest.mark.parametrize(
    ("fields", "violations"),
    [
        ({"phone_number": "0112345678", "role": STAFF}, {"phoneNumber": "PHONE_NUMBER_NOT_MOBILE"}),
        ({"phone_number": "0512345679"}, {"role": "REQUIRED"}),
        ({"phone_number": "0512345679", "role": 9}, {"role": "UNKNOWN_VALUE"}),
    ],
)
async def test_bad_invitations_are_refused_by_field(salon, identity, refusal_of, fields, violations):
    request = pb2.InviteMemberRequest(salon_id=str(salon.id), **fields)
    call = identity.public.InviteMember(request, metadata=bearer(salon.owner.access_token))
    assert (await refusal_of(call)).violations == violations
    assert len(await salon.members()) == 1


@pytest.mark.covers("I12")
async def test_catalog_grants_a_membership_and_the_same_again_changes_nothing(salon, identity):
    owner = salon.owner.access_token
    again = await identity.member_of(salon.id, owner, Role.OWNER)
    weaker = await identity.member_of(salon.id, owner, Role.STAFF)
    assert again == weaker
    assert again.role == OWNER
    assert len(await identity.events("membership.granted")) == 1
