"""Builds the booking service: the only place that opens databases, connections and clients."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from kursi.catalog.v1 import catalog_service_pb2_grpc as catalog_grpc
from kursi.identity.v1 import identity_service_pb2_grpc as identity_grpc
from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.events.consumer import Subscription
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.jobs import Job, JobRunner, retention_jobs
from kursi_chassis.roles import Role, together
from kursi_chassis.wiring import Wiring
from kursi_peers import Peers

from kursi_booking.adapters import catalog as catalog_adapter
from kursi_booking.adapters import customers as customers_adapter
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.adapters.catalog import CatalogClient
from kursi_booking.adapters.customers import IdentityCustomers
from kursi_booking.adapters.sealing import SecretSealer
from kursi_booking.api import (
    availability,
    calendar,
    external_calendars,
    ical,
    internal,
    reports,
    servicer,
    waitlist,
)
from kursi_booking.api.availability import AvailabilityServicer, AvailabilityUseCases
from kursi_booking.api.calendar import CalendarServicer
from kursi_booking.api.ical import FeedUseCases, ICalendarServicer, feed_answer
from kursi_booking.api.internal import BookingInternalServicer
from kursi_booking.api.rendering import booking_answer
from kursi_booking.api.reports import ReportServicer
from kursi_booking.api.servicer import BookingServicer, UseCases
from kursi_booking.consumers.catalog_changes import CatalogChanges
from kursi_booking.consumers.freed_times import CONSUMER as WAITLIST_CONSUMER
from kursi_booking.consumers.freed_times import FILTERS as FREED_FILTERS
from kursi_booking.consumers.freed_times import HandleFreedTimes, Match
from kursi_booking.consumers.guests import FILTERS as GUEST_FILTERS
from kursi_booking.consumers.guests import HandleGuests
from kursi_booking.consumers.leavers import CONSUMER as LEAVERS_CONSUMER
from kursi_booking.consumers.leavers import FILTERS as LEAVER_FILTERS
from kursi_booking.consumers.leavers import HandleLeavers
from kursi_booking.consumers.payments import FILTERS, HandlePayments
from kursi_booking.external_calendar_wiring import ExternalCalendarParts
from kursi_booking.group_wiring import GroupParts
from kursi_booking.jobs.hold_expiry import HoldExpirer
from kursi_booking.jobs.waitlist_retention import WaitlistRetention
from kursi_booking.jobs.waitlist_sweep import EVERY as SWEEP_EVERY
from kursi_booking.ports.bookings import BookingStore
from kursi_booking.ports.guests import Customers
from kursi_booking.ports.holds import HoldExpiry
from kursi_booking.ports.offers import Offers
from kursi_booking.queries.calendar import CalendarInDatabase
from kursi_booking.queries.claim_rows import FirstClaims
from kursi_booking.queries.history import History
from kursi_booking.queries.occupancy import ClaimedTimes
from kursi_booking.queries.reports import ReportsInDatabase
from kursi_booking.rehearsal import rehearse
from kursi_booking.settings import BookingSettings
from kursi_booking.store.bookings import Bookings
from kursi_booking.store.calendar_feeds import CalendarFeedsInDatabase
from kursi_booking.store.due_holds import DueHoldsInDatabase
from kursi_booking.store.staff_days import CountedStaffDays
from kursi_booking.usecases.acting import Acting
from kursi_booking.usecases.apply_payment import CONSUMER, ApplyPayment
from kursi_booking.usecases.calendar_feeds import (
    CreateCalendarFeed,
    EndFeedsOfLeavers,
    ManageCalendarFeeds,
    ReadCalendarFeed,
)
from kursi_booking.usecases.cancel_booking import CancelBooking, CancelWithoutFee
from kursi_booking.usecases.change_services import ChangeServices
from kursi_booking.usecases.check_in_booking import CheckInBooking
from kursi_booking.usecases.complete_booking import CompleteBooking
from kursi_booking.usecases.confirm_booking import ConfirmBooking
from kursi_booking.usecases.create_booking import CreateBooking
from kursi_booking.usecases.expire_hold import ExpireHolds
from kursi_booking.usecases.explain_slot import ExplainSlot
from kursi_booking.usecases.find_next_slot import FindNextSlot
from kursi_booking.usecases.get_payment_terms import GetPaymentTerms
from kursi_booking.usecases.get_report import GetReport
from kursi_booking.usecases.get_visit import GetVisit
from kursi_booking.usecases.join_guest import CONSUMER as GUESTS_CONSUMER
from kursi_booking.usecases.list_bookable_days import ListBookableDays
from kursi_booking.usecases.list_reschedule_slots import ListRescheduleSlots
from kursi_booking.usecases.list_slots import ListSlots
from kursi_booking.usecases.mark_no_show import MarkNoShow
from kursi_booking.usecases.moving import Moving
from kursi_booking.usecases.offer import OfferLoader
from kursi_booking.usecases.read_bookings import ReadBookings
from kursi_booking.usecases.read_calendar import ReadCalendar
from kursi_booking.usecases.reschedule_booking import RescheduleBooking
from kursi_booking.waitlist_wiring import WaitlistParts

ROLES = ("serve", "relay", "consume", "jobs")

_STRAGGLERS_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Parts:
    """What use cases are put together from."""

    database: Database
    catalog: CatalogClient
    store: BookingStore
    offers: OfferLoader
    expire_hold: HoldExpiry
    customers: Customers
    clock: Clock
    waiting: WaitlistParts


def parts(
    database: Database,
    catalog: CatalogClient,
    customers: Customers,
    clock: Clock,
    settings: BookingSettings,
) -> Parts:
    """Everything below the use cases, over one database, one catalog and one identity."""
    store = Bookings(database)
    waiting = WaitlistParts(database, store, clock)
    return Parts(
        database=database,
        catalog=catalog,
        store=store,
        offers=OfferLoader(
            catalog,
            ClaimedTimes(database),
            clock,
            settings.catalog_oldest,
            staff_days=CountedStaffDays(database),
        ),
        expire_hold=waiting.expire_hold,
        customers=customers,
        clock=clock,
        waiting=waiting,
    )


def servicers(have: Parts, settings: BookingSettings) -> list[tuple[object, str]]:
    """What the server offers, by the names in the contract."""
    key = settings.page_token_key.get_secret_value()
    return [
        (BookingServicer(use_cases(have), key), servicer.NAME),
        (BookingInternalServicer(GetPaymentTerms(have.store), GetVisit(have.store)), internal.NAME),
        (have.waiting.servicer(have.offers, have.customers, key), waitlist.NAME),
        *_groups(have).servicers(key),
        (AvailabilityServicer(availability_use_cases(have)), availability.NAME),
        (CalendarServicer(ReadCalendar(have.catalog, CalendarInDatabase(have.database))), calendar.NAME),
        (
            ReportServicer(GetReport(have.catalog, ReportsInDatabase(have.database), have.clock)),
            reports.NAME,
        ),
        (ICalendarServicer(feed_use_cases(have, key), settings.calendar_host), ical.NAME),
        (
            ExternalCalendarParts(have.database, have.clock, settings).servicer(have.catalog),
            external_calendars.NAME,
        ),
    ]


def _groups(have: Parts) -> GroupParts:
    return GroupParts(
        have.database,
        have.store,
        have.offers,
        have.expire_hold,
        have.clock,
        customers=have.customers,
    )


def feed_use_cases(have: Parts, key: str) -> FeedUseCases:
    """Bookings in calendars elsewhere."""
    feeds = CalendarFeedsInDatabase(have.database)
    return FeedUseCases(
        create=CreateCalendarFeed(feeds, have.catalog, have.clock, SecretSealer(key), feed_answer),
        manage=ManageCalendarFeeds(feeds, have.clock),
        read=ReadCalendarFeed(feeds, have.catalog, have.clock),
        reading=ReadBookings(have.store, History(have.database)),
    )


def availability_use_cases(have: Parts) -> AvailabilityUseCases:
    """What can be asked about free times besides their list."""
    return AvailabilityUseCases(
        find_next=FindNextSlot(have.offers, have.clock),
        list_days=ListBookableDays(have.offers),
        explain=ExplainSlot(have.offers, have.catalog, FirstClaims(have.database), have.clock),
    )


def use_cases(have: Parts) -> UseCases:
    """What people can do."""
    acting = Acting(have.store, have.clock, describe=describe_event, render=booking_answer)
    moving = Moving(acting, have.offers, have.expire_hold)
    return UseCases(
        list_slots=ListSlots(have.offers),
        list_reschedule_slots=ListRescheduleSlots(have.store, have.offers, have.clock),
        create=CreateBooking(
            have.store,
            have.offers,
            have.expire_hold,
            have.clock,
            customers=have.customers,
            describe=describe_event,
            render=booking_answer,
        ),
        confirm=ConfirmBooking(acting),
        cancel=CancelBooking(acting),
        cancel_without_fee=CancelWithoutFee(acting),
        reschedule=RescheduleBooking(moving),
        change_services=ChangeServices(moving),
        check_in=CheckInBooking(acting),
        complete=CompleteBooking(acting),
        mark_no_show=MarkNoShow(acting),
        reading=ReadBookings(have.store, History(have.database)),
    )


@asynccontextmanager
async def build(settings: BookingSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for, and what they share, open while the block runs."""
    async with AsyncExitStack() as stack:
        wiring = Wiring(settings, stack, SystemClock())
        database = await wiring.database(rehearse=rehearse if "serve" in roles else None)
        built: dict[str, Role] = {}
        if "serve" in roles:
            built["serve"] = await _serve(wiring, settings, database)
        if "relay" in roles:
            built["relay"] = await wiring.relay(database)
        if "consume" in roles:
            built["consume"] = await _consume(wiring, settings, database)
        if "jobs" in roles:
            kept = await _catalog(wiring, await Peers.open(wiring))
            built["jobs"] = together(
                jobs(database, wiring.clock),
                _sweep(kept, database, wiring.clock, settings),
                ExternalCalendarParts(database, wiring.clock, settings).refresher(kept).run,
                CatalogChanges(await wiring.nats("catalog"), kept).run,
            )
        yield built


