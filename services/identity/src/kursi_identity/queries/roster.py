"""Everybody in a salon."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID

from kursi_chassis.caller import Role
from kursi_chassis.db.database import Database
from psycopg.rows import TupleRow

from kursi_identity.domain.member import Member, MemberState, MemberView

LARGEST_SALON = 500

_SELECT: LiteralString = """
SELECT member.id, member.salon_id, member.user_id, member.invited_phone, member.role, member.state,
       member.revision, member.created_at, coalesce(person.display_name, '') AS display_name,
       coalesce(person.phone_number, member.invited_phone, '') AS phone_number
FROM members member LEFT JOIN users person ON person.id = member.user_id
"""
_RANK: LiteralString = "array_position(ARRAY['owner', 'manager', 'staff'], member.role)"
_NAME: LiteralString = "coalesce(person.display_name, '')"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a roster ended: owners first, then by name."""

    rank: int
    name: str
    member_id: UUID


class Roster:
    """The members of salons, invitations included."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, salon_id: UUID, after: Position | None, most: int) -> list[MemberView]:
        """Members and invitations after a position. One statement."""
        statement: LiteralString = (
            f"{_SELECT} WHERE member.salon_id = %(salon)s AND member.state <> 'removed' "
            f"AND ({_RANK}, {_NAME}, member.id) > (%(rank)s, %(name)s, %(id)s) "
            f"ORDER BY {_RANK}, {_NAME}, member.id LIMIT %(most)s"
        )
        start = after or Position(0, "", UUID(int=0))
        return await self._fetch(
            statement,
            {"salon": salon_id, "rank": start.rank, "name": start.name, "id": start.member_id, "most": most},
        )

    async def active(self, salon_id: UUID, at_least: Role) -> list[MemberView]:
        """The active members with at least a role, up to 500. One statement."""
        statement: LiteralString = (
            f"{_SELECT} WHERE member.salon_id = %(salon)s AND member.state = 'active' "
            f"AND member.role = ANY (%(roles)s) ORDER BY {_RANK}, {_NAME}, member.id LIMIT %(most)s"
        )
        roles = [role.name.lower() for role in Role if role >= at_least and role is not Role.CUSTOMER]
        return await self._fetch(statement, {"salon": salon_id, "roles": roles, "most": LARGEST_SALON})

    async def _fetch(self, statement: LiteralString, parameters: Mapping[str, object]) -> list[MemberView]:
        async with self._database.autocommit() as connection:
            cursor = await connection.execute(statement, parameters)
            return [_view(row) for row in await cursor.fetchall()]


def position_of(view: MemberView) -> Position:
    """Where a page that ends with this member goes on."""
    return Position(Role.OWNER - view.member.role + 1, view.display_name, view.member.id)


def _view(row: TupleRow) -> MemberView:
    member = Member(
        id=row[0],
        salon_id=row[1],
        user_id=row[2],
        invited_phone=row[3],
        role=Role[row[4].upper()],
        state=MemberState(row[5]),
        revision=row[6],
        created_at=row[7],
    )
    return MemberView(member, display_name=row[8], phone_number=row[9])
