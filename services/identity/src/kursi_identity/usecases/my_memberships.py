"""A person decides about their own place in salons."""

from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Unauthenticated
from kursi_chassis.grpc.tokens import Revocations

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import InvitationNotFound
from kursi_identity.domain.member import Member
from kursi_identity.domain.user import User
from kursi_identity.store import members, users
from kursi_identity.usecases.membership import accept, keep_an_owner, leave_room, standing, tell

MOST_MEMBERSHIPS = 500
"""How many are listed; a token names fewer."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An invitation of the caller's, locked together with the salon it is to."""

    user: User
    invitation: Member


class MyMemberships:
    """The caller's memberships and invitations. An invitation belongs to whoever has verified its number."""

    def __init__(self, database: Database, clock: Clock, revocations: Revocations) -> None:
        self._database = database
        self._clock = clock
        self._revocations = revocations

    async def memberships(self, caller: Caller) -> list[Member]:
        """The salons in which the caller has a role, longest membership first."""
        async with self._database.autocommit() as connection:
            return await members.memberships_of(connection, _person(caller), MOST_MEMBERSHIPS)

    async def invitations(self, caller: Caller) -> list[Member]:
        """What waits for the caller's number, oldest first."""
        async with self._database.transaction() as connection:
            user = await users.get(connection, _person(caller))
            if user.phone_number is None:
                return []
            return await members.invitations_of(connection, user.phone_number, self._clock.now())

    async def accept(self, caller: Caller, invitation_id: UUID) -> Member:
        """Become a member. Raises: InvitationNotFound, TooManySalons."""
        return await run_with_retries(lambda: self._accept(caller, invitation_id))

    async def decline(self, caller: Caller, invitation_id: UUID) -> None:
        """Say no. Raises: InvitationNotFound."""
        await run_with_retries(lambda: self._decline(caller, invitation_id))

    async def leave(self, caller: Caller, salon_id: UUID) -> None:
        """Give the role up; not having one is fine too. Raises: LastOwner."""
        left = await run_with_retries(lambda: self._leave(caller, salon_id))
        if left is not None and left.user_id is not None:
            self._revocations.revoke_membership(left.user_id, salon_id, self._clock.now(), standing(left))

    async def _accept(self, caller: Caller, invitation_id: UUID) -> Member:
        async with self._database.transaction() as connection:
            found = await self._found(connection, caller, invitation_id)
            await leave_room(connection, found.user, found.invitation.salon_id)
            return await accept(connection, caller, found.invitation, found.user, self._clock.now())

    async def _decline(self, caller: Caller, invitation_id: UUID) -> None:
        async with self._database.transaction() as connection:
            found = await self._found(connection, caller, invitation_id)
            await members.delete_invitation(connection, invitation_id)
            entry = Entry(
                Action.INVITATION_DECLINED,
                "member",
                str(invitation_id),
                salon_id=found.invitation.salon_id,
            )
            await audit.append(connection, caller, entry, at=self._clock.now())

    async def _leave(self, caller: Caller, salon_id: UUID) -> Member | None:
        async with self._database.transaction() as connection:
            await members.lock_salon(connection, salon_id)
            present = await members.of_user(connection, salon_id, _person(caller))
            if present is None or not standing(present):
                return None
            await keep_an_owner(connection, present)
            now = self._clock.now()
            left = await members.remove(connection, present.id, now)
            await tell(connection, caller, Action.MEMBER_REMOVED, left, now=now, before=present.role)
            return left

    async def _found(self, connection: Connection, caller: Caller, invitation_id: UUID) -> _Found:
        """Account and rows are locked here, so an answer and a manager who takes the invitation back go one after the other."""
        user = await users.get_for_update(connection, _person(caller))
        if user.phone_number is not None:
            for invitation in await members.invitations_of(connection, user.phone_number, self._clock.now()):
                if invitation.id == invitation_id:
                    return _Found(user, invitation)
        raise InvitationNotFound


def _person(caller: Caller) -> UUID:
    if caller.user_id is None:
        raise Unauthenticated
    return caller.user_id
