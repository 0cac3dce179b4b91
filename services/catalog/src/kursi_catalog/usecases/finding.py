"""Finding salons, and what happened in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Invalid, Violation

from kursi_catalog.domain.policy import Policy
from kursi_catalog.domain.salon import Salon
from kursi_catalog.queries import audit, context, salons
from kursi_catalog.queries.audit import AuditEntry
from kursi_catalog.queries.context import BookingContext, Question
from kursi_catalog.queries.explanation import Explained, StaffSpan, explain_working_time
from kursi_catalog.queries.salons import Named
from kursi_catalog.queries.search import Found, Search, find_salons
from kursi_catalog.queries.visibility import visible_salon
from kursi_catalog.store.salons import find

_LATEST_OPENING = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a page of a search begins: after this salon, in a search begun then."""

    rank: int
    salon_id: UUID
    begun: datetime


class Finding:
    def __init__(self, database: Database, platform: Policy, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._platform = platform

    async def mine(self, caller: Caller, *, after: tuple[str, UUID] | None, limit: int) -> list[Named]:
        """The salons of which the caller is a member, archived ones too, by name."""
        async with self._database.snapshot() as connection:
            return await salons.salons_by_name(
                connection, caller.salons.keys(), caller.language, after, limit
            )

    async def search(
        self, search: Search, *, after: Start | None, limit: int
    ) -> tuple[list[Found], datetime]:
        """Live salons that fit, best first, and the instant at which the first page was asked for.

        All pages of a search see the opening times of that instant. Raises: Invalid for an instant that has
        passed or that nobody has worked out yet.
        """
        now = self._clock.now()
        begun = after.begun if after else now
        if after is None and search.open_at and not now <= search.open_at <= now + _LATEST_OPENING:
            bounds = {"min": now, "max": now + _LATEST_OPENING}
            raise Invalid(Violation("open_time", "OUT_OF_RANGE", bounds))
        asked = replace(search, open_at=begun) if search.open_now else search
        async with self._database.snapshot() as connection:
            place = (after.rank, after.salon_id) if after else None
            return await find_salons(connection, asked, place, limit), begun

    async def audit(
        self, caller: Caller, salon_id: UUID, *, before: UUID | None, limit: int
    ) -> list[AuditEntry]:
        """Who changed what, newest first. Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await audit.audit_page(connection, salon_id, before, limit)

    async def salon(self, salon_id: UUID) -> Salon | None:
        """The salon as it is, whoever may see it."""
        async with self._database.reading() as connection:
            return await find(connection, salon_id)

    async def booking_context(self, question: Question) -> BookingContext:
        """All that booking needs. Raises: SalonNotFound, ServiceNotFound, StaffNotFound."""
        return await context.booking_context(self._database, self._platform, question)

    async def explain_working_time(
        self, salon_id: UUID, spans: Sequence[StaffSpan], service_ids: Sequence[UUID]
    ) -> Explained:
        """Why people do not work. Raises: SalonNotFound, ServiceNotFound, StaffNotFound."""
        return await explain_working_time(self._database, self._platform, salon_id, spans, service_ids)
