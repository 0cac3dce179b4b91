"""What is known after a request to a foreign service, shown against real sockets."""

import asyncio
import gzip
import ipaddress
import sys
import tracemalloc
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kursi_chassis.http_client import (
    Accepted,
    AddressRefused,
    Ambiguous,
    HttpClient,
    PublicOnly,
    Refused,
    classify,
    http_client,
    is_public,
    parse_retry_after,
    public_address,
    read_date,
    read_object,
    read_text,
)
from kursi_chassis.telemetry import span
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.servers import free_port

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


@pytest.fixture
async def server():
    """A server that answers each connection with the bytes it was told to; None hangs up without a word."""
    port = free_port()
    answers, seen = [], []

    async def answer(reader, writer):
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        reply = answers.pop(0)
        if reply == "hang":
            await asyncio.sleep(5)
        elif reply is not None:
            writer.write(reply)
            await writer.drain()
        writer.close()

    running = await asyncio.start_server(answer, "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}", answers, seen
    running.close()


def reply(status, body=b"", *headers):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def test_an_answer_is_accepted_whole_and_we_say_who_we_are(server):
    url, answers, seen = server
    answers.append(reply(200, b'{"id": 1}'))
    async with http_client(url) as http:
        outcome = await http.send("POST", "/messages", json={"to": "x"})
    assert isinstance(outcome, Accepted)
    assert read_object(outcome.body) == {"id": 1}
    assert b"User-Agent: Kursi/" in seen[0]


async def test_the_trace_of_the_caller_goes_along_and_outside_of_any_nothing_does(server):
    url, answers, seen = server
    answers += [reply(200), reply(200)]
    async with http_client(url) as http:
        with span("call", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
            await http.send("POST", "/")
        await http.send("POST", "/")
    assert b"\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-" in seen[0]
    assert b"traceparent" not in seen[1]


async def test_nobody_listening_means_nothing_was_sent():
    async with http_client(f"http://127.0.0.1:{free_port()}") as http:
        outcome = await http.send("POST", "/")
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.retryable) == (None, True)


@pytest.mark.parametrize("answer", [None, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "hang"])
async def test_a_request_that_was_sent_without_a_whole_answer_is_ambiguous(server, answer):
    url, answers, _ = server
    answers.append(answer)
    async with http_client(url, timeout_seconds=0.3) as http:
        assert isinstance(await http.send("POST", "/"), Ambiguous)


async def test_a_request_whose_turn_never_came_was_not_sent(server):
    """All connections that there may be are busy."""
    url, answers, seen = server
    answers.append("hang")
    transport = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=1))
    async with httpx.AsyncClient(base_url=url, transport=transport) as client:
        patient = asyncio.create_task(HttpClient(client, "test", 2, 1_000).send("POST", "/"))
        await eventually(lambda: seen)
        outcome = await HttpClient(client, "test", 0.2, 1_000).send("POST", "/")
        assert isinstance(await patient, Ambiguous)
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.retryable) == (None, True)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("status", [200, 400])
async def test_an_answer_that_is_not_packed_as_it_says_is_ambiguous(server, status, encoding):
    url, answers, _ = server
    answers.append(reply(status, b"hello", f"Content-Encoding: {encoding}"))
    async with http_client(url) as http:
        assert await http.send("POST", "/") == Ambiguous(None, b"", "DecodingError")


async def test_a_body_past_the_limit_is_not_read_on(server):
    url, answers, _ = server
    answers.append(reply(200, b"x" * 2_000))
    async with http_client(url, max_bytes=1_000) as http:
        outcome = await http.send("GET", "/")
    assert (type(outcome), outcome.why) == (Ambiguous, "ResponseTooLarge")


async def test_an_answer_may_be_packed_once(server):
    url, answers, _ = server
    answers.append(reply(200, gzip.compress(b"hello"), "Content-Encoding: gzip"))
    async with http_client(url) as http:
        assert (await http.send("GET", "/")).body == b"hello"


@pytest.mark.parametrize(
    ("layers", "encoding", "why"),
    [(1, "gzip", "ResponseTooLarge"), (2, "gzip, gzip", "DecodingError"), (1, "br", "DecodingError")],
)
async def test_a_small_answer_that_unpacks_to_a_large_one_is_not_unpacked(server, layers, encoding, why):
    url, answers, _ = server
    body = b"\0" * 50_000_000
    for _ in range(layers):
        body = gzip.compress(body)
    answers.append(reply(200, body, f"Content-Encoding: {encoding}"))
    async with http_client(url, max_bytes=100_000) as http:
        tracemalloc.start()
        outcome = await http.send("GET", "/")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (type(outcome), outcome.why) == (Ambiguous, why)
    assert most < 5_000_000


