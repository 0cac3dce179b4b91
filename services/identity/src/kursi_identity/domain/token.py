"""What access tokens say. Other services read the same claims with `kursi_chassis.grpc.tokens`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.caller import Role
from kursi_chassis.grpc.tokens import SERVICE_PREFIX, TOKEN_LIFETIME
from kursi_chassis.ids import new_id

from kursi_identity.domain.member import role_word
from kursi_identity.domain.session import Session
from kursi_identity.domain.user import User

SERVICE_TOKEN_LIFETIME = timedelta(minutes=10)
MOST_SALONS = 100
"""In how many salons somebody can have a role: a token names each in 65 bytes, and no server reads one of more than 8 KiB."""


@dataclass(frozen=True, slots=True)
class TokenPolicy:
    """Whose tokens these are, and for whom."""

    issuer: str
    audience: str
    internal_audience: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an access token speaks for, and what they may do, as of `issued_at`."""

    user: User
    session: Session
    salons: Mapping[UUID, Role]
    is_admin: bool
    issued_at: datetime

    @property
    def expires_at(self) -> datetime:
        """When the token ends; never after its session."""
        return min(self.issued_at + TOKEN_LIFETIME, self.session.expires_at)


def access_claims(policy: TokenPolicy, subject: Subject) -> dict[str, object]:
    """The claims of a person's access token."""
    return {
        "iss": policy.issuer,
        "aud": policy.audience,
        "sub": str(subject.user.id),
        "sid": str(subject.session.id),
        "roles": ["admin"] if subject.is_admin else [],
        "salons": {str(salon): role_word(role) for salon, role in subject.salons.items()},
        "locale": subject.user.language_code,
        "auth_time": _seconds(subject.session.auth_at),
        "iat": _seconds(subject.issued_at),
        "exp": _seconds(subject.expires_at),
        "jti": str(new_id()),
    }


def service_claims(policy: TokenPolicy, service: str, issued_at: datetime) -> dict[str, object]:
    """The claims of a service's own token."""
    return {
        "iss": policy.issuer,
        "aud": policy.internal_audience,
        "sub": f"{SERVICE_PREFIX}{service}",
        "iat": _seconds(issued_at),
        "exp": _seconds(issued_at + SERVICE_TOKEN_LIFETIME),
        "jti": str(new_id()),
    }


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
