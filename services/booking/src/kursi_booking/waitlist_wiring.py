"""Where the waiting list is put together."""

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.roles import Role

from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.adapters.waitlist_events import describe_entry_event
from kursi_booking.api.rendering import booking_answer
from kursi_booking.api.waitlist import WaitlistServicer, WaitlistUseCases
from kursi_booking.api.waitlist_messages import entry_answer
from kursi_booking.jobs.hold_expiry import HoldExpirer
from kursi_booking.jobs.waitlist_sweep import WaitlistSweep
from kursi_booking.ports.bookings import BookingStore
from kursi_booking.ports.guests import Customers
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Offers
from kursi_booking.store.waitlist import WaitlistInDatabase
from kursi_booking.usecases.accept_offer import AcceptOffer
from kursi_booking.usecases.answer_waitlist import AnswerWaitlist
from kursi_booking.usecases.expire_hold import ExpireHold
from kursi_booking.usecases.join_guest import JoinGuest
from kursi_booking.usecases.join_waitlist import JoinWaitlist
from kursi_booking.usecases.match_waitlist import MatchParts, MatchWaitlist
from kursi_booking.usecases.read_waitlist import ReadWaitlist
from kursi_booking.usecases.run_out_offers import ExpireHoldOrOffer, RunOutOffers


class WaitlistParts:
    """The waiting list of one database."""

    def __init__(self, database: Database, store: BookingStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.waitlist = WaitlistInDatabase(database)
        self.run_out = RunOutOffers(self.waitlist, clock, describe_entry_event)

    @property
    def expire_hold(self) -> HoldExpiry:
        """Lets go of overdue bookings and offers."""
        return ExpireHoldOrOffer(ExpireHold(self._store, self._clock, describe_event), self.run_out)

    @property
    def expirer(self) -> Role:
        """Ends offers within a second of their time."""
        return HoldExpirer(self.waitlist, self.run_out, self._clock, what="offer").run

    @property
    def join_guest(self) -> JoinGuest:
        """Gives what is a guest's to an account."""
        return JoinGuest(
            self._store,
            self.waitlist,
            self._clock,
            describe=describe_event,
            describe_entry=describe_entry_event,
        )

    def match(self, offers: Offers) -> MatchWaitlist:
        """Goes through those who wait."""
        have = MatchParts(self.waitlist, self._store, offers, self.expire_hold, describe_entry_event)
        return MatchWaitlist(have, self._clock)

    def sweep(self, offers: Offers) -> WaitlistSweep:
        """Goes through all salons."""
        return WaitlistSweep(self.waitlist, self.run_out, self.match(offers))

    def servicer(self, offers: Offers, customers: Customers, page_token_key: str) -> WaitlistServicer:
        """What the server offers."""
        return WaitlistServicer(
            WaitlistUseCases(
                join=JoinWaitlist(
                    self.waitlist,
                    self._store,
                    offers,
                    self._clock,
                    customers=customers,
                    describe=describe_entry_event,
                    render=entry_answer,
                ),
                accept=AcceptOffer(
                    self.waitlist,
                    self._store,
                    offers,
                    self._clock,
                    describe_entry=describe_entry_event,
                    describe=describe_event,
                    render=booking_answer,
                ),
                answer=AnswerWaitlist(
                    self.waitlist, self._clock, describe=describe_entry_event, render=entry_answer
                ),
                reading=ReadWaitlist(self.waitlist),
            ),
            page_token_key,
        )