async def test_a_request_looks_for_no_module_that_is_not_there(server, monkeypatch):
    """The search of a dozen folders at every request cost a third of it."""
    url, answers, _ = server
    answers += [reply(200), reply(200)]
    looked_for = []

    class Finder:
        def find_spec(self, name, *_):
            looked_for.append(name)

    async with http_client(url) as http:
        await http.send("GET", "/")
        monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
        await http.send("GET", "/")
    assert looked_for == []


async def test_a_redirect_is_not_followed(server):
    url, answers, seen = server
    answers.append(reply(302, b"", f"Location: {url}/elsewhere"))
    async with http_client(url) as http:
        outcome = await http.send("GET", "/")
    assert (type(outcome), outcome.status, outcome.retryable, len(seen)) == (Refused, 302, False, 1)


async def test_a_private_host_is_refused_where_only_public_ones_are_allowed(server):
    url, _, seen = server
    async with http_client(url, public_only=True) as http:
        outcome = await http.send("GET", "/")
    assert (type(outcome), outcome.retryable, outcome.why, seen) == (Refused, False, "AddressRefused", [])


async def test_the_address_that_was_checked_is_the_one_that_is_asked(server):
    url, answers, seen = server
    answers.append(reply(200))
    told = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(host, port):
        return told.pop(0)

    inner = httpx.AsyncHTTPTransport()
    transport = PublicOnly(inner, resolve=resolve, allowed=[ipaddress.ip_network("127.0.0.0/8")])
    async with httpx.AsyncClient(transport=transport) as client:
        named = url.replace("127.0.0.1", "calendar.test")
        assert (await client.get(named)).status_code == 200
        with pytest.raises(AddressRefused):
            await client.get(named)
    assert len(seen) == 1
    assert b"Host: calendar.test" in seen[0]


async def test_one_private_address_among_public_ones_is_enough_to_refuse():
    async def resolve(host, port):
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(AddressRefused):
        await public_address("calendar.test", 443, resolve=resolve)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 501])
def test_a_clear_no_is_permanent(status):
    outcome = classify(status, {}, b"", NOW)
    assert (type(outcome), outcome.retryable) == (Refused, False)


@pytest.mark.parametrize("status", [408, 425, 429, 503])
def test_a_not_now_is_retryable_and_says_when(status):
    outcome = classify(status, {"retry-after": "7"}, b"", NOW)
    assert (type(outcome), outcome.retryable, outcome.retry_after) == (Refused, True, timedelta(seconds=7))


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failure_midway_is_ambiguous(status):
    assert isinstance(classify(status, {}, b"", NOW), Ambiguous)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", timedelta(seconds=120)),
        ("Thu, 12 Mar 2026 12:00:30 GMT", timedelta(seconds=30)),
        ("Thu, 12 Mar 2026 11:00:00 GMT", timedelta(0)),
        ("999999999999999999999", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value, expected):
    assert parse_retry_after(value, NOW) == expected


@given(
    st.text() | st.builds("Thu, 12 Mar {} 12:00:01 {:+05}".format, st.integers(min_value=0), st.integers())
)
@example("Thu, 12 Mar 2026 12:00:01 -0000")
@example("Thu, 12 Mar 99999999999 12:00:01 GMT")
def test_whatever_a_header_says_is_a_wait_of_a_day_at_most_or_none(value):
    wait = parse_retry_after(value, NOW)
    assert wait is None or timedelta() <= wait <= timedelta(days=1)


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", ""])
def test_a_date_without_a_zone_is_in_utc(zone):
    assert read_date(f"Thu, 12 Mar 2026 12:00:00 {zone}") == NOW


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"7", b"\xff", b"[" * 100_000])
def test_what_is_no_object_is_read_as_none(body):
    assert read_object(body) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("حلاقة 💈", "حلاقة 💈"),
        ("a\0b\ud800c\n", "a b c "),
        ("x" * 501, "x" * 500),
        (7, ""),
        (None, ""),
        (["x"], ""),
    ],
)
def test_a_foreign_text_is_cut_to_what_can_be_stored(value, text):
    assert read_text(value) == text


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::808:808",
        "2001:0:0:0:0:0:80ff:fffe",
        "2001:db8::1",
        "3fff::1",
        "fec0::1",
        "ff02::1",
        "::",
        "2002:7f00:1::",
        "224.0.0.1",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "255.255.255.255",
        "not an address",
    ],
)
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_addresses_that_are_public(address):
    assert is_public(address)
