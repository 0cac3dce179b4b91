"""What explaining a closed time needs of the layers below and of the catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from kursi_chassis.intervals import Interval

from kursi_booking.domain.closing import Closing, Row, Source
from kursi_booking.domain.salon import SalonContext
from kursi_booking.ports.offers import Ask, Offer


@dataclass(frozen=True, slots=True)
class SalonOffer:
    """An offer, with the salon that it was made from; with questions also when the salon is not live."""

    offer: Offer
    salon: SalonContext


class SalonOffers(Protocol):
    """Offers, to be explained."""

    async def to_explain(self, ask: Ask) -> SalonOffer:
        """What `Offers.to_show` decides from. Raises: the same."""
        ...


class UnitSpan(NamedTuple):
    """A padded range of somebody's or something's time."""

    unit_id: UUID
    span: Interval


@dataclass(frozen=True, slots=True)
class CatalogWord:
    """What closes each asked span, and per asked service by JSON name where the values of its policy come from."""

    closings: Sequence[Closing | None]
    sources: Mapping[UUID, Mapping[str, Source]]


class WorkingTimeRules(Protocol):
    """The catalog's rules about working time."""

    async def explain_working_time(
        self, salon_id: UUID, spans: Sequence[UnitSpan], service_ids: Sequence[UUID]
    ) -> CatalogWord:
        """Which rule closes each span now. Raises: CatalogUnavailable, SalonNotFound, ServiceNotFound, StaffNotFound."""
        ...


class ClaimRows(Protocol):
    """The claims themselves."""

    async def __call__(self, spans: Sequence[UnitSpan], now: datetime) -> Sequence[Row | None]:
        """The first claim that meets each span, as a row; a hold that is over is none."""
        ...
