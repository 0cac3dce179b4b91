"""From what happened to the messages that it calls for; pure, so that a replay plans the same again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi_messaging.domain.booking import BookingChange, BookingSnapshot, Facts, part_of
from kursi_messaging.domain.guards import Candidate, LatestBooking, is_stale
from kursi_messaging.domain.payment import PaymentChange
from kursi_messaging.domain.people import zone_of
from kursi_messaging.domain.preferences import NO_PREFERENCES, Preferences
from kursi_messaging.domain.reminders import reminders_of
from kursi_messaging.domain.salon import DEFAULT_SETTINGS, SalonSettings
from kursi_messaging.domain.words import Audience, BookingState, Channel, Event, SkipReason, Status

_Told = tuple[BookingChange, Event | None]
"""A change and what it tells."""
_TELLS_WHAT_COMES: Final = frozenset(
    {Event.BOOKING_CREATED, Event.BOOKING_CONFIRMED, Event.BOOKING_RESCHEDULED}
)
_HANDED_OVER: Final[Facts] = {"handed_over": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A notification to record. Messages about one event share the very same `facts`.

    `traceparent` names the trace of what called for it; empty for none.
    """

    salon_id: UUID
    booking_id: UUID | None
    recipient_id: UUID
    audience: Audience
    event: Event
    occurrence: str
    channel: Channel
    status: Status
    skip_reason: SkipReason | None
    due_at: datetime
    booking_revision: int | None
    facts: Facts
    traceparent: str

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same message."""
        return (
            self.booking_id, self.recipient_id, self.event, self.channel, self.occurrence, self.audience,
            self.salon_id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What planning looks up: choices of people and salons, the present, and how old news may be."""

    preferences: Mapping[UUID, Preferences]
    zones: Mapping[UUID, str]
    salons: Mapping[UUID, SalonSettings]
    default_zone: str
    now: datetime
    replay_cutoff: timedelta

    def preferences_of(self, person: UUID) -> Preferences:
        return self.preferences.get(person, NO_PREFERENCES)

    def settings_of(self, salon_id: UUID) -> SalonSettings:
        return self.salons.get(salon_id, DEFAULT_SETTINGS)

    def zone_for(self, person: UUID, salon_zone: str) -> ZoneInfo:
        return zone_of(self.zones.get(person, ""), salon_zone, self.default_zone)

    def channels(self, person: UUID, salon_id: UUID, audience: Audience) -> tuple[Channel, ...]:
        return self.preferences_of(person).channels(self.settings_of(salon_id).channels(audience))


@dataclass(frozen=True, slots=True)
class BookingPlan:
    """What a series of changes of one booking comes to.

    `latest` is None when everything was stale: then what is known stays, reminders included. `gaps` counts
    revisions that were jumped over; events carry the full state, so a gap is only worth counting.
    """

    latest: BookingSnapshot | None
    gaps: int
    news: tuple[Planned, ...]
    reminders: tuple[Planned, ...]


def plan_booking(
    known: BookingSnapshot | None,
    changes: Iterable[BookingChange],
    around: Surroundings,
    *,
    newest_news: int = 0,
) -> BookingPlan:
    """Plan changes of one booking, in whatever order they came, on top of what is `known` of it.

    `newest_news` is the latest revision that called for messages. News older than that is stale. News that is only
    older than what is known is not: nobody is told that money came or went back, so nothing else would say it.
    """
    ordered = sorted(changes, key=lambda change: change.revision)
    told: list[_Told] = []
    late: list[_Told] = []
    gaps, before = 0, known
    for change in ordered:
        if before is not None and change.revision <= before.revision:
            late.append((change, change.late_news))
            continue
        gaps += change.revision - before.revision - 1 if before else 0
        told.append((change, change.news(before)))
        before = change.booking
    latest = before if before is not known else None
    newest = max([newest_news, *(change.revision for change, event in told if event)])

    def reason_to_skip_late(change: BookingChange, event: Event) -> SkipReason | None:
        if change.revision < newest:
            return SkipReason.STALE
        return _reason_to_skip(change, event, before, around)

    news = [
        *_news(late, around, reason_to_skip_late),
        *_news(told, around, lambda change, event: _reason_to_skip(change, event, latest, around)),
    ]
    reminders = plan_reminders(latest, around, told[-1][0].traceparent) if latest else ()
    return BookingPlan(latest, gaps, tuple(news), reminders)


