"""How a message leaves the hands of its holder: one statement for any number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.events import outbox
from kursi_chassis.events.envelope import Event

from kursi_messaging.domain.words import Status
from kursi_messaging.store.batches import batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How an attempt ended."""

    number: int
    outcome: str
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a message. With SENDING it stays leased for a while: its provider may still report.

    `due_at` None leaves it as it is.
    """

    id: UUID
    token: UUID
    status: Status
    skip_reason: str = ""
    error_code: str = ""
    due_at: datetime | None = None
    external_id: str = ""
    delivery_status: str = ""
    response: Mapping[str, object] = field(default_factory=dict)
    possible_duplicate: bool = False
    tried: Tried | None = None
    event: Event | None = None


_SETTLE: Final[LiteralString] = """
WITH verdict AS (
    SELECT * FROM json_to_recordset(%(verdicts)s) AS v (
        id uuid, token uuid, status text, skip_reason text, error_code text, due_at timestamptz,
        external_id text, delivery_status text, response jsonb, possible_duplicate boolean,
        number integer, outcome text, code text)
), settled AS (
    UPDATE notifications AS mine SET
        status = verdict.status, skip_reason = verdict.skip_reason, error_code = verdict.error_code,
        due_at = coalesce(verdict.due_at, mine.due_at), updated_at = %(now)s,
        external_id = coalesce(nullif(verdict.external_id, ''), mine.external_id),
        delivery_status = coalesce(nullif(verdict.delivery_status, ''), mine.delivery_status),
        provider_response = coalesce(verdict.response, mine.provider_response),
        possible_duplicate = mine.possible_duplicate OR verdict.possible_duplicate,
        sent_at = CASE WHEN verdict.status = 'sent' THEN %(now)s ELSE mine.sent_at END,
        lease_token = CASE WHEN verdict.status = 'sending' THEN mine.lease_token END,
        lease_until = CASE WHEN verdict.status = 'sending' THEN clock_timestamp() + %(wait)s END
    FROM verdict WHERE mine.id = verdict.id AND mine.lease_token = verdict.token
    RETURNING mine.id
), closed AS (
    UPDATE attempts AS try SET
        outcome = verdict.outcome, provider_response = coalesce(verdict.response, try.provider_response),
        code = CASE WHEN try.outcome IS NULL THEN verdict.code ELSE try.code END,
        finished_at = coalesce(try.finished_at, %(now)s)
    FROM verdict
    WHERE try.notification_id = verdict.id AND try.number = verdict.number
      AND (try.lease_token = verdict.token OR verdict.id IN (SELECT id FROM settled))
      AND coalesce(try.outcome, 'ambiguous') = 'ambiguous'
), told AS (
"""

_TOLD: Final[LiteralString] = """
    WHERE event.aggregate_id IN (SELECT id FROM settled)
)
SELECT id FROM settled
"""


async def settle(
    connection: Connection, verdicts: Sequence[Verdict], *, wait: timedelta, now: datetime
) -> set[UUID]:
    """Carry verdicts out for the messages that are still held under their token, and tell the others' events.

    Fenced: who lost a lease changes nothing, except that the record of an own attempt keeps how it ended.
    `wait` is how long SENDING ones are waited for. Answers with the ids that were still held.
    """
    if not verdicts:
        return set()
    cursor = await connection.execute(
        _SETTLE + outbox.INSERT_EVENTS + _TOLD,
        {
            **outbox.parameters(*(verdict.event for verdict in verdicts if verdict.event is not None)),
            "verdicts": batch([_as_json(verdict) for verdict in verdicts]),
            "wait": wait,
            "now": now,
        },
    )
    return {settled for (settled,) in await cursor.fetchall()}


def _as_json(verdict: Verdict) -> dict[str, object]:
    tried = verdict.tried
    return {
        "id": verdict.id,
        "token": verdict.token,
        "status": verdict.status,
        "skip_reason": verdict.skip_reason,
        "error_code": verdict.error_code,
        "due_at": verdict.due_at,
        "external_id": verdict.external_id,
        "delivery_status": verdict.delivery_status,
        "response": dict(verdict.response) or None,
        "possible_duplicate": verdict.possible_duplicate,
        "number": tried.number if tried else None,
        "outcome": tried.outcome if tried else None,
        "code": tried.code if tried else None,
    }
