"""HEAD is answered as GET would be, without the content: link checkers, calendars and load balancers ask so."""

import asyncio
import random
import re

import pytest
from google.api import httpbody_pb2

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
SALON = f"/v1/salons/{ID}"
# Of every answer, or of every call, its own.
ITS_OWN = re.compile(rb"^(date|x-request-id|ratelimit-\w+): .*\r\n", re.MULTILINE)
REFUSED = {"x-test-fail": "ABORTED|SLOT_TAKEN|Somebody else was faster.|d8"}


async def heads(gateway, path, verbs, **headers):
    """What is answered before the content, to calls over one connection: content after HEAD would be read as the next answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.settings.listen.port)
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    answers = []
    for verb in verbs:
        writer.write(f"{verb} {path} HTTP/1.1\r\nhost: x\r\n{more}\r\n".encode())
        answers.append(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60))
    writer.transport.abort()
    await writer.wait_closed()
    return [ITS_OWN.sub(b"", answer) for answer in answers]


@pytest.fixture
def serve(upstream, monkeypatch):
    """`serve(kind, content)`: the service answers with this file."""

    def answer_with(kind, content):
        keys = upstream.answer
        file = httpbody_pb2.HttpBody(content_type=kind, data=content).SerializeToString()

        def answer(method, request, context):
            return keys(method, request, context) if "/GetJwks" in method else file

        monkeypatch.setattr(upstream, "answer", answer)

    return answer_with


@pytest.mark.covers("G1")
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (SALON, {}, 200),
        ("/.well-known/jwks.json", {}, 200),
        ("/docs", {}, 200),
        (SALON, REFUSED, 409),
        ("/v1/users/me", {}, 401),
        ("/nothing", {}, 404),
        ("/v1/auth/otp:request", {}, 404),
    ],
)
async def test_head_is_answered_as_get_but_for_the_content(path, headers, status, gateway):
    once, again, got = await heads(gateway, path, ["HEAD", "HEAD", "GET"], **headers)
    assert once.startswith(b"HTTP/1.1 %d " % status)
    assert once == again == got
    assert re.search(rb"content-length: [1-9]", once)


@pytest.mark.covers("G1", "G6")
@pytest.mark.parametrize(
    ("path", "kind", "size"),
    [
        (f"/v1/photos/{ID}/large", "image/jpeg", 3_000_000),
        (f"/v1/calendars/{'k' * 43}/feed.ics", "text/calendar; charset=utf-8", 20_000),
    ],
)
async def test_head_tells_of_a_file_what_kind_it_is_and_how_long(path, kind, size, gateway, serve):
    serve(kind, random.Random(size).randbytes(size))
    once, again, got = await heads(gateway, path, ["HEAD", "HEAD", "GET"])
    assert once == again == got
    assert f"content-type: {kind}\r\n".encode() in once
    assert b"content-length: %d\r\n" % size in once


@pytest.mark.covers("G1", "G8")
async def test_head_tells_of_content_that_would_be_compressed_and_sends_none(gateway, serve):
    serve("text/calendar", b"BEGIN:VCALENDAR\r\n" * 1_000)
    path = f"/v1/calendars/{'k' * 43}/feed.ics"
    zipped = {"accept-encoding": "gzip"}
    once, again, got = await heads(gateway, path, ["HEAD", "HEAD", "GET"], **zipped)
    assert once == again
    assert b"content-encoding: gzip\r\n" in once
    assert once == got


@pytest.mark.covers("G2")
@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_a_page_is_read_and_takes_no_other_method(verb, path, gateway):
    answer = await gateway.client.request(verb, path)
    assert (answer.status_code, answer.json()["reason"]) == (404, "PATH_UNKNOWN")
