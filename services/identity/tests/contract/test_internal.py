"""For the other services: their own tokens, contacts, members."""

import asyncio
from datetime import timedelta

import grpc
import jwt
import pytest
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer, refused

OTHER_PHONE = "+966512345679"


async def issue(identity, client_id: str, client_secret: str) -> pb2.ServiceToken:
    request = pb2.IssueServiceTokenRequest(client_id=client_id, client_secret=client_secret)
    return await identity.internal.IssueServiceToken(request)


async def contacts(identity, *user_ids: str, token: str | None = None):
    service = token if token is not None else await identity.service_token("messaging")
    request = pb2.BatchGetContactsRequest(user_ids=user_ids)
    answer = await identity.internal.BatchGetContacts(request, metadata=bearer(service) if service else ())
    return answer.contacts


@pytest.mark.covers("I14")
async def test_a_service_that_proves_its_secret_gets_a_token_of_its_own(identity):
    token = await issue(identity, "booking", "booking secret")
    claims = jwt.decode(token.access_token, options={"verify_signature": False})
    now = int(identity.clock.now().timestamp())
    assert (claims["sub"], claims["aud"]) == ("service:booking", "kursi-internal")
    assert claims["exp"] == token.expires_at.seconds == now + 600
    assert list(await contacts(identity, str(new_id()), token=token.access_token)) == []


@pytest.mark.covers("I14")
@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("booking", "catalog secret"), ("booking", "booking secret "), ("nobody", "booking secret")],
)
async def test_a_wrong_secret_and_an_unknown_service_are_refused_alike(
    identity, refusal_of, client_id, secret
):
    refused = await refusal_of(issue(identity, client_id, secret))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "CLIENT_SECRET_WRONG")


async def guess(identity, times: int, client_id: str = "booking", headers=()) -> list[str]:
    """Reasons of wrong secrets that are tried at the same time."""
    request = pb2.IssueServiceTokenRequest(client_id=client_id, client_secret="a guess")
    calls = (identity.internal.IssueServiceToken(request, metadata=headers) for _ in range(times))
    results = await asyncio.gather(*calls, return_exceptions=True)
    return sorted(refused(error).reason for error in results)


@pytest.mark.covers("I14")
async def test_ten_wrong_secrets_in_a_minute_are_looked_at_and_written_down_and_no_more(identity, refusal_of):
    identity.clock.advance(timedelta(seconds=20))
    assert await guess(identity, 30) == ["CLIENT_SECRET_LIMIT"] * 20 + ["CLIENT_SECRET_WRONG"] * 10
    rows = await identity.rows(
        "SELECT target_type, target_id, address, count(*) FROM audit WHERE action = 'client_secret_wrong' "
        "GROUP BY 1, 2, 3"
    )
    assert rows == [("service", "booking", "127.0.0.1", 10)]
    refusal = await refusal_of(issue(identity, "booking", "booking secret"))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "CLIENT_SECRET_LIMIT")
    assert refusal.retry_after == timedelta(seconds=40)
    identity.clock.advance(timedelta(seconds=40))
    assert (await issue(identity, "booking", "booking secret")).access_token


@pytest.mark.covers("I14")
async def test_guessing_at_one_service_does_not_stop_the_others(identity):
    await guess(identity, 11)
    assert (await issue(identity, "catalog", "catalog secret")).access_token
    await identity.rows("UPDATE wrong_client_secrets SET address = '203.0.113.9' RETURNING 1")
    assert (await issue(identity, "booking", "booking secret")).access_token, "it came from elsewhere"


@pytest.mark.covers("I14")
async def test_making_up_addresses_or_services_gives_no_further_guesses(identity):
    forged = [(("x-envoy-external-address", f"203.0.113.{last}"),) for last in range(20)]
    for headers in forged:
        await guess(identity, 1, headers=headers)
        await guess(identity, 1, client_id=str(new_id()))
    attempts = await identity.rows("SELECT client, address, attempts FROM wrong_client_secrets ORDER BY 1")
    assert attempts == [("booking", "127.0.0.1", 10), ("unknown", "127.0.0.1", 10)]
    assert await identity.audited("client_secret_wrong") == 20


@pytest.mark.covers("I14")
async def test_a_hundred_services_that_start_at_once_all_get_their_tokens(identity):
    calls = (issue(identity, "booking", "booking secret") for _ in range(100))
    assert all(token.access_token for token in await asyncio.gather(*calls))
    assert await identity.count("wrong_client_secrets") == 0


