"""What browsers are told: which apps may call, with what, and what they may read; and what a page may not do."""

import pytest
from kursi_gateway.contract import public_methods

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
SALON = f"/v1/salons/{ID}"
APP = "https://app.kursi.test"
VERBS = sorted({method.verb.upper() for method in public_methods()})
SENT = ["authorization", "content-type", "accept-language", "idempotency-key", "x-request-id"]
SENT_OVER_GRPC_WEB = ["x-grpc-web", "x-user-agent", "grpc-timeout"]
READ = ["x-request-id", "retry-after", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"]
READ_OVER_GRPC_WEB = ["grpc-status", "grpc-message", "grpc-status-details-bin"]
CALLS = [
    ("GET", SALON, 200),
    ("HEAD", SALON, 200),
    ("POST", "/v1/bookings", 200),
    ("POST", f"{SALON}/photos", 200),
    ("DELETE", f"/v1/users/me/sessions/{ID}", 200),
    ("GET", "/.well-known/openid-configuration", 200),
    ("GET", f"{SALON}?nonsense=1", 400),
    ("GET", f"{SALON}?salonId={ID}", 400),
    ("GET", "/v1/users/me", 401),
    ("POST", f"{SALON}/photos", 401),
    ("GET", "/v1/nothing", 404),
]


async def preflight(gateway, origin: str, verb: str, header: str):
    asked = {"access-control-request-method": verb, "access-control-request-headers": header}
    return await gateway.client.options("/v1/bookings", headers={"origin": origin, **asked})


def words(header: str) -> set[str]:
    return {word.strip() for word in header.split(",")}


@pytest.mark.covers("G8")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("header", SENT + SENT_OVER_GRPC_WEB)
async def test_a_web_app_may_call_every_method_with_all_that_it_reads(gateway, verb, header):
    answer = await preflight(gateway, APP, verb, header)
    assert answer.status_code == 200
    assert verb in words(answer.headers["access-control-allow-methods"])
    assert header in words(answer.headers["access-control-allow-headers"])
    assert answer.headers["access-control-allow-credentials"] == "true"


@pytest.mark.covers("G8")
@pytest.mark.parametrize(("verb", "path", "status"), CALLS)
async def test_a_web_app_may_read_what_became_of_its_call(gateway, token, verb, path, status):
    headers = {"origin": APP, "content-type": "application/json", **(token if status == 200 else {})}
    content = b"{}" if verb == "POST" else None
    answer = await gateway.client.request(verb, path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["access-control-allow-origin"] == APP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert {*READ, *READ_OVER_GRPC_WEB} <= words(answer.headers["access-control-expose-headers"])


@pytest.mark.covers("G8")
async def test_a_web_app_may_read_the_answer_to_a_call_over_grpc_web(gateway):
    headers = {"origin": APP, "content-type": "application/grpc-web+proto"}
    answer = await gateway.client.post(
        "/kursi.catalog.v1.CatalogService/SearchSalons", content=bytes(5), headers=headers
    )
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == APP


@pytest.mark.covers("G8")
@pytest.mark.parametrize(
    "origin",
    [f"{APP}.evil.test", f"{APP}:8443", "https://evil.app.kursi.test", "http://app.kursi.test", "null"],
)
async def test_an_origin_that_only_looks_like_the_app_may_not_call(gateway, origin):
    asked = await preflight(gateway, origin, "GET", "authorization")
    called = await gateway.client.get(SALON, headers={"origin": origin})
    assert "access-control-allow-origin" not in asked.headers
    assert "access-control-allow-origin" not in called.headers


@pytest.mark.covers("G8")
@pytest.mark.parametrize(
    "path", [SALON, "/docs", "/openapi.json", "/v1/users/me", "/v1/nothing", f"{SALON}?salonId={ID}"]
)
async def test_every_answer_keeps_browsers_to_encryption_and_out_of_frames(gateway, path):
    headers = (await gateway.client.get(path)).headers
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.covers("G8", "G9")
@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_a_page_runs_and_loads_nothing(gateway, path):
    policy = (await gateway.client.get(path)).headers["content-security-policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"
