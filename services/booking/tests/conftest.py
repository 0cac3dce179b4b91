"""A salon to book in, told by a catalog that speaks the real contract over the network."""

import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from kursi.catalog.v1 import catalog_pb2, catalog_service_pb2, catalog_service_pb2_grpc
from kursi.identity.v1 import identity_service_pb2, identity_service_pb2_grpc
from kursi.type.v1 import money_pb2
from kursi_booking.adapters.catalog import CatalogClient
from kursi_booking.adapters.customers import IdentityCustomers
from kursi_booking.domain.errors import SalonNotFound, ServiceNotFound, StaffNotFound
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.grpc.client import connect
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.grpc.times import instant
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import Peer, TokenMint, rpc_settings
from kursi_chassis.testing.servers import free_port
from kursi_chassis.validation import Violations

# Under importlib's import mode a folder of tests is no package: helpers are imported by name.
sys.path.insert(0, str(Path(__file__).parent))

DAY = timedelta(days=1)


def sar(minor):
    return money_pb2.Money(currency_code="SAR", amount_minor=minor)


def minutes(count):
    return Duration(seconds=count * 60)


def policy(**changes):
    usual = {
        "slot_step": minutes(15),
        "minimum_notice": minutes(60),
        "maximum_ahead": Duration(seconds=90 * 86_400),
        "cancellation_window": minutes(24 * 60),
        "reschedule_window": minutes(12 * 60),
        "hold": minutes(10),
        "automatic_confirmation": True,
        "prepayment": catalog_pb2.Policy.NONE,
        "deposit_basis_points": 2_500,
        "late_cancellation_fee_basis_points": 5_000,
        "no_show_fee_basis_points": 10_000,
        "maximum_active_bookings": 5,
        "texts": {"en": "Be on time."},
    }
    return catalog_pb2.Policy(**{**usual, **changes})


class Salon:
    """What the catalog knows of one salon. Everybody works from nine to five, local time, unless told otherwise."""

    def __init__(self, zone="Asia/Riyadh"):
        self.id = new_id()
        self.zone = ZoneInfo(zone)
        self.version = 1
        self.closings, self.sources = {}, {}
        self.answer = catalog_service_pb2.BookingContext(policy=policy())
        self.answer.salon.MergeFrom(
            catalog_pb2.Salon(
                id=str(self.id),
                names={"en": "Rose", "ar": "روز"},
                time_zone=zone,
                currency_code="SAR",
                territory_code="SA",
                status=catalog_pb2.Salon.LIVE,
            )
        )

    def staff(self, *, user_id="", online=True, working=None):
        staff_id = new_id()
        worker = self.answer.workers.add(version=1)
        worker.staff_member.MergeFrom(
            catalog_pb2.StaffMember(
                id=str(staff_id),
                salon_id=str(self.id),
                user_id=user_id,
                display_names={"en": f"Staff {len(self.answer.workers)}"},
                bookable_online=online,
            )
        )
        for start, end in working if working is not None else self.nine_to_five():
            worker.working.add(start_seconds=start, end_seconds=end)
        return staff_id

    def nine_to_five(self, first=datetime(2026, 3, 1), days=150):
        def at(day, hour):
            local = (first + timedelta(days=day)).replace(hour=hour, tzinfo=self.zone)
            return int(local.timestamp())

        return [(at(day, 9), at(day, 17)) for day in range(days)]

    def service(self, *staff_ids, duration=60, price=10_000, terms=None, own=None, **more):
        """`terms` change the policy of the service, `own` is {staff id: what is different for them}."""
        service_id = new_id()
        service = catalog_pb2.Service(
            id=str(service_id),
            salon_id=str(self.id),
            names={"en": f"Service {len(self.answer.offers) + 1}"},
            duration=minutes(duration),
            price=sar(price),
            performers=[
                catalog_pb2.Performer(staff_id=str(one), **(own or {}).get(one, {})) for one in staff_ids
            ],
            active=True,
            **more,
        )
        self.answer.offers.add(service=service, version=1, policy=policy(**(terms or {})))
        return service_id

    def resource(self, kind):
        resource_id = new_id()
        self.answer.resources.add(id=str(resource_id), salon_id=str(self.id), kind=kind)
        return resource_id

    def at(self, day, hour, minute=0):
        """A local time in March 2026, as an instant."""
        return datetime(2026, 3, day, hour, minute, tzinfo=self.zone).astimezone(UTC)


