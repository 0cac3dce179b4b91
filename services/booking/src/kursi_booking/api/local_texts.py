"""Instants in the salon's wall-clock time."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def local_text(instant: int, zone: ZoneInfo) -> str:
    """An instant as its zone's clocks show it, with their offset: `2026-11-21T16:00:00+03:00`."""
    return datetime.fromtimestamp(instant, UTC).astimezone(zone).isoformat()
