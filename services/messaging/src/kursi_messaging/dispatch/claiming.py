"""Taking what is due, and judging it by what is true now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.ids import new_id

from kursi_messaging.dispatch import metrics
from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.domain import series
from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.guards import Candidate, Defer, LatestBooking, Send, Skip, decide
from kursi_messaging.domain.people import zone_of
from kursi_messaging.domain.preferences import NO_PREFERENCES, Preferences
from kursi_messaging.domain.salon import DEFAULT_SETTINGS
from kursi_messaging.domain.waitlist import is_gone, told_of
from kursi_messaging.domain.words import BookingState, Event, SkipReason, Status
from kursi_messaging.store import claims, people, preferences, reports, salons, verdicts, waitlist
from kursi_messaging.store.claims import DueRow, ViewRow
from kursi_messaging.store.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Due:
    """A message that may go out, with what is known about it.

    `facts` are what its text is made of: the row's, by what is true now. `seen_visits` are the revisions of the
    visits of a series that they take into account.
    """

    row: DueRow
    view: ViewRow | None
    facts: Facts
    seen_visits: Mapping[str, int]
    person_zone: str
    salon_language: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages held under one token. `taken` counts those too that turned out not to go."""

    token: UUID
    due: Sequence[Due]
    taken: int


@dataclass(frozen=True, slots=True)
class _Surroundings:
    views: Mapping[UUID, ViewRow]
    zones: Mapping[UUID, str]
    preferences: Mapping[UUID, Preferences]
    languages: Mapping[UUID, str]
    open_offers: Collection[UUID]


class Claimer:
    """Takes batches of due messages."""

    def __init__(self, database: Database, clock: Clock, rules: DispatchRules) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules

    async def claim(self, most: int) -> Batch:
        """At most `most` messages that may go out now.

        What may not is settled in the same transaction: nobody else sees it in between. A booking that is
        cancelled after this commits is caught when the message is handed over, or the message is late by
        the time of one call to a provider.
        """
        return await run_with_retries(lambda: self._claim(most))

    async def _claim(self, most: int) -> Batch:
        token, now = new_id(), self._clock.now()
        async with self._database.transaction() as connection:
            rows = await claims.claim(connection, token=token, lease=self._rules.lease, most=most, now=now)
            if not rows:
                return Batch(token, (), 0)
            told = await self._already_reported(connection, rows, now)
            around = await _look_around(connection, rows)
            judged = [
                (due, _judge(due, around, self._rules.default_zone, now))
                for due in (_due(row, around) for row in rows if row.id not in told)
            ]
            held_back = [_settled(due, decision, token) for due, decision in judged]
            await verdicts.settle(
                connection, [verdict for verdict in held_back if verdict], wait=timedelta(), now=now
            )
        _count(judged, now)
        return Batch(token, [due for due, decision in judged if isinstance(decision, Send)], len(rows))

    async def _already_reported(
        self, connection: Connection, rows: Sequence[DueRow], now: datetime
    ) -> set[UUID]:
        """Those about to be tried again whose provider has meanwhile reported that it has them."""
        tried = [row.id for row in rows if row.attempt_count > 0]
        return await reports.apply_parked_about(connection, tried, now) if tried else set()


async def _look_around(connection: Connection, rows: Sequence[DueRow]) -> _Surroundings:
    recipients = {row.recipient_id for row in rows}
    found = await salons.read_many(connection, {row.salon_id for row in rows if row.salon_id})
    bookings = {row.booking_id for row in rows if row.booking_id} | series.told_of(row.facts for row in rows)
    return _Surroundings(
        views=await claims.views(connection, bookings),
        zones=await people.zones(connection, recipients),
        preferences=await preferences.read_many(connection, recipients),
        languages={salon_id: settings.default_language for salon_id, settings in found.items()},
        open_offers=await waitlist.open_offers(connection, told_of(row.facts for row in rows)),
    )


def _due(row: DueRow, around: _Surroundings) -> Due:
    view = around.views.get(row.booking_id) if row.booking_id else None
    facts: Facts = {**(view.facts if view else {}), **row.facts}
    seen: Mapping[str, int] = {}
    if series.visits_of(facts):
        visits = series.told_of([facts]) & around.views.keys()
        latest = {booking_id: _latest(around.views[booking_id]) for booking_id in visits}
        seen = series.seen_revisions(facts, latest)
        facts = series.as_it_stands(Event(row.event), facts, latest)
    return Due(
        row=row,
        view=view,
        facts=facts,
        seen_visits=seen,
        person_zone=around.zones.get(row.recipient_id, ""),
        salon_language=around.languages.get(row.salon_id, DEFAULT_SETTINGS.default_language)
        if row.salon_id
        else "",
    )


def _judge(due: Due, around: _Surroundings, default_zone: str, now: datetime) -> Send | Skip | Defer:
    row, view = due.row, due.view
    if is_gone(row.facts, around.open_offers, now) or (due.seen_visits and not series.visits_of(due.facts)):
        return Skip(SkipReason.STALE)
    latest = _latest(view) if view else None
    return decide(
        Candidate.from_row(row.event, row.channel, row.booking_revision, row.facts, row.due_at),
        latest,
        around.preferences.get(row.recipient_id, NO_PREFERENCES),
        zone_of(due.person_zone, view.time_zone if view else "", default_zone),
        now,
    )


def _latest(view: ViewRow) -> LatestBooking:
    return LatestBooking(BookingState(view.state), view.last_revision, view.start_at)


def _settled(due: Due, decision: Send | Skip | Defer, token: UUID) -> Verdict | None:
    match decision:
        case Skip(reason):
            return Verdict(id=due.row.id, token=token, status=Status.SKIPPED, skip_reason=reason)
        case Defer(until):
            return Verdict(id=due.row.id, token=token, status=Status.DEFERRED, due_at=until)
        case Send():
            return None


def _count(judged: Sequence[tuple[Due, Send | Skip | Defer]], now: datetime) -> None:
    for due, decision in judged:
        late = (now - due.row.due_at).total_seconds()
        metrics.LATENESS_SECONDS.labels(due.row.event).observe(max(late, 0))
        if isinstance(decision, Skip):
            metrics.KEPT_BACK.labels("skipped", decision.reason.value).inc()
        elif isinstance(decision, Defer):
            metrics.KEPT_BACK.labels("deferred", "quiet_hours").inc()
