"""The payment service in the test's own loop: real database, real provider simulator, booking at the wire."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import httpx
import psycopg
import pytest
import pytest_asyncio
from kursi.booking.v1 import booking_pb2, booking_service_pb2
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi.payment.v1.payment_service_pb2_grpc import PaymentServiceStub
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import Role
from kursi_chassis.clock import FixedClock
from kursi_chassis.db.database import Database
from kursi_chassis.errors import NotFound
from kursi_chassis.grpc.client import connect
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.http_client import HttpClient, http_client
from kursi_chassis.ids import new_id
from kursi_chassis.testing.databases import DatabaseFactory, DatabaseUrls
from kursi_chassis.testing.rpc import ISSUER, Peer, TokenMint, bearer, rpc_settings, serving
from kursi_chassis.testing.servers import free_port
from kursi_payment.adapters.bookings import GrpcBookings
from kursi_payment.adapters.moyasar import Moyasar
from kursi_payment.assembly import Assembly
from kursi_payment.main import servicers
from kursi_payment.settings import PaymentSettings
from kursi_payment.usecases.attend import Attend
from kursi_payment.usecases.follow_booking import FollowBooking
from kursi_simulators import credentials
from kursi_simulators.testing import Simulators, running_simulators

WEBHOOK_SECRET = "a shared secret of the tests"
CALLBACK = "https://app.test/paid"
GOOD_CARD = "4201320111111010"
PATIENT, IMPATIENT = 60, 3
"""Seconds that the provider has to answer: as many as a busy machine may need, and few where a test waits for them."""
TABLES = ("movements", "payments", "provider_events", "bookings", "outbox", "inbox", "replies", "audit")
BOOKING_INTERNAL = "kursi.booking.v1.BookingInternalService"


class BookingNotFound(NotFound):
    reason = "BOOKING_NOT_FOUND"
    en = "no such booking"
    ar = "no such booking"


class FakeBooking(Peer):
    """Booking's contract over terms that a test writes down."""

    def __init__(self) -> None:
        self.terms: dict[str, booking_service_pb2.PaymentTerms] = {}
        self.is_broken = False

    async def GetPaymentTerms(self, request, context):  # noqa: N802 -- the contract's name
        if self.is_broken:
            raise RuntimeError
        if request.booking_id not in self.terms:
            raise BookingNotFound
        return self.terms[request.booking_id]


@pytest_asyncio.fixture(scope="session")
async def all_simulators() -> AsyncIterator[Simulators]:
    async with running_simulators(time_factor=0.001) as simulators:
        yield simulators


@pytest.fixture
def simulators(all_simulators: Simulators) -> Simulators:
    all_simulators.reset()
    return all_simulators


@pytest.fixture(scope="session")
def urls(databases: DatabaseFactory):
    with databases.borrow("payment") as urls:
        yield urls


@pytest_asyncio.fixture(scope="session")
async def pool(urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = await Database.open(urls.app, application_name="test")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def database(pool: Database, urls: DatabaseUrls) -> Database:
    """One database for all tests, empty at the start of each: deleting a few rows is cheaper than copying."""
    async with await psycopg.AsyncConnection.connect(urls.superuser, autocommit=True) as connection:
        for table in TABLES:
            await connection.execute(f"DELETE FROM {table}")
    return pool


@pytest_asyncio.fixture(scope="session")
async def patient_http(all_simulators: Simulators) -> AsyncIterator[HttpClient]:
    async with http_client(all_simulators.moyasar.base_url, timeout_seconds=PATIENT) as http:
        yield http


@pytest_asyncio.fixture(scope="session")
async def impatient_http(all_simulators: Simulators) -> AsyncIterator[HttpClient]:
    async with http_client(all_simulators.moyasar.base_url, timeout_seconds=IMPATIENT) as http:
        yield http


@pytest.fixture
def impatience() -> None:
    """For a provider that does not answer: it is given up soon."""


@pytest.fixture
def http(request: pytest.FixtureRequest, patient_http: HttpClient, impatient_http: HttpClient) -> HttpClient:
    return impatient_http if "impatience" in request.fixturenames else patient_http


def payment_settings(base_url: str, **changes: object) -> PaymentSettings:
    usual: dict[str, object] = {
        "database_url": "postgresql://unused",
        "client_secret": "a secret of the test",
        "token_issuer": ISSUER,
        "page_token_key": "a key of the test",
        "grpc_address": f"127.0.0.1:{free_port()}",
        "drain_seconds": 0,
        "default_deadline_seconds": 60,
        "stop_seconds": 0.5,
        "moyasar_base_url": base_url,
        "moyasar_secret_key": credentials.MOYASAR_SECRET_KEY,
        "moyasar_webhook_secret": WEBHOOK_SECRET,
        "callback_origins": ("https://app.test",),
        "provider_timeout_seconds": PATIENT,
    }
    return PaymentSettings(**{**usual, **changes})


def money(minor: int, currency: str = "SAR") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, amount_minor=minor)


