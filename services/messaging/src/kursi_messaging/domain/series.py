"""Many visits at once: what is told of them as a whole, and what of it is still true when it is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_messaging.domain.booking import Facts, items_of, part_of, works_on
from kursi_messaging.domain.guards import OVER, LatestBooking
from kursi_messaging.domain.planning import Planned, Surroundings, is_replay
from kursi_messaging.domain.words import Audience, Event, SkipReason, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesChange:
    """Visits that were made, confirmed or taken back together.

    `visits` are facts of each: `booking_id`, `revision`, `start`, `end` and `items`, by start. `occurrence` tells
    the change from the others of the same series. `traceparent` names the trace that it is part of; empty for none.
    """

    event: Event
    occurrence: str
    salon_id: UUID
    customer_id: UUID
    staff_user_ids: tuple[UUID, ...]
    visits: tuple[Facts, ...]
    facts: Facts
    occurred_at: datetime
    traceparent: str

    @property
    def people(self) -> Collection[UUID]:
        """The customer, and everybody who works on any of the visits."""
        return {self.customer_id, *self.staff_user_ids}

    def messages(self, around: Surroundings) -> Iterator[Planned]:
        """One for each of them: the customer's tells of all visits, the others' of those that they work on."""
        reason = SkipReason.REPLAY if is_replay(self.occurred_at, around) else None
        for audience, person, facts in self._audience():
            for channel in around.channels(person, self.salon_id, audience):
                yield Planned(
                    salon_id=self.salon_id,
                    booking_id=None,
                    recipient_id=person,
                    audience=audience,
                    event=self.event,
                    occurrence=self.occurrence,
                    channel=channel,
                    status=Status.SKIPPED if reason else Status.PENDING,
                    skip_reason=reason,
                    due_at=around.now,
                    booking_revision=None,
                    facts=facts,
                    traceparent=self.traceparent,
                )

    def _audience(self) -> Iterator[tuple[Audience, UUID, Facts]]:
        yield Audience.CUSTOMER, self.customer_id, {**self.facts, "visits": list(self.visits)}
        for person in self.staff_user_ids:
            theirs = [
                part_of(visit, person)
                for visit in self.visits
                if any(works_on(person, item) for item in items_of(visit))
            ]
            yield Audience.STAFF_MEMBER, person, {**self.facts, "visits": theirs}


def visits_of(facts: Facts) -> list[Facts]:
    """The visits that a message with these facts tells of; none for a message about something else."""
    visits = facts.get("visits")
    return visits if isinstance(visits, list) else []


def told_of(facts: Iterable[Facts]) -> set[UUID]:
    """The bookings that messages with these facts tell of."""
    return {UUID(str(visit["booking_id"])) for one in facts for visit in visits_of(one)}


def as_it_stands(event: Event, facts: Facts, latest: Mapping[UUID, LatestBooking]) -> Facts:
    """The facts of a message about many visits by what is true now, and the services of all that are left.

    A visit that was taken back alone is not told as made or confirmed any more, and one that was moved is told where it
    is. What was taken back stays so.
    """
    visits = visits_of(facts)
    if event is not Event.SERIES_CANCELLED:
        visits = [now for visit in visits if (now := _now(visit, _latest_of(visit, latest))) is not None]
    items = [item for visit in visits for item in items_of(visit)]
    whole = {"total": facts.get("total")} if len(visits) == len(visits_of(facts)) else {"total": None}
    return {**facts, **whole, "visits": visits, "items": items}


def seen_revisions(facts: Facts, latest: Mapping[UUID, LatestBooking]) -> dict[str, int]:
    """Up to which revision of each visit a message with these facts takes them into account."""
    return {
        str(visit["booking_id"]): max(
            int(str(visit["revision"])), known.revision if (known := _latest_of(visit, latest)) else 0
        )
        for visit in visits_of(facts)
    }


def _latest_of(visit: Facts, latest: Mapping[UUID, LatestBooking]) -> LatestBooking | None:
    return latest.get(UUID(str(visit["booking_id"])))


def _now(visit: Facts, latest: LatestBooking | None) -> Facts | None:
    """The visit where it is now; None when it is called off."""
    if latest is None or latest.revision <= int(str(visit["revision"])):
        return visit
    if latest.state in OVER:
        return None
    moved = latest.start - datetime.fromisoformat(str(visit["start"]))
    times = {
        name: (datetime.fromisoformat(str(visit[name])) + moved).isoformat()
        for name in ("start", "part_start")
        if name in visit
    }
    return {**visit, **times}
