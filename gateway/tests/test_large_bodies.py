"""Bodies that are larger than usual: the methods that take them get them byte for byte, others keep their limit."""

import asyncio
import json
import random
import re
import time

import pytest
from kursi.booking.v1 import booking_service_pb2
from kursi.catalog.v1 import photo_service_pb2
from kursi_chassis.testing.eventually import eventually
from kursi_gateway.contract import USUAL_REQUEST_BYTES, public_methods
from kursi_gateway.routes import DEADLINE_SECONDS

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
PHOTOS = f"/v1/salons/{ID}/photos"
MEBIBYTE = 1024 * 1024


@pytest.mark.covers("C8", "G6")
@pytest.mark.parametrize("size", [0, 20_000, 10 * MEBIBYTE])
async def test_a_picture_reaches_the_service_byte_for_byte_whatever_it_is_called(
    gateway, upstream, token, size
):
    content = random.Random(size).randbytes(size)
    headers = {**token, "content-type": "image/gif", "idempotency-key": "once"}
    answer = await gateway.client.post(f"{PHOTOS}?serviceId={ID}", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    seen = upstream.seen[-1]
    assert seen.method == "/kursi.catalog.v1.PhotoService/UploadPhoto"
    request = photo_service_pb2.UploadPhotoRequest.FromString(seen.body)
    assert (request.salon_id, request.service_id) == (ID, ID)
    assert request.image.content_type == "image/gif"
    assert request.image.data == content


@pytest.mark.covers("C8", "G4")
@pytest.mark.parametrize("path", [PHOTOS, f"/v1/salons/{ID}/catalogue:import"])
async def test_whoever_writes_a_body_that_is_too_large_to_its_end_reads_why_it_is_refused(
    path, gateway, upstream, token
):
    """The service refuses it; what it says has the status that the gateway's own refusals have."""
    content = b"x" * (int(1.9 * limit_of(path)))
    refused = {"x-test-fail": "INVALID_ARGUMENT|BODY_TOO_LARGE|Too large.|d8"}
    answer = await gateway.client.post(path, content=content, headers={**token, **refused})
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")
    assert len(upstream.seen[-1].body) >= len(content)


def limit_of(path):
    """What the contract says that the method behind a path takes."""
    name = "UploadPhoto" if path == PHOTOS else "ImportCatalogue"
    return next(method.max_request_bytes for method in public_methods() if method.name == name)


async def dribble(gateway, path, headers, size, pieces, seconds):
    """Status, body and duration of a POST by a client that writes so many pieces over so many seconds, or until it is answered."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(gateway.settings.listen.host, gateway.settings.listen.port)
    lines = [f"POST {path} HTTP/1.1", "host: test", "connection: close", f"content-length: {size}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = asyncio.ensure_future(reader.readuntil(b"\r\n\r\n"))
    for _ in range(pieces):
        if (await asyncio.wait([answer], timeout=seconds / pieces))[0]:
            break
        writer.write(b" " * (size // pieces))
    head = (await answer).decode()
    body = await body_after(head, reader)
    writer.close()
    return int(head.split()[1]), body, time.monotonic() - began


async def body_after(head, reader):
    """The body, by its length: the gateway gives its client time to close the connection first."""
    return json.loads(await reader.readexactly(int(re.search(r"content-length: (\d+)", head)[1])))


@pytest.mark.covers("C8", "G4")
async def test_an_upload_may_take_its_time_and_other_requests_may_not(gateway, upstream, token):
    json_type = {**token, "content-type": "application/json"}
    before = len(upstream.seen)
    upload, usual = await asyncio.gather(
        dribble(gateway, PHOTOS, token, 12_000, 12, 12),
        dribble(gateway, f"{PHOTOS}:reorder", json_type, 12_000, 12, 12),
    )
    assert upload[0] == 200, upload
    (call,) = [seen for seen in upstream.seen[before:] if "PhotoService" in seen.method]
    assert call.method.endswith("/UploadPhoto")
    assert 10 < call.seconds_left <= 30, (
        "the service is called once everything is here, and has its usual time"
    )
    status, error, seconds = usual
    assert (status, error["reason"]) == (408, "REQUEST_TOO_SLOW")
    assert seconds >= DEADLINE_SECONDS - 0.5


@pytest.mark.covers("G4")
async def test_who_writes_slowly_holds_none_of_the_calls_that_a_service_can_take(run_gateway, upstream):
    gateway = await run_gateway([upstream.port])
    admin = f"http://127.0.0.1:{gateway.settings.admin.port}/stats?usedonly&filter=rq_active$"
    slow = []
    for path in ("/v1/webhooks/payments/moyasar", "/v1/auth/otp:verify") * 10:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.settings.listen.port)
        writer.write(f"POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: 99\r\n\r\n{{".encode())
        slow.append((reader, writer))

    async def all_are_there():
        active = dict(line.split(": ") for line in (await gateway.client.get(admin)).text.splitlines())
        return active if active.get("http.edge.downstream_rq_active") == str(len(slow)) else None

    active = await eventually(all_are_there, timeout=60)
    assert {name: count for name, count in active.items() if "upstream_rq" in name and count != "0"} == {}
    for _, writer in slow:
        writer.close()


@pytest.mark.covers("C8", "G4")
async def test_an_upload_does_not_take_for_ever(run_gateway, upstream, token):
    gateway = await run_gateway([upstream.port], upload_seconds=2)
    status, error, _ = await dribble(gateway, PHOTOS, token, 1_000, 1_000, 60)
    assert (status, error["reason"]) == (408, "REQUEST_TOO_SLOW")


async def post(gateway, path, headers, *pieces):
    """Status and body of a POST whose answer is read while the body is on its way, as careful clients do.

    A client that first writes everything may find the connection closed before it reads why.
    """
    reader, writer = await asyncio.open_connection(gateway.settings.listen.host, gateway.settings.listen.port)
    lines = [f"POST {path} HTTP/1.1", "host: test", "connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + b"".join(pieces))
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    body = await body_after(head, reader)
    writer.close()
    return int(head.split()[1]), body


@pytest.mark.covers("C8", "G4")
async def test_a_picture_of_thirty_mebibytes_is_refused_before_it_has_arrived(gateway, upstream, token):
    before = len(upstream.seen)
    announced = await post(gateway, PHOTOS, {**token, "content-length": 30 * MEBIBYTE}, b"\xff" * 1000)
    piece = b"100000\r\n" + b"\xff" * MEBIBYTE + b"\r\n"
    chunked = await post(gateway, PHOTOS, {**token, "transfer-encoding": "chunked"}, *[piece] * 30)
    for status, error in (announced, chunked):
        assert status == 413
        assert error.keys() == {"code", "status", "reason", "message", "details", "requestId"}
        assert (error["status"], error["reason"]) == ("INVALID_ARGUMENT", "BODY_TOO_LARGE")
    assert len(upstream.seen) == before


@pytest.mark.covers("C8", "G4")
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("PATCH", f"/v1/salons/{ID}"),
        ("POST", f"{PHOTOS}:reorder"),
        ("POST", f"{PHOTOS}/"),
        ("POST", f"/v1/salons/{ID}/services"),
        ("POST", "/nothing"),
    ],
)
async def test_other_paths_keep_the_usual_limit(gateway, token, verb, path):
    headers = {**token, "content-type": "application/json"}
    answer = await gateway.client.request(
        verb, path, content=b" " * (USUAL_REQUEST_BYTES + 1), headers=headers
    )
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.covers("C8", "G4")
async def test_who_pauses_before_a_body_that_is_too_large_still_reads_why_it_is_refused(gateway, token):
    async def late():
        await asyncio.sleep(2)  # this pause is what is tested: the refusal has come long ago
        for _ in range(16):
            yield b" " * (USUAL_REQUEST_BYTES // 8)

    headers = {**token, "content-length": str(2 * USUAL_REQUEST_BYTES)}
    answer = await gateway.client.patch(f"/v1/salons/{ID}", content=late(), headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


async def test_the_path_of_a_large_body_still_leads_nowhere_by_itself(gateway):
    answer = await gateway.client.put(PHOTOS, content=b"x")
    assert (answer.status_code, answer.json()["reason"]) == (404, "PATH_UNKNOWN")


async def test_somebody_without_a_token_does_not_upload(gateway, upstream):
    before = len(upstream.seen)
    answer = await gateway.client.post(PHOTOS, content=b"x")
    assert (answer.status_code, len(upstream.seen)) == (401, before)


def test_methods_that_take_more_say_so_in_the_contract():
    assert {method.name for method in public_methods() if method.is_large} == {
        "UploadPhoto",
        "ImportCatalogue",
    }


async def test_the_largest_answers_arrive_whole(gateway, upstream, token, monkeypatch):
    """All free times of fifty people over a month are three megabytes."""
    page = booking_service_pb2.ListBookingsResponse(next_page_token="a" * 4 * MEBIBYTE).SerializeToString()
    serve = upstream.answer

    def answer(method, request, context):
        return page if method.endswith("/ListBookings") else serve(method, request, context)

    monkeypatch.setattr(upstream, "answer", answer)
    answer = await gateway.client.get("/v1/bookings", headers=token)
    assert answer.status_code == 200
    assert len(answer.json()["nextPageToken"]) == 4 * MEBIBYTE