async def _serve(wiring: Wiring, settings: BookingSettings, database: Database) -> Role:
    peers = await Peers.open(wiring)
    kept = await _catalog(wiring, peers)
    identity = identity_grpc.IdentityInternalServiceStub(
        await peers.channel("identity", customers_adapter.REPEATABLE)
    )
    have = parts(database, kept, IdentityCustomers(identity), wiring.clock, settings)
    offered = servicers(have, settings)
    serve = await wiring.serve(offered, peers.signing_keys, database)
    return together(serve, CatalogChanges(await wiring.nats("catalog"), kept).run)


async def _catalog(wiring: Wiring, peers: Peers) -> CatalogClient:
    catalog = catalog_grpc.CatalogInternalServiceStub(
        await peers.channel("catalog", catalog_adapter.REPEATABLE)
    )
    return CatalogClient(catalog, wiring.clock)


async def _consume(wiring: Wiring, settings: BookingSettings, database: Database) -> Role:
    kept = await _catalog(wiring, await Peers.open(wiring))
    match = _waiting(database, wiring.clock).match(_offers(kept, database, wiring.clock, settings))
    consume = await wiring.consume(
        database,
        payments_subscription(database, wiring.clock),
        guests_subscription(database, wiring.clock),
        leavers_subscription(database, wiring.clock),
        freed_times_subscription(match),
    )
    return together(consume, CatalogChanges(await wiring.nats("catalog"), kept).run)


