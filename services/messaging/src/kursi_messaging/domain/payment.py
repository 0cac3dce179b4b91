"""What messaging needs to know of a payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.words import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentChange:
    """A payment that was captured or failed. `traceparent` names the trace that it is part of; empty for none."""

    event: Event
    payment_id: UUID
    booking_id: UUID
    salon_id: UUID
    customer_id: UUID
    occurred_at: datetime
    facts: Facts
    traceparent: str
