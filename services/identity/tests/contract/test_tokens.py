"""Access tokens: who can verify them, for how long, and across rotations of the key."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.caller import Role
from kursi_chassis.clock import SystemClock
from kursi_chassis.grpc.tokens import TokenVerifier
from kursi_chassis.ids import new_id
from kursi_chassis.testing.servers import free_port
from kursi_identity.domain.keys import SuccessorUnknown

ISSUER = "https://kursi.test"


async def jwks(identity) -> bytes:
    return (await identity.public.GetJwks(pb2.GetJwksRequest())).data


def a_verifier(identity) -> TokenVerifier:
    """What another service verifies tokens with; it has fetched nothing yet."""
    return TokenVerifier(
        lambda: jwks(identity),
        issuer=ISSUER,
        audience="kursi",
        internal_audience="kursi-internal",
        clock=identity.clock,
    )


@contextmanager
def published(document: bytes) -> Iterator[str]:
    """The document behind a URL, as the gateway serves it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", free_port()), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
        server.shutdown()
        thread.join()


def claims_of(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})


def kid_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


@pytest.mark.covers("I7")
async def test_a_stock_library_with_a_key_set_client_verifies_our_tokens(start_identity):
    async with start_identity(SystemClock()) as identity:
        pair = await identity.log_in()
        with published(await jwks(identity)) as url:
            client = jwt.PyJWKClient(url)
            key = await asyncio.to_thread(client.get_signing_key_from_jwt, pair.access_token)
        claims = jwt.decode(
            pair.access_token, key, algorithms=["ES256"], issuer=ISSUER, audience="kursi",
            options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
        )  # fmt: skip
        assert claims["sub"] == pair.user.id


@pytest.mark.covers("I7")
async def test_a_token_says_who_what_and_for_how_long(identity):
    salon_id = new_id()
    first = await identity.log_in()
    await identity.member_of(salon_id, first.access_token, Role.MANAGER)
    claims = claims_of((await identity.refresh(first.refresh_token)).access_token)
    now = int(identity.clock.now().timestamp())
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, "kursi", first.user.id)
    assert (claims["roles"], claims["salons"]) == ([], {str(salon_id): "manager"})
    assert (claims["iat"], claims["exp"], claims["auth_time"]) == (now, now + 900, now)
    assert claims["locale"] == "en"
    assert claims["sid"]


@pytest.mark.covers("I7")
async def test_nobody_is_locked_out_by_being_made_a_member_of_hundreds_of_salons(identity):
    mine = new_id()
    pair = await identity.log_in()
    await identity.member_of(mine, pair.access_token, Role.STAFF)
    async with identity.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO members (id, salon_id, user_id, role, state, created_at, updated_at) "
            "SELECT uuidv7(), uuidv7(), %s, 'manager', 'active', %s, %s FROM generate_series(1, 300)",
            [pair.user.id, *[identity.clock.now() + timedelta(minutes=1)] * 2],
        )
    pair = await identity.refresh(pair.refresh_token)
    assert (await identity.me(pair.access_token)).id == pair.user.id
    salons = jwt.decode(pair.access_token, options={"verify_signature": False})["salons"]
    assert len(salons) == 100
    assert salons[str(mine)] == "staff"


async def test_the_platforms_admins_are_named_by_the_settings(identity):
    pair = await identity.log_in("+966500000001")
    assert claims_of(pair.access_token)["roles"] == ["admin"]


@pytest.mark.covers("I7")
async def test_a_token_ends_after_fifteen_minutes(identity, refusal_of):
    pair = await identity.log_in()
    identity.clock.advance(timedelta(minutes=15))
    await identity.me(pair.access_token)
    identity.clock.advance(timedelta(seconds=6))
    assert (await refusal_of(identity.me(pair.access_token))).reason == "TOKEN_INVALID"


@pytest.mark.covers("I7")
async def test_the_key_set_holds_the_next_key_before_it_signs_and_no_private_half(identity):
    pair = await identity.log_in()
    keys = json.loads(await jwks(identity))["keys"]
    assert len(keys) == 2
    assert kid_of(pair.access_token) in {key["kid"] for key in keys}
    assert all("d" not in key and key["alg"] == "ES256" for key in keys)


@pytest.mark.covers("I7")
async def test_documents_may_be_cached_for_five_minutes(identity):
    call = identity.public.GetJwks(pb2.GetJwksRequest())
    body = await call
    assert body.content_type == "application/json"
    assert dict(await call.initial_metadata())["cache-control"] == "public, max-age=300"


