"""Fetches calendars from addresses that somebody typed in: bounded in time, size and redirects, and to the public internet.

Every hop is judged anew, its form by the rules for addresses and its host by what it resolves to; the connection is made
to the very network address that was judged.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import httpx
from kursi_chassis.http_client import (
    ACCEPT_ENCODING,
    USER_AGENT,
    AddressRefused,
    Network,
    PublicOnly,
    Resolve,
    ResponseTooLarge,
    public_address,
    read_body,
    resolve_host,
)

from kursi_booking.domain.calendar_address import AddressRules, CalendarAddress, calendar_address, redirected
from kursi_booking.domain.calendar_errors import AddressNotAllowed
from kursi_booking.domain.external_calendar import CalendarUnreadable, Fetched, Validators

MOST_BYTES: Final = 5 * 1024 * 1024
"""Of the calendar itself, however small it comes over the wire."""
_MOST_REDIRECTS: Final = 3
_LONGEST_SECONDS: Final = 20.0
_CONNECT_SECONDS: Final = 5.0
_OK, _NOT_MODIFIED = 200, 304
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_LONGEST_ETAG, _LONGEST_DATE = 500, 100


@dataclass(frozen=True, slots=True)
class Reach:
    """Where calendars may be: names as `resolve` finds them, and which networks count besides the public internet."""

    rules: AddressRules
    allowed: Sequence[Network] = ()
    resolve: Resolve = resolve_host


@cache
def _authorities_of_the_machine() -> ssl.SSLContext:
    """Read once: it takes longer than everything else that is put together for a server."""
    return ssl.create_default_context()


class CalendarFetcher:
    """Fetches one calendar at a time, each over connections of its own."""

    def __init__(
        self,
        reach: Reach,
        *,
        trusted: ssl.SSLContext | None = None,
        longest_seconds: float = _LONGEST_SECONDS,
    ) -> None:
        self._reach = reach
        self._trusted = trusted or _authorities_of_the_machine()
        self._longest_seconds = longest_seconds

    async def expect_public(self, text: str) -> CalendarAddress:
        """The address, if it may be fetched from. Raises: AddressNotAllowed."""
        address = calendar_address(text, self._reach.rules)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await public_address(
                    address.host, address.port, resolve=self._reach.resolve, allowed=self._reach.allowed
                )
        except (httpx.ConnectError, TimeoutError) as error:
            raise AddressNotAllowed("NOT_A_PUBLIC_HOST") from error
        return address

    async def __call__(self, url: str, known: Validators) -> Fetched | None:
        """The calendar, or None when it is the one that is known. Raises: CalendarUnreadable."""
        try:
            async with asyncio.timeout(self._longest_seconds):
                return await self._follow(calendar_address(url, self._reach.rules), known)
        except (AddressNotAllowed, AddressRefused) as error:
            raise CalendarUnreadable("HOST_NOT_ALLOWED") from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise CalendarUnreadable("TIMED_OUT") from error
        except (httpx.TransportError, httpx.InvalidURL, ssl.SSLError) as error:
            raise CalendarUnreadable("NO_CONNECTION") from error

    async def _follow(self, address: CalendarAddress, known: Validators) -> Fetched | None:
        inner = httpx.AsyncHTTPTransport(verify=self._trusted)
        transport = PublicOnly(inner, resolve=self._reach.resolve, allowed=self._reach.allowed)
        timeout = httpx.Timeout(self._longest_seconds, connect=_CONNECT_SECONDS)
        async with httpx.AsyncClient(
            transport=transport, timeout=timeout, trust_env=False, headers=_headers(known)
        ) as client:
            for _ in range(_MOST_REDIRECTS + 1):
                async with client.stream("GET", address.url) as response:
                    if response.status_code not in _REDIRECTS:
                        return await _answer(response, known)
                    location = response.headers.get("location", "")
                address = self._next(address, location)
        raise CalendarUnreadable("TOO_MANY_REDIRECTS")

    def _next(self, address: CalendarAddress, location: str) -> CalendarAddress:
        try:
            return redirected(address, location, self._reach.rules)
        except AddressNotAllowed as error:
            raise CalendarUnreadable("REDIRECT_NOT_ALLOWED") from error


def _headers(known: Validators) -> dict[str, str]:
    headers = {
        "User-Agent": USER_AGENT,
        "Accept": "text/calendar, */*;q=0.1",
        "Accept-Encoding": ACCEPT_ENCODING,
    }
    if known.etag:
        headers["If-None-Match"] = known.etag
    if known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


async def _answer(response: httpx.Response, known: Validators) -> Fetched | None:
    if response.status_code == _NOT_MODIFIED and known != Validators():
        return None
    if response.status_code != _OK:
        raise CalendarUnreadable("HTTP_STATUS", response.status_code)
    return Fetched(await _body(response), _validators(response.headers))


async def _body(response: httpx.Response) -> bytes:
    try:
        return await read_body(response, MOST_BYTES)
    except httpx.DecodingError as error:
        raise CalendarUnreadable("ENCODING_NOT_SUPPORTED") from error
    except ResponseTooLarge as error:
        raise CalendarUnreadable("TOO_LARGE") from error


def _validators(headers: Mapping[str, str]) -> Validators:
    """What to send next time; what is longer than anybody's, or no plain text, is not kept."""
    return Validators(
        _short(headers.get("etag", ""), _LONGEST_ETAG),
        _short(headers.get("last-modified", ""), _LONGEST_DATE),
    )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest and text.isascii() and text.isprintable() else ""
