"""Access tokens: what a person may do is read in the transaction, the token is signed after it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from kursi_chassis.db.database import Connection

from kursi_identity.domain.keys import KeyRing
from kursi_identity.domain.session import Session
from kursi_identity.domain.token import MOST_SALONS, Subject, TokenPolicy, access_claims
from kursi_identity.domain.user import User
from kursi_identity.store import members


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """A refresh token as it is handed out once; only its hash is kept."""

    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person got: a subject to sign a token for, and the means to renew it."""

    subject: Subject
    refresh: RefreshGrant | None = None
    registered: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """What goes back to the person."""

    access_token: str
    access_expires_at: datetime
    refresh: RefreshGrant | None
    user: User
    registered: bool


class Issuer:
    """Makes access tokens. `admins` are the phone numbers of the platform's admins."""

    def __init__(self, policy: TokenPolicy, admins: AbstractSet[str]) -> None:
        self._policy = policy
        self._admins = admins

    async def subject(self, connection: Connection, user: User, session: Session, now: datetime) -> Subject:
        """Whom the token will speak for; `now` was taken before, in this transaction."""
        return Subject(
            user=user,
            session=session,
            salons=await members.roles_of(connection, user.id, MOST_SALONS),
            is_admin=user.phone_number in self._admins,
            issued_at=now,
        )

    def sign(self, ring: KeyRing, grant: Grant) -> Tokens:
        """The tokens of a grant whose transaction has committed."""
        return Tokens(
            access_token=ring.sign(access_claims(self._policy, grant.subject)),
            access_expires_at=grant.subject.expires_at,
            refresh=grant.refresh,
            user=grant.subject.user,
            registered=grant.registered,
        )
