"""Memberships and invitations."""

from collections.abc import Mapping
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from kursi_chassis.caller import Role
from kursi_chassis.db.database import Connection
from psycopg.rows import TupleRow

from kursi_identity.domain.member import INVITATION_LASTS, Member, MemberState, role_word

COLUMNS: LiteralString = "id, salon_id, user_id, invited_phone, role, state, revision, created_at"


async def lock_salon(connection: Connection, salon_id: UUID) -> None:
    """Make changes of a salon's members wait for each other until this transaction ends.

    Two owners who remove each other at the same moment go one after the other, so that the second finds
    itself the last one.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"members.salon:{salon_id}"]
    )


async def lock_phone_number(connection: Connection, phone_number: str) -> None:
    """Make whoever books a number and a login with it wait for each other until this transaction ends.

    Otherwise the login could look for guests just before one is made, by somebody who has just not yet
    seen the account: the guest would wait for the next login.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"members.phone:{phone_number}"]
    )


async def roles_of(connection: Connection, user_id: UUID, most: int) -> dict[UUID, Role]:
    """The user's roles in the salons of which they are longest a member, locked until the transaction ends.

    Whoever weakens a role takes the time of it under the stronger lock, so a token that this transaction
    writes the roles into is either made with the new role, or older than the change.
    """
    cursor = await connection.execute(
        "SELECT salon_id, role FROM members WHERE user_id = %s AND state = 'active' "
        "ORDER BY created_at, id LIMIT %s FOR SHARE",
        [user_id, most],
    )
    return {row[0]: Role[row[1].upper()] for row in await cursor.fetchall()}


async def active_role(connection: Connection, salon_id: UUID, user_id: UUID) -> Role:
    """The role of a user in a salon; everybody is at least a customer."""
    cursor = await connection.execute(
        "SELECT role FROM members WHERE salon_id = %s AND user_id = %s AND state = 'active'",
        [salon_id, user_id],
    )
    row = await cursor.fetchone()
    return Role[row[0].upper()] if row else Role.CUSTOMER


async def get(connection: Connection, salon_id: UUID, member_id: UUID) -> Member | None:
    """A member or an invitation of the salon, locked; None for one that was removed."""
    return await _one(
        connection,
        f"SELECT {COLUMNS} FROM members "  # noqa: S608 -- our own literals
        "WHERE id = %(id)s AND salon_id = %(salon)s AND state <> 'removed' FOR UPDATE",
        {"id": member_id, "salon": salon_id},
    )


async def of_user(connection: Connection, salon_id: UUID, user_id: UUID) -> Member | None:
    """The user's membership in the salon, locked, also a removed one."""
    return await _one(
        connection,
        f"SELECT {COLUMNS} FROM members "  # noqa: S608 -- our own literals
        "WHERE salon_id = %(salon)s AND user_id = %(user)s FOR UPDATE",
        {"salon": salon_id, "user": user_id},
    )


async def memberships_of(connection: Connection, user_id: UUID, most: int) -> list[Member]:
    """The salons of which the user is longest a member."""
    cursor = await connection.execute(
        f"SELECT {COLUMNS} FROM members WHERE user_id = %s AND state = 'active' "  # noqa: S608 -- our own literals
        "ORDER BY created_at, id LIMIT %s",
        [user_id, most],
    )
    return [_member(row) for row in await cursor.fetchall()]


async def invitations_of(connection: Connection, phone_number: str, now: datetime) -> list[Member]:
    """The invitations that wait for a number, locked, oldest first."""
    cursor = await connection.execute(
        f"SELECT {COLUMNS} FROM members "  # noqa: S608 -- our own literals
        "WHERE invited_phone = %s AND state = 'invited' AND created_at > %s ORDER BY created_at, id FOR UPDATE",
        [phone_number, now - INVITATION_LASTS],
    )
    return [_member(row) for row in await cursor.fetchall()]


