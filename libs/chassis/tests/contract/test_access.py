"""Who may call what, through a real server with real tokens."""

import base64
import hmac
import json
from datetime import timedelta

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import TokenMint, bearer, refused

SALON, OTHER_SALON = new_id(), new_id()
USER = new_id()


async def refusal_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


async def test_a_public_method_needs_no_token(stub, contract):
    assert (await stub.Open(contract.pb2.EchoRequest())).caller == "anonymous"


async def test_a_public_method_still_refuses_a_token_that_does_not_count(stub, contract):
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest(), metadata=bearer("rubbish")))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")


@pytest.mark.covers("I14")
@pytest.mark.parametrize("method", ["Whoami", "Audit", "Lookup"])
async def test_without_a_token_nothing_but_public_methods_answers(stub, contract, method):
    answer = await refusal_of(getattr(stub, method)(contract.pb2.EchoRequest()))
    assert answer.code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_user_is_recognised(stub, contract, mint):
    answer = await stub.Whoami(contract.pb2.EchoRequest(), metadata=bearer(mint.user(USER)))
    assert answer.caller == f"user:{USER}"


@pytest.mark.parametrize(
    ("salons", "is_admin"),
    [({SALON: Role.MANAGER}, False), ({SALON: Role.OWNER}, False), ({}, True)],
)
async def test_a_manager_an_owner_and_an_admin_may_manage_the_salon(stub, contract, mint, salons, is_admin):
    token = mint.user(USER, salons=salons, is_admin=is_admin)
    answer = await stub.Manage(contract.pb2.SalonRequest(salon_id=str(SALON)), metadata=bearer(token))
    assert answer.caller == f"user:{USER}"


@pytest.mark.parametrize("salon_id", [str(SALON), str(new_id()), "not an id", ""])
@pytest.mark.parametrize("salons", [{}, {SALON: Role.STAFF}, {OTHER_SALON: Role.OWNER}])
async def test_others_get_the_same_refusal_whether_or_not_the_salon_exists(
    stub, contract, mint, salons, salon_id
):
    token = mint.user(USER, salons=salons)
    answer = await refusal_of(
        stub.Manage(contract.pb2.SalonRequest(salon_id=salon_id), metadata=bearer(token))
    )
    assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")
    assert answer.metadata == {"role": "manager"}


async def test_only_admins_may_audit(stub, contract, mint):
    request = contract.pb2.EchoRequest()
    assert await stub.Audit(request, metadata=bearer(mint.user(is_admin=True)))
    answer = await refusal_of(stub.Audit(request, metadata=bearer(mint.user(salons={SALON: Role.OWNER}))))
    assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")


async def test_a_method_for_services_admits_the_named_service_and_no_user(stub, contract, mint):
    request = contract.pb2.EchoRequest()
    assert (await stub.Lookup(request, metadata=bearer(mint.service("booking")))).caller == "service:booking"
    other = await refusal_of(stub.Lookup(request, metadata=bearer(mint.service("payment"))))
    admin = await refusal_of(stub.Lookup(request, metadata=bearer(mint.user(is_admin=True))))
    assert (other.code, admin.code) == (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.PERMISSION_DENIED)
    assert admin.reason == "SERVICE_ONLY"


async def test_a_service_calls_a_users_method_with_the_users_token(stub, contract, mint):
    metadata = bearer(mint.service("payment"), x_kursi_user_token=mint.user(USER))
    answer = await stub.Whoami(contract.pb2.EchoRequest(), metadata=metadata)
    assert (answer.caller, answer.service) == (f"user:{USER}", "payment")


async def test_a_service_that_is_not_listed_needs_a_users_token(stub, contract, mint):
    request = contract.pb2.EchoRequest()
    answer = await refusal_of(stub.Whoami(request, metadata=bearer(mint.service("payment"))))
    assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SERVICE_NOT_ALLOWED")
    assert (await stub.Whoami(request, metadata=bearer(mint.service("booking")))).caller == "service:booking"


async def test_a_service_token_in_place_of_the_users_is_refused(stub, contract, mint):
    metadata = bearer(mint.service("payment"), x_kursi_user_token=mint.service("booking"))
    answer = await refusal_of(stub.Whoami(contract.pb2.EchoRequest(), metadata=metadata))
    assert answer.code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_users_own_second_token_changes_nothing(stub, contract, mint):
    metadata = bearer(mint.user(USER), x_kursi_user_token=mint.user(is_admin=True))
    assert (await stub.Whoami(contract.pb2.EchoRequest(), metadata=metadata)).caller == f"user:{USER}"


def unsigned(mint: TokenMint) -> str:
    return jwt.encode({"sub": str(USER)}, None, algorithm="none", headers={"kid": mint.kid})


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def signed_with_the_public_key_as_a_password(mint: TokenMint) -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    password = mint.key.public_key().public_bytes(*form)
    now = int(mint.clock.now().timestamp())
    claims = {"iss": "https://identity.test", "aud": "kursi", "sub": str(USER), "iat": now, "exp": now + 60}
    header = {"alg": "HS256", "kid": mint.kid}
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{base64url(hmac.digest(password, signed.encode(), 'sha256'))}"


@pytest.mark.covers("I14")
@pytest.mark.parametrize(
    "make",
    [
        lambda mint: mint.user(aud="another"),
        lambda mint: mint.user(aud="kursi-internal"),
        lambda mint: mint.service("booking", aud="kursi"),
        lambda mint: mint.user(iss="https://elsewhere.test"),
        lambda mint: mint.user(exp=int(mint.clock.now().timestamp()) - 6),
        lambda mint: mint.user(iat=int(mint.clock.now().timestamp()) + 60),
        lambda mint: mint.user(sub="nobody"),
        lambda mint: mint.user()[:-8] + "AAAAAAAA",
        lambda mint: TokenMint(mint.clock).user(),
        lambda mint: TokenMint(mint.clock, kid="unknown").user(),
        unsigned,
        signed_with_the_public_key_as_a_password,
        lambda mint: "a." * 5_000,
    ],
    ids=[
        "another-audience",
        "user-for-internal",
        "service-for-public",
        "issuer",
        "expired",
        "from-the-future",
        "subject",
        "signature",
        "another-key-same-id",
        "unknown-key",
        "alg-none",
        "hs256-with-public-key",
        "huge",
    ],
)
async def test_a_token_that_is_wrong_in_any_way_is_refused(stub, contract, mint, make):
    answer = await refusal_of(stub.Whoami(contract.pb2.EchoRequest(), metadata=bearer(make(mint))))
    assert answer.code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_that_was_seen_before_expires_all_the_same(stub, contract, mint, fixed_clock):
    metadata = bearer(mint.user())
    await stub.Whoami(contract.pb2.EchoRequest(), metadata=metadata)
    fixed_clock.advance(timedelta(minutes=15, seconds=6))
    answer = await refusal_of(stub.Whoami(contract.pb2.EchoRequest(), metadata=metadata))
    assert answer.reason == "TOKEN_INVALID"
