"""Addresses of calendars elsewhere: which ones are so much as tried.

Only the form is judged here. To which network address a host leads is judged at the moment of connecting, since names
can change their meaning between two looks.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from kursi_booking.domain.calendar_errors import AddressNotAllowed

LONGEST: Final = 2_000
_PRINTABLE: Final = re.compile(r"[!-\[\]-~]+")  # ASCII without blanks, control characters and the backslash
_NAME: Final = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?"
)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class AddressRules:
    """What an address may be."""

    schemes: frozenset[str] = frozenset({"https"})
    ports: frozenset[int] = frozenset({443, 8443})


@dataclass(frozen=True, slots=True)
class CalendarAddress:
    """An address of the right form. It is a secret: whoever knows it reads the calendar."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def url(self) -> str:
        """The whole of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.target}"

    def __repr__(self) -> str:
        return f"CalendarAddress({self.host})"


def calendar_address(text: str, rules: AddressRules) -> CalendarAddress:
    """Read an address as somebody typed or pasted it. Raises: AddressNotAllowed."""
    given = text.strip()
    if len(given) > LONGEST:
        raise AddressNotAllowed("TOO_LONG")
    if not _PRINTABLE.fullmatch(given):
        raise AddressNotAllowed("MALFORMED")
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as error:
        raise AddressNotAllowed("MALFORMED") from error
    scheme = "https" if parts.scheme == "webcal" else parts.scheme
    if scheme not in rules.schemes:
        raise AddressNotAllowed("SCHEME_NOT_ALLOWED")
    if "@" in parts.netloc:
        raise AddressNotAllowed("HAS_CREDENTIALS")
    port = _DEFAULT_PORTS[scheme] if port is None else port
    if port not in rules.ports:
        raise AddressNotAllowed("PORT_NOT_ALLOWED")
    query = f"?{parts.query}" if parts.query else ""
    return CalendarAddress(scheme, _host(parts.hostname or ""), port, f"{parts.path or '/'}{query}")


def redirected(address: CalendarAddress, location: str, rules: AddressRules) -> CalendarAddress:
    """Where an answer from `address` sends us. Raises: AddressNotAllowed, as for an address that somebody typed."""
    try:
        target = urljoin(address.url, location)
    except ValueError as error:
        raise AddressNotAllowed("MALFORMED") from error
    return calendar_address(target, rules)


def _host(host: str) -> str:
    """A name, or an address in its usual form: `2130706433`, `0x7f.1` and `017700000001` are tricks, not names."""
    name = host.removesuffix(".")
    if ":" in name:
        return _literal(name)
    if not _NAME.fullmatch(name):
        raise AddressNotAllowed("MALFORMED")
    return _literal(name) if _NUMBER.fullmatch(name.rpartition(".")[2]) else name


def _literal(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise AddressNotAllowed("MALFORMED") from error