async def count_invitations(connection: Connection, salon_id: UUID, now: datetime) -> int:
    """How many invitations of the salon wait; reliable under `lock_salon`."""
    cursor = await connection.execute(
        "SELECT count(*) FROM members WHERE salon_id = %s AND state = 'invited' AND created_at > %s",
        [salon_id, now - INVITATION_LASTS],
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def count_salons(connection: Connection, user_id: UUID) -> int:
    """In how many salons the user has a role."""
    cursor = await connection.execute(
        "SELECT count(*) FROM members WHERE user_id = %s AND state = 'active'", [user_id]
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def invite(connection: Connection, member: Member, now: datetime) -> bool:
    """Keep an invitation; False when the number is invited to the salon already. One that has ended gives way."""
    cursor = await connection.execute(
        """
        INSERT INTO members (id, salon_id, invited_phone, role, state, created_at, updated_at)
        VALUES (%(id)s, %(salon)s, %(phone)s, %(role)s, 'invited', %(now)s, %(now)s)
        ON CONFLICT ON CONSTRAINT members_salon_invited_phone_key DO UPDATE
        SET id = EXCLUDED.id, role = EXCLUDED.role, created_at = %(now)s, updated_at = %(now)s
        WHERE members.created_at <= %(ended)s
        """,
        {
            "id": member.id,
            "salon": member.salon_id,
            "phone": member.invited_phone,
            "role": role_word(member.role),
            "now": now,
            "ended": now - INVITATION_LASTS,
        },
    )
    return cursor.rowcount == 1


async def activate(
    connection: Connection, member_id: UUID, salon_id: UUID, user_id: UUID, *, role: Role, now: datetime
) -> Member:
    """Make the user an active member with this role, whatever they were in the salon before.

    `member_id` is for a new row; a person who was a member once keeps the old one.
    """
    return await _returned(
        connection,
        f"""
        INSERT INTO members (id, salon_id, user_id, role, state, created_at, updated_at)
        VALUES (%(id)s, %(salon)s, %(user)s, %(role)s, 'active', %(now)s, %(now)s)
        ON CONFLICT ON CONSTRAINT members_salon_user_key DO UPDATE
        SET role = EXCLUDED.role, state = 'active', revision = members.revision + 1, updated_at = %(now)s
        RETURNING {COLUMNS}
        """,  # noqa: S608 -- our own literals
        {"id": member_id, "salon": salon_id, "user": user_id, "role": role_word(role), "now": now},
    )


async def set_role(connection: Connection, member_id: UUID, role: Role, now: datetime) -> Member:
    """Write the role of a member or an invitation that this transaction has locked."""
    return await _returned(
        connection,
        "UPDATE members SET role = %(role)s, revision = revision + 1, updated_at = %(now)s "  # noqa: S608 -- our own literals
        f"WHERE id = %(id)s RETURNING {COLUMNS}",
        {"id": member_id, "role": role_word(role), "now": now},
    )


async def remove(connection: Connection, member_id: UUID, now: datetime) -> Member:
    """End a membership that this transaction has locked.

    Its row stays, so that its revision goes on when the person comes back.
    """
    return await _returned(
        connection,
        "UPDATE members SET state = 'removed', revision = revision + 1, updated_at = %(now)s "  # noqa: S608 -- our own literals
        f"WHERE id = %(id)s AND state = 'active' RETURNING {COLUMNS}",
        {"id": member_id, "now": now},
    )


async def delete_invitation(connection: Connection, member_id: UUID) -> None:
    """Take an invitation back, or away once it was accepted."""
    await connection.execute("DELETE FROM members WHERE id = %s AND state = 'invited'", [member_id])


async def count_owners(connection: Connection, salon_id: UUID) -> int:
    """How many active owners the salon has; reliable under `lock_salon`."""
    cursor = await connection.execute(
        "SELECT count(*) FROM members WHERE salon_id = %s AND role = 'owner' AND state = 'active'",
        [salon_id],
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def _one(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> Member | None:
    cursor = await connection.execute(statement, parameters)
    row = await cursor.fetchone()
    return _member(row) if row else None


async def _returned(
    connection: Connection, statement: LiteralString, parameters: Mapping[str, object]
) -> Member:
    """The row of a statement that always has one."""
    member = await _one(connection, statement, parameters)
    if member is None:
        message = "a locked row is gone"
        raise LookupError(message)
    return member


def _member(row: TupleRow) -> Member:
    member_id, salon_id, user_id, phone, role, state, revision, created_at = row
    return Member(
        id=member_id,
        salon_id=salon_id,
        user_id=user_id,
        invited_phone=phone,
        role=Role[role.upper()],
        state=MemberState(state),
        revision=revision,
        created_at=created_at,
    )
