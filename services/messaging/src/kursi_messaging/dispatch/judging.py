"""From what a provider did to what becomes of the message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.events import envelope

from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.domain.outcome import (
    UNKNOWN_OUTCOME,
    WORDS,
    Accepted,
    Ambiguous,
    Outcome,
    Refused,
    Retryable,
    prefers_duplicate,
)
from kursi_messaging.domain.words import Event, Status
from kursi_messaging.store.claims import DueRow, LostRow
from kursi_messaging.store.events import notification_event
from kursi_messaging.store.verdicts import Tried, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message in somebody's hands; `attempt` is the number of its last try, 0 before the first."""

    id: UUID
    token: UUID
    salon_id: UUID | None
    booking_id: UUID | None
    recipient_id: UUID
    channel: str
    event: str
    attempt: int
    max_retries: int


def held(row: DueRow | LostRow, token: UUID) -> Held:
    """A message as it was taken, before another try."""
    return Held(
        id=row.id,
        token=token,
        salon_id=row.salon_id,
        booking_id=row.booking_id,
        recipient_id=row.recipient_id,
        channel=row.channel,
        event=row.event,
        attempt=row.attempt_count,
        max_retries=row.max_retries,
    )


def judge(held: Held, outcome: Outcome, rules: DispatchRules, now: datetime) -> Verdict:
    """What becomes of a message after a provider's answer."""
    match outcome:
        case Accepted(external_id, delivery_status, response):
            return Verdict(
                id=held.id, token=held.token, status=Status.SENT, external_id=external_id,
                delivery_status=delivery_status, response=response, tried=_tried(held, outcome),
                event=_event(held, Status.SENT, "", now),
            )  # fmt: skip
        case Refused(code, response):
            return Verdict(
                id=held.id, token=held.token, status=Status.FAILED, error_code=code, response=response,
                tried=_tried(held, outcome), event=_event(held, Status.FAILED, code, now),
            )  # fmt: skip
        case Retryable():
            return _retry(held, outcome, rules, now)
        case Ambiguous(_, response):
            return Verdict(
                id=held.id, token=held.token, status=Status.SENDING, response=response,
                tried=_tried(held, outcome),
            )  # fmt: skip


def _retry(held: Held, outcome: Retryable, rules: DispatchRules, now: datetime) -> Verdict:
    wait = rules.schedule.wait(held.attempt, held.max_retries, outcome.after)
    if wait is None:
        return Verdict(
            id=held.id, token=held.token, status=Status.DEAD, error_code=outcome.code,
            response=outcome.response, tried=_tried(held, outcome),
            event=_event(held, Status.DEAD, outcome.code, now),
        )  # fmt: skip
    return Verdict(
        id=held.id, token=held.token, status=Status.PENDING, error_code=outcome.code, due_at=now + wait,
        response=outcome.response, tried=_tried(held, outcome),
    )  # fmt: skip


def give_up_waiting(held: Held, now: datetime) -> Verdict:
    """What becomes of a message that may have been sent, and about which nothing can be learned any more."""
    tried = Tried(number=held.attempt, outcome=WORDS[Ambiguous], code="no_answer")
    if not prefers_duplicate(Event(held.event)):
        return Verdict(
            id=held.id, token=held.token, status=Status.FAILED, error_code=UNKNOWN_OUTCOME, tried=tried,
            event=_event(held, Status.FAILED, UNKNOWN_OUTCOME, now),
        )  # fmt: skip
    if held.attempt > held.max_retries:
        return Verdict(
            id=held.id, token=held.token, status=Status.DEAD, error_code=UNKNOWN_OUTCOME, tried=tried,
            event=_event(held, Status.DEAD, UNKNOWN_OUTCOME, now),
        )  # fmt: skip
    return Verdict(
        id=held.id, token=held.token, status=Status.PENDING, due_at=now, possible_duplicate=True, tried=tried
    )


def keep_waiting(held: Held) -> Verdict:
    """Hold on to the message a while longer: its provider cannot be asked now."""
    tried = Tried(number=held.attempt, outcome=WORDS[Ambiguous], code="no_answer")
    return Verdict(id=held.id, token=held.token, status=Status.SENDING, tried=tried)


def put_back(held: Held, due_at: datetime | None = None) -> Verdict:
    """Let go of a message that was not handed to anybody; it is due as it was, or at `due_at`."""
    return Verdict(id=held.id, token=held.token, status=Status.PENDING, due_at=due_at)


def not_sent(held: Held, why: str) -> Verdict:
    """Let go of a message that may be recorded as given away by its attempt, and was not."""
    tried = Tried(number=held.attempt, outcome=WORDS[Retryable], code=why)
    return Verdict(id=held.id, token=held.token, status=Status.PENDING, tried=tried)


def stop(held: Held, status: Status, reason: str, now: datetime) -> Verdict:
    """SKIPPED or FAILED without a try."""
    if status is Status.SKIPPED:
        return Verdict(id=held.id, token=held.token, status=status, skip_reason=reason)
    return Verdict(
        id=held.id,
        token=held.token,
        status=status,
        error_code=reason,
        event=_event(held, status, reason, now),
    )


def _tried(held: Held, outcome: Outcome) -> Tried:
    code = "" if isinstance(outcome, Accepted) else outcome.code
    return Tried(number=held.attempt, outcome=WORDS[type(outcome)], code=code)


def _event(held: Held, status: Status, code: str, now: datetime) -> envelope.Event | None:
    return notification_event(
        status, notification_id=held.id, salon_id=held.salon_id, booking_id=held.booking_id,
        recipient_id=held.recipient_id, channel=held.channel, about=held.event, error_code=code,
        attempt=held.attempt, at=now,
    )  # fmt: skip
