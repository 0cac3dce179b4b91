"""What the edge adds: limits, deadlines, retries, byte-exact bodies, headers, traces, documentation, reloads."""

import asyncio
import json
import random
from dataclasses import replace

import grpc
import httpx
import pytest
from google.api import httpbody_pb2
from kursi.payment.v1 import payment_service_pb2
from kursi_chassis.testing.eventually import eventually
from kursi_gateway.contract import public_methods
from kursi_gateway.envoy import write
from kursi_gateway.openapi import PARAMETER
from kursi_gateway.settings import LIMITS, AddressLimit
from openapi_spec_validator import validate

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
SALON = f"/v1/salons/{ID}"
# What is gone comes back so slowly that no machine is too slow to run out of it.
FEW_CODES = LIMITS | {"auth": AddressLimit(per_second=1, burst=20)}
# And no machine so fast that whoever asks again and again asks too often.
MANY_READS = LIMITS | {"read": AddressLimit(per_second=100_000, burst=100_000)}


async def hammer(gateway, path: str, stop: asyncio.Event, answers: list[int]) -> None:
    while not stop.is_set():
        answers.append((await gateway.client.get(path)).status_code)


@pytest.mark.covers("G4")
async def test_an_address_that_asks_too_often_is_told_when_to_come_back(run_gateway, upstream):
    gateway = await run_gateway([upstream.port], limits=FEW_CODES)
    answers = await asyncio.gather(*(gateway.client.post("/v1/auth/otp:request", json={}) for _ in range(60)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(answers) - len(refused) >= 20
    assert refused[0].json()["reason"] == "ADDRESS_LIMIT"
    assert int(refused[0].headers["retry-after"]) >= 1
    assert refused[0].headers["ratelimit-remaining"] == "0"
    assert (await gateway.client.get(SALON)).status_code == 200, "reads have a bucket of their own"


@pytest.mark.covers("G4")
async def test_the_addresses_of_one_ipv6_network_share_their_limit(run_gateway, upstream):
    gateway = await run_gateway([upstream.port], limits=FEW_CODES, trusted_hops=1)

    async def ask(address: str) -> int:
        headers = {"x-forwarded-for": address}
        return (await gateway.client.post("/v1/auth/otp:request", json={}, headers=headers)).status_code

    answers = await asyncio.gather(*(ask(f"2001:db8:7:1::{place:x}") for place in range(1, 61)))
    assert 429 in answers
    assert await ask("2001:db8:7:2::1") != 429


@pytest.mark.covers("G5")
async def test_the_service_learns_the_deadline_and_a_client_cannot_stretch_it(gateway, upstream):
    await gateway.client.get(SALON)
    assert 2 < upstream.seen[-1].seconds_left <= 10
    await gateway.client.get(SALON, headers={"grpc-timeout": "300S"})
    assert upstream.seen[-1].seconds_left <= 10
    await gateway.client.get(SALON, headers={"grpc-timeout": "2S"})
    assert upstream.seen[-1].seconds_left <= 2


@pytest.mark.covers("G5")
@pytest.mark.parametrize(
    "action", ["payments", f"payments/{ID}:capture", f"payments/{ID}:void", f"payments/{ID}:refund"]
)
async def test_what_waits_for_a_provider_of_payments_has_half_a_minute(gateway, upstream, token, action):
    await gateway.client.post(f"/v1/{action}", json={}, headers=token)
    assert 30 < upstream.seen[-1].seconds_left <= 35


@pytest.mark.covers("G5")
@pytest.mark.parametrize("failure", ["UNAVAILABLE", "CANCELLED"])  # the second is what a dying server says
async def test_reads_are_tried_again_and_writes_that_arrived_are_not(gateway, upstream, failure):
    failing = {"x-test-fail": f"{failure}|DOWN|down|d8"}
    before = len(upstream.seen)
    await gateway.client.get(SALON, headers=failing)
    assert len(upstream.seen) - before == 3
    before = len(upstream.seen)
    await gateway.client.post("/v1/auth/otp:request", json={}, headers=failing)
    assert len(upstream.seen) - before == 1


@pytest.mark.covers("G5")
async def test_no_read_fails_when_one_of_two_replicas_dies(run_gateway, upstream, keys):
    second = type(upstream)(keys)
    second.start()
    gateway = await run_gateway([upstream.port, second.port], limits=MANY_READS)
    stop, answers = asyncio.Event(), []
    clients = [asyncio.create_task(hammer(gateway, SALON, stop, answers)) for _ in range(4)]
    await eventually(lambda: len(answers) > 100, timeout=60)
    second.stop()
    seen = len(answers)
    await eventually(lambda: len(answers) > seen + 300, timeout=60)
    stop.set()
    await asyncio.gather(*clients)
    assert set(answers) == {200}


@pytest.mark.covers("G5")
async def test_a_read_that_failed_is_tried_at_another_replica(run_gateway, upstream, keys):
    broken = type(upstream)(keys)
    broken.start()
    gateway = await run_gateway([upstream.port, broken.port])
    serve = broken.answer

    def fail(method, request, context):
        if method.endswith("/GetSalon"):
            # Somebody else's read takes the good replica's turn, so that the broken one is next again.
            httpx.get(f"http://{gateway.address}{SALON}", timeout=60)
            context.abort(grpc.StatusCode.UNAVAILABLE, "broken")
        return serve(method, request, context)

    broken.answer = fail
    answers = [(await gateway.client.get(SALON)).status_code for _ in range(4)]
    broken.stop()
    assert answers == [200] * 4


@pytest.mark.covers("G5")
async def test_the_only_replica_is_asked_even_when_its_health_check_fails(run_gateway, upstream, keys):
    lonely = type(upstream)(keys)
    lonely.start()
    gateway = await run_gateway([lonely.port])
    lonely.refuse_work()

    async def not_ready() -> bool:
        return (await gateway.client.get("/readyz")).status_code == 503

    await eventually(not_ready)
    assert (await gateway.client.get(SALON)).status_code == 200
    lonely.stop()


@pytest.mark.covers("G5")
@pytest.mark.parametrize("number", [1, 2])
async def test_replicas_that_say_they_do_not_serve_are_left_alone_while_another_does(
    run_gateway, upstream, keys, number
):
    leaving = [type(upstream)(keys) for _ in range(number)]
    for one in leaving:
        one.start()
    gateway = await run_gateway([upstream.port, *(one.port for one in leaving)])
    for one in leaving:
        one.refuse_work()

    async def nobody_asks() -> bool:
        before = [len(one.seen) for one in leaving]
        answers = [(await gateway.client.get(SALON)).status_code for _ in range(10)]
        return set(answers) == {200} and [len(one.seen) for one in leaving] == before

    await eventually(nobody_asks)
    for one in leaving:
        one.stop()


async def test_a_header_that_grpc_would_decode_does_not_reach_the_service(gateway, upstream):
    answer = await gateway.client.get(SALON, headers={"grpc-tags-bin": "no base64!", "X-Other-Bin": "AAA="})
    assert answer.status_code == 200
    assert not [name for name in upstream.seen[-1].metadata if name.endswith("-bin")]


@pytest.mark.covers("G6")
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{ "a" :\t1.0,  "b": "\\u0041\\/" }\r\n', "application/json"),
        (b"A=&B=1&B=1&C=%D8%B3+x", "application/x-www-form-urlencoded"),
        (random.Random(7).randbytes(20_000), "application/octet-stream"),
        (b"", "application/json"),
    ],
)
async def test_a_webhook_reaches_the_service_byte_for_byte_with_its_headers(content, kind, gateway, upstream):
    headers = {"content-type": kind, "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8="}
    answer = await gateway.client.post("/v1/webhooks/payments/moyasar", content=content, headers=headers)
    assert answer.status_code == 200
    seen = upstream.seen[-1]
    request = payment_service_pb2.ReceiveWebhookRequest.FromString(seen.body)
    assert request.body == httpbody_pb2.HttpBody(content_type=kind, data=content)
    assert request.provider == "moyasar"
    assert seen.metadata["x-twilio-signature"] == headers["x-twilio-signature"]
    assert seen.metadata["x-envoy-original-path"] == "/v1/webhooks/payments/moyasar"