@pytest.mark.covers("I14")
async def test_an_empty_secret_is_refused(identity, refusal_of):
    assert (await refusal_of(issue(identity, "booking", ""))).violations == {"clientSecret": "REQUIRED"}


@pytest.mark.covers("I14")
async def test_a_call_without_a_token_or_with_one_that_does_not_count_is_refused(identity, refusal_of):
    now = int(identity.clock.now().timestamp())
    tokens = {
        "none": "",
        "expired": await identity.service_token("messaging", iat=now - 700, exp=now - 100),
        "wrong audience": await identity.service_token("messaging", aud="kursi"),
        "wrong issuer": await identity.service_token("messaging", iss="https://elsewhere.test"),
        "a person's for services": await identity.token(aud="kursi-internal"),
        "garbage": "not a token",
    }
    codes = {
        name: (await refusal_of(contacts(identity, str(new_id()), token=token))).code
        for name, token in tokens.items()
    }
    assert set(codes.values()) == {grpc.StatusCode.UNAUTHENTICATED}


@pytest.mark.covers("I18")
async def test_contacts_are_how_to_reach_people_and_unknown_ids_are_left_out(identity):
    profile = identity_pb2.User(display_name="Sara", language_code="ar", time_zone="Asia/Riyadh")
    sara, other = await identity.log_in(profile=profile), await identity.log_in(OTHER_PHONE)
    found = {contact.user_id: contact for contact in await contacts(
        identity, sara.user.id, other.user.id, str(new_id())
    )}  # fmt: skip
    assert found.keys() == {sara.user.id, other.user.id}
    assert found[sara.user.id] == pb2.Contact(
        user_id=sara.user.id, phone_number="+966512345678", display_name="Sara", language_code="ar",
        time_zone="Asia/Riyadh",
    )  # fmt: skip


@pytest.mark.covers("I18")
async def test_five_hundred_contacts_are_one_statement(identity, statements):
    pair = await identity.log_in()
    statements.clear()
    found = await contacts(identity, pair.user.id, *(str(new_id()) for _ in range(499)))
    assert len(found) == 1
    assert len(statements) == 1


@pytest.mark.covers("I18")
async def test_one_user_is_one_statement(identity, statements, refusal_of):
    pair = await identity.log_in()
    metadata = bearer(await identity.service_token("payment"))
    statements.clear()
    user = await identity.internal.GetUser(pb2.GetUserRequest(user_id=pair.user.id), metadata=metadata)
    assert user == pair.user
    assert len(statements) == 1
    unknown = identity.internal.GetUser(pb2.GetUserRequest(user_id=str(new_id())), metadata=metadata)
    refused = await refusal_of(unknown)
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")


@pytest.mark.covers("I18")
@pytest.mark.parametrize(("least", "roles"), [(0, [3, 2, 1]), (1, [3, 2, 1]), (2, [3, 2]), (3, [3])])
async def test_the_members_of_a_salon_are_one_statement(identity, statements, least, roles):
    salon_id = new_id()
    for number, role in enumerate((Role.STAFF, Role.MANAGER, Role.OWNER)):
        pair = await identity.log_in(f"+96651234560{number}")
        await identity.member_of(salon_id, pair.access_token, role)
    metadata = bearer(await identity.service_token("messaging"))
    statements.clear()
    request = pb2.ListSalonMembersRequest(salon_id=str(salon_id), min_role=least)
    answer = await identity.internal.ListSalonMembers(request, metadata=metadata)
    assert [member.role for member in answer.members] == roles
    assert len(statements) == 1


@pytest.mark.covers("I18")
@pytest.mark.parametrize(
    ("user_ids", "violations"),
    [
        ([], {"userIds": "REQUIRED"}),
        (["17"], {"userIds[0]": "NOT_AN_ID"}),
        ([str(new_id())] * 501, {"userIds": "TOO_MANY"}),
    ],
)
async def test_contacts_are_asked_for_by_one_to_five_hundred_ids(identity, refusal_of, user_ids, violations):
    assert (await refusal_of(contacts(identity, *user_ids))).violations == violations


async def test_a_membership_of_nobody_cannot_be_granted(identity, refusal_of):
    request = pb2.GrantMembershipRequest(salon_id=str(new_id()), user_id=str(new_id()), role=1)
    metadata = bearer(await identity.service_token("catalog"))
    refused = await refusal_of(identity.internal.GrantMembership(request, metadata=metadata))
    assert refused.reason == "USER_NOT_FOUND"
