"""The catalog in process: its own database, the whole chain in front, and identity as a small server."""

import sys
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import grpc
import psycopg
import pytest
import pytest_asyncio
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from google.type import dayofweek_pb2
from kursi.booking.v1 import booking_pb2, booking_service_pb2, booking_service_pb2_grpc
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import catalog_service_pb2_grpc as rpc
from kursi.catalog.v1 import photo_service_pb2_grpc, review_service_pb2_grpc, transfer_service_pb2_grpc
from kursi.identity.v1 import identity_pb2, identity_service_pb2_grpc
from kursi.type.v1 import money_pb2
from kursi_catalog.adapters.booking import GrpcBooking
from kursi_catalog.adapters.identity import GrpcIdentity
from kursi_catalog.main import servicers
from kursi_catalog.settings import CatalogSettings
from kursi_chassis.caller import Role
from kursi_chassis.clock import FixedClock
from kursi_chassis.db.database import Database
from kursi_chassis.grpc.client import connect
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.grpc.times import duration
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import TokenMint, bearer, refused, serving
from psycopg.rows import dict_row

# Under importlib's import mode a folder of tests is no package: what several files share is imported by name.
sys.path.insert(0, str(Path(__file__).parent))


class FakeIdentity(identity_service_pb2_grpc.IdentityInternalServiceServicer):
    """Speaks identity's contract: remembers who was made what, knows some users, can be out of order."""

    def __init__(self):
        self.grants = []
        self.users = set()
        self.is_down = False

    async def GrantMembership(self, request, context):  # noqa: N802 -- spelled by the contract
        await self._expect_to_be_up(context)
        grant = (request.salon_id, request.user_id, identity_pb2.Member.Role.Name(request.role))
        if grant not in self.grants:
            self.grants.append(grant)
        return identity_pb2.Member(salon_id=request.salon_id, user_id=request.user_id, role=request.role)

    async def GetUser(self, request, context):  # noqa: N802 -- spelled by the contract
        await self._expect_to_be_up(context)
        if request.user_id not in self.users:
            await _abort_with_reason(context, grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND")
        return identity_pb2.User(id=request.user_id)

    async def _expect_to_be_up(self, context):
        if self.is_down:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "down for the test")


async def _abort_with_reason(context, code, reason):
    status = Status(code=code.value[0])
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain="identity.kursi"))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(code, reason)


class FakeBooking(booking_service_pb2_grpc.BookingInternalServiceServicer):
    """Speaks booking's contract: knows the visits it was told of, can be out of order."""

    def __init__(self):
        self.visits = {}
        self.is_down = False

    async def GetVisit(self, request, context):  # noqa: N802 -- spelled by the contract
        if self.is_down:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "down for the test")
        if request.booking_id not in self.visits:
            await _abort_with_reason(context, grpc.StatusCode.NOT_FOUND, "BOOKING_NOT_FOUND")
        return self.visits[request.booking_id]

    def visit(self, salon_id, customer_id, **changes):
        """A completed visit unless said otherwise; its id."""
        usual = {
            "booking_id": str(new_id()),
            "salon_id": salon_id,
            "customer_id": str(customer_id),
            "state": booking_pb2.Booking.COMPLETED,
            "service_ids": [str(new_id())],
            "staff_ids": [str(new_id())],
        }
        visit = booking_service_pb2.Visit(**{**usual, **changes})
        self.visits[visit.booking_id] = visit
        return visit.booking_id


