"""What the booking service is told by its environment (`KURSI_BOOKING_…`)."""

from datetime import timedelta
from typing import ClassVar

from kursi_chassis.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class BookingSettings(ServiceSettings):
    """The settings of the booking service."""

    service: ClassVar[str] = "booking"
    model_config = SettingsConfigDict(env_prefix="KURSI_BOOKING_", frozen=True, extra="ignore")

    catalog_oldest_minutes: int = Field(default=15, ge=1)
    """Up to which age the salon's data is good enough to book by when the catalog does not answer. Staff plan days
    ahead, so a quarter of an hour changes little; a longer outage must not sell hours that nobody works."""

    calendar_host: str = Field(default="bookings.kursi", pattern=r"^[a-z0-9.-]{1,100}$")
    """What makes the ids of bookings unique in calendars elsewhere. Set once: under another one every event is new."""

    @property
    def catalog_oldest(self) -> timedelta:
        """The same as a span."""
        return timedelta(minutes=self.catalog_oldest_minutes)
