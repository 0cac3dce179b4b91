"""The audit trail: who did what to whom, from where. Rows are only ever added.

Numbers, addresses, names, codes and tokens never stand in it; people and things stand in it by their ids.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Connection
from kursi_chassis.ids import new_id
from psycopg.types.json import Jsonb

_NOTHING: Mapping[str, object] = MappingProxyType({})


class Action(StrEnum):
    """What is written down."""

    CODE_REQUESTED = "code_requested"
    CODE_NOT_SENT = "code_not_sent"
    CODE_WRONG = "code_wrong"
    CLIENT_SECRET_WRONG = "client_secret_wrong"  # noqa: S105 -- what happened, not a secret
    USER_REGISTERED = "user_registered"
    USER_UPDATED = "user_updated"
    CONTACT_VERIFIED = "contact_verified"
    LOGGED_IN = "logged_in"
    STEPPED_UP = "stepped_up"
    SESSION_REVOKED = "session_revoked"
    REFRESH_TOKEN_REUSED = "refresh_token_reused"  # noqa: S105 -- what happened, not a secret
    MEMBER_INVITED = "member_invited"
    MEMBER_GRANTED = "member_granted"
    MEMBER_ROLE_CHANGED = "member_role_changed"
    MEMBER_REMOVED = "member_removed"
    INVITATION_DECLINED = "invitation_declined"
    GUEST_MADE = "guest_made"
    GUEST_JOINED = "guest_joined"
    SIGNING_KEY_ROTATED = "signing_key_rotated"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail. `actor` overrides the caller, where a person only now became known."""

    action: Action
    target_type: str
    target_id: str
    salon_id: UUID | None = None
    before: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    after: Mapping[str, object] = field(default_factory=lambda: _NOTHING)
    actor: str = ""


async def write(connection: Connection, caller: Caller, at: datetime, *entries: Entry) -> None:
    """Add lines, in this order, in the transaction of what they tell about."""
    for entry in entries:
        await connection.execute(
            """
            INSERT INTO audit (id, at, actor, action, salon_id, target_type, target_id, before, after,
                               address, request_id)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                new_id(), at, entry.actor or caller.actor, entry.action.value, entry.salon_id,
                entry.target_type, entry.target_id, _json(entry.before), _json(entry.after),
                caller.address, caller.request_id,
            ],
        )  # fmt: skip


def _json(values: Mapping[str, object]) -> Jsonb | None:
    return Jsonb(dict(values)) if values else None