class World:
    """What tests say and ask. Every call is made by somebody: a token, or None for nobody."""

    def __init__(self, channel, mint, identity, booking, database, clock):
        stubs = (
            rpc.CatalogServiceStub(channel),
            rpc.CatalogInternalServiceStub(channel),
            review_service_pb2_grpc.ReviewServiceStub(channel),
            photo_service_pb2_grpc.PhotoServiceStub(channel),
            transfer_service_pb2_grpc.TransferServiceStub(channel),
        )
        self.methods = {name: method for stub in stubs for name, method in vars(stub).items()}
        self.mint = mint
        self.identity = identity
        self.booking = booking
        self.database = database
        self.clock = clock

    def token(self, salon_id=None, role=Role.OWNER, *, user_id=None, is_admin=False):
        salons = {UUID(salon_id): role} if salon_id else {}
        return self.mint.user(user_id, salons=salons, is_admin=is_admin)

    async def call(self, method, request, token=None, **headers):
        metadata = bearer(token, **headers) if token else tuple(headers.items())
        return await self.methods[method](request, metadata=metadata)

    async def refusal(self, method, request, token=None, **headers):
        """How the call is refused; fails when it is not."""
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self.call(method, request, token, **headers)
        return refused(error.value)

    async def rows(self, query, *parameters):
        async with self.database.snapshot() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(query, parameters)
            return await cursor.fetchall()

    async def execute(self, statement, *parameters):
        async with self.database.transaction() as connection:
            await connection.execute(statement, parameters)

    # What most tests begin with.

    async def salon(self, live=True, **changes):
        """A salon of its owner; live unless said otherwise."""
        request = api.CreateSalonRequest(salon=a_salon(**changes))
        made = await self.call("CreateSalon", request, self.token())
        if not live:
            return made
        patch = api.UpdateSalonRequest(salon=pb.Salon(id=made.id, status=pb.Salon.LIVE))
        return await self.call("UpdateSalon", patch, self.token(made.id))

    async def service(self, salon, **changes):
        request = api.CreateServiceRequest(salon_id=salon.id, service=a_service(**changes))
        return await self.call("CreateService", request, self.token(salon.id))

    async def staff(self, salon, **changes):
        request = api.CreateStaffMemberRequest(salon_id=salon.id, staff_member=a_staff_member(**changes))
        return await self.call("CreateStaffMember", request, self.token(salon.id))

    async def resource(self, salon, **changes):
        resource = pb.Resource(**{"kind": "chair", "names": {"en": "Chair 1"}, **changes})
        request = api.CreateResourceRequest(salon_id=salon.id, resource=resource)
        return await self.call("CreateResource", request, self.token(salon.id))


def a_salon(**changes):
    usual = {
        "names": {"en": "Rose", "ar": "روز"},
        "city": "Riyadh",
        "territory_code": "SA",
        "time_zone": "Asia/Riyadh",
        "currency_code": "SAR",
    }
    return pb.Salon(**{**usual, **changes})


def a_service(**changes):
    usual = {
        "names": {"en": "Haircut", "ar": "قص شعر"},
        "category": "hair",
        "duration": minutes(45),
        "price": sar(15000),
        "active": True,
    }
    return pb.Service(**{**usual, **changes})


def a_staff_member(**changes):
    return pb.StaffMember(
        **{"display_names": {"en": "Sara", "ar": "سارة"}, "bookable_online": True, **changes}
    )


def minutes(number):
    return duration(timedelta(minutes=number))


def sar(amount_minor, currency_code="SAR"):
    return money_pb2.Money(currency_code=currency_code, amount_minor=amount_minor)


def every_day(start="09:00", end="17:00", breaks=()):
    """The same range on each day of the week."""
    pauses = [pb.LocalRange(start=first, end=last) for first, last in breaks]
    return [
        pb.DayRange(day=day, start=start, end=end, breaks=pauses)
        for day in dayofweek_pb2.DayOfWeek.values()
        if day
    ]


class Make:
    """The builders, for tests to use without importing this file."""

    salon = staticmethod(a_salon)
    service = staticmethod(a_service)
    staff_member = staticmethod(a_staff_member)
    minutes = staticmethod(minutes)
    sar = staticmethod(sar)
    every_day = staticmethod(every_day)
    id = staticmethod(lambda: str(new_id()))


@pytest.fixture
def make():
    return Make


