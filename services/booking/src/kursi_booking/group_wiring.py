"""Where recurring visits and group sessions are put together."""

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database

from kursi_booking.adapters.booking_events import describe_event, describe_event_in_series
from kursi_booking.adapters.series_events import describe_series
from kursi_booking.api import series, sessions
from kursi_booking.api.rendering import booking_answer
from kursi_booking.api.series import (
    SeriesServicer,
    SeriesUseCases,
    cancelled_answer,
    confirmed_answer,
    series_answer,
)
from kursi_booking.api.sessions import SessionServicer, SessionUseCases, session_answer
from kursi_booking.ports.bookings import BookingStore
from kursi_booking.ports.guests import Customers
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Offers
from kursi_booking.store.series import SeriesInDatabase
from kursi_booking.store.sessions import SessionsInDatabase
from kursi_booking.usecases.cancel_series import CancelSeries
from kursi_booking.usecases.change_session import CancelSession, ResizeSession
from kursi_booking.usecases.confirm_series import ConfirmSeries
from kursi_booking.usecases.create_series import CreateSeries
from kursi_booking.usecases.create_session import CreateSession
from kursi_booking.usecases.join_session import JoinSession
from kursi_booking.usecases.read_series import ReadSeries
from kursi_booking.usecases.read_sessions import ReadSessions
from kursi_booking.usecases.series_acting import SeriesActing


class GroupParts:
    """Series and sessions over what bookings have anyway."""

    def __init__(
        self,
        database: Database,
        bookings: BookingStore,
        offers: Offers,
        expire_hold: HoldExpiry,
        clock: Clock,
        *,
        customers: Customers,
    ) -> None:
        self._customers = customers
        self._database = database
        self._bookings = bookings
        self._offers = offers
        self._expire_hold = expire_hold
        self._clock = clock

    def servicers(self, page_token_key: str) -> list[tuple[object, str]]:
        """What the server offers, by the names in the contract."""
        return [
            (SeriesServicer(self._series(), page_token_key), series.NAME),
            (SessionServicer(self._sessions(), page_token_key, self._clock), sessions.NAME),
        ]

    def _series(self) -> SeriesUseCases:
        store, clock = SeriesInDatabase(self._database), self._clock
        acting = SeriesActing(
            store,
            self._bookings,
            clock,
            describe=describe_event_in_series,
            describe_series=describe_series,
        )
        return SeriesUseCases(
            create=CreateSeries(
                store,
                self._bookings,
                self._offers,
                self._expire_hold,
                clock,
                customers=self._customers,
                describe=describe_event_in_series,
                describe_series=describe_series,
                render=series_answer,
            ),
            confirm=ConfirmSeries(acting, confirmed_answer),
            cancel=CancelSeries(acting, cancelled_answer),
            reading=ReadSeries(store, clock),
        )

    def _sessions(self) -> SessionUseCases:
        store, clock = SessionsInDatabase(self._database), self._clock
        return SessionUseCases(
            create=CreateSession(
                store, self._bookings, self._offers, self._expire_hold, clock, render=session_answer
            ),
            resize=ResizeSession(store, clock),
            cancel=CancelSession(store, clock, describe=describe_event, render=session_answer),
            join=JoinSession(
                store,
                self._bookings,
                self._offers,
                self._expire_hold,
                clock,
                customers=self._customers,
                describe=describe_event,
                render=booking_answer,
            ),
            reading=ReadSessions(store, self._offers, clock),
        )
