"""The whole service in process: its real wiring over a cloned database, a catalog at the wire, and a fixed clock."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from kursi.booking.events.v1 import booking_events_pb2
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi.booking.v1 import (
    booking_service_pb2_grpc,
    series_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
)
from kursi.booking.v1.waitlist_service_pb2_grpc import WaitlistServiceStub
from kursi.payment.events.v1.payment_events_pb2 import PaymentEvent
from kursi.type.v1 import money_pb2
from kursi_booking.adapters.booking_events import describe_event
from kursi_booking.consumers.payments import HandlePayments
from kursi_booking.domain.booking import Act
from kursi_booking.domain.payment import payment_captured
from kursi_booking.domain.policy import Party
from kursi_booking.main import parts, servicers
from kursi_booking.settings import BookingSettings
from kursi_booking.usecases.apply_payment import ApplyPayment
from kursi_chassis.caller import Role
from kursi_chassis.events.envelope import ReceivedEvent
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import ISSUER, bearer, refused, serving

# Under importlib's import mode a folder of tests is no package: helpers are imported by name.
sys.path.insert(0, str(Path(__file__).parent))

from series_calls import ROOMY, wanted
from waiting_room import WaitingRoom, moment


def minutes(count):
    return Duration(seconds=count * 60)


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
    have: Any
    channel: Any
    kept: Any

    @property
    def sessions(self):
        return session_service_pb2_grpc.SessionServiceStub(self.channel)

    @property
    def series(self):
        return series_service_pb2_grpc.SeriesServiceStub(self.channel)

    def join(self, session, metadata=None, seats=1, **more):
        request = session_service_pb2.JoinSessionRequest(session_id=session.id, seats=seats, **more)
        return self.sessions.JoinSession(request, metadata=metadata or self.customer(new_id()))

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

    async def get(self, booking, metadata=None):
        request = pb.GetBookingRequest(booking_id=booking.id)
        return await self.stub.GetBooking(request, metadata=metadata or self.customer())

    def act(self, method, booking, metadata=None, **more):
        """Calls an action: `world.act("ConfirmBooking", booking)`, as a member unless told otherwise."""
        request = getattr(pb, f"{method}Request")(booking_id=booking.id, **more)
        return getattr(self.stub, method)(request, metadata=metadata or self.member())

    def pay(self, booking):
        """The prepayment arrives, as payment's events would say."""
        return self.in_transaction(
            booking, lambda before, act: payment_captured(before, act, new_id(), before.prepayment)
        )

    async def in_transaction(self, booking, verb):
        async with self.have.store.work() as work:
            before = await work.locked(UUID(booking.id))
            change = verb(before, Act("service:payment", Party.SYSTEM, self.clock.now()))
            await work.save(change, describe_event(before, change))

    async def in_each_state(self):
        """One booking per state, all on one day that has come by now: {name of the state: booking}."""
        held = self.prepaid_service(hold=minutes(60 * 24 * 30))
        brief = self.prepaid_service(hold=minutes(2))
        manual = self.salon.service(*self.staff, terms={"automatic_confirmation": False})
        wanted = [held, manual, *[self.service_id] * 5, brief]
        made = [
            await self.book(
                self.salon.at(16, 9 + hour), service, staff=self.staff[0], metadata=self.customer(new_id())
            )
            for hour, service in enumerate(wanted)
        ]
        self.clock.set(self.salon.at(16, 16, 30))
        await self.have.expire_hold(UUID(made[7].id))
        for method, position in [
            ("CheckInBooking", 3),
            ("CheckInBooking", 4),
            ("CompleteBooking", 4),
            ("MarkNoShow", 5),
            ("CancelBooking", 6),
        ]:
            await self.act(method, made[position])
        names = ["HELD", "PENDING", "CONFIRMED", "CHECKED_IN", "COMPLETED", "NO_SHOW", "CANCELLED", "EXPIRED"]
        return dict(zip(names, made, strict=True))

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


@pytest.fixture(scope="session")
def booking_settings():
    return BookingSettings(
        database_url="postgresql://unused",
        client_secret="a secret of the test",
        token_issuer=ISSUER,
        page_token_key="a key of the test",
    )