def _sweep(kept: CatalogClient, database: Database, clock: Clock, settings: BookingSettings) -> Role:
    waiting = _waiting(database, clock)
    sweep = waiting.sweep(_offers(kept, database, clock, settings))
    runner = JobRunner(database, [Job("waitlist", SWEEP_EVERY, sweep)], duty="kursi.waitlist")
    return together(waiting.expirer, runner.run)


def _waiting(database: Database, clock: Clock) -> WaitlistParts:
    return WaitlistParts(database, Bookings(database), clock)


def _offers(kept: CatalogClient, database: Database, clock: Clock, settings: BookingSettings) -> Offers:
    return OfferLoader(
        kept, ClaimedTimes(database), clock, settings.catalog_oldest, staff_days=CountedStaffDays(database)
    )


def payments_subscription(database: Database, clock: Clock) -> Subscription:
    """What payments do to bookings."""
    store = Bookings(database)
    expire_hold = WaitlistParts(database, store, clock).expire_hold
    handle = HandlePayments(ApplyPayment(store, expire_hold, clock, describe_event))
    return Subscription(STREAMS["payment"], CONSUMER, FILTERS, handle)


def guests_subscription(database: Database, clock: Clock) -> Subscription:
    """Gives a guest's visits to the account of the person behind the phone number."""
    handle = HandleGuests(_waiting(database, clock).join_guest)
    return Subscription(STREAMS["identity"], GUESTS_CONSUMER, GUEST_FILTERS, handle)


def leavers_subscription(database: Database, clock: Clock) -> Subscription:
    """Ends the calendar feeds of members who leave a salon."""
    handle = HandleLeavers(EndFeedsOfLeavers(CalendarFeedsInDatabase(database), clock))
    return Subscription(STREAMS["identity"], LEAVERS_CONSUMER, LEAVER_FILTERS, handle)


def freed_times_subscription(match: Match) -> Subscription:
    """Offers time that became free, as booking's own events say, to those who wait for it."""
    return Subscription(STREAMS["booking"], WAITLIST_CONSUMER, FREED_FILTERS, HandleFreedTimes(match))


def jobs(database: Database, clock: Clock) -> Role:
    """Expires holds, in every process that plays this role, and looks after what was kept long enough or left, in one."""
    holds = DueHoldsInDatabase(database)
    expirer = HoldExpirer(holds, ExpireHolds(holds, clock, describe_event), clock)
    runner = JobRunner(
        database,
        [
            *retention_jobs(database, "outbox", "inbox", "replies"),
            Job("guests", _STRAGGLERS_EVERY, _waiting(database, clock).join_guest.stragglers),
            WaitlistRetention(database, clock).job(),
        ],
    )
    return together(expirer.run, runner.run)
