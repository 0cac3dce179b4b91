"""Whose calls are counted together: by the class of the call, and by the address that it came from."""

import asyncio

import pytest
from kursi_gateway.settings import AddressLimit

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
SALON = f"/v1/salons/{ID}"
# Of a size that tells them apart; what is gone comes back so slowly that no machine is too slow to see it gone.
BUCKETS = {"auth": 1_001, "read": 1_002, "write": 1_003, "upload": 1_004, "webhook": 1_005}
LIMITS = {name: AddressLimit(per_second=1, burst=burst) for name, burst in BUCKETS.items()}
JSON = {"content-type": "application/json"}
CALLS = [
    ("POST", "/v1/auth/otp:request", "auth"),
    ("POST", "/v1/auth/otp:verify", "auth"),
    ("POST", "/v1/auth/token:refresh", "auth"),
    ("POST", "/v1/auth/token:revoke", "auth"),
    ("GET", SALON, "read"),
    ("HEAD", SALON, "read"),
    ("GET", "/v1/salons:search", "read"),
    ("POST", "/v1/bookings", "write"),
    ("PATCH", "/v1/users/me", "write"),
    ("DELETE", f"/v1/users/me/sessions/{ID}", "write"),
    ("POST", f"{SALON}/photos", "upload"),
    ("POST", f"{SALON}/catalogue:import", "upload"),
    ("POST", "/v1/webhooks/payments/moyasar", "webhook"),
    ("POST", "/v1/webhooks/messaging/twilio", "webhook"),
]


@pytest.fixture(scope="module")
async def counting(run_gateway, upstream):
    return await run_gateway([upstream.port], limits=LIMITS, trusted_hops=1)


@pytest.mark.covers("G4")
@pytest.mark.parametrize(("verb", "path", "bucket"), CALLS)
async def test_a_call_is_taken_from_the_bucket_of_its_class(counting, token, verb, path, bucket):
    content = b"{}" if verb in ("POST", "PATCH") else None
    answer = await counting.client.request(verb, path, content=content, headers={**token, **JSON})
    assert answer.status_code == 200, answer.text
    assert answer.headers["ratelimit-limit"] == str(BUCKETS[bucket])


@pytest.mark.covers("G4")
@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/docs", "/openapi.json", "/healthz", "/readyz"])
async def test_keys_documents_and_health_are_there_for_everybody(counting, path):
    answer = await counting.client.get(path)
    assert answer.status_code == 200
    assert int(answer.headers.get("ratelimit-limit", 10**6)) > max(BUCKETS.values())


@pytest.mark.covers("G4")
async def test_neighbours_with_ipv4_have_a_bucket_each(counting):
    for neighbour in ("203.0.113.7", "203.0.113.8"):
        answer = await counting.client.get(SALON, headers={"x-forwarded-for": neighbour})
        assert answer.headers["ratelimit-remaining"] == str(BUCKETS["read"] - 1)


@pytest.mark.covers("G4")
async def test_nobody_gets_a_new_bucket_by_naming_another_address(run_gateway, upstream):
    gateway = await run_gateway([upstream.port], limits=LIMITS)
    answers = [
        await gateway.client.get(SALON, headers={"x-forwarded-for": f"203.0.113.{last}"}) for last in range(9)
    ]
    assert min(int(answer.headers["ratelimit-remaining"]) for answer in answers) < BUCKETS["read"] - 5
    assert upstream.seen[-1].metadata["x-envoy-external-address"] == "127.0.0.1"


@pytest.mark.covers("G4")
async def test_behind_proxies_that_are_trusted_the_service_learns_the_clients_address(counting, upstream):
    headers = {
        "x-forwarded-for": "198.51.100.1, 203.0.113.9",
        "x-envoy-external-address": "198.51.100.2",
    }
    await counting.client.get(SALON, headers=headers)
    assert upstream.seen[-1].metadata["x-envoy-external-address"] == "203.0.113.9"


@pytest.mark.covers("G4")
async def test_who_has_asked_much_is_remembered_while_many_others_ask(counting):
    busy = {"x-forwarded-for": "203.0.113.100"}
    await asyncio.gather(*(counting.client.get(SALON, headers=busy) for _ in range(300)))
    for last in range(1, 41):
        await counting.client.get(SALON, headers={"x-forwarded-for": f"198.51.100.{last}"})
    answer = await counting.client.get(SALON, headers=busy)
    assert int(answer.headers["ratelimit-remaining"]) < BUCKETS["read"] - 1
