"""Finding salons, and what happened in them."""

from collections.abc import Sequence
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.db.database import Database

from kursi_catalog.domain.policy import Policy
from kursi_catalog.queries import audit, context, salons
from kursi_catalog.queries.audit import AuditEntry
from kursi_catalog.queries.context import BookingContext, Question
from kursi_catalog.queries.explanation import Explained, StaffSpan, explain_working_time
from kursi_catalog.queries.salons import Found, Named, Search
from kursi_catalog.queries.visibility import visible_salon


class Finding:
    def __init__(self, database: Database, platform: Policy) -> None:
        self._database = database
        self._platform = platform

    async def mine(self, caller: Caller, *, after: tuple[str, UUID] | None, limit: int) -> list[Named]:
        """The salons of which the caller is a member, archived ones too, by name."""
        async with self._database.snapshot() as connection:
            return await salons.salons_by_name(
                connection, caller.salons.keys(), caller.language, after, limit
            )

    async def search(self, search: Search, *, after: tuple[int, UUID] | None, limit: int) -> list[Found]:
        """Live salons that fit, best first."""
        async with self._database.snapshot() as connection:
            return await salons.find_salons(connection, search, after, limit)

    async def audit(
        self, caller: Caller, salon_id: UUID, *, before: UUID | None, limit: int
    ) -> list[AuditEntry]:
        """Who changed what, newest first. Raises: SalonNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            return await audit.audit_page(connection, salon_id, before, limit)

    async def booking_context(self, question: Question) -> BookingContext:
        """All that booking needs. Raises: SalonNotFound, ServiceNotFound, StaffNotFound."""
        return await context.booking_context(self._database, self._platform, question)

    async def explain_working_time(
        self, salon_id: UUID, spans: Sequence[StaffSpan], service_ids: Sequence[UUID]
    ) -> Explained:
        """Why people do not work. Raises: SalonNotFound, ServiceNotFound, StaffNotFound."""
        return await explain_working_time(self._database, self._platform, salon_id, spans, service_ids)
