"""All of a salon's catalogue at once, archived things included."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql

from kursi_catalog.domain.hours import Availability, OpeningHours
from kursi_catalog.domain.resource import Resource
from kursi_catalog.domain.service import Service
from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.store import hours, import_keys
from kursi_catalog.store.import_keys import Keys
from kursi_catalog.store.resources import RESOURCES
from kursi_catalog.store.rows import fetch_all
from kursi_catalog.store.services import SERVICES
from kursi_catalog.store.staff import STAFF

_EVERYTHING = 10_000
"""More than a salon may have of anything."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that can be taken along."""

    staff: tuple[StaffMember, ...]
    resources: tuple[Resource, ...]
    services: tuple[Service, ...]
    opening: OpeningHours
    availability: Mapping[UUID, Availability]
    keys: Keys

    def keys_by_id(self) -> Mapping[UUID, str]:
        """The key of each thing: the one it came with, else its id."""
        known = {thing_id: key for (_, key), thing_id in self.keys.items()}
        return {
            thing.id: known.get(thing.id, str(thing.id))
            for thing in (*self.staff, *self.resources, *self.services)
        }


async def load(connection: Connection, salon_id: UUID) -> Catalogue:
    """In six statements, whatever the salon has."""
    query = sql.SQL("SELECT id, schedules, overrides FROM staff_members WHERE salon_id = %(salon_id)s")
    return Catalogue(
        staff=tuple(
            await STAFF.page(connection, salon_id, after=None, limit=_EVERYTHING, show_archived=True)
        ),
        resources=tuple(
            await RESOURCES.page(connection, salon_id, after=None, limit=_EVERYTHING, show_archived=True)
        ),
        services=tuple(
            await SERVICES.page(connection, salon_id, after=None, limit=_EVERYTHING, show_archived=True)
        ),
        opening=(await hours.hours_of(connection, salon_id)).opening,
        availability={
            row["id"]: hours.read_availability(row)
            for row in await fetch_all(connection, query, {"salon_id": salon_id})
        },
        keys=await import_keys.of_salon(connection, salon_id),
    )


@asynccontextmanager
async def searching_later(connection: Connection, salon_id: UUID) -> AsyncIterator[None]:
    """What search knows of the salon is brought up to date once, at the end of the block, not with each row.

    It reads the whole salon, so that doing it for each of five hundred services would read it five hundred times.
    """
    await connection.execute("SELECT set_config('kursi.search_put_off', 'on', true)")
    yield
    await connection.execute("SELECT set_config('kursi.search_put_off', 'off', true)")
    await connection.execute("SELECT refresh_search(%s)", [salon_id])