@pytest.fixture
def database_urls(databases):
    with databases.borrow("catalog") as urls:
        yield urls


@pytest_asyncio.fixture
async def database(database_urls):
    database = await Database.open(database_urls.app, pool_size=4, application_name="test")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def identity():
    async with an_identity() as fake:
        yield fake


@asynccontextmanager
async def an_identity():
    fake = FakeIdentity()
    server = grpc.aio.server()
    identity_service_pb2_grpc.add_IdentityInternalServiceServicer_to_server(fake, server)
    fake.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield fake
    await server.stop(None)


@pytest_asyncio.fixture
async def booking():
    async with a_booking() as fake:
        yield fake


@asynccontextmanager
async def a_booking():
    fake = FakeBooking()
    server = grpc.aio.server()
    booking_service_pb2_grpc.add_BookingInternalServiceServicer_to_server(fake, server)
    fake.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield fake
    await server.stop(None)


@pytest.fixture
def settings(tmp_path):
    return some_settings(tmp_path)


def some_settings(photo_folder):
    return CatalogSettings(
        photo_folder=photo_folder,
        database_url="postgresql://unused",
        client_secret="a secret of the test",
        token_issuer="https://identity.test",
        page_token_key="a key of the test",
    )


@pytest.fixture
def stored(settings):
    """Names of the objects in the store."""
    return lambda: sorted(
        str(path.relative_to(settings.photo_folder))
        for path in settings.photo_folder.rglob("*")
        if path.is_file()
    )


@pytest_asyncio.fixture(scope="session")
async def shared_world(databases, tmp_path_factory):
    """One catalog for all tests that ask about salons of their own only; much faster than one each."""
    with databases.borrow("catalog") as urls:
        database = await Database.open(urls.app, pool_size=4, application_name="test")
        clock = FixedClock(datetime(2026, 3, 12, 12, tzinfo=UTC))
        try:
            async with (
                an_identity() as identity,
                a_booking() as booking,
                running(
                    database, identity, some_settings(tmp_path_factory.mktemp("photos")), clock, booking
                ) as world,
            ):
                yield world
        finally:  # a pool that stays open keeps the run from ending
            await database.close()


@pytest_asyncio.fixture
async def world(database, identity, booking, settings, fixed_clock):
    async with running(database, identity, settings, fixed_clock, booking) as world:
        yield world


@asynccontextmanager
async def running(database, identity, settings, clock, booking=None):
    """Without a booking nobody reviews anything."""
    mint = TokenMint(clock)

    async def own_token():
        return IssuedToken(mint.service("catalog"), clock.now() + timedelta(minutes=10))

    tokens = ServiceTokens(own_token, clock)
    async with (
        connect(f"127.0.0.1:{identity.port}", dependency="identity", tokens=tokens) as to_identity,
        connect(f"127.0.0.1:{(booking or identity).port}", dependency="booking", tokens=tokens) as to_booking,
    ):
        offered = servicers(database, clock, GrpcIdentity(to_identity), GrpcBooking(to_booking), settings)
        async with serving(offered, mint) as channel:
            yield World(channel, mint, identity, booking, database, clock)


@pytest.fixture
def statements(monkeypatch):
    """Counts what is asked of the database while a block runs; BEGIN and COMMIT are not questions."""

    @contextmanager
    def recording(_database):
        seen = []
        execute = psycopg.AsyncCursor.execute

        async def remembered(self, query, *args, **kwargs):
            seen.append(query)
            return await execute(self, query, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.AsyncCursor, "execute", remembered)
            yield (questions := [])
            questions.extend(query for query in seen if not str(query).startswith(("BEGIN", "COMMIT")))

    return recording


@pytest_asyncio.fixture(scope="session")
async def shared_salon(shared_world):
    """The id of a live salon, for tests that only need one to be there."""
    return (await shared_world.salon()).id


@pytest.fixture
def run_world():
    """Runs the catalog on a database that the test brings along."""
    return running
