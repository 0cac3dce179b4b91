"""Ask for a one-time code."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Invalid, Unauthenticated, Violation
from kursi_chassis.ids import new_id

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import CHANNEL_UNAVAILABLE, CONTACT_NOT_OWN, OtpNotSent
from kursi_identity.domain.otp import (
    ADMIN_DIGITS,
    DIGITS,
    Channel,
    CodeHasher,
    OtpPolicy,
    Purpose,
    network_of,
    new_code,
)
from kursi_identity.domain.phone import calling_code
from kursi_identity.ports import CodeMessage, CodeSender
from kursi_identity.store import otp, users
from kursi_identity.store.otp import OtpRequest


@dataclass(frozen=True, slots=True)
class AskForCode:
    """What is asked for. An empty destination means the caller's own, which STEP_UP allows."""

    purpose: Purpose
    channel: Channel
    destination: str


@dataclass(frozen=True, slots=True)
class CodeTicket:
    """What the person needs to know to use the code."""

    request_id: UUID
    expires_at: datetime
    resend_after: timedelta


class RequestOtp:
    """Sends codes, within limits. `admins` are the phone numbers of the platform's admins, whose codes are longer.

    The answer and the work of a login are the same whether or not the number or the address has an account.
    """

    def __init__(
        self,
        database: Database,
        sender: CodeSender,
        clock: Clock,
        *,
        policy: OtpPolicy,
        hasher: CodeHasher,
        admins: AbstractSet[str],
    ) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._policy = policy
        self._hasher = hasher
        self._admins = admins

    async def __call__(self, caller: Caller, command: AskForCode) -> CodeTicket:
        """Send a code and say how to use it.

        The request is committed, and counts, before the code goes out; when every provider definitely refuses
        it, it is taken back.

        Raises:
            Unauthenticated: VERIFY or STEP_UP without a person's token.
            Invalid: no provider serves the channel; STEP_UP for somebody else's contact.
            OtpCooldown, OtpLimit, OtpAddressLimit, OtpDestinationLimit: too often; each says when.
            OtpNotSent: no provider took the code.
        """
        if command.purpose is not Purpose.AUTH and caller.session_id is None:
            raise Unauthenticated
        if not self._sender.reaches(command.channel):
            raise Invalid(Violation("channel", CHANNEL_UNAVAILABLE))
        request, code = await run_with_retries(lambda: self._admit(caller, command))
        message = CodeMessage(
            request.channel, request.destination, code, caller.language, self._policy.lifetime
        )
        if not await self._sender.send(message):
            await self._take_back(caller, request)
            raise OtpNotSent
        return CodeTicket(request.id, request.expires_at, self._policy.cooldown)

    async def _admit(self, caller: Caller, command: AskForCode) -> tuple[OtpRequest, str]:
        async with self._database.transaction() as connection:
            destination = await self._destination(connection, caller, command)
            now = await self._within_limits(connection, caller, command.channel, destination)
            code = await self._code(connection, command.channel, destination)
            request_id = new_id()
            is_login = command.purpose is Purpose.AUTH
            request = OtpRequest(
                id=request_id,
                purpose=command.purpose,
                channel=command.channel,
                destination=destination,
                network=network_of(caller.address),
                user_id=None if is_login else caller.user_id,
                session_id=None if is_login else caller.session_id,
                code_hash=self._hasher.digest(request_id, code),
                created_at=now,
                expires_at=now + self._policy.lifetime,
            )
            await otp.insert(connection, request)
            await audit.append(connection, caller, _entry(Action.CODE_REQUESTED, request), at=now)
            return request, code

    async def _code(self, connection: Connection, channel: Channel, destination: str) -> str:
        """Ten digits where the code opens an admin's account, six for everybody else."""
        number: str | None = destination
        if channel is Channel.EMAIL:
            owner = await users.with_email(connection, destination)
            number = owner.phone_number if owner else None
        return new_code(ADMIN_DIGITS if number in self._admins else DIGITS)

    async def _destination(self, connection: Connection, caller: Caller, command: AskForCode) -> str:
        """Where the code goes: for STEP_UP only where the caller has been before."""
        if command.purpose is not Purpose.STEP_UP or caller.user_id is None:
            return command.destination
        user = await users.get(connection, caller.user_id)
        is_mail = command.channel is Channel.EMAIL
        own = (user.email if is_mail else user.phone_number) or ""
        if not own or command.destination not in ("", own):
            raise Invalid(Violation("email" if is_mail else "phone_number", CONTACT_NOT_OWN))
        return own

    async def _within_limits(
        self, connection: Connection, caller: Caller, channel: Channel, destination: str
    ) -> datetime:
        """The time of the request. Locks close the race of two requests that both see the last free place.

        Always taken in this order: the number, the network, the country.
        """
        policy = self._policy
        await otp.lock_destination(connection, destination)
        network = network_of(caller.address)
        await otp.lock_network(connection, network)
        now = self._clock.now()
        policy.check_destination(
            await otp.latest_for_destination(connection, destination, policy.per_destination), now
        )
        policy.check_address(await otp.latest_from_network(connection, network, policy.per_address), now)
        if channel is not Channel.EMAIL:
            country = calling_code(destination)
            if not await otp.count_for_country(connection, country, now, policy.ceiling_of(country)):
                raise policy.ceiling_reached(now)
        return now

    async def _take_back(self, caller: Caller, request: OtpRequest) -> None:
        async with self._database.transaction() as connection:
            await otp.mark_unsent(connection, request.id)
            await audit.append(
                connection, caller, _entry(Action.CODE_NOT_SENT, request), at=self._clock.now()
            )


def _entry(action: Action, request: OtpRequest) -> Entry:
    about = {"purpose": request.purpose.value, "channel": request.channel.value}
    return Entry(action, "otp_request", str(request.id), after=about)
