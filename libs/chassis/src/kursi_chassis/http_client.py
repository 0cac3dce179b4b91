"""Requests to foreign HTTP services: bounded in time and size, and honest about what is known afterwards.

An answer is not simply good or bad. What a caller must know before it tries again, or tries elsewhere, is
whether the other side may have acted:

- `Accepted`: it said so (2xx).
- `Refused`: it did not act, and either never will (`retryable` false) or might later. Requests that never left
  are refused in this sense too.
- `Ambiguous`: it may have acted. The request was sent and no usable answer came back, or one that tells of a
  failure midway (500, 502, 504).

What stands in an answer is anybody's guess. `read_object`, `read_date` and `read_text` take anything and raise nothing.
"""

import asyncio
import ipaddress
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.http_pool import PooledTransport
from kursi_chassis.metrics import HTTP_OUTCOMES
from kursi_chassis.telemetry import current_traceparent

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the addresses of a host. Raises: OSError when it has none."""

USER_AGENT = "Kursi/1"
ACCEPT_ENCODING = "gzip"
_PLAIN, _GZIP = frozenset({"", "identity"}), frozenset({"gzip", "x-gzip"})
_MEBIBYTE = 1024 * 1024
_CONNECT_SECONDS = 3.0
_LONGEST_WAIT = timedelta(days=1)
_COME_BACK = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
_MAY_HAVE_ACTED = frozenset(
    {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side did what was asked. `body` is all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side did not act. `status` is None when it was never reached."""

    status: int | None
    body: bytes
    retryable: bool
    retry_after: timedelta | None
    why: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The other side may or may not have acted: only asking it, or a key it knows the request by, can tell."""

    status: int | None
    body: bytes
    why: str


Outcome = Accepted | Refused | Ambiguous


class AddressRefused(httpx.ConnectError):
    """The host is not on the public internet, and this client may only go there."""


class ResponseTooLarge(httpx.ReadError):
    """The body is longer than this client takes."""


@dataclass(slots=True)
class _Progress:
    """Follows a request; until anything of it leaves, all that is done is to find or open a connection."""

    has_left: bool = False

    async def __call__(self, event: str, _: object) -> None:
        """Note what the library begins or has done."""
        self.has_left = self.has_left or not event.startswith("connection.")


@dataclass(frozen=True, slots=True)
class HttpClient:
    """Sends requests to one service."""

    client: httpx.AsyncClient
    host: str
    timeout_seconds: float
    max_bytes: int
    clock: Clock = field(default_factory=SystemClock)

    async def send(self, method: str, path: str, **request: Any) -> Outcome:  # noqa: ANN401 -- httpx's own
        """Send a request and say what became of it. Takes at most the client's timeout; never follows a
        redirect.

        `request` takes httpx's `headers`, `params`, `json`, `data`, `content` and `auth`.
        """
        progress = _Progress()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                outcome = await self._exchange(method, path, {**request, "extensions": {"trace": progress}})
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            permanent = isinstance(error, AddressRefused)
            outcome = Refused(None, b"", not permanent, None, type(error).__name__)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            why = type(error).__name__
            unsent = Refused(None, b"", retryable=True, retry_after=None, why=why)
            outcome = Ambiguous(None, b"", why) if progress.has_left else unsent
        HTTP_OUTCOMES.labels(self.host, type(outcome).__name__.lower()).inc()
        return outcome

    async def _exchange(self, method: str, path: str, request: Mapping[str, Any]) -> Outcome:
        async with self.client.stream(method, path, **request) as response:
            body = await read_body(response, self.max_bytes)
            return classify(response.status_code, response.headers, body, self.clock.now())


async def read_body(response: httpx.Response, most_bytes: int) -> bytes:
    """The body, unpacked no further than it may be, so that no size claimed or unpacked can flood us. (The library
    unpacks each part whole, and packings of packings: a kilobyte becomes a gigabyte.)

    Raises:
        ResponseTooLarge: it is longer than that.
        httpx.DecodingError: it is packed in another way than it says, or than we asked for (`ACCEPT_ENCODING`).
        httpx.ReadError: it was cut off.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _PLAIN | _GZIP:
        raise httpx.DecodingError(encoding)
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding in _GZIP else None
    body = bytearray()
    async for part in response.aiter_raw():
        try:
            body += unpack.decompress(part, most_bytes + 1 - len(body)) if unpack else part
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from error
        if len(body) > most_bytes:
            message = f"more than {most_bytes} bytes"
            raise ResponseTooLarge(message)
    if unpack and not unpack.eof:
        raise httpx.ReadError("cut off")
    return bytes(body)


