"""The whole service in process: its real wiring over a cloned database, a catalog at the wire, and a fixed clock."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.events.v1 import booking_events_pb2
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.booking.v1 import booking_service_pb2_grpc
from kursi_booking.main import parts, servicers
from kursi_booking.settings import BookingSettings
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import ISSUER, bearer, refused, serving


def moment(instant):
    stamp = Timestamp()
    stamp.FromDatetime(instant)
    return stamp


@dataclass
class World:
    """A salon with one hair cut by two people, its customer, a member, and the service that books."""

    stub: Any
    mint: Any
    salon: Any
    database: Any
    clock: Any
    customer_id: UUID
    member_id: UUID
    staff: tuple[UUID, UUID]
    service_id: UUID

    def customer(self, user_id=None, **headers):
        return bearer(self.mint.user(user_id or self.customer_id), **headers)

    def member(self, role=Role.STAFF, **headers):
        return bearer(self.mint.user(self.member_id, salons={self.salon.id: role}), **headers)

    def admin(self):
        return bearer(self.mint.user(is_admin=True))

    def request(self, start, *services, staff=None, **more):
        items = [
            pb.WantedItem(service_id=str(service), staff_id=str(staff or ""))
            for service in services or [self.service_id]
        ]
        return pb.CreateBookingRequest(
            salon_id=str(self.salon.id), start_time=moment(start), items=items, **more
        )

    async def book(self, start, *services, staff=None, metadata=None, **more):
        request = self.request(start, *services, staff=staff, **more)
        return await self.stub.CreateBooking(request, metadata=metadata or self.customer())

    def prepaid_service(self, **terms):
        return self.salon.service(*self.staff, terms={"prepayment": 3, **terms})

    async def events(self):
        async with self.database.reading() as connection:
            cursor = await connection.execute("SELECT subject, payload FROM outbox ORDER BY id")
            return [
                (subject.rsplit(".", 1)[1], booking_events_pb2.BookingEvent.FromString(payload))
                for subject, payload in await cursor.fetchall()
            ]

    async def rows(self, statement, *parameters):
        async with self.database.reading() as connection:
            return await (await connection.execute(statement, parameters)).fetchall()


@pytest.fixture
def booking_settings():
    return BookingSettings(
        database_url="postgresql://unused",
        client_secret="a secret of the test",
        token_issuer=ISSUER,
        page_token_key="a key of the test",
    )


@pytest_asyncio.fixture
async def world(database, catalog_client, salon, mint, fixed_clock, booking_settings):
    staff = (salon.staff(user_id=str(new_id())), salon.staff(user_id=str(new_id())))
    service_id = salon.service(*staff)
    offered = servicers(parts(database, catalog_client, fixed_clock, booking_settings), booking_settings)
    async with serving(offered, mint) as channel:
        yield World(
            stub=booking_service_pb2_grpc.BookingServiceStub(channel),
            mint=mint,
            salon=salon,
            database=database,
            clock=fixed_clock,
            customer_id=new_id(),
            member_id=new_id(),
            staff=staff,
            service_id=service_id,
        )


@pytest.fixture
def refusal():
    """How a call was refused: `(await refusal(call)).reason`."""

    async def of(call):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        return refused(error.value)

    return of


HOUR = timedelta(hours=1)
