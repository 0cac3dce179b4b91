"""Sessions: begin, renew, end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Unauthenticated
from kursi_chassis.grpc.tokens import Revocations
from kursi_chassis.ids import new_id

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import RefreshTokenInvalid, RefreshTokenReused, SessionNotFound
from kursi_identity.domain.session import Session, SessionPolicy, new_refresh_token, refresh_token_hash
from kursi_identity.store import events, sessions, users
from kursi_identity.store.sessions import RefreshToken
from kursi_identity.usecases.issuing import Grant, Issuer, RefreshGrant, Tokens
from kursi_identity.usecases.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class Punished:
    """A session that was ended because a spent refresh token of it came back."""

    session_id: UUID


class Sessions:
    """A person's signed-in devices.

    `revocations` is what this process checks access tokens against: it learns of an ended session at once,
    the other processes by the event.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        policy: SessionPolicy,
        keys: SigningKeys,
        issuer: Issuer,
        revocations: Revocations,
    ) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy
        self._keys = keys
        self._issuer = issuer
        self._revocations = revocations

    async def begin(
        self, connection: Connection, caller: Caller, user_id: UUID, *, device_label: str, now: datetime
    ) -> tuple[Session, RefreshGrant]:
        """Start a session, in the transaction of the login. Beyond the most a person may have, the oldest end."""
        session = Session(
            id=new_id(),
            user_id=user_id,
            device_label=device_label,
            created_at=now,
            auth_at=now,
            last_used_at=now,
            expires_at=now + self._policy.absolute,
        )
        await sessions.insert(connection, session)
        crowded_out = await sessions.revoke_all(connection, user_id, now, but_newest=self._policy.most)
        await self._tell(connection, caller, user_id, crowded_out, now)
        return session, await self._renewable(connection, session, now)

    async def refresh(self, caller: Caller, token: str) -> Tokens:
        """New tokens for a refresh token, which is spent by that.

        Raises:
            RefreshTokenInvalid: it is unknown or expired, or its session ended.
            RefreshTokenReused: it was spent before, longer ago than the grace; the session is ended.
        """
        ring = await self._keys.ring()
        outcome = await run_with_retries(lambda: self._refresh(caller, refresh_token_hash(token)))
        if isinstance(outcome, Punished):
            self._refuse([outcome.session_id])
            raise RefreshTokenReused
        return self._issuer.sign(ring, outcome)

    async def log_out(self, caller: Caller, token: str) -> None:
        """End the session of a refresh token; an unknown one is answered alike."""
        async with self._database.transaction() as connection:
            found = await sessions.find_refresh_token(connection, refresh_token_hash(token))
            if found is not None:
                await self._end(connection, caller, found.user_id, found.session_id)
        if found is not None:
            self._refuse([found.session_id])

    async def of(self, caller: Caller) -> list[Session]:
        """The caller's sessions, newest first."""
        async with self._database.autocommit() as connection:
            return await sessions.live(connection, _person(caller), self._clock.now())

    async def revoke(self, caller: Caller, session_id: UUID) -> None:
        """End one of the caller's sessions. Raises: SessionNotFound."""
        async with self._database.transaction() as connection:
            if not await self._end(connection, caller, _person(caller), session_id):
                raise SessionNotFound
        self._refuse([session_id])

    async def revoke_all(self, caller: Caller) -> None:
        """End all of the caller's sessions."""
        user_id, now = _person(caller), self._clock.now()
        async with self._database.transaction() as connection:
            ended = await sessions.revoke_all(connection, user_id, now)
            await self._tell(connection, caller, user_id, ended, now)
        self._refuse(ended)

    async def _refresh(self, caller: Caller, token_hash: bytes) -> Grant | Punished:
        """One transaction. Reuse is returned and not raised, because the end of the session is committed."""
        async with self._database.transaction() as connection:
            found = await sessions.find_refresh_token(connection, token_hash)
            now = self._clock.now()
            if found is None or found.session_revoked_at is not None:
                raise RefreshTokenInvalid
            if found.spent_at is not None and now - found.spent_at > self._policy.grace:
                return await self._punish(connection, caller, found, now)
            session = await sessions.touch(connection, found.session_id, now)
            if session is None or found.expires_at <= now:
                raise RefreshTokenInvalid
            await sessions.spend_refresh_token(connection, token_hash, now)
            user = await users.get(connection, session.user_id)
            subject = await self._issuer.subject(connection, user, session, now)
            return Grant(subject, await self._renewable(connection, session, now))

    async def _punish(
        self, connection: Connection, caller: Caller, found: RefreshToken, now: datetime
    ) -> Punished:
        actor = f"user:{found.user_id}"
        entry = Entry(Action.REFRESH_TOKEN_REUSED, "session", str(found.session_id), actor=actor)
        await audit.append(connection, caller, entry, at=now)
        await self._end(connection, caller, found.user_id, found.session_id)
        return Punished(found.session_id)

    async def _renewable(self, connection: Connection, session: Session, now: datetime) -> RefreshGrant:
        token = new_refresh_token()
        expires_at = min(now + self._policy.idle, session.expires_at)
        await sessions.insert_refresh_token(
            connection, refresh_token_hash(token), session.id, now=now, expires_at=expires_at
        )
        return RefreshGrant(token, expires_at)

    async def _end(self, connection: Connection, caller: Caller, user_id: UUID, session_id: UUID) -> bool:
        now = self._clock.now()
        if not await sessions.revoke(connection, user_id, session_id, now):
            return False
        await self._tell(connection, caller, user_id, [session_id], now)
        return True

    async def _tell(
        self, connection: Connection, caller: Caller, user_id: UUID, ended: Sequence[UUID], now: datetime
    ) -> None:
        """Write down that sessions ended, and tell the others."""
        entries = [Entry(Action.SESSION_REVOKED, "session", str(session_id)) for session_id in ended]
        await audit.append(connection, caller, *entries, at=now)
        await events.sessions_revoked(connection, user_id, ended, now)

    def _refuse(self, ended: Sequence[UUID]) -> None:
        """Refuse the sessions' access tokens in this process, now that their end is committed."""
        for session_id in ended:
            self._revocations.revoke_session(session_id, self._clock.now())


def _person(caller: Caller) -> UUID:
    if caller.user_id is None:
        raise Unauthenticated
    return caller.user_id
