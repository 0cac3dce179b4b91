"""A salon books somebody by phone number."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.ids import new_id

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import GuestLimit
from kursi_identity.domain.guest import Guest
from kursi_identity.store import guests, members, users

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WhomToBook:
    """The customer that a salon means, by number."""

    salon_id: UUID
    phone_number: str
    language_code: str


class Guests:
    """The customers whom salons know by number.

    `per_day` bounds how many new numbers one salon may name in a day: messages go to them, and nobody there
    asked for any.
    """

    def __init__(self, database: Database, clock: Clock, per_day: int) -> None:
        self._database = database
        self._clock = clock
        self._per_day = per_day

    async def ensure(self, caller: Caller, command: WhomToBook) -> UUID:
        """The account with the number, else the salon's guest with it, made now if need be. Raises: GuestLimit."""
        return await run_with_retries(lambda: self._ensure(caller, command))

    async def _ensure(self, caller: Caller, command: WhomToBook) -> UUID:
        async with self._database.transaction() as connection:
            # A login that verifies the number joins the guests it finds; one that we are about to make must not be missed.
            await members.lock_phone_number(connection, command.phone_number)
            user = await users.with_phone_number(connection, command.phone_number)
            if user is not None:
                return user.id
            present = await guests.waiting(connection, command.salon_id, command.phone_number)
            return present or await self._make(connection, caller, command)

    async def _make(self, connection: Connection, caller: Caller, command: WhomToBook) -> UUID:
        await guests.lock_salon(connection, command.salon_id)
        now = self._clock.now()
        newest = await guests.latest(connection, command.salon_id, self._per_day)
        if len(newest) == self._per_day and now - newest[-1] < DAY:
            raise GuestLimit(limit=self._per_day, retry_after=newest[-1] + DAY - now)
        guest = Guest(new_id(), command.salon_id, command.phone_number, command.language_code, now)
        await guests.insert(connection, guest)
        entry = Entry(Action.GUEST_MADE, "guest", str(guest.id), salon_id=command.salon_id)
        await audit.append(connection, caller, entry, at=now)
        return guest.id
