"""Where calendars elsewhere are put together."""

import ssl

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.http_client import Resolve, resolve_host

from kursi_booking.adapters.calendar_fetching import CalendarFetcher, Reach
from kursi_booking.adapters.calendar_parser import CalendarParser
from kursi_booking.adapters.conflict_events import describe_conflict
from kursi_booking.adapters.sealing import SecretSealer
from kursi_booking.api.external_calendars import (
    ExternalCalendarServicer,
    ExternalCalendarUseCases,
    calendar_answer,
)
from kursi_booking.jobs.calendar_refresh import CalendarRefresher
from kursi_booking.ports.supply import Catalog
from kursi_booking.settings import BookingSettings
from kursi_booking.store.calendar_refreshes import CalendarRefreshes
from kursi_booking.store.external_calendars import ExternalCalendarsInDatabase
from kursi_booking.usecases.external_calendars import ConnectExternalCalendar, ManageExternalCalendars
from kursi_booking.usecases.read_external_calendar import ReadExternalCalendar


class ExternalCalendarParts:
    """The calendars elsewhere of one database."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: BookingSettings,
        *,
        resolve: Resolve = resolve_host,
        trusted: ssl.SSLContext | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._host = settings.calendar_host
        self._sealer = SecretSealer(settings.page_token_key.get_secret_value(), "calendar addresses")
        reach = Reach(settings.calendar_rules, settings.external_calendar_networks, resolve)
        self.fetch = CalendarFetcher(reach, trusted=trusted)

    def servicer(self, catalog: Catalog) -> ExternalCalendarServicer:
        """What the server offers."""
        calendars = ExternalCalendarsInDatabase(self._database)
        return ExternalCalendarServicer(
            ExternalCalendarUseCases(
                connect=ConnectExternalCalendar(
                    calendars,
                    catalog,
                    self._clock,
                    fetch=self.fetch,
                    sealer=self._sealer,
                    render=calendar_answer,
                ),
                manage=ManageExternalCalendars(calendars, catalog, self._clock, calendar_answer),
            )
        )

    def read_one(self, catalog: Catalog) -> ReadExternalCalendar:
        """Reads whatever calendar is due."""
        return ReadExternalCalendar(
            CalendarRefreshes(self._database),
            catalog,
            self._clock,
            fetch=self.fetch,
            parse=CalendarParser(self._host),
            sealer=self._sealer,
            describe=describe_conflict,
        )

    def refresher(self, catalog: Catalog) -> CalendarRefresher:
        """Reads calendars for as long as the process runs."""
        return CalendarRefresher(self.read_one(catalog))
