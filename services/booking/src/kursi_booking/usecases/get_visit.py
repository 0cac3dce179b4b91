"""What a visit was, and whose."""

from uuid import UUID

from kursi_booking.domain.booking import Booking
from kursi_booking.domain.errors import BookingNotFound
from kursi_booking.ports.bookings import BookingStore


class GetVisit:
    """Tells catalog who may speak of a visit."""

    def __init__(self, store: BookingStore) -> None:
        self._store = store

    async def __call__(self, booking_id: UUID) -> Booking:
        """The visit as it is now. Raises: BookingNotFound."""
        booking = await self._store.find(booking_id)
        if booking is None:
            raise BookingNotFound
        return booking
