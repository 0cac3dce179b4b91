"""Use a one-time code: to log in, to add a contact, or to prove to be present."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import DomainError, Unauthenticated
from kursi_chassis.ids import new_id

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import OtpExpired, OtpWrong, SessionEnded, StepUpRequired
from kursi_identity.domain.otp import Channel, CodeHasher, OtpPolicy, Purpose
from kursi_identity.domain.session import Session
from kursi_identity.domain.user import Profile, User
from kursi_identity.store import events, otp, sessions, users
from kursi_identity.store.otp import Attempt
from kursi_identity.usecases.issuing import Grant, Issuer, Tokens
from kursi_identity.usecases.membership import welcome
from kursi_identity.usecases.sessions import Sessions
from kursi_identity.usecases.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class UseCode:
    """A code that somebody typed; `device_label` and `profile` matter at a login only."""

    request_id: UUID
    code: str
    device_label: str
    profile: Profile


class VerifyOtp:
    """Checks codes. Each works once, and at most `policy.attempts` guesses are looked at."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        policy: OtpPolicy,
        hasher: CodeHasher,
        keys: SigningKeys,
        issuer: Issuer,
        sessions: Sessions,
    ) -> None:
        self._database = database
        self._clock = clock
        self._policy = policy
        self._hasher = hasher
        self._keys = keys
        self._issuer = issuer
        self._sessions = sessions

    async def __call__(self, caller: Caller, command: UseCode) -> Tokens:
        """Tokens for whoever knows the code.

        Raises:
            OtpWrong: with the attempts that are left.
            OtpExpired: unknown, expired, used, or out of attempts; nothing was counted.
            Unauthenticated: the code is bound to a session, and the caller's token is of another.
            SessionEnded: the session that the code is bound to is over.
            ContactTaken: VERIFY of what another account has.
            StepUpRequired: VERIFY would change a contact, and the person has not proved to be present lately.
        """
        ring = await self._keys.ring()
        outcome = await run_with_retries(lambda: self._verify(caller, command))
        if isinstance(outcome, DomainError):
            raise outcome
        return self._issuer.sign(ring, outcome)

    async def _verify(self, caller: Caller, command: UseCode) -> Grant | OtpWrong:
        """One transaction: the guess, its mark, and what the code is for.

        A wrong guess is returned and not raised, because its count has to be committed.
        """
        async with self._database.transaction() as connection:
            now = self._clock.now()
            attempt = await otp.count_attempt(
                connection, command.request_id, caller, now=now, most=self._policy.attempts
            )
            if attempt is None:
                raise await _why_not(connection, command.request_id, caller)
            if not self._hasher.matches(command.request_id, command.code, attempt.code_hash):
                left = self._policy.attempts - attempt.attempts
                entry = Entry(
                    Action.CODE_WRONG, "otp_request", str(command.request_id), after={"attempts_left": left}
                )
                await audit.append(connection, caller, entry, at=now)
                return OtpWrong(attempts_left=left)
            await otp.mark_used(connection, command.request_id, now)
            return await self._use(connection, caller, command, attempt, now)

    async def _use(
        self, connection: Connection, caller: Caller, command: UseCode, attempt: Attempt, now: datetime
    ) -> Grant:
        if attempt.purpose is Purpose.AUTH:
            return await self._log_in(connection, caller, command, attempt, now)
        # A code to a new contact proves who owns that contact, not that the account's owner is present.
        is_step_up = attempt.purpose is Purpose.STEP_UP
        update = sessions.renew_presence if is_step_up else sessions.touch
        session = await update(connection, attempt.session_id or new_id(), now)
        if session is None:
            raise SessionEnded
        if is_step_up:
            user = await users.get(connection, session.user_id)
            entry = Entry(Action.STEPPED_UP, "session", str(session.id))
            await audit.append(connection, caller, entry, at=now)
        else:
            user = await self._add_contact(connection, caller, session, attempt, now)
        return Grant(await self._issuer.subject(connection, user, session, now))

    async def _log_in(
        self, connection: Connection, caller: Caller, command: UseCode, attempt: Attempt, now: datetime
    ) -> Grant:
        user, registered = await _find_or_register(connection, caller, command.profile, attempt, now)
        if attempt.channel is not Channel.EMAIL:
            await welcome(connection, caller, user, now)
        session, refresh = await self._sessions.begin(
            connection, caller, user.id, device_label=command.device_label, now=now
        )
        entry = Entry(Action.LOGGED_IN, "session", str(session.id), actor=f"user:{user.id}")
        await audit.append(connection, caller, entry, at=now)
        subject = await self._issuer.subject(connection, user, session, now)
        return Grant(subject, refresh, registered)

    async def _add_contact(
        self, connection: Connection, caller: Caller, session: Session, attempt: Attempt, now: datetime
    ) -> User:
        is_mail = attempt.channel is Channel.EMAIL
        present = await users.get_for_update(connection, session.user_id)
        old = present.email if is_mail else present.phone_number
        # Also a first one: whoever owns it can log in with it, so a stolen token must not be enough to add it.
        if attempt.destination != old and now - session.auth_at > self._policy.presence:
            raise StepUpRequired(max_age=self._policy.presence)
        store = users.set_email if is_mail else users.set_phone_number
        user = await store(connection, session.user_id, attempt.destination, now)
        contact = {"contact": "email" if is_mail else "phone"}
        entry = Entry(Action.CONTACT_VERIFIED, "user", str(user.id), after=contact)
        await audit.append(connection, caller, entry, at=now)
        await events.user_updated(connection, user)
        if not is_mail:
            await welcome(connection, caller, user, now)
        return user


async def _why_not(connection: Connection, request_id: UUID, caller: Caller) -> DomainError:
    if await otp.is_bound_elsewhere(connection, request_id, caller):
        return Unauthenticated()
    return OtpExpired()


async def _find_or_register(
    connection: Connection, caller: Caller, profile: Profile, attempt: Attempt, now: datetime
) -> tuple[User, bool]:
    """The account of the number or address, made now if there is none; and whether it was made."""
    find = users.with_email if attempt.channel is Channel.EMAIL else users.with_phone_number
    present = await find(connection, attempt.destination)
    if present is not None:
        return present, False
    user = _newcomer(caller, profile, attempt, now)
    if not await users.register(connection, user):
        # Somebody else registered the number between our look and our insert; ours waited for it to commit.
        winner = await find(connection, attempt.destination)
        assert winner is not None  # noqa: S101 -- accounts are never deleted; for the type checker
        return winner, False
    await events.user_registered(connection, user)
    actor = f"user:{user.id}"
    await audit.append(
        connection, caller, Entry(Action.USER_REGISTERED, "user", str(user.id), actor=actor), at=now
    )
    return user, True


def _newcomer(caller: Caller, profile: Profile, attempt: Attempt, now: datetime) -> User:
    is_mail = attempt.channel is Channel.EMAIL
    return User(
        id=new_id(),
        phone_number=None if is_mail else attempt.destination,
        email=attempt.destination if is_mail else None,
        display_name=profile.display_name,
        language_code=profile.language_code or caller.language,
        time_zone=profile.time_zone,
        revision=1,
        created_at=now,
        updated_at=now,
    )
