"""Somebody who performs services."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from kursi_catalog.domain.kept import KeptInSalon


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember(KeptInSalon):
    """`service_ids` are those of the services that name them as performer.

    `version` counts changes of them, their availability and their time off.
    """

    user_id: UUID | None
    display_names: Mapping[str, str]
    bios: Mapping[str, str]
    color: str
    bookable_online: bool
    service_ids: tuple[UUID, ...] = ()
    version: int = 0
