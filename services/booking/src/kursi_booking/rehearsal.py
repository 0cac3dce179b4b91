"""What a new connection does before a customer gets it.

PostgreSQL reads its catalogs for each connection anew, and plans a prepared statement for each of its first five runs
before it keeps a plan. The first run of the large statement that makes a booking takes many times as long as a later one,
and the next five take several times as long. Without a rehearsal the first rush at a process pays for that on every
connection at once, and so does the first one after the database was away.
"""

from datetime import UTC, datetime, timedelta

from kursi_chassis.db.database import Connection
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money

from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.api.rendering import booking_answer
from kursi_booking.domain import lifecycle as verbs
from kursi_booking.domain.booking import Act, Item, SalonFacts
from kursi_booking.domain.claims import Claim
from kursi_booking.domain.policy import Party, PolicySnapshot
from kursi_booking.domain.time_range import TimeRange
from kursi_booking.ports.answers import KeyedRequest
from kursi_booking.ports.bookings import NewBooking, Undecided
from kursi_booking.ports.supply import Wanted
from kursi_booking.queries.occupancy import ClaimedTimes
from kursi_booking.store.bookings import read_in_turn
from kursi_booking.store.create import CREATE, create_parameters

RUNS = 6
"""PostgreSQL plans the first five for their values; with the sixth it makes the plan that it keeps (plancache.c)."""

_DAY = datetime(2000, 1, 1, tzinfo=UTC)
_TERMS = PolicySnapshot(timedelta(days=1), timedelta(days=1), timedelta(minutes=15), auto_confirm=True)


async def rehearse(connection: Connection) -> None:
    """Look for free time, see whose turn it is, and take it, for nobody; the caller rolls it back."""
    for _ in range(RUNS):
        new = _visit_of_nobody()
        wanted = _wanted(new)
        await ClaimedTimes.read_on(connection, wanted)
        whose = Undecided(wanted.salon_id, wanted.unit_ids, wanted.during)
        await read_in_turn(connection, whose, alone=True)
        await CREATE.execute(connection, create_parameters(new))


def _visit_of_nobody() -> NewBooking:
    """A new visit whose people, things and salon there are not, so that it meets nobody else's claims and counters."""
    during = TimeRange(_DAY, _DAY + timedelta(minutes=30))
    item = Item(new_id(), new_id(), new_id(), during, Money("EUR", 10_000))
    change = verbs.create(
        Act("system:rehearsal", Party.CUSTOMER, _DAY),
        booking_id=new_id(),
        salon_id=new_id(),
        salon=SalonFacts({}, "UTC", "ZZ"),
        customer_id=new_id(),
        items=(item,),
        policy=_TERMS,
    )
    return NewBooking(
        change=change,
        claims=(Claim(item.staff_id, during),),
        active_limit=1,
        event=describe_event(None, change),
        request=KeyedRequest("system:rehearsal", "CreateBooking", str(new_id()), b""),
        answer=booking_answer(change.booking, None),
    )


def _wanted(new: NewBooking) -> Wanted:
    booking = new.change.booking
    during = (int(booking.during.start.timestamp()), int(booking.during.end.timestamp()))
    people = [claim.resource_id for claim in new.claims]
    return Wanted(people, during, _DAY, booking.salon_id, booking.customer_id, own_booking=None)
