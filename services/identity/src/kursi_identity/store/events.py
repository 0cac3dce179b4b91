"""What identity tells the others, written to the outbox in the transaction that made it true."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message
from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from kursi_chassis.db.database import Connection
from kursi_chassis.events import outbox
from kursi_chassis.events.envelope import Event
from kursi_chassis.grpc.times import timestamp

from kursi_identity.domain.guest import Guest
from kursi_identity.domain.member import Member, MemberState, role_word
from kursi_identity.domain.user import User

_PREFIX = "kursi.identity.v1"


async def user_registered(connection: Connection, user: User) -> None:
    """An account was made."""
    await outbox.append(connection, user_event("user.registered", user))


async def user_updated(connection: Connection, user: User) -> None:
    """An account was changed."""
    await outbox.append(connection, user_event("user.updated", user))


async def membership_changed(connection: Connection, member: Member, at: datetime) -> None:
    """A membership began, got another role, or ended. Invitations are nobody's business yet."""
    await outbox.append(connection, membership_event(member, at))


async def guest_joined(connection: Connection, guest: Guest, user_id: UUID, at: datetime) -> None:
    """A guest turned out to be the person with this account."""
    await outbox.append(connection, guest_event(guest, user_id, at))


async def sessions_revoked(
    connection: Connection, user_id: UUID, session_ids: Sequence[UUID], at: datetime
) -> None:
    """Sessions ended before their time."""
    await outbox.append(connection, *(session_event(user_id, session_id, at) for session_id in session_ids))


def user_event(name: str, user: User) -> Event:
    """An account as it is now; `name` is `user.registered` or `user.updated`."""
    body = events_pb2.UserEvent(
        user_id=str(user.id),
        language_code=user.language_code,
        time_zone=user.time_zone,
        revision=user.revision,
        occur_time=timestamp(user.updated_at),
    )
    return _event(name, body, user.id, user.revision, user.updated_at)


def membership_event(member: Member, at: datetime) -> Event:
    """A membership as it is now, or the end of it."""
    active = member.state is MemberState.ACTIVE
    body = events_pb2.MembershipEvent(
        salon_id=str(member.salon_id),
        user_id=str(member.user_id),
        role=role_word(member.role) if active else "",
        occur_time=timestamp(at),
    )
    return _event(
        "membership.granted" if active else "membership.revoked", body, member.id, member.revision, at
    )


def guest_event(guest: Guest, user_id: UUID, at: datetime) -> Event:
    """Who takes a guest's place."""
    body = events_pb2.GuestEvent(
        guest_id=str(guest.id),
        salon_id=str(guest.salon_id),
        user_id=str(user_id),
        occur_time=timestamp(at),
    )
    return _event("guest.joined", body, guest.id, 1, at)


def session_event(user_id: UUID, session_id: UUID, at: datetime) -> Event:
    """The end of a session."""
    body = events_pb2.SessionEvent(session_id=str(session_id), user_id=str(user_id), occur_time=timestamp(at))
    return _event("session.revoked", body, session_id, 1, at)


def _event(name: str, body: Message, aggregate_id: UUID, revision: int, at: datetime) -> Event:
    return Event(
        type=f"{_PREFIX}.{name}",
        subject=f"{_PREFIX}.{name}",
        aggregate_id=aggregate_id,
        revision=revision,
        payload=body.SerializeToString(deterministic=True),
        occurred_at=at,
        schema=body.DESCRIPTOR.full_name,
    )
