"""Accepts one offer after the other, and says each entry once it is acknowledged: `accepter.py DATABASE_URL`.

Says `ready` when all offers stand. After thirty acceptances it waits for a line, so that it can be stopped in the
middle of the next.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kursi.catalog.v1.catalog_service_pb2_grpc import CatalogInternalServiceStub
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.adapters.catalog import CatalogClient
from kursi_booking.adapters.waitlist_events import describe_entry_event
from kursi_booking.domain import waitlist as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.state import Channel
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.domain.waitlist import Entry, EntryState, HeldTime, Wish
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.queries.occupancy import ClaimedTimes
from kursi_booking.store.bookings import Bookings
from kursi_booking.store.staff_days import CountedStaffDays
from kursi_booking.store.waitlist import WaitlistInDatabase
from kursi_booking.usecases.accept_offer import AcceptOffer
from kursi_booking.usecases.offer import OfferLoader
from kursi_chassis.caller import Caller
from kursi_chassis.clock import SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.grpc.client import connect
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

OFFERS, BEFORE_THE_LINE = 100, 30
SERVICE, STYLIST, CHAIR = UUID(int=5), UUID(int=11), UUID(int=12)
TERMS = PolicySnapshot(timedelta(hours=24), timedelta(hours=24), timedelta(minutes=10), auto_confirm=True)
NOW = datetime.now(UTC).replace(microsecond=0)
SYSTEM = Act("system", Party.SYSTEM, NOW)


def waiting(hour):
    start = NOW + timedelta(days=1, hours=hour)
    entry = Entry(
        entry_id=new_id(),
        salon_id=UUID(int=1),
        salon=SalonFacts({"en": "Rose"}, "Asia/Riyadh", "SA"),
        customer_id=new_id(),
        channel=Channel.CUSTOMER,
        wishes=(Wish(SERVICE),),
        ranges=(TimeRange(start, start + timedelta(minutes=1)),),
        note="",
        priority=0,
        state=EntryState.WAITING,
        offer=None,
        passed=(),
        unanswered=0,
        booking_id=None,
        revision=0,
        created_at=NOW,
        updated_at=NOW,
    )
    during = TimeRange(start, start + timedelta(hours=1))
    held = HeldTime(
        offer_id=new_id(),
        items=(Item(new_id(), SERVICE, STYLIST, during, Money("SAR", 10_000)),),
        policy=TERMS,
        active_limit=None,
        offered_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
    )
    return entry, held, (Claim(STYLIST, during), Claim(CHAIR, during))


async def offer(waitlist, hour):
    entry, held, claims = waiting(hour)
    async with waitlist.work() as work:
        joined = verbs.join(entry, SYSTEM)
        await work.add(joined, describe_entry_event(joined))
        offered = verbs.offer(joined.entry, SYSTEM, held)
        await work.save_offered(offered, describe_entry_event(offered), claims)
    return offered.entry


def caller_of(entry):
    return Caller(kind="user", user_id=entry.customer_id)


async def accept_on(url):
    database = await Database.open(url, application_name="accepter")
    entries = [await offer(WaitlistInDatabase(database), hour) for hour in range(OFFERS)]
    say("ready")
    # Nobody is there to say what became of the salon, so what it has promised counts.
    async with connect("127.0.0.1:1", dependency="catalog") as channel:
        await accept_all(database, CatalogClient(CatalogInternalServiceStub(channel), SystemClock()), entries)


async def accept_all(database, catalog, entries):
    clock = SystemClock()
    offers = OfferLoader(
        catalog,
        ClaimedTimes(database),
        clock,
        timedelta(minutes=1),
        staff_days=CountedStaffDays(database),
    )
    accept = AcceptOffer(
        WaitlistInDatabase(database),
        Bookings(database),
        offers,
        clock,
        describe_entry=describe_entry_event,
        describe=describe_event,
        render=lambda booking, _: booking.booking_id.bytes,
    )
    for number, entry in enumerate(entries):
        if number == BEFORE_THE_LINE:
            sys.stdin.readline()
        request = KeyedRequest(f"user:{entry.customer_id}", "AcceptWaitlistOffer", "key", b"same")
        await accept(entry.entry_id, entry.offer.offer_id, request, caller_of(entry))
        say(str(entry.entry_id))


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


asyncio.run(accept_on(sys.argv[1]))
