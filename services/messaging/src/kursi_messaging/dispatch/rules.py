"""What the operator decides about dispatching."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from kursi_messaging.domain.retry_schedule import RetrySchedule


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRules:
    """Limits and waits. The time-out of every provider is shorter than half of `lease`."""

    schedule: RetrySchedule
    default_language: str
    default_zone: str
    lease: timedelta = timedelta(seconds=60)
    report_wait: timedelta = timedelta(seconds=60)
    contacts_wait: timedelta = timedelta(seconds=5)
    """How long messages are put off when nobody can say how to reach their recipients."""
    patience: timedelta = timedelta(minutes=15)
    """How long to keep asking a provider that does not say whether it has a message."""
    report_overdue: timedelta = timedelta(minutes=10)
    """How long after it was sent a message's provider is asked what became of it, and again each time as late."""
    report_given_up: timedelta = timedelta(days=1)
    overdue_round: timedelta = timedelta(minutes=1)
    concurrency: int = 200
    batch: int = 100
    idle: timedelta = timedelta(milliseconds=500)
    sweep: timedelta = timedelta(seconds=1)