@pytest.mark.covers("G6")
async def test_what_a_provider_adds_to_the_address_for_its_signature_is_kept_in_it(gateway, upstream):
    path = (
        "/v1/webhooks/messaging/twilio?notificationId=7&bodySHA256=5f36b2ea290645ee34d943220a14b54ee5ea5be5"
    )
    answer = await gateway.client.post(path, content=b"{}", headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert upstream.seen[-1].metadata["x-envoy-original-path"] == path


@pytest.mark.covers("G6")
async def test_a_document_of_the_service_comes_back_as_it_is(gateway, keys):
    answer = await gateway.client.get("/.well-known/jwks.json")
    assert answer.content == keys.jwks()
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.covers("G8")
async def test_answers_carry_security_headers_and_no_trace_of_the_inside(gateway):
    headers = (await gateway.client.get(SALON)).headers
    assert headers["strict-transport-security"].startswith("max-age=")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["x-request-id"]
    assert not {"server", "grpc-status", "grpc-message", "x-envoy-upstream-service-time"} & headers.keys()


@pytest.mark.covers("G8")
async def test_a_trace_begins_at_the_edge_or_goes_on_through_it(gateway, upstream):
    answer = await gateway.client.get(SALON)
    trace = upstream.seen[-1].metadata["traceparent"].split("-")
    assert trace[1] == answer.headers["x-request-id"].replace("-", "")
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await gateway.client.get(SALON, headers={"traceparent": given})
    assert upstream.seen[-1].metadata["traceparent"] == given


@pytest.mark.covers("G8")
async def test_only_configured_web_origins_may_call(gateway):
    ask = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    allowed = await gateway.client.options(
        "/v1/bookings", headers={"origin": "https://app.kursi.test", **ask}
    )
    assert allowed.headers["access-control-allow-origin"] == "https://app.kursi.test"
    refused = await gateway.client.options("/v1/bookings", headers={"origin": "https://evil.test", **ask})
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.covers("G8")
async def test_large_answers_are_compressed_for_who_can_read_it(gateway):
    answer = await gateway.client.get("/openapi.json", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["openapi"] == "3.1.0"


@pytest.mark.covers("G8")
async def test_the_access_log_has_no_personal_data(gateway):
    answer = await gateway.client.get(
        "/v1/salons:search?query=Sara+Secret", headers={"authorization": "Bearer a.secret.token"}
    )
    log = gateway.settings.output / "access.jsonl"

    def written() -> list[str]:
        return [line for line in log.read_text().splitlines() if answer.headers["x-request-id"] in line]

    lines = await eventually(written)
    assert json.loads(lines[-1])["status"] == 401
    assert "ecret" not in log.read_text()
    assert "127.0.0.1:" not in json.loads(lines[-1]).get("client", "")


@pytest.mark.covers("G8")
@pytest.mark.covers("B14")
@pytest.mark.parametrize(
    "path", ["/v1/calendars/{}/feed.ics", "/v1/calendars/{}", "/V1//Calendars/{}/feed.icsx?a=b"]
)
async def test_the_secret_of_a_calendar_feed_is_in_no_log(gateway, upstream, path):
    secret = "".join(random.Random(path).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=43))
    answer = await gateway.client.get(path.format(secret))
    log = gateway.settings.output / "access.jsonl"

    def written() -> list[str]:
        return [line for line in log.read_text().splitlines() if answer.headers["x-request-id"] in line]

    (line,) = await eventually(written)
    assert json.loads(line)["rpc"] == "/v1/calendars/-/feed.ics"
    assert secret not in log.read_text()


@pytest.mark.covers("G8")
async def test_nobody_who_sends_too_much_is_named_in_a_log(gateway):
    secret = "".join(random.Random("large").choices("abcdefghijklmnopqrstuvwxyz0123456789", k=43))
    answer = await gateway.client.post(f"/v1/calendars/{secret}/feed.ics", content=b" " * 300_000)
    assert answer.status_code == 413
    log = gateway.settings.output / "access.jsonl"
    await eventually(lambda: answer.headers["x-request-id"] in log.read_text())
    assert secret not in log.with_name("envoy.log").read_text()


@pytest.mark.covers("G9")
async def test_the_document_is_valid_and_has_every_public_method(gateway):
    document = (await gateway.client.get("/openapi.json")).json()
    validate(document)
    described = {
        (PARAMETER.sub("{}", path), verb) for path, verbs in document["paths"].items() for verb in verbs
    }
    assert described == {(PARAMETER.sub("{}", method.path), method.verb) for method in public_methods()}
    operations = [operation for verbs in document["paths"].values() for operation in verbs.values()]
    assert all(
        operation["summary"] and {"400", "401", "404", "429", "503"} <= operation["responses"].keys()
        for operation in operations
    )


@pytest.mark.covers("G9")
async def test_the_documentation_page_needs_nothing_from_elsewhere(gateway):
    page = await gateway.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "POST" in page.text
    assert "/v1/bookings" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "<script" not in page.text


@pytest.mark.covers("G10")
async def test_a_reload_loses_no_request(run_gateway, upstream):
    gateway = await run_gateway([upstream.port], limits=MANY_READS)
    stop, answers = asyncio.Event(), []
    clients = [asyncio.create_task(hammer(gateway, SALON, stop, answers)) for _ in range(4)]
    await eventually(lambda: len(answers) > 50, timeout=60)
    write(replace(gateway.settings, cors_origins=("https://new.kursi.test",)))
    asked = {"origin": "https://new.kursi.test", "access-control-request-method": "GET"}

    async def reloaded() -> bool:
        answer = await gateway.client.options("/v1/bookings", headers=asked)
        return answer.headers.get("access-control-allow-origin") == "https://new.kursi.test"

    await eventually(reloaded, timeout=60)
    seen = len(answers)
    await eventually(lambda: len(answers) > seen + 200, timeout=60)
    stop.set()
    await asyncio.gather(*clients)
    assert set(answers) == {200}
