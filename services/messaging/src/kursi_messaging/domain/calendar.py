"""A calendar elsewhere that wants somebody while they are booked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.planning import Planned, Surroundings, is_replay
from kursi_messaging.domain.words import Audience, Event, SkipReason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarClash:
    """A clash that was found. `staff_user_id` is None for somebody without an account, whom nobody can write to.

    `traceparent` names the trace that it is part of; empty for none.
    """

    conflict_id: UUID
    salon_id: UUID
    booking_id: UUID
    booking_revision: int
    staff_user_id: UUID | None
    facts: Facts
    occurred_at: datetime
    traceparent: str

    @property
    def people(self) -> Collection[UUID]:
        """Who is wanted twice."""
        return set() if self.staff_user_id is None else {self.staff_user_id}

    def messages(self, around: Surroundings) -> Iterator[Planned]:
        """Word for whoever is wanted twice: it is their calendar."""
        reason = SkipReason.REPLAY if is_replay(self.occurred_at, around) else None
        for person in self.people:
            for channel in around.channels(person, self.salon_id, Audience.STAFF_MEMBER):
                yield Planned(
                    salon_id=self.salon_id,
                    booking_id=self.booking_id,
                    recipient_id=person,
                    audience=Audience.STAFF_MEMBER,
                    event=Event.CALENDAR_CONFLICT,
                    occurrence=str(self.conflict_id),
                    channel=channel,
                    status=Status.SKIPPED if reason else Status.PENDING,
                    skip_reason=reason,
                    due_at=around.now,
                    booking_revision=self.booking_revision,
                    facts=self.facts,
                    traceparent=self.traceparent,
                )
