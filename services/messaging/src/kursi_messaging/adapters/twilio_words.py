"""What Twilio says became of a message, in our words: the same in its reports and when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from kursi_messaging.domain.words import Status
from kursi_messaging.ports import Report

NAME: Final = "twilio"

_STATUS: Final[Mapping[str, Status]] = MappingProxyType({
    "accepted": Status.SENT,
    "scheduled": Status.SENT,
    "queued": Status.SENT,
    "sending": Status.SENT,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.OPENED,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
})  # fmt: skip
"""What their words mean to us. Sent is that the provider has it: everything that is not yet an outcome."""


def report_of(notification_id: UUID | None, external_id: str, word: str, code: str) -> Report | None:
    """A report in our words; None for a word that is none of theirs, or about nothing."""
    if word not in _STATUS or not external_id:
        return None
    return Report(
        provider=NAME,
        notification_id=notification_id,
        external_id=external_id,
        status=_STATUS[word],
        reported_status=word,
        error_code=f"{NAME}_{code}" if code else "",
    )
