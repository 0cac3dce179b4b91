"""What the use cases about members share: invitations become memberships, and everybody is told."""

from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller, Role
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection

from kursi_identity.domain.action import Action
from kursi_identity.domain.errors import LastOwner, TooManySalons
from kursi_identity.domain.member import Member, MemberState, role_word
from kursi_identity.domain.token import MOST_SALONS
from kursi_identity.domain.user import User
from kursi_identity.store import events, guests, members, users


async def welcome(connection: Connection, caller: Caller, user: User, now: datetime) -> None:
    """Give the user what waited for their number, which was verified just now: invitations, and visits as a guest.

    An invitation to one salon too many goes on waiting: it must not keep anybody from logging in.
    """
    if user.phone_number is None:
        return
    await users.get_for_update(connection, user.id)
    await members.lock_phone_number(connection, user.phone_number)
    for invitation in await members.invitations_of(connection, user.phone_number, now):
        if await _has_room(connection, user, invitation.salon_id):
            await accept(connection, caller, invitation, user, now)
    for guest in await guests.join(connection, user.phone_number, user.id):
        entry = Entry(
            Action.GUEST_JOINED,
            "guest",
            str(guest.id),
            salon_id=guest.salon_id,
            after={"user_id": str(user.id)},
        )
        await audit.append(connection, caller, entry, at=now)
        await events.guest_joined(connection, guest, user.id, now)


async def accept(
    connection: Connection, caller: Caller, invitation: Member, user: User, now: datetime
) -> Member:
    """Make an invitation a membership. Somebody who is in the salon already keeps the stronger of both roles."""
    await members.delete_invitation(connection, invitation.id)
    present = await members.of_user(connection, invitation.salon_id, user.id)
    if present is not None and standing(present) >= invitation.role:
        return present
    return await make_member(connection, caller, invitation, user, role=invitation.role, now=now)


async def make_member(
    connection: Connection, caller: Caller, seat: Member, user: User, *, role: Role, now: datetime
) -> Member:
    """Give the user the role in the seat's salon; `seat.id` is the id of a first membership."""
    member = await members.activate(connection, seat.id, seat.salon_id, user.id, role=role, now=now)
    await tell(connection, caller, Action.MEMBER_GRANTED, member, now=now)
    return member


async def leave_room(connection: Connection, user: User, salon_id: UUID) -> None:
    """Raises: TooManySalons. Reliable because whoever gives somebody a role holds their account."""
    if not await _has_room(connection, user, salon_id):
        raise TooManySalons(limit=MOST_SALONS)


async def _has_room(connection: Connection, user: User, salon_id: UUID) -> bool:
    """Whether a role in the salon is none too many: they have one there, or in fewer salons than they may."""
    if await members.active_role(connection, salon_id, user.id) is not Role.CUSTOMER:
        return True
    return await members.count_salons(connection, user.id) < MOST_SALONS


async def tell(
    connection: Connection,
    caller: Caller,
    action: Action,
    member: Member,
    *,
    now: datetime,
    before: Role = Role.CUSTOMER,
) -> None:
    """Write down what became of a member, and tell the other services unless it is about an invitation."""
    entry = Entry(
        action,
        "member",
        str(member.id),
        salon_id=member.salon_id,
        before={} if before is Role.CUSTOMER else {"role": role_word(before)},
        after={
            "role": role_word(member.role),
            "state": member.state.value,
            "user_id": str(member.user_id or ""),
        },
    )
    await audit.append(connection, caller, entry, at=now)
    if member.state is not MemberState.INVITED:
        await events.membership_changed(connection, member, now)


async def keep_an_owner(connection: Connection, leaving: Member) -> None:
    """Raises: LastOwner. Reliable because everybody who takes an owner away holds the salon's lock."""
    if leaving.is_active_owner and await members.count_owners(connection, leaving.salon_id) == 1:
        raise LastOwner


def standing(member: Member | None) -> Role:
    """The role that a membership gives now: none when there is none, or when it was removed."""
    if member is None or member.state is not MemberState.ACTIVE:
        return Role.CUSTOMER
    return member.role