@pytest_asyncio.fixture
async def world(database, catalog_client, customers, salon, mint, fixed_clock, booking_settings):
    staff = (salon.staff(user_id=str(new_id())), salon.staff(user_id=str(new_id())))
    service_id = salon.service(*staff)
    have = parts(database, catalog_client, customers, fixed_clock, booking_settings)
    async with serving(servicers(have, booking_settings), mint) as channel:
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
            have=have,
            channel=channel,
            kept=catalog_client,
        )


@pytest.fixture
def refusal():
    """How a call was refused: `(await refusal(call)).reason`."""

    async def of(call):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        return refused(error.value)

    return of


@pytest.fixture
def planned(world):
    """`await planned(capacity=10)`: a session of the first staff member at ten, with a service of its own."""

    async def plan(capacity=10, hour=10, service=None, metadata=None, **more):
        request = session_service_pb2.CreateSessionRequest(
            salon_id=str(world.salon.id),
            service_id=str(service or world.salon.service(*world.staff)),
            start_time=moment(world.salon.at(16, hour)),
            capacity=capacity,
            **{"staff_id": str(world.staff[0]), **more},
        )
        return await world.sessions.CreateSession(request, metadata=metadata or world.member())

    return plan


@pytest.fixture
def repeated(world):
    """`await repeated(count=4)`: a series by the first staff member on Mondays at four; `repeated.request` asks for it."""
    usual = world.salon.service(*world.staff, terms=ROOMY)

    def request(start=None, staff=None, service=None, **more):
        first = start or world.salon.at(16, 16)
        return wanted(world, service or usual, first, staff=staff or world.staff[0], **more)

    async def create(metadata=None, **more):
        return await world.series.CreateSeries(request(**more), metadata=metadata or world.customer())

    create.request = request
    return create


PRICE = 10_000


def sar(minor):
    return money_pb2.Money(currency_code="SAR", amount_minor=minor)


@dataclass
class Till:
    """Payments of one booking, and a way to tell the booking service of them."""

    world: object
    handle: object

    def step(self, booking, kind, payment_id, *, captured=0, refunded=0, purpose=PaymentEvent.FULL):
        """One event of payment's. Made once, it can be told many times."""
        message = PaymentEvent(
            type=kind,
            payment_id=str(payment_id),
            booking_id=booking.id,
            salon_id=booking.salon_id,
            customer_id=booking.customer_id,
            purpose=purpose,
            amount=sar(PRICE),
            captured=sar(captured),
            refunded=sar(refunded),
        )
        what = PaymentEvent.Type.Name(kind).lower()
        return ReceivedEvent(
            event_id=new_id(),
            type=f"kursi.payment.v1.payment.{what}",
            subject=f"kursi.payment.v1.payment.{what}",
            aggregate_id=payment_id,
            revision=1,
            payload=message.SerializeToString(),
            occurred_at=self.world.clock.now(),
            headers={},
            stream_seq=1,
            deliveries=1,
        )

    async def tell(self, *steps):
        await self.handle(steps)

    def captured(self, booking, payment_id=None, minor=PRICE, **more):
        return self.step(booking, PaymentEvent.CAPTURED, payment_id or new_id(), captured=minor, **more)

    def failed(self, booking, payment_id=None):
        return self.step(booking, PaymentEvent.FAILED, payment_id or new_id())

    async def told_refunds(self, booking):
        """What payment was told to give back, all in all."""
        return sum(
            event.refund.amount_minor
            for _, event in await self.world.events()
            if event.booking_id == booking.id
        )


@pytest_asyncio.fixture
async def till(world):
    have = world.have
    return Till(world, HandlePayments(ApplyPayment(have.store, have.expire_hold, have.clock, describe_event)))


@pytest.fixture
def hold(world):
    """`await hold()`: a booking that waits for its whole price, by the first staff member at nine."""
    service = world.prepaid_service()

    async def held(hour=9, customer=None):
        start = world.salon.at(16, hour)
        metadata = world.customer(customer or new_id())
        return await world.book(start, service, staff=world.staff[0], metadata=metadata)

    held.service = service
    return held


@pytest.fixture
def room(world):
    """The salon's waiting list."""
    waiting = world.have.waiting
    return WaitingRoom(world, WaitlistServiceStub(world.channel), waiting.match(world.have.offers), waiting)
