"""Rows to sessions and back."""

from collections.abc import Sequence
from typing import Any, Final, LiteralString

from kursi_chassis.money import Money
from psycopg.types.json import Jsonb

from kursi_booking.domain.booking import SalonFacts
from kursi_booking.domain.session import Session, SessionChange, SessionState
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.store.rows import policy_document, policy_of

SELECT_SESSIONS: Final[LiteralString] = """
SELECT s.id, s.salon_id, s.salon_names, s.time_zone, s.territory_code, s.service_id, s.service_names, s.staff_id,
       s.staff_names, s.staff_user_id, s.start_at, s.end_at, s.currency_code, s.price_minor, s.policy, s.active_limit,
       s.capacity, s.taken, s.state, s.cancellation_reason, s.revision, s.created_at, s.updated_at
FROM sessions AS s
"""
"""Sessions; a WHERE follows. `session_of` reads a row of it."""

INSERT_SESSION: Final[LiteralString] = """
INSERT INTO sessions (id, salon_id, salon_names, time_zone, territory_code, service_id, service_names, staff_id,
    staff_names, staff_user_id, start_at, end_at, currency_code, price_minor, policy, active_limit, capacity, state,
    cancellation_reason, revision, created_at, updated_at)
VALUES (%(id)s, %(salon_id)s, %(salon_names)s, %(time_zone)s, %(territory_code)s, %(service_id)s, %(service_names)s,
    %(staff_id)s, %(staff_names)s, %(staff_user_id)s, %(start_at)s, %(end_at)s, %(currency_code)s, %(price_minor)s,
    %(policy)s, %(active_limit)s, %(capacity)s, %(state)s, %(cancellation_reason)s, %(revision)s, %(created_at)s,
    %(updated_at)s)
"""
"""A new session, of whose seats none is taken."""

INSERT_ENTRY: Final[LiteralString] = """
INSERT INTO session_history (session_id, revision, action, actor, at, capacity, reason)
VALUES (%(id)s, %(revision)s, %(action)s, %(actor)s, %(at)s, %(capacity)s, %(reason)s)
"""


def session_of(row: Sequence[Any]) -> Session:  # Any: a row has as many types as columns
    """One row of `SELECT_SESSIONS`."""
    (
        session_id, salon_id, salon_names, time_zone, territory_code, service_id, service_names, staff_id, staff_names,
        staff_user_id, start, end, currency, price, policy, active_limit, capacity, taken, state, cancellation_reason,
        revision, created_at, updated_at,
    ) = row  # fmt: skip
    return Session(
        session_id=session_id,
        salon_id=salon_id,
        salon=SalonFacts(salon_names, time_zone, territory_code),
        service_id=service_id,
        service_names=service_names,
        staff_id=staff_id,
        staff_names=staff_names,
        staff_user_id=staff_user_id,
        during=TimeRange(start, end),
        price=Money(currency, price),
        policy=policy_of(policy),
        active_limit=active_limit,
        capacity=capacity,
        taken=taken,
        state=SessionState(state),
        cancellation_reason=cancellation_reason,
        revision=revision,
        created_at=created_at,
        updated_at=updated_at,
    )


def session_parameters(session: Session) -> dict[str, object]:
    """What a statement needs to write the row, under the names of its columns; `taken` only the seats move."""
    return {
        "id": session.session_id,
        "salon_id": session.salon_id,
        "salon_names": Jsonb(session.salon.names),
        "time_zone": session.salon.time_zone,
        "territory_code": session.salon.territory_code,
        "service_id": session.service_id,
        "service_names": Jsonb(session.service_names),
        "staff_id": session.staff_id,
        "staff_names": Jsonb(session.staff_names),
        "staff_user_id": session.staff_user_id,
        "start_at": session.during.start,
        "end_at": session.during.end,
        "currency_code": session.price.currency_code,
        "price_minor": session.price.amount_minor,
        "policy": Jsonb(policy_document(session.policy)),
        "active_limit": session.active_limit,
        "capacity": session.capacity,
        "state": session.state.value,
        "cancellation_reason": session.cancellation_reason,
        "revision": session.revision,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }


def entry_parameters(change: SessionChange) -> dict[str, object]:
    """What `INSERT_ENTRY` needs. Raises: ValueError for a change that changed nothing; such a one is not saved."""
    entry = change.entry
    if entry is None:
        message = "nothing happened that could be saved"
        raise ValueError(message)
    return {
        "id": change.session.session_id,
        "revision": entry.revision,
        "action": entry.action,
        "actor": entry.actor,
        "at": entry.at,
        "capacity": entry.capacity,
        "reason": entry.reason,
    }
