"""What is told by itself: it needs no knowledge of what was told before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Protocol
from uuid import UUID

from kursi_messaging.domain.planning import Planned, Surroundings


class News(Protocol):
    """Something that happened at a salon, and who is told of it."""

    @property
    def salon_id(self) -> UUID:
        """Where."""
        ...

    @property
    def people(self) -> Collection[UUID]:
        """Everybody who is told."""
        ...

    def messages(self, around: Surroundings) -> Iterable[Planned]:
        """One message for each of them and each of their channels."""
        ...
