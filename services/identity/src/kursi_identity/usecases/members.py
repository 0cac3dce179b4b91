"""Who works in a salon: invite, appoint, change, remove."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import RoleRequired
from kursi_chassis.grpc.tokens import Revocations
from kursi_chassis.idempotency import Replies
from kursi_chassis.ids import new_id

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import AlreadyMember, MemberNotFound, TooManyInvitations
from kursi_identity.domain.member import MOST_INVITATIONS, Member, MemberState, MemberView
from kursi_identity.domain.user import User
from kursi_identity.store import members, users
from kursi_identity.usecases.membership import keep_an_owner, leave_room, make_member, standing, tell

Encode = Callable[[MemberView], bytes]


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation; `request_id` and `fingerprint` tell a repetition from another request."""

    salon_id: UUID
    phone_number: str
    role: Role
    request_id: str
    fingerprint: bytes


class Members:
    """The members of salons.

    Roles of callers are read again in the transaction: what was taken from somebody counts here at once, not
    only when their token ends. `revocations` is what this process checks access tokens against.
    """

    def __init__(self, database: Database, clock: Clock, revocations: Revocations) -> None:
        self._database = database
        self._clock = clock
        self._revocations = revocations

    async def invite(self, caller: Caller, command: Invite, encode: Encode) -> bytes:
        """The member or invitation, as `encode` writes it down; a repetition gets what the first one got.

        Raises:
            RoleRequired: managers invite staff only.
            AlreadyMember: the person is in the salon, or invited to it.
            TooManyInvitations: too many wait for an answer.
        """
        return await run_with_retries(lambda: self._invite(caller, command, encode))

    async def grant(self, caller: Caller, salon_id: UUID, user_id: UUID, role: Role) -> MemberView:
        """Make a user a member with at least this role; the same again changes nothing.

        Raises: UserNotFound, TooManySalons.
        """
        return await run_with_retries(lambda: self._grant(caller, salon_id, user_id, role))

    async def change_role(self, caller: Caller, salon_id: UUID, member_id: UUID, role: Role) -> MemberView:
        """Give a member another role.

        Raises:
            MemberNotFound: the salon has no such member or invitation.
            LastOwner: nobody would own the salon.
        """
        changed = await run_with_retries(lambda: self._change_role(caller, salon_id, member_id, role))
        self._outdate_tokens(changed.member)
        return changed

    async def remove(self, caller: Caller, salon_id: UUID, member_id: UUID) -> None:
        """Take a member or an invitation out of the salon.

        Raises:
            MemberNotFound: the salon has no such member or invitation.
            RoleRequired: managers remove staff only.
            LastOwner: nobody would own the salon.
        """
        removed = await run_with_retries(lambda: self._remove(caller, salon_id, member_id))
        self._outdate_tokens(removed)

    async def _invite(self, caller: Caller, command: Invite, encode: Encode) -> bytes:
        async with self._database.transaction() as connection:
            replies = Replies(connection)
            key = (caller.key, "InviteMember", command.request_id)
            first_answer = await replies.claim(*key, command.fingerprint)
            if first_answer is not None:
                return first_answer
            await members.lock_salon(connection, command.salon_id)
            await _require_above(connection, caller, command.salon_id, command.role)
            view = await self._seat(connection, caller, command)
            answer = encode(view)
            await replies.keep(*key, answer)
            return answer

    async def _seat(self, connection: Connection, caller: Caller, command: Invite) -> MemberView:
        """An invitation, whoever has the number: the answer must not tell who has an account, nor make a member
        of somebody who was not asked.
        """
        now = self._clock.now()
        user = await users.with_phone_number(connection, command.phone_number)
        if user is not None:
            present = await members.of_user(connection, command.salon_id, user.id)
            if standing(present) is not Role.CUSTOMER:
                raise AlreadyMember
        if await members.count_invitations(connection, command.salon_id, now) >= MOST_INVITATIONS:
            raise TooManyInvitations(limit=MOST_INVITATIONS)
        seat = Member(
            id=new_id(),
            salon_id=command.salon_id,
            user_id=None,
            invited_phone=command.phone_number,
            role=command.role,
            state=MemberState.INVITED,
            revision=1,
            created_at=now,
        )
        if not await members.invite(connection, seat, now):
            raise AlreadyMember
        await tell(connection, caller, Action.MEMBER_INVITED, seat, now=now)
        return MemberView(seat, "", command.phone_number)

    async def _grant(self, caller: Caller, salon_id: UUID, user_id: UUID, role: Role) -> MemberView:
        async with self._database.transaction() as connection:
            await members.lock_salon(connection, salon_id)
            user = await users.get_for_update(connection, user_id)
            present = await members.of_user(connection, salon_id, user_id)
            if present is not None and standing(present) >= role:
                return _view(present, user)
            await leave_room(connection, user, salon_id)
            now = self._clock.now()
            seat = present or Member(
                id=new_id(),
                salon_id=salon_id,
                user_id=user_id,
                invited_phone=None,
                role=role,
                state=MemberState.ACTIVE,
                revision=1,
                created_at=now,
            )
            return _view(await make_member(connection, caller, seat, user, role=role, now=now), user)

    async def _change_role(self, caller: Caller, salon_id: UUID, member_id: UUID, role: Role) -> MemberView:
        async with self._database.transaction() as connection:
            await members.lock_salon(connection, salon_id)
            await _require(connection, caller, salon_id, Role.OWNER)
            present = await _found(connection, salon_id, member_id)
            if present.role is not role:
                await keep_an_owner(connection, present)
                now = self._clock.now()
                changed = await members.set_role(connection, member_id, role, now)
                await tell(
                    connection, caller, Action.MEMBER_ROLE_CHANGED, changed, now=now, before=present.role
                )
                present = changed
            return await _with_person(connection, present)

    async def _remove(self, caller: Caller, salon_id: UUID, member_id: UUID) -> Member:
        async with self._database.transaction() as connection:
            await members.lock_salon(connection, salon_id)
            present = await _found(connection, salon_id, member_id)
            await _require_above(connection, caller, salon_id, present.role)
            await keep_an_owner(connection, present)
            now = self._clock.now()
            if present.state is MemberState.INVITED:
                await members.delete_invitation(connection, member_id)
                await tell(connection, caller, Action.MEMBER_REMOVED, present, now=now, before=present.role)
                return present
            removed = await members.remove(connection, member_id, now)
            await tell(connection, caller, Action.MEMBER_REMOVED, removed, now=now, before=present.role)
            return removed

    def _outdate_tokens(self, member: Member) -> None:
        """Refuse older tokens that claim more than is left, in this process; the others follow the event."""
        if member.user_id is not None:
            self._revocations.revoke_membership(
                member.user_id, member.salon_id, self._clock.now(), standing(member)
            )


async def _require(connection: Connection, caller: Caller, salon_id: UUID, role: Role) -> None:
    """Let admins and members with at least the role pass. Raises: RoleRequired."""
    if caller.is_admin:
        return
    if caller.user_id is None or await members.active_role(connection, salon_id, caller.user_id) < role:
        raise RoleRequired(role=role.name.lower())


async def _require_above(connection: Connection, caller: Caller, salon_id: UUID, role: Role) -> None:
    """Managers decide about staff, owners about everybody. Raises: RoleRequired."""
    needed = Role.MANAGER if role is Role.STAFF else Role.OWNER
    await _require(connection, caller, salon_id, needed)


async def _found(connection: Connection, salon_id: UUID, member_id: UUID) -> Member:
    member = await members.get(connection, salon_id, member_id)
    if member is None:
        raise MemberNotFound
    return member


async def _with_person(connection: Connection, member: Member) -> MemberView:
    if member.user_id is None:
        return MemberView(member, "", member.invited_phone or "")
    return _view(member, await users.get(connection, member.user_id))


def _view(member: Member, user: User) -> MemberView:
    return MemberView(member, user.display_name, user.phone_number or "")
