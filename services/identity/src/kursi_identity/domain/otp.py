"""One-time codes: how they are made, how they are kept, and how often one may ask."""

import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from kursi_chassis.errors import Exhausted

from kursi_identity.domain.errors import OtpAddressLimit, OtpCooldown, OtpDestinationLimit, OtpLimit

DIGITS = 6
ADMIN_DIGITS = 10
"""Of codes that open the account of a platform admin: docs/adr/0014."""

_BETWEEN_DIGITS = re.compile(r"[\s\-\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]")
"""What comes along with digits that are copied out of a text from right to left, and what people part them with."""


class Channel(StrEnum):
    """How a code travels."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    EMAIL = "email"


class Purpose(StrEnum):
    """What a code is for."""

    AUTH = "auth"
    VERIFY = "verify"
    STEP_UP = "step_up"


@dataclass(frozen=True, slots=True)
class OtpPolicy:
    """How long a code lives and how often one may be asked for.

    `presence` is how long a login or a STEP_UP counts as a proof that the person is there.

    The ceilings per country are a guard against toll fraud (somebody has codes sent to expensive numbers that
    they are paid for): `ceilings` by calling code, `ceiling` for all others.
    """

    lifetime: timedelta = timedelta(minutes=5)
    attempts: int = 5
    cooldown: timedelta = timedelta(seconds=60)
    per_destination: int = 5
    destination_window: timedelta = timedelta(minutes=15)
    per_address: int = 20
    address_window: timedelta = timedelta(hours=1)
    presence: timedelta = timedelta(minutes=10)
    ceiling: int = 1_000
    ceilings: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def ceiling_of(self, calling_code: str) -> int:
        """How many codes may go to a country per day (UTC)."""
        return self.ceilings.get(calling_code, self.ceiling)

    def check_destination(self, sent: Sequence[datetime], now: datetime) -> None:
        """Refuse another code to a number or address; `sent` holds the latest requests, newest first.

        Raises: OtpCooldown, OtpLimit with the exact time until the next one is allowed.
        """
        recent = _within(sent, now, self.destination_window)
        refused_until: list[tuple[datetime, type[Exhausted]]] = []
        if sent and sent[0] + self.cooldown > now:
            refused_until.append((sent[0] + self.cooldown, OtpCooldown))
        if len(recent) >= self.per_destination:
            refused_until.append((recent[self.per_destination - 1] + self.destination_window, OtpLimit))
        if refused_until:
            until, error = max(refused_until, key=lambda refusal: refusal[0])
            raise error(until - now)

    def check_address(self, asked: Sequence[datetime], now: datetime) -> None:
        """Refuse another code asked for from one network (see `network_of`); `asked` as above.

        Raises: OtpAddressLimit with the exact time until the next one is allowed.
        """
        recent = _within(asked, now, self.address_window)
        if len(recent) >= self.per_address:
            raise OtpAddressLimit(recent[self.per_address - 1] + self.address_window - now)

    def ceiling_reached(self, now: datetime) -> OtpDestinationLimit:
        """The refusal of a country whose ceiling is reached, until the next day begins (UTC)."""
        tomorrow = now.astimezone(UTC).date() + timedelta(days=1)
        return OtpDestinationLimit(datetime.combine(tomorrow, time(), UTC) - now)


class CodeHasher:
    """Turns a code into what is stored: useless without the key, and different for each request."""

    def __init__(self, key: str) -> None:
        self._key = hashlib.sha256(f"otp\0{key}".encode()).digest()

    def digest(self, request_id: UUID, code: str) -> bytes:
        """HMAC-SHA256 over the request's id and the code."""
        return hmac.digest(self._key, request_id.bytes + code.encode(), "sha256")

    def matches(self, request_id: UUID, code: str, digest: bytes) -> bool:
        """Whether the code is the one, in a time that does not depend on how much of it is right."""
        return hmac.compare_digest(self.digest(request_id, code), digest)


def network_of(address: str) -> str:
    """By what a client address is counted: IPv4 as it is, IPv6 by its first 64 bits.

    Every home and every phone has a whole /64 to itself, so one client could ask from a new address each time.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))


def new_code(digits: int) -> str:
    """Random digits."""
    return f"{secrets.randbelow(10**digits):0{digits}}"


def read_code(written: str) -> str:
    """The code in ASCII digits, however it was typed; an empty text when it cannot be one."""
    compact = _BETWEEN_DIGITS.sub("", written)
    if len(compact) not in (DIGITS, ADMIN_DIGITS) or not compact.isdecimal():
        return ""
    return "".join(str(int(digit)) for digit in compact)


def _within(instants: Sequence[datetime], now: datetime, window: timedelta) -> list[datetime]:
    return [instant for instant in instants if instant + window > now]
