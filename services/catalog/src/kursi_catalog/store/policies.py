"""What the salon and its services decide about booking, one row per level."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg import sql
from psycopg.types.json import Jsonb

from kursi_catalog.domain.policy import FIELDS, Levels, Policy, Prepayment, StartMode
from kursi_catalog.store.rows import Row, fetch_all

_SECOND = timedelta(seconds=1)
_SPANS = frozenset(
    {
        "slot_step",
        "minimum_notice",
        "maximum_ahead",
        "cancellation_window",
        "reschedule_window",
        "hold",
        "waitlist_offer",
    }
)
_COLUMN = {name: f"{name}_seconds" if name in _SPANS else name for name in FIELDS}

OF_SALON = sql.SQL("SELECT * FROM policies WHERE salon_id = %(salon_id)s")
_SAVE = sql.SQL(
    "INSERT INTO policies (salon_id, service_id, revision, {columns}) "
    "VALUES (%(salon_id)s, %(service_id)s, 1, {values}) "
    "ON CONFLICT ON CONSTRAINT policies_key DO UPDATE SET revision = policies.revision + 1, {changes}"
).format(
    columns=sql.SQL(", ").join(map(sql.Identifier, _COLUMN.values())),
    values=sql.SQL(", ").join(map(sql.Placeholder, _COLUMN.values())),
    changes=sql.SQL(", ").join(
        sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in _COLUMN.values()
    ),
)


async def levels_of(connection: Connection, salon_id: UUID) -> Levels:
    """Every level of a salon that decides something for itself."""
    return read_levels(await fetch_all(connection, OF_SALON, {"salon_id": salon_id}))


def read_levels(rows: Iterable[Row]) -> Levels:
    """The levels in the rows of `OF_SALON`."""
    return {row["service_id"]: (_read(row), row["revision"]) for row in rows}


async def save(connection: Connection, salon_id: UUID, service_id: UUID | None, policy: Policy) -> None:
    await connection.execute(_SAVE, {"salon_id": salon_id, "service_id": service_id, **_write(policy)})


def _read(row: Row) -> Policy:
    values = {name: row[column] for name, column in _COLUMN.items()}
    spans = {name: values[name] * _SECOND for name in _SPANS if values[name] is not None}
    prepayment = Prepayment(values["prepayment"]) if values["prepayment"] else None
    start_mode = StartMode(values["start_mode"]) if values["start_mode"] else None
    return Policy(**{**values, **spans, "prepayment": prepayment, "start_mode": start_mode})


def _write(policy: Policy) -> Row:
    row: Row = {}
    for name, column in _COLUMN.items():
        value = getattr(policy, name)
        row[column] = value // _SECOND if isinstance(value, timedelta) else value
    return {
        **row,
        "prepayment": policy.prepayment.value if policy.prepayment else None,
        "start_mode": policy.start_mode.value if policy.start_mode else None,
        "texts": None if policy.texts is None else Jsonb(policy.texts),
    }