@asynccontextmanager
async def http_client(
    base_url: str,
    *,
    timeout_seconds: float = 10,
    max_bytes: int = _MEBIBYTE,
    public_only: bool = False,
    clock: Clock | None = None,
) -> AsyncIterator[HttpClient]:
    """A client for one service, open while the block runs.

    `timeout_seconds` bounds a whole exchange, connecting three seconds of it at most. `public_only` refuses
    hosts that resolve to private, loopback or link-local addresses: for addresses that a user typed in.
    Proxies and credentials that the environment may name are not used. The current trace goes along as
    `traceparent`.
    """
    transport = PooledTransport()
    client = httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPT_ENCODING},
        follow_redirects=False,
        trust_env=False,
        transport=PublicOnly(transport) if public_only else transport,
        event_hooks={"request": [_carry_trace]},
    )
    async with client:
        host = client.base_url.host
        yield HttpClient(client, host, timeout_seconds, max_bytes, clock or SystemClock())


async def _carry_trace(request: httpx.Request) -> None:
    if header := current_traceparent():
        request.headers["traceparent"] = header


def classify(status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> Outcome:
    """What an answer means for somebody who must decide whether to try again."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Accepted(status, headers, body)
    if status in _MAY_HAVE_ACTED:
        return Ambiguous(status, body, f"status {status}")
    after = parse_retry_after(headers.get("retry-after", ""), now)
    return Refused(status, body, status in _COME_BACK, after, f"status {status}")


def parse_retry_after(value: str, now: datetime) -> timedelta | None:
    """How long `Retry-After` asks to wait, in either form (seconds, or a date); None when it says nothing
    usable.

    Capped at a day, so that a foreign server cannot park our work for good.
    """
    text = value.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_WAIT)
    instant = read_date(text)
    return None if instant is None else min(max(instant - now, timedelta()), _LONGEST_WAIT)


def read_object(body: bytes) -> Mapping[str, object] | None:
    """The JSON object that a body is; None for everything else."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def read_date(value: object) -> datetime | None:
    """The instant that a date as mails and HTTP headers write it names; None for everything else."""
    try:
        instant = parsedate_to_datetime(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
    # `-0000` says that the zone is unknown, and the standard library then leaves it out.
    return instant.replace(tzinfo=UTC) if instant is not None and instant.tzinfo is None else instant


def read_text(value: object, most: int = 500) -> str:
    """The text that a value is, cut to `most` characters, with spaces for what cannot be shown; empty for all else.

    So any of it can be stored: neither a NUL nor half of a surrogate pair is left.
    """
    text = value[:most] if isinstance(value, str) else ""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


class PublicOnly(httpx.AsyncBaseTransport):
    """Connects to public addresses only.

    The name is resolved here and the connection made to the very address that was checked, so a name that
    answers differently the second time gains nothing. Certificates are still checked against the name.
    """

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        *,
        resolve: Resolve | None = None,
        allowed: Sequence[Network] = (),
    ) -> None:
        """`allowed` are networks that may be reached although they are not public."""
        self._inner = inner
        self._resolve = resolve or resolve_host
        self._allowed = allowed

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Resolve, check, and pass the request on. Raises: AddressRefused."""
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        address = await public_address(host, port, resolve=self._resolve, allowed=self._allowed)
        request.url = request.url.copy_with(host=address)
        request.extensions = {**request.extensions, "sni_hostname": host}
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def resolve_host(host: str, port: int) -> list[str]:
    """The addresses of a host as the system finds them. Raises: OSError, also for a name that is none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except UnicodeError as error:
        raise OSError(str(error)) from error
    return [str(entry[4][0]) for entry in found]


async def public_address(
    host: str, port: int, *, resolve: Resolve = resolve_host, allowed: Sequence[Network] = ()
) -> str:
    """The address to connect to, if all addresses of the host are of the public internet or allowed.

    Raises: AddressRefused; httpx.ConnectError when the host does not resolve.
    """
    try:
        addresses = await resolve(host, port)
    except OSError as error:
        message = f"{host} does not resolve"
        raise httpx.ConnectError(message) from error
    if not addresses or not all(is_public(address) or _is_in(address, allowed) for address in addresses):
        message = f"{host} is not a public host"
        raise AddressRefused(message)
    return addresses[0]


# IPv6 networks whose addresses carry an IPv4 address in their last four bytes, and hand packets on to it.
_CARRIERS = (ipaddress.IPv6Network("::/96"), ipaddress.IPv6Network("64:ff9b::/96"))
# Global unicast is 2000::/3; this part of it is documentation that older tables of the standard library lack.
_UNICAST, _DOCUMENTATION = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("3fff::/20")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; addresses that wrap another are judged by it."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        wrapped = _wrapped(parsed)
        if wrapped is not None:
            return is_public(str(wrapped))
        if parsed not in _UNICAST or parsed in _DOCUMENTATION:
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in _CARRIERS):
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
