"""The rules of booking: what counts, and what a salon or a service decides for itself."""

from dataclasses import replace
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.grpc.etag import check_etag

from kursi_catalog.domain import trail
from kursi_catalog.domain.errors import ServiceNotFound
from kursi_catalog.domain.policy import NOTHING, EffectivePolicy, Policy, effective
from kursi_catalog.queries.visibility import is_insider, visible_salon
from kursi_catalog.store import policies
from kursi_catalog.store.edits import Change
from kursi_catalog.store.services import SERVICES
from kursi_catalog.usecases import editing
from kursi_catalog.usecases.kinds import Fields


class Policies:
    def __init__(self, database: Database, clock: Clock, platform: Policy) -> None:
        self._database = database
        self._clock = clock
        self._platform = platform

    async def get(self, caller: Caller, salon_id: UUID, service_id: UUID | None) -> EffectivePolicy:
        """What counts for the salon, or one of its services. Raises: SalonNotFound, ServiceNotFound."""
        async with self._database.snapshot() as connection:
            await visible_salon(connection, caller, salon_id)
            await _expect_service(connection, caller, salon_id, service_id)
            return effective(self._platform, await policies.levels_of(connection, salon_id), service_id)

    async def update(
        self, caller: Caller, salon_id: UUID, service_id: UUID | None, *, etag: str, fields: Fields
    ) -> EffectivePolicy:
        """Set what this level decides; None gives a value back to the level above.

        Raises: StaleEtag, SalonNotFound, ServiceNotFound, SalonArchived.
        """
        async with self._database.transaction() as connection:
            edit = await editing.begin(connection, caller, salon_id, self._clock.now())
            await _expect_service(connection, caller, salon_id, service_id)
            levels = await policies.levels_of(connection, salon_id)
            own, revision = levels.get(service_id, (NOTHING, 0))
            check_etag(etag, revision)
            asked = replace(own, **fields)
            if asked == own:
                return effective(self._platform, levels, service_id)
            await policies.save(connection, salon_id, service_id, asked)
            before, after = trail.difference(own, asked)
            await edit.record(
                Change(
                    action="policy.updated",
                    target_type="service_policy" if service_id else "salon_policy",
                    target_id=service_id or salon_id,
                    before=before,
                    after=after,
                    topic="policy",
                    resource_id=salon_id,
                )
            )
            levels = {**levels, service_id: (asked, revision + 1)}
            return effective(self._platform, levels, service_id)


async def _expect_service(
    connection: Connection, caller: Caller, salon_id: UUID, service_id: UUID | None
) -> None:
    if service_id is None:
        return
    service = await SERVICES.find(connection, salon_id, service_id)
    if service is None or (service.archive_time is not None and not is_insider(caller, salon_id)):
        raise ServiceNotFound
