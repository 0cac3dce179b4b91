"""Settings of the catalog service beyond those that every service has: environment variables `KURSI_CATALOG_…`."""

from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

from kursi_chassis.settings import ServiceSettings
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

_DAY = timedelta(days=1)


class CatalogSettings(ServiceSettings):
    """The settings of the catalog service.

    The `policy_` fields are the platform's rules of booking; salons and services override them. Spans are given in
    seconds or as ISO 8601 durations (`PT15M`).
    """

    service: ClassVar[str] = "catalog"
    model_config = SettingsConfigDict(env_prefix="KURSI_CATALOG_", frozen=True, extra="ignore")

    policy_slot_step: timedelta = Field(
        default=timedelta(minutes=15), ge=timedelta(minutes=5), le=timedelta(hours=4)
    )
    """Fifteen minutes: durations in salons are multiples of it, so hardly any working time is lost between
    bookings, while a day of ten hours still fits a phone's screen as forty buttons."""
    policy_minimum_notice: timedelta = Field(default=timedelta(hours=1), ge=timedelta(0), le=30 * _DAY)
    """An hour: enough for the staff to see the booking and for the customer to arrive."""
    policy_maximum_ahead: timedelta = Field(default=60 * _DAY, ge=_DAY, le=400 * _DAY)
    """Sixty days: rosters are rarely written further ahead, and later bookings are missed more often."""
    policy_cancellation_window: timedelta = Field(default=_DAY, ge=timedelta(0), le=30 * _DAY)
    """A day: the shortest time in which a salon can usually fill the place again."""
    policy_reschedule_window: timedelta = Field(default=_DAY, ge=timedelta(0), le=30 * _DAY)
    """A day, like cancelling: a moved booking leaves the same gap."""
    policy_hold: timedelta = Field(
        default=timedelta(minutes=10), ge=timedelta(minutes=2), le=timedelta(hours=2)
    )
    """Ten minutes: a card payment with the bank's own confirmation takes two to five."""
    policy_automatic_confirmation: bool = True
    """Customers expect an offered time to be theirs; a salon that wants to look first says so."""
    policy_prepayment: Literal["none", "deposit", "full"] = "none"
    """Nothing: taking money before the visit is the salon's decision, not the platform's."""
    policy_deposit_basis_points: int = Field(default=2500, ge=0, le=10_000)
    """A quarter, for salons that ask for a deposit without saying how much."""
    policy_late_cancellation_fee_basis_points: int = Field(default=0, ge=0, le=10_000)
    """None: a fee that nobody announced is disputed."""
    policy_no_show_fee_basis_points: int = Field(default=0, ge=0, le=10_000)
    """None, for the same reason."""
    policy_maximum_active_bookings: int = Field(default=5, ge=1, le=100)
    """Five: a family's visits fit, blocking a salon's week with one account does not."""
    policy_start_mode: Literal["grid", "gap_free"] = "grid"
    """The grid: times that people expect. Leaving no gaps offers fewer of them, which a salon decides for itself."""
    policy_maximum_bookings_per_day: int = Field(default=0, ge=0, le=10_000)
    """Any number: working time is the limit."""
    policy_maximum_bookings_per_staff_day: int = Field(default=0, ge=0, le=1_000)
    """Any number, for the same reason."""
    policy_latest_start: str = Field(default="24:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")
    """Any time: a visit that is too long for the evening does not fit into working time anyway."""
    policy_waitlist_offer: timedelta = Field(
        default=timedelta(minutes=10), ge=timedelta(minutes=1), le=timedelta(hours=24)
    )
    """Ten minutes, like a hold: enough to see the message and answer, short enough to ask the next one in time."""

    photo_folder: Path = Path("photos")
    """Where photos are stored, unless there is a bucket; below the working directory unless it is absolute. For one
    machine: replicas need a folder that they share."""
    photo_s3_bucket: str = ""
    """The bucket of an S3-compatible store; it takes the place of the folder."""
    photo_s3_region: str = "us-east-1"
    photo_s3_endpoint: str | None = None
    """Unset: Amazon's own."""
    photo_s3_access_key: str | None = None
    """Unset, with the next one: what the environment gives the process, such as the role of its machine."""
    photo_s3_secret_key: SecretStr | None = None
