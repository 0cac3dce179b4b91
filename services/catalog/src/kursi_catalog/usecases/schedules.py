"""When a salon is open, when its staff work, and when they do not."""

from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.grpc.etag import check_etag

from kursi_catalog.domain import trail
from kursi_catalog.domain.absence import Closure, TimeOff
from kursi_catalog.domain.errors import ClosureNotFound, StaffNotFound, TimeOffNotFound
from kursi_catalog.domain.hours import Availability, OpeningHours, wrong_availability, wrong_opening_hours
from kursi_catalog.queries.visibility import visible_salon
from kursi_catalog.store import absences, hours
from kursi_catalog.store.absences import Position
from kursi_catalog.store.edits import Change, Edit
from kursi_catalog.store.hours import KeptAvailability, KeptHours
from kursi_catalog.usecases import editing
from kursi_catalog.usecases.once import Render, RequestKey, once


class Schedules:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def hours(self, caller: Caller, salon_id: UUID) -> KeptHours:
        """Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await hours.hours_of(connection, salon_id)

    async def replace_hours(
        self, caller: Caller, salon_id: UUID, opening: OpeningHours, *, etag: str
    ) -> KeptHours:
        """Raises: Invalid, StaleEtag, SalonNotFound, SalonArchived; LocationRequired for prayer breaks nowhere."""
        _refuse_wrong(*wrong_opening_hours(opening))
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            before = await hours.hours_of(connection, salon_id)
            check_etag(etag, before.revision)
            await hours.replace_hours(connection, salon_id, opening)
            await edit.record(hours_replaced(salon_id, before.opening, opening))
            return KeptHours(opening, before.revision + 1)

    async def availability(self, caller: Caller, salon_id: UUID, staff_id: UUID) -> KeptAvailability:
        """Raises: SalonNotFound, StaffNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await _availability_of(connection, salon_id, staff_id)

    async def replace_availability(
        self, caller: Caller, salon_id: UUID, staff_id: UUID, availability: Availability, *, etag: str
    ) -> KeptAvailability:
        """Raises: Invalid, StaleEtag, StaffNotFound, SalonNotFound, SalonArchived."""
        _refuse_wrong(*wrong_availability(availability))
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            before = await _availability_of(connection, salon_id, staff_id)
            check_etag(etag, before.revision)
            await hours.replace_availability(connection, staff_id, availability)
            await edit.record(availability_replaced(staff_id, before.availability, availability))
            return KeptAvailability(availability, before.revision + 1)

    async def add_time_off(
        self, caller: Caller, absence: TimeOff, *, key: RequestKey, render: Render[TimeOff]
    ) -> bytes:
        """Write down an absence. Bookings in it stay. Raises: StaffNotFound, SalonNotFound, SalonArchived."""

        async def work(connection: Connection) -> bytes:
            edit = await editing.begin(connection, caller, absence.salon_id, self._clock.now())
            await _availability_of(connection, absence.salon_id, absence.staff_id)
            await absences.insert_time_off(connection, absence)
            await _record_time_off(edit, "created", absence)
            return render(absence)

        return await once(self._database, caller, key, work)

    async def time_off(
        self, caller: Caller, salon_id: UUID, staff_id: UUID, *, after: Position | None, limit: int
    ) -> list[TimeOff]:
        """The next absences by start. Raises: SalonNotFound, StaffNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            await _availability_of(connection, salon_id, staff_id)
            return await absences.time_off_page(connection, salon_id, staff_id, after, limit)

    async def remove_time_off(
        self, caller: Caller, salon_id: UUID, staff_id: UUID, time_off_id: UUID
    ) -> None:
        """Raises: TimeOffNotFound, SalonNotFound, SalonArchived."""
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            removed = await absences.delete_time_off(connection, salon_id, staff_id, time_off_id)
            if removed is None:
                raise TimeOffNotFound
            await _record_time_off(edit, "deleted", removed)

    async def close(
        self, caller: Caller, closure: Closure, *, key: RequestKey, render: Render[Closure]
    ) -> bytes:
        """Close the salon for a time. Bookings in it stay. Raises: SalonNotFound, SalonArchived."""

        async def work(connection: Connection) -> bytes:
            edit = await editing.begin(connection, caller, closure.salon_id, self._clock.now())
            await absences.insert_closure(connection, closure)
            await _record_closure(edit, "created", closure)
            return render(closure)

        return await once(self._database, caller, key, work)

    async def closures(
        self, caller: Caller, salon_id: UUID, *, after: Position | None, limit: int
    ) -> list[Closure]:
        """The next closures by start. Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await absences.closure_page(connection, salon_id, after, limit)

    async def reopen(self, caller: Caller, salon_id: UUID, closure_id: UUID) -> None:
        """Take a closure back. Raises: ClosureNotFound, SalonNotFound, SalonArchived."""
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            removed = await absences.delete_closure(connection, salon_id, closure_id)
            if removed is None:
                raise ClosureNotFound
            await _record_closure(edit, "deleted", removed)


def hours_replaced(salon_id: UUID, before: OpeningHours, after: OpeningHours) -> Change:
    """What is written down and told of other opening hours."""
    return Change(
        action="opening_hours.replaced", target_type="opening_hours", target_id=salon_id,
        before=trail.document(before), after=trail.document(after), topic="schedule", resource_id=salon_id,
    )  # fmt: skip


def availability_replaced(staff_id: UUID, before: Availability, after: Availability) -> Change:
    """What is written down and told of other working times."""
    return Change(
        action="availability.replaced", target_type="availability", target_id=staff_id,
        before=trail.document(before), after=trail.document(after), topic="schedule", resource_id=staff_id,
    )  # fmt: skip


def _refuse_wrong(*violations: Violation) -> None:
    if violations:
        raise Invalid(*violations)


async def _availability_of(connection: Connection, salon_id: UUID, staff_id: UUID) -> KeptAvailability:
    found = await hours.availability_of(connection, salon_id, staff_id)
    if found is None:
        raise StaffNotFound
    return found


async def _record_time_off(edit: Edit, action: str, absence: TimeOff) -> None:
    await _record_absence(edit, f"time_off.{action}", "time_off", absence, absence.staff_id)


async def _record_closure(edit: Edit, action: str, closure: Closure) -> None:
    await _record_absence(edit, f"closure.{action}", "closure", closure, closure.salon_id)


async def _record_absence(
    edit: Edit, action: str, target_type: str, absence: TimeOff | Closure, resource_id: UUID
) -> None:
    document = trail.document(absence)
    is_new = action.endswith(".created")
    await edit.record(
        Change(
            action=action,
            target_type=target_type,
            target_id=absence.id,
            before=None if is_new else document,
            after=document if is_new else None,
            topic="schedule",
            resource_id=resource_id,
        )
    )
