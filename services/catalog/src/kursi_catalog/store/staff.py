"""Staff members as rows."""

from psycopg.types.json import Jsonb

from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.store.rows import Row
from kursi_catalog.store.table import Table, read_history

_COLUMNS = """
    it.user_id, it.display_names, it.bios, it.color, it.bookable_online, it.version, it.schedules, it.overrides,
    ARRAY(SELECT p.service_id FROM service_performers p WHERE p.staff_id = it.id ORDER BY p.service_id)
        AS service_ids
"""


def read(row: Row) -> StaffMember:
    return StaffMember(
        **read_history(row),
        user_id=row["user_id"],
        display_names=row["display_names"],
        bios=row["bios"],
        color=row["color"],
        bookable_online=row["bookable_online"],
        service_ids=tuple(row["service_ids"]),
        version=row["version"],
    )


def _write(member: StaffMember) -> Row:
    return {
        "user_id": member.user_id,
        "display_names": Jsonb(member.display_names),
        "bios": Jsonb(member.bios),
        "color": member.color,
        "bookable_online": member.bookable_online,
        "version": member.version,
    }


STAFF: Table[StaffMember] = Table("staff_members", _COLUMNS, read, _write)
