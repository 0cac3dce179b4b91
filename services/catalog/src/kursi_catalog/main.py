"""Builds the catalog service: the only place that opens databases, connections and clients."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from babel import Locale
from kursi_chassis.clock import Clock, SystemClock
from kursi_chassis.db.database import Database
from kursi_chassis.grpc.language import LANGUAGES
from kursi_chassis.jobs import Job, JobRunner, retention_jobs
from kursi_chassis.roles import Role
from kursi_chassis.wiring import Wiring
from kursi_peers import Peers

from kursi_catalog.adapters import booking as booking_adapter
from kursi_catalog.adapters import identity as identity_adapter
from kursi_catalog.adapters.booking import GrpcBooking
from kursi_catalog.adapters.folder_store import FolderStore
from kursi_catalog.adapters.identity import GrpcIdentity
from kursi_catalog.adapters.photo_studio import PhotoStudio
from kursi_catalog.adapters.s3_store import Bucket, S3Store
from kursi_catalog.api.photo_methods import PHOTOS, PhotoServicer
from kursi_catalog.api.review_methods import REVIEWS, ReviewServicer
from kursi_catalog.api.servicer import CATALOG, CATALOG_INTERNAL, CatalogInternalServicer, CatalogServicer
from kursi_catalog.api.transfer_methods import TRANSFERS, TransferServicer
from kursi_catalog.domain.policy import Policy, Prepayment, StartMode
from kursi_catalog.jobs.openings import openings_job
from kursi_catalog.ports import Booking, Identity, ObjectStore
from kursi_catalog.queries.context import rehearse
from kursi_catalog.settings import CatalogSettings
from kursi_catalog.usecases.collection import Collection
from kursi_catalog.usecases.finding import Finding
from kursi_catalog.usecases.kinds import RESOURCE, SERVICE
from kursi_catalog.usecases.photos import Photos
from kursi_catalog.usecases.policies import Policies
from kursi_catalog.usecases.reviews import Reviews
from kursi_catalog.usecases.salons import Salons
from kursi_catalog.usecases.schedules import Schedules
from kursi_catalog.usecases.staff import Staff
from kursi_catalog.usecases.transfers import Transfers

ROLES = ("serve", "relay", "jobs")
_SWEEP_EVERY = timedelta(minutes=5)


def servicers(
    database: Database, clock: Clock, identity: Identity, booking: Booking, settings: CatalogSettings
) -> list[tuple[object, str]]:
    """What the server offers, by the names in the contract."""
    key = settings.page_token_key.get_secret_value()
    platform = platform_policy(settings)
    finding = Finding(database, platform, clock)
    catalog = CatalogServicer(
        salons=Salons(database, clock, identity),
        finding=finding,
        services=Collection(database, clock, SERVICE),
        staff=Staff(database, clock, identity),
        resources=Collection(database, clock, RESOURCE),
        schedules=Schedules(database, clock),
        policies=Policies(database, clock, platform),
        page_token_key=key,
    )
    return [
        (catalog, CATALOG),
        (CatalogInternalServicer(finding, clock), CATALOG_INTERNAL),
        (ReviewServicer(Reviews(database, clock, booking), key), REVIEWS),
        (PhotoServicer(photos(database, clock, settings)), PHOTOS),
        (TransferServicer(Transfers(database, clock)), TRANSFERS),
    ]


def photos(database: Database, clock: Clock, settings: CatalogSettings) -> Photos:
    """Photos, over the store that the settings name."""
    return Photos(database, clock, object_store(settings), PhotoStudio())


def object_store(settings: CatalogSettings) -> ObjectStore:
    """The bucket if there is one, otherwise the folder."""
    if not settings.photo_s3_bucket:
        return FolderStore(settings.photo_folder)
    return S3Store(
        Bucket(
            settings.photo_s3_bucket,
            settings.photo_s3_region,
            settings.photo_s3_endpoint,
            settings.photo_s3_access_key,
            settings.photo_s3_secret_key,
        )
    )


def platform_policy(settings: CatalogSettings) -> Policy:
    """The platform's level of the policy, every value set."""
    return Policy(
        slot_step=settings.policy_slot_step,
        minimum_notice=settings.policy_minimum_notice,
        maximum_ahead=settings.policy_maximum_ahead,
        cancellation_window=settings.policy_cancellation_window,
        reschedule_window=settings.policy_reschedule_window,
        hold=settings.policy_hold,
        automatic_confirmation=settings.policy_automatic_confirmation,
        prepayment=Prepayment(settings.policy_prepayment),
        deposit_basis_points=settings.policy_deposit_basis_points,
        late_cancellation_fee_basis_points=settings.policy_late_cancellation_fee_basis_points,
        no_show_fee_basis_points=settings.policy_no_show_fee_basis_points,
        maximum_active_bookings=settings.policy_maximum_active_bookings,
        start_mode=StartMode(settings.policy_start_mode),
        maximum_bookings_per_day=settings.policy_maximum_bookings_per_day,
        maximum_bookings_per_staff_day=settings.policy_maximum_bookings_per_staff_day,
        latest_start=settings.policy_latest_start,
        waitlist_offer=settings.policy_waitlist_offer,
        texts={},
    )


@asynccontextmanager
async def build(settings: CatalogSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
    """The roles that were asked for; everything they need is open inside the block."""
    async with AsyncExitStack() as stack:
        wiring = Wiring(settings, stack, SystemClock())
        database = await wiring.database(rehearse=rehearse if "serve" in roles else None)
        built: dict[str, Role] = {}
        if "serve" in roles:
            built["serve"] = await _serve(wiring, settings, database)
        if "relay" in roles:
            built["relay"] = await wiring.relay(database)
        if "jobs" in roles:
            sweep = Job("photo_leftovers", _SWEEP_EVERY, photos(database, wiring.clock, settings).sweep)
            kept = retention_jobs(database, "outbox", "replies")
            openings = openings_job(database, wiring.clock)
            built["jobs"] = JobRunner(database, [*kept, sweep, openings]).run
        yield built


async def _serve(wiring: Wiring, settings: CatalogSettings, database: Database) -> Role:
    peers = await Peers.open(wiring)
    identity = GrpcIdentity(await peers.channel("identity", identity_adapter.REPEATABLE))
    booking = GrpcBooking(await peers.channel("booking", booking_adapter.REPEATABLE))
    offered = servicers(database, wiring.clock, identity, booking, settings)
    # Babel reads its data for the first question, which takes long; nobody shall wait for that. A country's data are
    # little more than those of its language.
    for name in ("und_001", *LANGUAGES):
        _ = Locale.parse(name).first_week_day
    return await wiring.serve(offered, peers.signing_keys, database)