def plan_reminders(booking: BookingSnapshot, around: Surroundings, traceparent: str) -> tuple[Planned, ...]:
    """The reminders that a booking calls for now; those whose time has passed are recorded as too late.

    `traceparent` is of what made somebody plan them: an event, or a change of choices.
    """
    customer = booking.customer_id
    reminders = reminders_of(
        booking.state,
        booking.start,
        around.settings_of(booking.salon_id).reminders,
        around.preferences_of(customer),
        around.zone_for(customer, booking.time_zone),
    )
    return tuple(
        Planned(
            salon_id=booking.salon_id,
            booking_id=booking.booking_id,
            recipient_id=customer,
            audience=Audience.CUSTOMER,
            event=Event.REMINDER,
            occurrence=reminder.occurrence,
            channel=reminder.channel,
            status=Status.SCHEDULED if reminder.due_at > around.now else Status.SKIPPED,
            skip_reason=None if reminder.due_at > around.now else SkipReason.TOO_LATE,
            due_at=reminder.due_at,
            booking_revision=booking.revision,
            # The rest is read from the booking when the reminder is written: it tells what is true then.
            facts={
                "start": booking.start.isoformat(),
                "offset_minutes": reminder.offset // timedelta(minutes=1),
            },
            traceparent=traceparent,
        )
        for reminder in reminders
    )


def plan_payments(payments: Sequence[PaymentChange], around: Surroundings) -> tuple[Planned, ...]:
    """A receipt, or word of a failure, for whoever pays."""
    return tuple(
        Planned(
            salon_id=payment.salon_id,
            booking_id=payment.booking_id,
            recipient_id=payment.customer_id,
            audience=Audience.CUSTOMER,
            event=payment.event,
            occurrence=str(payment.payment_id),
            channel=channel,
            status=Status.SKIPPED if is_replay(payment.occurred_at, around) else Status.PENDING,
            skip_reason=SkipReason.REPLAY if is_replay(payment.occurred_at, around) else None,
            due_at=around.now,
            booking_revision=None,
            facts=payment.facts,
            traceparent=payment.traceparent,
        )
        for payment in payments
        for channel in around.channels(payment.customer_id, payment.salon_id, Audience.CUSTOMER)
    )


def _news(
    changes: Iterable[_Told],
    around: Surroundings,
    reason_to_skip: Callable[[BookingChange, Event], SkipReason | None],
) -> Iterator[Planned]:
    for change, event in changes:
        if event is None:
            continue
        reason = reason_to_skip(change, event)
        for audience, person, facts in _audience(change):
            for channel in around.channels(person, change.booking.salon_id, audience):
                yield Planned(
                    salon_id=change.booking.salon_id,
                    booking_id=change.booking.booking_id,
                    recipient_id=person,
                    audience=audience,
                    event=event,
                    occurrence=str(change.revision),
                    channel=channel,
                    status=Status.SKIPPED if reason else Status.PENDING,
                    skip_reason=reason,
                    due_at=around.now,
                    booking_revision=change.revision,
                    facts=facts,
                    traceparent=change.traceparent,
                )


def _audience(change: BookingChange) -> Iterator[tuple[Audience, UUID, Facts]]:
    """The customer, everybody who works on the visit, and who did until it was moved."""
    facts = {**change.booking.facts, **change.own_facts}
    yield Audience.CUSTOMER, change.booking.customer_id, facts
    for person in change.booking.staff_user_ids:
        yield Audience.STAFF_MEMBER, person, part_of(facts, person)
    for person in change.former_staff_user_ids:
        if person not in change.booking.staff_user_ids:
            yield Audience.STAFF_MEMBER, person, {**facts, **_HANDED_OVER}


def _reason_to_skip(
    change: BookingChange, event: Event, latest: BookingSnapshot | None, around: Surroundings
) -> SkipReason | None:
    if change.told_by_series:
        return SkipReason.SERIES
    if event is Event.BOOKING_CREATED and change.booking.state is BookingState.HELD:
        return SkipReason.HELD
    if event in _TELLS_WHAT_COMES and change.booking.end <= change.occurred_at:
        return SkipReason.OVER
    if is_replay(change.occurred_at, around):
        return SkipReason.REPLAY
    if latest is None:
        return None
    candidate = Candidate(event, Channel.EMAIL, change.revision, change.booking.start, around.now)
    stale = is_stale(candidate, LatestBooking(latest.state, latest.revision, latest.start))
    return SkipReason.STALE if stale else None


def is_replay(occurred_at: datetime, around: Surroundings) -> bool:
    """Whether it is older than what is worth telling."""
    return around.now - occurred_at > around.replay_cutoff


def deduplicated(rows: Iterable[Planned]) -> list[Planned]:
    """Each message once, the first one: one statement may not write the same row twice."""
    first: dict[tuple[object, ...], Planned] = {}
    for row in rows:
        first.setdefault(row.key, row)
    return list(first.values())
