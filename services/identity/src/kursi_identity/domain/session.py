"""Sessions and their refresh tokens: one session per signed-in device."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How long a session lives.

    `idle` is how long a refresh token waits for its use, `absolute` when a session ends however busy it is.
    Within `grace` a spent token is honoured again, because two tabs of one app refresh at the same time; the
    successors of both go on working. Later it means that somebody has a copy.
    """

    idle: timedelta = timedelta(days=30)
    absolute: timedelta = timedelta(days=90)
    grace: timedelta = timedelta(seconds=10)
    most: int = 50


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in device. `auth_at` is when the person last proved to be present."""

    id: UUID
    user_id: UUID
    device_label: str
    created_at: datetime
    auth_at: datetime
    last_used_at: datetime
    expires_at: datetime


def new_refresh_token() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def refresh_token_hash(token: str) -> bytes:
    """What is stored of a refresh token. It is random itself, so a plain hash cannot be searched."""
    return hashlib.sha256(token.encode()).digest()
