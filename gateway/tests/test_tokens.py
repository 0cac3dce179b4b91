"""Tokens are checked at the door, after transcoding, so that one table serves REST and gRPC."""

import re

import httpx
import pytest
from kursi.options.v1.options_pb2 import Access
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.servers import free_port
from kursi_gateway.contract import public_methods

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
# As the contract declares it: asking the gateway's own reading of it would agree with every mistake there.
PROTECTED = [method for method in public_methods() if method.access.who != Access.PUBLIC]
IGNORING = [method for method in public_methods() if method.access.ignores_token]
OPEN = [method for method in public_methods() if method not in (*PROTECTED, *IGNORING)]


async def call(gateway, method, headers):
    body = {"json": {}} if method.body else {}
    return await gateway.client.request(
        method.verb.upper(), re.sub(r"\{[^}]+\}", ID, method.path), headers=headers, **body
    )


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def tampered(token: str) -> str:
    head, claims, signature = token.split(".")
    return f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


BAD_TOKENS = {
    "none": (lambda keys: {}, 401),
    "garbage": (lambda keys: bearer("x.y.z"), 401),
    "expired": (lambda keys: bearer(keys.token(lives=-60)), 401),
    "wrong issuer": (lambda keys: bearer(keys.token(issuer="https://evil.test")), 401),
    "bad signature": (lambda keys: bearer(tampered(keys.token())), 401),
    "meant for services": (lambda keys: bearer(keys.token(audience="kursi-internal")), 403),
}


@pytest.mark.covers("G3")
@pytest.mark.parametrize("kind", BAD_TOKENS)
@pytest.mark.parametrize("method", PROTECTED, ids=lambda method: method.name)
async def test_a_protected_method_refuses_every_bad_token(method, kind, gateway, upstream, keys):
    before = len(upstream.seen)
    make, status = BAD_TOKENS[kind]
    assert (await call(gateway, method, make(keys))).status_code == status
    assert [seen.method for seen in upstream.seen[before:] if seen.method == method.grpc_path] == []


@pytest.mark.covers("G3")
@pytest.mark.parametrize("method", OPEN, ids=lambda method: method.name)
async def test_an_open_method_needs_no_token_but_refuses_a_bad_one(method, gateway, keys):
    assert (await call(gateway, method, {})).status_code == 200
    assert (await call(gateway, method, bearer(tampered(keys.token())))).status_code == 401


@pytest.mark.covers("G3")
@pytest.mark.parametrize("method", IGNORING, ids=lambda method: method.name)
async def test_who_renews_a_token_or_reports_as_a_provider_is_not_stopped_by_a_bad_one(method, gateway, keys):
    assert (await call(gateway, method, bearer(keys.token(lives=-60)))).status_code == 200
    assert (await call(gateway, method, {"authorization": "Basic cHJvdmlkZXI6"})).status_code == 200


@pytest.mark.covers("G3")
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_of_a_token_is_read_in_any_case(scheme, gateway, upstream, keys):
    good, bad = ({"authorization": f"{scheme} {token}"} for token in (keys.token(), tampered(keys.token())))
    assert (await gateway.client.get("/v1/users/me", headers=good)).status_code == 200
    assert upstream.seen[-1].metadata["authorization"] == good["authorization"]
    assert (await gateway.client.get("/v1/users/me", headers=bad)).status_code == 401
    assert (await gateway.client.get(f"/v1/salons/{ID}", headers=bad)).status_code == 401


@pytest.mark.covers("G3")
@pytest.mark.parametrize("header", ["Basic dTpw", "x.y.z", "", "Bearer", "bEaReR x.y.z"])
async def test_what_is_no_token_opens_nothing(header, gateway, upstream):
    before = len(upstream.seen)
    answer = await gateway.client.get("/v1/users/me", headers={"authorization": header})
    assert answer.status_code == 401
    assert [seen for seen in upstream.seen[before:] if seen.method.endswith("/GetMe")] == []


@pytest.mark.covers("G3")
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/users/me", {}),
        ("/v1/users/me", {"authorization": "Bearer x.y.z"}),
        (f"/v1/salons/{ID}", {"x-test-fail": "UNAUTHENTICATED|TOKEN_REVOKED|over|d8"}),
    ],
)
async def test_whoever_has_to_sign_in_is_told_by_which_scheme(gateway, path, headers):
    answer = await gateway.client.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")


@pytest.mark.covers("G3")
@pytest.mark.parametrize("path", ["//v1/users/me", "/v1/./users/me", "/v1/%75sers/me", "/v1/users/me/"])
async def test_spelling_a_path_differently_goes_around_nothing(path, gateway):
    assert (await gateway.client.get(path)).status_code in (401, 404)


@pytest.mark.covers("G3")
async def test_a_callers_internal_headers_are_dropped(gateway, upstream):
    await gateway.client.get(
        f"/v1/salons/{ID}", headers={"x-kursi-user-token": "forged", "x-forwarded-host": "evil.test"}
    )
    assert "x-kursi-user-token" not in upstream.seen[-1].metadata
    assert upstream.seen[-1].metadata["x-forwarded-host"] == gateway.address


@pytest.mark.covers("G3")
async def test_keys_rotate_without_a_restart(run_gateway, upstream, keys):
    keys = type(keys)()
    identity = type(upstream)(keys)
    identity.start()
    gateway = await run_gateway([identity.port], key_cache_seconds=2)
    old = keys.token()

    async def newest_key_is_known() -> bool:
        return (await gateway.client.get("/v1/users/me", headers=bearer(keys.token()))).status_code == 200

    await eventually(newest_key_is_known, timeout=60)
    keys.rotate()
    await eventually(newest_key_is_known, timeout=60)
    assert (await gateway.client.get("/v1/users/me", headers=bearer(old))).status_code == 200
    identity.stop()


@pytest.mark.covers("G3")
async def test_a_gateway_that_starts_before_identity_knows_the_keys_soon_after(run_gateway, upstream):
    identity = type(upstream)(upstream.keys, port=free_port())

    async def is_alive(client) -> bool:
        try:
            return (await client.get("/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    gateway = await run_gateway([identity.port], is_up=is_alive)
    token = bearer(upstream.keys.token())
    assert (await gateway.client.get("/v1/users/me", headers=token)).status_code == 401
    identity.start()

    async def is_let_in() -> bool:
        return (await gateway.client.get("/v1/users/me", headers=token)).status_code == 200

    await eventually(is_let_in, timeout=60)
    identity.stop()