class FakeCatalog(Peer):
    """The catalog's side of the contract over salons that a test describes; a real server on a port of its own."""

    def __init__(self, mint):
        self.salons = {}
        self.requests, self.explained = [], []
        self._mint = mint
        self._port = free_port()
        self._server = None

    @property
    def address(self):
        return f"127.0.0.1:{self._port}"

    def add(self, salon):
        self.salons[str(salon.id)] = salon
        return salon

    async def start(self):
        services = [(self, "kursi.catalog.v1.CatalogInternalService")]
        settings = rpc_settings(grpc_address=self.address)
        self._server = GrpcServer(settings, services, self._mint.verifier())
        await self._server.start()

    async def stop(self):
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def ExplainWorkingTime(self, request, context):  # noqa: N802 -- spelled by the contract
        """What the test says that closes the time of each staff member."""
        salon, word = self.salons[request.salon_id], catalog_service_pb2.WorkingTimeExplanation
        self.explained.append(request)
        return word(
            closings=[salon.closings.get(UUID(span.staff_id), word.Closing()) for span in request.spans],
            policies=[
                word.PolicySources(service_id=one, sources=salon.sources) for one in request.service_ids
            ],
        )

    async def GetBookingContext(self, request, context):  # noqa: N802 -- spelled by the contract
        self.requests.append(request)
        with Violations() as check:
            instant(check, "start_time", request.start_time)
            instant(check, "end_time", request.end_time)
        salon = self.salons.get(request.salon_id)
        if salon is None:
            raise SalonNotFound
        offers = {offer.service.id: offer for offer in salon.answer.offers}
        workers = {worker.staff_member.id: worker for worker in salon.answer.workers}
        if not set(request.service_ids) <= set(offers):
            raise ServiceNotFound
        if not set(request.staff_ids) <= set(workers):
            raise StaffNotFound
        wanted = [offers[one] for one in request.service_ids] or list(offers.values())
        performers = {one.staff_id for offer in wanted for one in offer.service.performers}
        start, end = request.start_time.seconds, request.end_time.seconds
        return catalog_service_pb2.BookingContext(
            salon=salon.answer.salon,
            version=salon.version,
            offers=wanted,
            workers=[
                _clipped(worker, start, end)
                for worker in workers.values()
                if worker.staff_member.id in (request.staff_ids or performers)
            ],
            resources=salon.answer.resources,
            policy=salon.answer.policy,
            shortest_service=salon.answer.shortest_service,
        )


def _clipped(worker, start, end):
    spans = [
        (max(span.start_seconds, start), min(span.end_seconds, end))
        for span in worker.working
        if span.start_seconds < end and start < span.end_seconds
    ]
    result = catalog_service_pb2.BookingContext.Worker(
        staff_member=worker.staff_member, version=worker.version
    )
    for first, last in spans:
        result.working.add(start_seconds=first, end_seconds=last)
    return result


@pytest.fixture
def mint(fixed_clock):
    return TokenMint(fixed_clock)


@pytest_asyncio.fixture
async def catalog(mint):
    """A running catalog without salons."""
    fake = FakeCatalog(mint)
    await fake.start()
    yield fake
    await fake.stop()


@pytest_asyncio.fixture
async def catalog_channel(catalog, mint, fixed_clock):
    async def issue():
        return IssuedToken(mint.service("booking"), fixed_clock.now() + timedelta(minutes=10))

    tokens = ServiceTokens(issue, fixed_clock)
    async with connect(catalog.address, dependency="catalog", tokens=tokens) as channel:
        yield channel


