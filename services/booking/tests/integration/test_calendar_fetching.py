"""Calendars over a real network, from servers that mean well and from others."""

import asyncio
import gzip
import ipaddress
import zlib

import pytest
import pytest_asyncio
from calendar_server import answer, calendar, calendar_server, redirect
from kursi_booking.adapters.calendar_fetching import MOST_BYTES, CalendarFetcher, Reach
from kursi_booking.domain.calendar_address import AddressRules
from kursi_booking.domain.calendar_errors import AddressNotAllowed
from kursi_booking.domain.external_calendar import CalendarUnreadable, Validators
from kursi_chassis.testing.servers import free_port

RULES = AddressRules(frozenset({"http", "https"}), frozenset({80, 443, *range(1024, 65536)}))
HERE = "127.0.0.77"
"""Stands for the public internet: the only network that is allowed. The same server listens at 127.0.0.1 too."""
PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1"),
    *("::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::", "2001:db8::1", "fec0::1"),
]  # fmt: skip


class Names:
    """Answers of the name service; each name has a list of answers, the last of which stays."""

    def __init__(self, **names):
        self.answers = {name.replace("_", "."): list(answers) for name, answers in names.items()}

    async def __call__(self, host, port):
        if host not in self.answers:
            try:
                return [str(ipaddress.ip_address(host))]
            except ValueError as error:
                raise OSError(host) from error
        answers = self.answers[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest_asyncio.fixture
async def server():
    async with calendar_server(free_port(), "0.0.0.0") as running:
        running.calendar()
        yield running


@pytest.fixture
def names():
    return Names(cal_test=[[HERE]])


@pytest.fixture
def fetch(names):
    reach = Reach(RULES, [ipaddress.ip_network(f"{HERE}/32")], names)
    return CalendarFetcher(reach, longest_seconds=1.5)


async def refused(fetch, url):
    with pytest.raises(CalendarUnreadable) as error:
        await fetch(url, Validators())
    return error.value.why


@pytest.mark.covers("B15")
@pytest.mark.parametrize("address", PRIVATE)
async def test_no_name_leads_to_an_address_that_is_not_public(address, server, names, fetch):
    names.answers["inner.test"] = [[address]]
    names.answers["mixed.test"] = [[HERE, address]]
    literal = f"[{address}]" if ":" in address else address
    server.answers["/on"] = redirect(f"http://{literal}:{server.port}/busy.ics")
    server.answers["/by-name"] = redirect(server.url(host="inner.test"))
    for url in (server.url(host="inner.test"), server.url(host="mixed.test"), server.url(host=literal)):
        assert await refused(fetch, url) == "HOST_NOT_ALLOWED"
        with pytest.raises(AddressNotAllowed) as error:
            await fetch.expect_public(url)
        assert error.value.why == "NOT_A_PUBLIC_HOST"
    assert server.requests == []
    assert await refused(fetch, server.url("/on", "cal.test")) == "HOST_NOT_ALLOWED"
    assert await refused(fetch, server.url("/by-name", "cal.test")) == "HOST_NOT_ALLOWED"
    assert [path for path, _ in server.requests] == ["/on", "/by-name"]


@pytest.mark.covers("B15")
async def test_a_name_that_changes_its_answer_gains_nothing(server, names, fetch):
    names.answers["turn.test"] = [[HERE], [HERE], ["127.0.0.1"]]
    await fetch.expect_public(server.url(host="turn.test"))
    assert (await fetch(server.url(host="turn.test"), Validators())).content == calendar()
    assert await refused(fetch, server.url(host="turn.test")) == "HOST_NOT_ALLOWED"
    assert [headers["host"] for _, headers in server.requests] == [f"turn.test:{server.port}"]


@pytest.mark.covers("B15")
@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("ftp://cal.test/x", "REDIRECT_NOT_ALLOWED"),
        ("file:///etc/passwd", "REDIRECT_NOT_ALLOWED"),
        ("http://me:secret@cal.test/", "REDIRECT_NOT_ALLOWED"),
        ("http://cal.test:22/", "REDIRECT_NOT_ALLOWED"),
        ("http://2130706433/", "REDIRECT_NOT_ALLOWED"),
        ("http://0x7f.1/", "REDIRECT_NOT_ALLOWED"),
        ("http://017700000001/", "REDIRECT_NOT_ALLOWED"),
        ("http://nowhere.test/", "NO_CONNECTION"),
        ("http://169.254.169.254/latest/meta-data", "HOST_NOT_ALLOWED"),
        ("/again", "TOO_MANY_REDIRECTS"),
    ],
)
async def test_each_hop_of_a_redirect_is_judged(location, why, server, fetch):
    server.answers["/again"] = redirect(location)
    assert await refused(fetch, server.url("/again", "cal.test")) == why
    assert len(server.requests) == (4 if why == "TOO_MANY_REDIRECTS" else 1)


async def test_three_redirects_are_followed_and_what_is_known_is_asked_for(server, fetch):
    for number in range(3):
        server.answers[f"/{number}"] = redirect(f"/{number + 1}" if number < 2 else "/busy.ics")
    server.calendar(etag='"one"')
    found = await fetch(server.url("/0", "cal.test"), Validators())
    assert (found.content, found.validators) == (calendar(), Validators('"one"'))
    assert await fetch(server.url("/0", "cal.test"), found.validators) is None


async def forever(writer, _headers):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        writer.write(b"BEGIN:VCALENDAR\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)  # the slow server that the test is about, not a wait of the test


def packed(body):
    return answer(gzip.compress(body), "Content-Encoding: gzip\r\n")


@pytest.mark.covers("B15")
@pytest.mark.parametrize(
    ("found", "why"),
    [
        (forever, "TIMED_OUT"),
        (answer(b"x" * (MOST_BYTES + 1)), "TOO_LARGE"),
        (packed(b"\0" * 50_000_000), "TOO_LARGE"),
        (answer(gzip.compress(gzip.compress(b"\0" * 9_000_000)), "Content-Encoding: gzip, gzip\r\n"), "ENCODING_NOT_SUPPORTED"),
        (answer(zlib.compress(b"x"), "Content-Encoding: deflate\r\n"), "ENCODING_NOT_SUPPORTED"),
        (answer(b"no gzip", "Content-Encoding: gzip\r\n"), "ENCODING_NOT_SUPPORTED"),
        (answer(gzip.compress(calendar())[:-4], "Content-Encoding: gzip\r\n"), "NO_CONNECTION"),
        (answer(b"", status="304 Not Modified"), "HTTP_STATUS"),
        (answer(b"", status="500 No"), "HTTP_STATUS"),
        (b"not http at all\r\n\r\n", "NO_CONNECTION"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", "NO_CONNECTION"),
    ],
    ids=range(11),
)  # fmt: skip
async def test_a_server_that_misbehaves_gets_a_reason_and_no_more_of_us(found, why, server, fetch):
    server.answers["/bad"] = found
    assert await refused(fetch, server.url("/bad", "cal.test")) == why


@pytest.mark.covers("B15")
async def test_fifty_megabytes_are_given_up_after_five(server, fetch):
    sent = 0

    async def flood(writer, _headers):
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
        for _ in range(50):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
            sent += 1

    server.answers["/flood"] = flood
    assert await refused(fetch, server.url("/flood", "cal.test")) == "TOO_LARGE"
    assert sent < 50


async def test_five_megabytes_that_come_packed_are_read(server, fetch):
    server.answers["/full"] = packed(b"x" * MOST_BYTES)
    found = await fetch(server.url("/full", "cal.test"), Validators())
    assert len(found.content) == MOST_BYTES
