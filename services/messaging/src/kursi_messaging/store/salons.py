"""What salons chose."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from kursi_chassis.db.database import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from kursi_messaging.domain.reminders import ReminderRule
from kursi_messaging.domain.salon import DEFAULT_SETTINGS, SalonSettings
from kursi_messaging.domain.words import Channel


@dataclass(frozen=True, slots=True)
class _Row:
    salon_id: UUID
    customer_channels: list[str]
    staff_channels: list[str]
    reminders: list[dict[str, object]]
    default_language_code: str
    revision: int


async def read_many(connection: Connection, salon_ids: Collection[UUID]) -> dict[UUID, SalonSettings]:
    """The settings of those among these salons that have any."""
    async with connection.cursor(row_factory=class_row(_Row)) as cursor:
        await cursor.execute(
            "SELECT salon_id, customer_channels, staff_channels, reminders, default_language_code, revision "
            "FROM salon_settings WHERE salon_id = ANY (%s)",
            [list(salon_ids)],
        )
        return {row.salon_id: _settings(row) for row in await cursor.fetchall()}


async def read(connection: Connection, salon_id: UUID) -> SalonSettings:
    """One salon's settings; the defaults for one that has none."""
    return (await read_many(connection, [salon_id])).get(salon_id, DEFAULT_SETTINGS)


async def write(connection: Connection, salon_id: UUID, settings: SalonSettings, now: datetime) -> None:
    """Store a salon's settings as they are in `settings`, its revision included.

    The caller holds the salon's planning lock, so nobody else writes between its reading and this.
    """
    await connection.execute(
        """
        INSERT INTO salon_settings (salon_id, customer_channels, staff_channels, reminders,
                                    default_language_code, revision, updated_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (salon_id) DO UPDATE SET
            customer_channels = excluded.customer_channels, staff_channels = excluded.staff_channels,
            reminders = excluded.reminders, default_language_code = excluded.default_language_code,
            revision = excluded.revision, updated_at = excluded.updated_at
        """,
        [
            salon_id,
            [channel.value for channel in settings.customer_channels],
            [channel.value for channel in settings.staff_channels],
            Jsonb([_rule_as_json(rule) for rule in settings.reminders]),
            settings.default_language,
            settings.revision,
            now,
        ],
    )


def _settings(row: _Row) -> SalonSettings:
    return SalonSettings(
        customer_channels=tuple(map(Channel, row.customer_channels)),
        staff_channels=tuple(map(Channel, row.staff_channels)),
        reminders=tuple(map(_rule, row.reminders)),
        default_language=row.default_language_code,
        revision=row.revision,
    )


def _rule(stored: dict[str, object]) -> ReminderRule:
    seconds, channels = stored["offset_seconds"], stored["channels"]
    if not isinstance(seconds, int) or not isinstance(channels, list):
        raise TypeError(stored)
    return ReminderRule(timedelta(seconds=seconds), tuple(map(Channel, channels)))


def _rule_as_json(rule: ReminderRule) -> dict[str, object]:
    return {
        "offset_seconds": int(rule.offset.total_seconds()),
        "channels": [channel.value for channel in rule.channels],
    }
