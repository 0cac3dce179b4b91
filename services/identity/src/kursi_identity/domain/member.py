"""Who works in a salon, and as what."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from kursi_chassis.caller import Role

INVITATION_LASTS = timedelta(days=30)
"""How long an invitation waits: numbers get new owners, who must not find somebody else's invitation."""
MOST_INVITATIONS = 100
"""How many invitations of one salon may wait at a time."""


class MemberState(StrEnum):
    """Where a membership stands."""

    INVITED = "invited"
    ACTIVE = "active"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Member:
    """A person's role in a salon, or the invitation of a number to it. `revision` counts its changes."""

    id: UUID
    salon_id: UUID
    user_id: UUID | None
    invited_phone: str | None
    role: Role
    state: MemberState
    revision: int
    created_at: datetime

    @property
    def is_active_owner(self) -> bool:
        """Whether the salon counts on this member as an owner."""
        return self.role is Role.OWNER and self.state is MemberState.ACTIVE


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member with what a manager is shown of the person; the number is still whole."""

    member: Member
    display_name: str
    phone_number: str


def role_word(role: Role) -> str:
    """The role as tables, tokens and events spell it: `staff`, `manager`, `owner`."""
    return role.name.lower()
