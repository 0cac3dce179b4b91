"""Takes seats of one session and gives them back, over and over, and says what is acknowledged: `attendee.py DATABASE_URL SESSION_ID`."""

import asyncio
import sys
from datetime import UTC, datetime
from uuid import UUID

from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.domain.booking import Act
from kursi_booking.domain.lifecycle import cancel
from kursi_booking.domain.policy import Party
from kursi_booking.domain.session import join
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import NewBooking
from kursi_booking.store.sessions import SessionsInDatabase
from kursi_chassis.db.database import Database
from kursi_chassis.ids import new_id

DAY = datetime(2026, 6, 1, tzinfo=UTC)


def seats_in(session):
    change = join(
        session,
        Act("user:2", Party.CUSTOMER, DAY),
        booking_id=new_id(),
        item_id=new_id(),
        customer_id=UUID(int=2),
        seats=3,
        note="",
    )
    return NewBooking(
        change=change,
        claims=(),
        active_limit=None,
        event=describe_event(None, change),
        request=KeyedRequest("user:2", "JoinSession", "", b""),
        answer=b"answer",
    )


async def take(store, session):
    new = seats_in(session)
    async with store.work() as work:
        if not await work.join(new):
            raise AssertionError(new)
    return new.change.booking.booking_id


async def give_back(store, booking_id):
    async with store.work() as work:
        booking = await work.bookings.locked(booking_id)
        change = cancel(booking, Act("user:2", Party.CUSTOMER, DAY))
        await work.bookings.save(change, describe_event(booking, change))


def say(what, booking_id):
    sys.stdout.write(f"{what} {booking_id}\n")
    sys.stdout.flush()


async def attend(url, session_id):
    store = SessionsInDatabase(await Database.open(url, application_name="attendee"))
    session = await store.find(session_id)
    while True:
        first, second = await take(store, session), await take(store, session)
        say("took", first)
        say("took", second)
        await give_back(store, first)
        say("gave", first)
        await give_back(store, second)
        say("gave", second)


asyncio.run(attend(sys.argv[1], UUID(sys.argv[2])))
