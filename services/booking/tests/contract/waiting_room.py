"""What tests of the waiting list need beside the world that books."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.events.v1 import waitlist_events_pb2
from kursi.booking.v1 import booking_service_pb2
from kursi.booking.v1 import waitlist_service_pb2 as pb
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused

Entry = pb.WaitlistEntry
OPEN_CLAIMS = "SELECT count(*) FROM claims WHERE offer_id IS NOT NULL AND state = 'held'"
BROKEN = """
SELECT o.id FROM waitlist_offers AS o WHERE (o.state = 'open') <> EXISTS
    (SELECT FROM claims WHERE offer_id = o.id AND state <> 'released')
UNION ALL
SELECT e.id FROM waitlist_entries AS e WHERE (e.state = 'offered') <> EXISTS
    (SELECT FROM waitlist_offers WHERE entry_id = e.id AND state = 'open')
UNION ALL
SELECT e.id FROM waitlist_entries AS e WHERE e.revision <>
    (SELECT count(*) FROM waitlist_history WHERE entry_id = e.id)
"""


def moment(instant):
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


@dataclass
class WaitingRoom:
    """The waiting list of the world's salon. Its people are fully booked on the 16th unless a test frees an hour."""

    world: Any
    stub: Any
    match: Any
    parts: Any

    async def fill(self, day=16, hours=range(9, 17), staff=None):
        """Books all these hours of both people, each hour for a customer of its own."""
        return {
            (hour, who): await self.world.book(
                self.world.salon.at(day, hour), staff=who, metadata=self.world.customer(new_id())
            )
            for hour in hours
            for who in staff or self.world.staff
        }

    def wish(self, first, last, day=16, *services, staff=None, **more):
        at = self.world.salon.at
        items = [
            booking_service_pb2.WantedItem(service_id=str(service), staff_id=str(staff or ""))
            for service in services or [self.world.service_id]
        ]
        ranges = [pb.WishedRange(start_time=moment(at(day, first)), end_time=moment(at(day, last)))]
        return pb.CreateWaitlistEntryRequest(
            **{"salon_id": str(self.world.salon.id), "items": items, "ranges": ranges, **more}
        )

    async def join(self, first=9, last=17, day=16, *services, user=None, metadata=None, **more):
        request = self.wish(first, last, day, *services, **more)
        return await self.stub.CreateWaitlistEntry(
            request, metadata=metadata or self.world.customer(user or new_id())
        )

    def as_owner(self, entry, **headers):
        return self.world.customer(UUID(entry.customer_id), **headers)

    async def get(self, entry, metadata=None):
        request = pb.GetWaitlistEntryRequest(waitlist_entry_id=entry.id)
        return await self.stub.GetWaitlistEntry(request, metadata=metadata or self.world.member())

    def accept(self, entry, metadata=None, **more):
        request = pb.AcceptWaitlistOfferRequest(
            **{"waitlist_entry_id": entry.id, "offer_id": entry.offer.id, **more}
        )
        return self.stub.AcceptWaitlistOffer(request, metadata=metadata or self.as_owner(entry))

    def decline(self, entry, metadata=None, **more):
        request = pb.DeclineWaitlistOfferRequest(
            **{"waitlist_entry_id": entry.id, "offer_id": entry.offer.id, **more}
        )
        return self.stub.DeclineWaitlistOffer(request, metadata=metadata or self.as_owner(entry))

    def cancel(self, entry, metadata=None, **more):
        request = pb.CancelWaitlistEntryRequest(waitlist_entry_id=entry.id, **more)
        return self.stub.CancelWaitlistEntry(request, metadata=metadata or self.as_owner(entry))

    async def free(self, booking):
        """Cancels a booking, as its salon."""
        await self.world.act("CancelBooking", booking)

    async def matched(self):
        """How many offers a pass over the salon makes."""
        return await self.match(self.world.salon.id)

    async def offered(self, first=9, last=17, **more):
        """An entry with an open offer of the hour at `first` on the otherwise free 16th."""
        entry = await self.join(first, last, **more)
        await self.matched()
        return await self.get(entry)

    async def states(self, *entries):
        return [Entry.State.Name((await self.get(entry)).state) for entry in entries]

    async def told(self):
        """Kind and body of every event of the waiting list, in order."""
        rows = await self.world.rows(
            "SELECT subject, payload FROM outbox WHERE subject LIKE '%%.waitlist_%%' ORDER BY id"
        )
        return [
            (subject.rsplit(".", 1)[1], waitlist_events_pb2.WaitlistEvent.FromString(payload))
            for subject, payload in rows
        ]

    async def broken(self):
        return await self.world.rows(BROKEN)


async def outcome(call):
    """`done`, or the reason of the refusal."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return refused(error).reason
    return "done"