@pytest_asyncio.fixture
async def catalog_client(catalog_channel, fixed_clock):
    """The adapter, connected to the fake catalog."""
    return CatalogClient(catalog_service_pb2_grpc.CatalogInternalServiceStub(catalog_channel), fixed_clock)


class FakeIdentity(Peer):
    """Identity's side of the contract about who there is; a real server on a port of its own."""

    def __init__(self, mint):
        self.ids, self.nobody, self.asked_for = {}, set(), []
        self.requests = []
        self.refuses = None
        self._mint = mint
        self._port = free_port()
        self._server = None

    @property
    def address(self):
        return f"127.0.0.1:{self._port}"

    async def start(self):
        services = [(self, "kursi.identity.v1.IdentityInternalService")]
        self._server = GrpcServer(rpc_settings(grpc_address=self.address), services, self._mint.verifier())
        await self._server.start()

    async def stop(self):
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def EnsureGuest(self, request, context):  # noqa: N802 -- spelled by the contract
        self.requests.append(request)
        if self.refuses:
            raise Invalid(Violation("phone_number", self.refuses))
        customer_id = self.ids.setdefault((request.salon_id, request.phone_number), str(new_id()))
        return identity_service_pb2.Guest(customer_id=customer_id)

    async def BatchGetContacts(self, request, context):  # noqa: N802 -- spelled by the contract
        """Everybody exists but for `nobody`."""
        self.asked_for.extend(request.user_ids)
        known = [one for one in request.user_ids if one not in self.nobody]
        return identity_service_pb2.BatchGetContactsResponse(
            contacts=[identity_service_pb2.Contact(user_id=one) for one in known]
        )


@pytest_asyncio.fixture
async def identity(mint):
    """A running identity that knows no numbers."""
    fake = FakeIdentity(mint)
    await fake.start()
    yield fake
    await fake.stop()


@pytest_asyncio.fixture
async def customers(identity, mint, fixed_clock):
    """The adapter, connected to the fake identity."""

    async def issue():
        return IssuedToken(mint.service("booking"), fixed_clock.now() + timedelta(minutes=10))

    tokens = ServiceTokens(issue, fixed_clock)
    async with connect(identity.address, dependency="identity", tokens=tokens) as channel:
        yield IdentityCustomers(identity_service_pb2_grpc.IdentityInternalServiceStub(channel))


@pytest.fixture
def database_urls(databases):
    """A database of this test's own, by the roles that may enter it."""
    with databases.borrow("booking") as urls:
        yield urls


@pytest_asyncio.fixture
async def database(database_urls):
    opened = await Database.open(database_urls.app, application_name="test")
    yield opened
    await opened.close()


@pytest.fixture
def salon(catalog):
    """A live salon in Riyadh; the test gives it staff and services."""
    return catalog.add(Salon())


@pytest.fixture
def make_salon(catalog):
    """Another salon, in a zone of choice."""
    return lambda zone="Asia/Riyadh": catalog.add(Salon(zone))


@pytest.fixture
def unheard_of_zone(tmp_path):
    """A zone that this process knows and the database does not, as after a change of its country's law; else like Auckland."""
    rules = resources.files("tzdata").joinpath("zoneinfo/Pacific/Auckland").read_bytes()
    (tmp_path / "Kursi").mkdir()
    (tmp_path / "Kursi" / "Unheard").write_bytes(rules)
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    yield "Kursi/Unheard"
    zoneinfo.reset_tzpath(to=before)


@pytest.fixture
def claim(database):
    """Blocks a person or thing: `await claim(unit_id, start, end)`."""

    async def block(unit_id: UUID, start: datetime, end: datetime):
        async with database.transaction() as connection:
            await connection.execute(
                "INSERT INTO claims (resource_id, during, state) VALUES (%s, tstzrange(%s, %s), 'blocked')",
                [unit_id, start, end],
            )

    return block