@dataclass
class Desk:
    """What a test needs at hand: the service, its callers, its neighbours."""

    stub: PaymentServiceStub
    mint: TokenMint
    clock: FixedClock
    booking: FakeBooking
    simulators: Simulators
    database: Database
    assembly: Assembly
    http: HttpClient
    customer: UUID = field(default_factory=new_id)
    salon: UUID = field(default_factory=new_id)
    manager: UUID = field(default_factory=new_id)

    @property
    def moyasar(self):
        return self.simulators.moyasar

    @property
    def attend(self) -> Attend:
        return self.assembly.attend()

    @property
    def follow_booking(self) -> FollowBooking:
        return FollowBooking(self.assembly.begin, self.clock)

    def as_customer(self, customer: UUID | None = None, **headers: str):
        return bearer(self.mint.user(customer or self.customer), **headers)

    def as_manager(self, salon: UUID | None = None, role: Role = Role.MANAGER, **headers: str):
        return bearer(self.mint.user(self.manager, salons={salon or self.salon: role}), **headers)

    def booked(
        self,
        prepayment: int = 25_000,
        *,
        is_full: bool = False,
        balance: int = 60_000,
        fee: int = 0,
        **changes,
    ):
        """A booking that asks for this much; its id."""
        booking_id = new_id()
        terms = booking_service_pb2.PaymentTerms(
            booking_id=str(booking_id),
            salon_id=str(self.salon),
            customer_id=str(self.customer),
            state=booking_pb2.Booking.HELD,
            prepayment_due=money(prepayment),
            balance_due=money(balance),
            no_show_fee_due=money(fee),
            prepayment_is_full=is_full,
        )
        terms.MergeFrom(booking_service_pb2.PaymentTerms(**changes))
        self.booking.terms[str(booking_id)] = terms
        return booking_id

    async def token(self, number: str = GOOD_CARD, *, verified: bool = True) -> str:
        """A card token as the provider's form makes it; a verified one is charged without 3-D Secure."""
        async with httpx.AsyncClient(timeout=30) as browser:
            answer = await browser.post(
                f"{self.moyasar.base_url}/tokens",
                auth=(credentials.MOYASAR_PUBLISHABLE_KEY, ""),
                json={
                    "name": "Sara A",
                    "number": number,
                    "month": "12",
                    "year": "2030",
                    "cvc": "123",
                    "callback_url": CALLBACK,
                },
            )
        token: str = answer.json()["id"]
        if verified:
            self.moyasar.decide(token, "approve")
        return token

    async def request(self, booking_id: UUID, **changes: object) -> pb2.CreatePaymentRequest:
        usual: dict[str, object] = {
            "booking_id": str(booking_id),
            "purpose": payment_pb2.Payment.DEPOSIT,
            "callback_url": CALLBACK,
            "request_id": str(new_id()),
        }
        if "source" not in changes:
            usual["source"] = pb2.Source(token=await self.token())
        return pb2.CreatePaymentRequest(**{**usual, **changes})

    async def pay(self, booking_id: UUID | None = None, **changes: object) -> payment_pb2.Payment:
        request = await self.request(booking_id or self.booked(), **changes)
        return await self.stub.CreatePayment(request, metadata=self.as_customer())

    async def get(self, payment: payment_pb2.Payment) -> payment_pb2.Payment:
        return await self.stub.GetPayment(
            pb2.GetPaymentRequest(payment_id=payment.id), metadata=self.as_customer()
        )

    async def refund(self, payment: payment_pb2.Payment, minor: int | None = None, **changes: object):
        amount = {} if minor is None else {"amount": money(minor)}
        request = pb2.RefundPaymentRequest(
            payment_id=payment.id, **{"reason": "asked for", "request_id": str(new_id()), **amount, **changes}
        )
        return await self.stub.RefundPayment(request, metadata=self.as_manager())

    async def rows(self, sql: str, *parameters: object) -> list[tuple]:
        async with self.database.snapshot() as connection:
            return await (await connection.execute(sql, parameters)).fetchall()

    async def state(self, payment_id: object) -> str:
        return (await self.rows("SELECT state FROM payments WHERE id = %s", payment_id))[0][0]

    async def events(self, payment_id: object) -> list[str]:
        rows = await self.rows("SELECT subject FROM outbox WHERE aggregate_id = %s ORDER BY id", payment_id)
        return [subject.rsplit(".", 1)[1] for (subject,) in rows]

    async def look_at_everything(self) -> None:
        """What the jobs do once everything is due."""
        async with self.database.transaction() as connection:
            await connection.execute(
                "UPDATE payments SET next_look_at = %s WHERE next_look_at IS NOT NULL", [self.clock.now()]
            )
        while await self.attend.due():
            pass

    def charges(self, kind: str = "charge") -> list:
        return [movement for movement in self.moyasar.movements() if movement.kind == kind]


@pytest.fixture
def fake_booking() -> FakeBooking:
    return FakeBooking()


@pytest_asyncio.fixture
async def desk(
    simulators: Simulators,
    database: Database,
    http: HttpClient,
    fixed_clock: FixedClock,
    fake_booking: FakeBooking,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    # Everybody gets their turn, however slow the machine is.
    monkeypatch.setattr("kursi_payment.assembly._LONGEST_WAIT", PATIENT)
    mint = TokenMint(fixed_clock)
    settings = payment_settings(simulators.moyasar.base_url)
    booking_settings = rpc_settings(grpc_address=f"127.0.0.1:{free_port()}")

    async def own_token() -> IssuedToken:
        return IssuedToken(mint.service("payment"), fixed_clock.now() + timedelta(minutes=10))

    async with (
        serving([(fake_booking, BOOKING_INTERNAL)], mint, settings=booking_settings),
        connect(
            booking_settings.grpc_address, dependency="booking", tokens=ServiceTokens(own_token, fixed_clock)
        ) as booking,
    ):
        provider = Moyasar(http, settings.moyasar_secret_key.get_secret_value())
        assembly = Assembly(settings, database, provider, fixed_clock)
        async with serving(servicers(assembly, GrpcBookings(booking)), mint, settings=settings) as channel:
            yield Desk(
                PaymentServiceStub(channel),
                mint,
                fixed_clock,
                fake_booking,
                simulators,
                database,
                assembly,
                http,
            )
