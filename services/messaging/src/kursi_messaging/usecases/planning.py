"""Taking events into account: each event once, each message once, whatever is delivered twice or late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.events import inbox

from kursi_messaging.domain.booking import BookingChange, BookingSnapshot
from kursi_messaging.domain.payment import PaymentChange
from kursi_messaging.domain.planning import (
    BookingPlan,
    Planned,
    Surroundings,
    deduplicated,
    plan_booking,
    plan_payments,
    plan_reminders,
)
from kursi_messaging.store import people, planning, preferences, salons
from kursi_messaging.store.people import Person


@dataclass(frozen=True, slots=True)
class PlanningRules:
    """What the operator decides about planning."""

    default_zone: str
    replay_cutoff: timedelta
    max_retries: int


class Planner:
    """Turns what happened into rows of notifications."""

    def __init__(self, database: Database, clock: Clock, rules: PlanningRules) -> None:
        self.database = database
        self._clock = clock
        self._rules = rules

    @property
    def max_retries(self) -> int:
        """How often a message is tried again."""
        return self._rules.max_retries

    async def take_bookings(self, consumer: str, changes: Mapping[UUID, BookingChange]) -> None:
        """Take changes of bookings, by event id, into account.

        All in one transaction; what the consumer has seen before changes nothing.
        """
        if changes:
            await run_with_retries(lambda: self._take_bookings(consumer, changes))

    async def take_payments(self, consumer: str, payments: Mapping[UUID, PaymentChange]) -> None:
        """Take payments, by event id, into account."""
        await run_with_retries(lambda: self._take_payments(consumer, payments))

    async def take_people(self, consumer: str, changes: Mapping[UUID, Person]) -> None:
        """Remember people's language and zone, by event id, and move the reminders of those who moved."""
        await run_with_retries(lambda: self._take_people(consumer, changes))

    async def surroundings(
        self, connection: Connection, salon_ids: Collection[UUID], customers: Collection[UUID]
    ) -> Surroundings:
        """What planning looks up about these."""
        return await self._surroundings(connection, salon_ids, customers, customers, self._clock.now())

    async def replan(
        self, connection: Connection, bookings: Collection[BookingSnapshot], traces: Mapping[UUID, str]
    ) -> None:
        """Plan the reminders of bookings again, in the transaction that changed what they depend on.

        The caller holds the lock of what changed. `traces` holds the `traceparent` of that, by customer.
        """
        now = self._clock.now()
        around = await self._look_around(connection, bookings, (), now)
        wanted = [
            row
            for booking in bookings
            for row in plan_reminders(booking, around, traces[booking.customer_id])
        ]
        await self._replace_reminders(
            connection, [booking.booking_id for booking in bookings], wanted, [], now
        )

    async def _take_bookings(self, consumer: str, changes: Mapping[UUID, BookingChange]) -> None:
        async with self.database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, changes)
            if not fresh:
                return
            now = self._clock.now()
            by_booking = _by_booking(changes[event_id] for event_id in fresh)
            bookings = [change.booking for group in by_booking.values() for change in group]
            await planning.lock(
                connection,
                salons={booking.salon_id for booking in bookings},
                people={booking.customer_id for booking in bookings},
                bookings=by_booking,
            )
            known = await planning.read_bookings(connection, by_booking)
            staff = [person for group in by_booking.values() for change in group for person in _staff(change)]
            around = await self._look_around(connection, bookings, staff, now)
            newest_news = await self._newest_news(connection, known, by_booking)
            plans = {
                booking_id: plan_booking(
                    known.get(booking_id), group, around, newest_news=newest_news.get(booking_id, 0)
                )
                for booking_id, group in by_booking.items()
            }
            await self._write(connection, plans, now)

    async def _newest_news(
        self,
        connection: Connection,
        known: Mapping[UUID, BookingSnapshot],
        changes: Mapping[UUID, Sequence[BookingChange]],
    ) -> dict[UUID, int]:
        """Asked about bookings with changes that come after newer ones only, which is rare."""
        overtaken = [
            booking_id
            for booking_id, booking in known.items()
            if any(change.revision <= booking.revision for change in changes[booking_id])
        ]
        return await planning.read_newest_news(connection, overtaken) if overtaken else {}

    async def _write(self, connection: Connection, plans: Mapping[UUID, BookingPlan], now: datetime) -> None:
        moved = [(plan.latest, plan.gaps) for plan in plans.values() if plan.latest is not None]
        if moved:
            await planning.write_bookings(
                connection, [latest for latest, _ in moved], [gaps for _, gaps in moved], now
            )
        await self._replace_reminders(
            connection,
            [latest.booking_id for latest, _ in moved],
            [row for plan in plans.values() for row in plan.reminders],
            [row for plan in plans.values() for row in plan.news],
            now,
        )

    async def _replace_reminders(
        self,
        connection: Connection,
        booking_ids: Sequence[UUID],
        reminders: Sequence[Planned],
        news: Sequence[Planned],
        now: datetime,
    ) -> None:
        if booking_ids:
            await planning.cancel_other_reminders(connection, booking_ids, reminders, now)
        rows = deduplicated([*news, *reminders])
        if rows:
            await planning.record(connection, rows, max_retries=self._rules.max_retries, now=now)

    async def _take_payments(self, consumer: str, payments: Mapping[UUID, PaymentChange]) -> None:
        async with self.database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, payments)
            if not fresh:
                return
            now = self._clock.now()
            taken = [payments[event_id] for event_id in fresh]
            customers = {payment.customer_id for payment in taken}
            around = await self._surroundings(
                connection, {payment.salon_id for payment in taken}, customers, customers, now
            )
            await self._replace_reminders(connection, [], [], plan_payments(taken, around), now)

    async def _take_people(self, consumer: str, changes: Mapping[UUID, Person]) -> None:
        async with self.database.transaction() as connection:
            fresh = await inbox.claim(connection, consumer, changes)
            newest = _newest(changes[event_id] for event_id in fresh)
            for user_id in sorted(newest):
                await planning.lock_choices(connection, user_id)
            before = await people.zones(connection, newest)
            await people.remember(connection, list(newest.values()))
            after = await people.zones(connection, newest)
            movers = [user_id for user_id in newest if before.get(user_id) != after.get(user_id)]
            coming = await planning.read_coming_of_customers(connection, movers, self._clock.now())
            traces = {user_id: newest[user_id].traceparent for user_id in movers}
            await self.replan(connection, coming.values(), traces)

    async def _look_around(
        self,
        connection: Connection,
        bookings: Collection[BookingSnapshot],
        staff: Iterable[UUID],
        now: datetime,
    ) -> Surroundings:
        customers = {booking.customer_id for booking in bookings}
        return await self._surroundings(
            connection, {booking.salon_id for booking in bookings}, customers, customers.union(staff), now
        )

    async def _surroundings(
        self,
        connection: Connection,
        salon_ids: Collection[UUID],
        customers: Collection[UUID],
        everybody: Collection[UUID],
        now: datetime,
    ) -> Surroundings:
        return Surroundings(
            preferences=await preferences.read_many(connection, everybody),
            zones=await people.zones(connection, customers),
            salons=await salons.read_many(connection, salon_ids),
            default_zone=self._rules.default_zone,
            now=now,
            replay_cutoff=self._rules.replay_cutoff,
        )


def _by_booking(changes: Iterable[BookingChange]) -> dict[UUID, list[BookingChange]]:
    grouped: dict[UUID, list[BookingChange]] = defaultdict(list)
    for change in changes:
        grouped[change.booking.booking_id].append(change)
    return grouped


def _staff(change: BookingChange) -> Iterable[UUID]:
    return (*change.booking.staff_user_ids, *change.former_staff_user_ids)


def _newest(people_: Iterable[Person]) -> dict[UUID, Person]:
    newest: dict[UUID, Person] = {}
    for person in people_:
        known = newest.get(person.user_id)
        if known is None or known.revision < person.revision:
            newest[person.user_id] = person
    return newest
