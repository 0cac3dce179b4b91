"""Books one series of four visits under one key: `regular.py DATABASE_URL`. The test that starts it repeats it."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

from kursi_booking.adapters.booking_events import describe_event_in_series
from kursi_booking.adapters.series_events import describe_series
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.series import Mode, Series, in_series, made
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import NewBooking
from kursi_booking.ports.series import NewSeries
from kursi_booking.store.series import SeriesInDatabase
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

DAY = datetime(2026, 6, 1, tzinfo=UTC)
STYLIST, CHAIR = UUID(int=11), UUID(int=12)
TERMS = PolicySnapshot(timedelta(hours=24), timedelta(hours=24), timedelta(minutes=10), auto_confirm=True)
ACT = Act("user:2", Party.CUSTOMER, DAY)
REQUEST = KeyedRequest("user:2", "CreateSeries", "every-monday", b"same")


def visit(series_id, number):
    start = DAY + timedelta(weeks=number)
    during = TimeRange(start, start + timedelta(hours=1))
    change = verbs.create(
        ACT,
        booking_id=new_id(),
        salon_id=UUID(int=1),
        salon=SalonFacts({"en": "Rose"}, "Asia/Riyadh", "SA"),
        customer_id=UUID(int=2),
        items=(Item(new_id(), UUID(int=5), STYLIST, during, Money("SAR", 10_000)),),
        policy=TERMS,
    )
    change = in_series(change, series_id)
    return NewBooking(
        change=change,
        claims=(Claim(STYLIST, during), Claim(CHAIR, during)),
        active_limit=None,
        event=describe_event_in_series(None, change),
        request=KeyedRequest("user:2", "CreateSeries", "", b""),
        answer=b"",
    )


def new_series():
    series_id = new_id()
    series = Series(
        series_id=series_id,
        salon_id=UUID(int=1),
        customer_id=UUID(int=2),
        time_zone="Asia/Riyadh",
        first_start=DAY,
        every_weeks=1,
        mode=Mode.AS_MANY_AS_FIT,
        left_out=(),
        created_by="user:2",
        created_at=DAY,
    )
    visits = tuple(visit(series_id, number) for number in range(4))
    told = describe_series(made(series_id, [one.change.booking for one in visits], ACT))
    return NewSeries(series, visits, told, REQUEST, str(series_id).encode())


async def book_on(url):
    database = await Database.open(url, application_name="regular")
    answer = await SeriesInDatabase(database).create(new_series())
    await database.close()
    return answer


if __name__ == "__main__":
    sys.stdout.write((asyncio.run(book_on(sys.argv[1]))).decode())
