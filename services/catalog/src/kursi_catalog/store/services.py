"""Services as rows, their performers in a table of their own."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from kursi_chassis.db.database import Connection
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.money import Money
from psycopg import sql
from psycopg.types.json import Jsonb

from kursi_catalog.domain.service import AddOn, Performer, Place, Segment, Service
from kursi_catalog.store.rows import Row, fetch_all
from kursi_catalog.store.table import Table, read_history

_MINUTE = timedelta(minutes=1)
_COLUMNS = """
    it.category, it.names, it.descriptions, it.duration_minutes, it.buffer_before_minutes,
    it.buffer_after_minutes, it.currency_code, it.price_minor, it.segments, it.add_ons, it.place,
    it.meeting_link, it.active,
    COALESCE((SELECT jsonb_agg(jsonb_build_array(p.staff_id, p.price_minor, p.duration_minutes) ORDER BY p.position)
              FROM service_performers p WHERE p.service_id = it.id), '[]') AS performers
"""


def read(row: Row) -> Service:
    currency = row["currency_code"]
    return Service(
        **read_history(row),
        category=row["category"],
        names=row["names"],
        descriptions=row["descriptions"],
        duration=row["duration_minutes"] * _MINUTE,
        buffer_before=row["buffer_before_minutes"] * _MINUTE,
        buffer_after=row["buffer_after_minutes"] * _MINUTE,
        price=Money(currency, row["price_minor"]),
        segments=tuple(_segment(part) for part in row["segments"]),
        add_ons=tuple(_add_on(part, currency) for part in row["add_ons"]),
        performers=tuple(_performer(part, currency) for part in row["performers"]),
        place=Place(row["place"]),
        meeting_link=row["meeting_link"],
        active=row["active"],
    )


def _write(service: Service) -> Row:
    if service.price is None or service.duration is None:
        message = "a service is written once it is settled"
        raise ValueError(message)
    return {
        "category": service.category,
        "names": Jsonb(service.names),
        "descriptions": Jsonb(service.descriptions),
        "duration_minutes": service.duration // _MINUTE,
        "buffer_before_minutes": service.buffer_before // _MINUTE,
        "buffer_after_minutes": service.buffer_after // _MINUTE,
        "currency_code": service.price.currency_code,
        "price_minor": service.price.amount_minor,
        "segments": Jsonb([_segment_row(segment) for segment in service.segments]),
        "add_ons": Jsonb([_add_on_row(extra) for extra in service.add_ons]),
        "place": service.place.value,
        "meeting_link": service.meeting_link,
        "active": service.active,
    }


async def _save_performers(connection: Connection, service: Service) -> None:
    """Replace who performs the service. Raises: Invalid (UNKNOWN_STAFF) for who is not staff of the salon."""
    await _expect_staff(connection, service)
    await connection.execute("DELETE FROM service_performers WHERE service_id = %s", [service.id])
    performers = service.performers
    await connection.execute(
        """
        INSERT INTO service_performers (salon_id, service_id, staff_id, position, price_minor, duration_minutes)
        SELECT %(salon_id)s, %(id)s, one.staff_id, one.number - 1, one.price_minor, one.duration_minutes
        FROM unnest(%(staff_ids)s::uuid[], %(prices)s::bigint[], %(minutes)s::integer[])
            WITH ORDINALITY AS one (staff_id, price_minor, duration_minutes, number)
        """,
        {
            "salon_id": service.salon_id,
            "id": service.id,
            "staff_ids": [one.staff_id for one in performers],
            "prices": [one.price.amount_minor if one.price else None for one in performers],
            "minutes": [one.duration // _MINUTE if one.duration else None for one in performers],
        },
    )


async def _expect_staff(connection: Connection, service: Service) -> None:
    """The foreign key refuses strangers too; this says which of them it was."""
    query = sql.SQL("SELECT id FROM staff_members WHERE salon_id = %(salon_id)s AND id = ANY (%(ids)s)")
    wanted = [performer.staff_id for performer in service.performers]
    rows = await fetch_all(connection, query, {"salon_id": service.salon_id, "ids": wanted})
    known = {row["id"] for row in rows}
    strangers = [
        Violation(f"service.performers[{position}].staff_id", "UNKNOWN_STAFF")
        for position, staff_id in enumerate(wanted)
        if staff_id not in known
    ]
    if strangers:
        raise Invalid(*strangers)


SERVICES: Table[Service] = Table("services", _COLUMNS, read, _write, _save_performers)

_Part = Mapping[str, Any]  # Any: a JSON object as we wrote it


def _segment(part: _Part) -> Segment:
    # Written before several could work at once, it names no number.
    staff_count = part.get("staff_count", 1)
    return Segment(part["minutes"] * _MINUTE, part["needs_staff"], tuple(part["resource_kinds"]), staff_count)


def _segment_row(segment: Segment) -> Row:
    return {
        "minutes": segment.duration // _MINUTE,
        "needs_staff": segment.needs_staff,
        "resource_kinds": list(segment.resource_kinds),
        "staff_count": segment.staff_count,
    }


def _add_on(part: _Part, currency: str) -> AddOn:
    price = Money(currency, part["price_minor"])
    return AddOn(UUID(part["id"]), part["names"], part["minutes"] * _MINUTE, price)


def _add_on_row(extra: AddOn) -> Row:
    return {
        "id": str(extra.id),
        "names": dict(extra.names),
        "minutes": extra.duration // _MINUTE,
        "price_minor": extra.price.amount_minor,
    }


def _performer(part: list[Any], currency: str) -> Performer:  # Any: as for _Part
    staff_id, price_minor, minutes = part
    return Performer(
        UUID(staff_id),
        None if price_minor is None else Money(currency, price_minor),
        None if minutes is None else minutes * _MINUTE,
    )
