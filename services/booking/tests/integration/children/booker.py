"""Books one free hour after the other, and says each id once it is acknowledged: `booker.py DATABASE_URL`."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import NewBooking
from kursi_booking.store.bookings import Bookings
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

DAY = datetime(2026, 6, 1, tzinfo=UTC)
STYLIST, CHAIR = UUID(int=11), UUID(int=12)
TERMS = PolicySnapshot(timedelta(hours=24), timedelta(hours=24), timedelta(minutes=10), auto_confirm=True)


def booking_of(hour):
    during = TimeRange(DAY + timedelta(hours=hour), DAY + timedelta(hours=hour + 1))
    change = verbs.create(
        Act("user:2", Party.CUSTOMER, DAY),
        booking_id=new_id(),
        salon_id=UUID(int=1),
        salon=SalonFacts({"en": "Rose"}, "Asia/Riyadh", "SA"),
        customer_id=UUID(int=2),
        items=(Item(new_id(), UUID(int=5), STYLIST, during, Money("SAR", 10_000)),),
        policy=TERMS,
    )
    return NewBooking(
        change=change,
        claims=(Claim(STYLIST, during), Claim(CHAIR, during)),
        active_limit=None,
        event=describe_event(None, change),
        request=KeyedRequest("user:2", "CreateBooking", f"request {hour}", b"same"),
        answer=b"answer",
    )


async def book_on(url):
    store = Bookings(await Database.open(url, application_name="booker"))
    for hour in range(100_000):
        new = booking_of(hour)
        await store.create(new)
        sys.stdout.write(f"{new.change.booking.booking_id}\n")
        sys.stdout.flush()


asyncio.run(book_on(sys.argv[1]))
