"""Looking at series: one, or a list."""

from dataclasses import replace
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock

from kursi_booking.domain.series import Series, Upcoming
from kursi_booking.domain.series_errors import SeriesNotFound
from kursi_booking.ports.series import SeriesFilter, SeriesStore, SeriesView
from kursi_booking.usecases.access import is_member, whose_list


def visible_series(series: Series | None, caller: Caller) -> Series:
    """The series, for its customer and the salon's members. Raises: SeriesNotFound for others."""
    if series is None:
        raise SeriesNotFound
    if series.customer_id != caller.user_id and not is_member(caller, series.salon_id):
        raise SeriesNotFound
    return series


class ReadSeries:
    """What customers see of their own series, and members of a salon of its."""

    def __init__(self, store: SeriesStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def one(self, series_id: UUID, caller: Caller) -> SeriesView:
        """The series with its bookings. Raises: SeriesNotFound."""
        series = visible_series(await self._store.find(series_id), caller)
        return SeriesView(series, await self._store.bookings_of(series_id), self._clock.now())

    async def page(
        self, wanted: SeriesFilter, after: UUID | None, size: int, caller: Caller
    ) -> list[tuple[Series, Upcoming]]:
        """One page, the newest first. Raises: RoleRequired for somebody else's salon, Denied for another customer."""
        customer_id = whose_list(wanted.salon_id, wanted.customer_id, caller)
        asked = replace(wanted, customer_id=customer_id)
        return await self._store.page(asked, after, size, self._clock.now())
