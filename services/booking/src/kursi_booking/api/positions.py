"""Where lists go on, inside their page tokens."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from kursi_booking.ports.listing import Position


def to_token(position: Position) -> list[str | int | None]:
    """The position for a token."""
    instant, row_id = position
    return [instant.isoformat(), str(row_id)]


def from_token(token: Sequence[str | int | None] | None) -> Position | None:
    """The position back; None where a list begins."""
    return (datetime.fromisoformat(str(token[0])), UUID(str(token[1]))) if token else None