@pytest.mark.covers("I7")
async def test_the_discovery_document_leads_to_the_keys(identity):
    body = await identity.public.GetDiscoveryDocument(pb2.GetDiscoveryDocumentRequest())
    document = json.loads(body.data)
    assert document["issuer"] == ISSUER
    assert document["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["ES256"]


@pytest.mark.covers("I7")
async def test_after_a_rotation_old_tokens_verify_until_they_expire(identity, refusal_of):
    old = await identity.log_in()
    await identity.keys.rotate_now()
    identity.clock.advance(timedelta(minutes=1))
    new = await identity.refresh(old.refresh_token)
    assert kid_of(new.access_token) != kid_of(old.access_token)
    verifier = a_verifier(identity)
    for pair in (old, new):
        assert str((await verifier.verify(pair.access_token)).user_id) == pair.user.id
    identity.clock.advance(timedelta(minutes=14, seconds=6))
    assert (await refusal_of(identity.me(old.access_token))).reason == "TOKEN_INVALID"


@pytest.mark.covers("I7")
async def test_the_new_key_was_published_before_it_signed(identity):
    before = json.loads(await jwks(identity))["keys"]
    await identity.keys.rotate_now()
    identity.clock.advance(timedelta(minutes=1))
    pair = await identity.log_in()
    assert kid_of(pair.access_token) in {key["kid"] for key in before}


@pytest.mark.covers("I7")
async def test_nobody_signs_with_a_key_that_verifiers_may_not_know_yet(identity):
    await identity.keys.ring()
    identity.clock.advance(timedelta(minutes=1))
    await identity.keys.rotate_now()  # to the key that was published together with the first one
    identity.clock.advance(timedelta(minutes=1))
    published = json.loads(await jwks(identity))["keys"]
    with pytest.raises(SuccessorUnknown, match=r"12:07:00 UTC"):
        await identity.keys.rotate_now()
    identity.clock.advance(timedelta(minutes=5))
    await identity.keys.rotate_now()
    identity.clock.advance(timedelta(minutes=1))
    pair = await identity.log_in()
    assert kid_of(pair.access_token) in {key["kid"] for key in published}


@pytest.mark.covers("I7")
async def test_a_retired_key_leaves_the_key_set_once_its_tokens_have_expired(identity):
    old = kid_of((await identity.log_in()).access_token)
    await identity.keys.rotate_now()
    identity.clock.advance(timedelta(minutes=16))
    await identity.keys.rotate_if_due()  # as the job does every minute
    assert old in (await jwks(identity)).decode()
    identity.clock.advance(timedelta(minutes=15))
    await identity.keys.rotate_if_due()
    assert old not in (await jwks(identity)).decode()
    assert await identity.count("signing_keys") == 2


@pytest.mark.covers("I7")
async def test_keys_rotate_by_themselves_after_thirty_days(identity):
    first = kid_of((await identity.log_in()).access_token)
    identity.clock.advance(timedelta(days=29))
    await identity.keys.rotate_if_due()
    assert kid_of((await identity.log_in()).access_token) == first
    identity.clock.advance(timedelta(days=1))
    await identity.keys.rotate_if_due()
    identity.clock.advance(timedelta(minutes=1))
    assert kid_of((await identity.log_in()).access_token) != first


@pytest.mark.covers("I7")
async def test_processes_that_start_at_once_agree_on_one_key(identity, start_replica):
    async with start_replica(identity) as other:
        await identity.rows("DELETE FROM signing_keys RETURNING kid")
        await asyncio.gather(*(keys.rotate_if_due() for keys in [identity.keys, other.keys] * 5))
        assert await identity.rows("SELECT state FROM signing_keys ORDER BY state") == [
            ("active",),
            ("next",),
        ]
        identity.clock.advance(timedelta(minutes=1))
        pair = await identity.log_in()
        await other.me(pair.access_token)


@pytest.mark.covers("I7")
async def test_a_rotation_by_another_process_is_followed_though_the_clock_was_set_back(
    identity, start_replica
):
    async with start_replica(identity) as other:
        identity.clock.advance(timedelta(days=1))
        before = await identity.keys.jwks()
        identity.clock.advance(-timedelta(days=1))
        await other.keys.rotate_now()
        assert await identity.keys.jwks() == await other.keys.jwks() != before


@pytest.mark.covers("I7")
async def test_the_key_set_is_there_while_the_database_is_away(identity):
    before = await jwks(identity)
    await identity.database.close()
    identity.clock.advance(timedelta(minutes=1))
    assert await jwks(identity) == before


async def test_a_retired_key_has_no_private_half_any_more(identity):
    await identity.log_in()
    await identity.keys.rotate_now()
    assert await identity.rows("SELECT private_key FROM signing_keys WHERE state = 'retired'") == [(None,)]


@pytest.mark.covers("I7", "I14")
async def test_other_services_verify_tokens_with_the_key_set(identity):
    pair = await identity.log_in()
    verifier = a_verifier(identity)
    assert str((await verifier.verify(pair.access_token)).user_id) == pair.user.id
