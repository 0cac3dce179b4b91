"""Settings of the booking service beyond those that every service has: environment variables `KURSI_BOOKING_…`."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from typing import ClassVar

from kursi_chassis.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict

from kursi_booking.domain.calendar_address import AddressRules


class BookingSettings(ServiceSettings):
    """The settings of the booking service."""

    service: ClassVar[str] = "booking"
    model_config = SettingsConfigDict(env_prefix="KURSI_BOOKING_", frozen=True, extra="ignore")

    catalog_oldest_minutes: int = Field(default=15, ge=1)
    """Up to which age the salon's data is good enough to book by when the catalog does not answer. Staff plan days
    ahead, so a quarter of an hour changes little; a longer outage must not sell hours that nobody works."""

    calendar_host: str = Field(default="bookings.kursi", pattern=r"^[a-z0-9.-]{1,100}$")
    """What makes the ids of bookings unique in calendars elsewhere. Set once: under another one every event is new."""

    external_calendar_http: bool = False
    """Whether calendars elsewhere may be read without encryption, at port 80 and any above 1023. For tests on one machine."""

    external_calendar_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks in which calendars elsewhere may be although they are not public, as a list in JSON. None is right unless
    the calendars of the staff are on a server inside."""

    @property
    def calendar_rules(self) -> AddressRules:
        """Which addresses of calendars elsewhere are so much as tried."""
        if not self.external_calendar_http:
            return AddressRules()
        return AddressRules(frozenset({"https", "http"}), frozenset({80, 443, *range(1024, 65536)}))

    @property
    def catalog_oldest(self) -> timedelta:
        """The same as a span."""
        return timedelta(minutes=self.catalog_oldest_minutes)
