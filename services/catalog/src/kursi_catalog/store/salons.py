"""Salons, and the lock that every change of a salon takes first."""

from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.db.violations import constraint_errors
from psycopg import sql
from psycopg.types.json import Jsonb

from kursi_catalog.domain.errors import CurrencyInUse, LocationInUse, SlugTaken
from kursi_catalog.domain.salon import Location, Rating, Salon, SalonStatus, Serves
from kursi_catalog.store.rows import Row, fetch_one, insert_row, update_row

COLUMNS = sql.SQL(
    "s.id, s.slug, s.names, s.descriptions, s.address, s.city, s.territory_code, s.latitude, s.longitude, "
    "s.phone_number, s.time_zone, s.currency_code, s.serves, s.amenities, s.status, s.archive_time, "
    "s.create_time, s.update_time, s.revision, s.version, s.review_count, s.rating_sum"
)
_FIND = sql.SQL("SELECT {} FROM salons s WHERE s.id = %(id)s").format(COLUMNS)
# Inserts of services and staff check their foreign key beside this lock, which a plain FOR UPDATE would block.
_LOCK = _FIND + sql.SQL(" FOR NO KEY UPDATE")


async def find(connection: Connection, salon_id: UUID) -> Salon | None:
    row = await fetch_one(connection, _FIND, {"id": salon_id})
    return read(row) if row else None


async def lock(connection: Connection, salon_id: UUID) -> Salon | None:
    """The salon, which nobody else changes until this transaction ends.

    Every change of anything in a salon begins here. So changes of one salon happen one after the other: what
    they read stays true until they commit, and they never wait for each other in a circle.
    """
    row = await fetch_one(connection, _LOCK, {"id": salon_id})
    return read(row) if row else None


async def slug_is_taken(connection: Connection, slug: str) -> bool:
    query = sql.SQL("SELECT 1 FROM salons WHERE slug = %(slug)s")
    return await fetch_one(connection, query, {"slug": slug}) is not None


async def insert(connection: Connection, salon: Salon) -> None:
    """Raises: SlugTaken."""
    with constraint_errors({"salons_slug_key": lambda _: SlugTaken(slug=salon.slug)}):
        await insert_row(connection, "salons", {"id": salon.id, **_write(salon)})


async def update(connection: Connection, salon: Salon) -> None:
    """Write the salon's fields.

    Raises: SlugTaken; CurrencyInUse when services are priced in the currency that was to change; LocationInUse
    when prayer breaks are computed from the location that was to go.
    """
    errors = {
        "salons_slug_key": lambda _: SlugTaken(slug=salon.slug),
        "services_currency_fkey": lambda _: CurrencyInUse(),
        "salons_prayer_place": lambda _: LocationInUse(),
    }
    with constraint_errors(errors):
        await update_row(connection, "salons", salon.id, _write(salon))


def read(row: Row) -> Salon:
    """The salon in a row with `COLUMNS`; further columns do no harm."""
    return Salon(
        id=row["id"],
        slug=row["slug"],
        names=row["names"],
        descriptions=row["descriptions"],
        address=row["address"],
        city=row["city"],
        territory_code=row["territory_code"],
        location=read_location(row),
        phone_number=row["phone_number"],
        time_zone=row["time_zone"],
        currency_code=row["currency_code"],
        serves=Serves(row["serves"]),
        amenities=tuple(row["amenities"]),
        status=SalonStatus(row["status"]),
        archive_time=row["archive_time"],
        create_time=row["create_time"],
        update_time=row["update_time"],
        revision=row["revision"],
        version=row["version"],
        rating=Rating(row["review_count"], row["rating_sum"]),
    )


def read_location(row: Row) -> Location | None:
    """Where the salon in a row is."""
    return None if row["latitude"] is None else Location(row["latitude"], row["longitude"])


def _write(salon: Salon) -> Row:
    return {
        "slug": salon.slug,
        "names": Jsonb(salon.names),
        "descriptions": Jsonb(salon.descriptions),
        "address": salon.address,
        "city": salon.city,
        "territory_code": salon.territory_code,
        "latitude": salon.location.latitude if salon.location else None,
        "longitude": salon.location.longitude if salon.location else None,
        "phone_number": salon.phone_number,
        "time_zone": salon.time_zone,
        "currency_code": salon.currency_code,
        "serves": salon.serves.value,
        "amenities": list(salon.amenities),
        "status": salon.status.value,
        "archive_time": salon.archive_time,
        "create_time": salon.create_time,
        "update_time": salon.update_time,
        "revision": salon.revision,
    }
