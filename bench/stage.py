"""The platform that measurements run on, and a salon in it."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kursi_local import salon as local_salon
from kursi_local.client import Api, Session
from kursi_local.outside import invented_number
from kursi_local.patience import until
from kursi_local.platform import Platform
from kursi_local.table import DEFAULT_TABLE
from kursi_local.testing import running_platform

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
BOOKING_RUNS = '"kursi_booking", "run"'
BOOKING_SERVES = '"kursi_booking", "serve"'
# All the people of a measurement log in from this one machine.
MANY_LOGINS = {"KURSI_IDENTITY_OTP_PER_ADDRESS": "100000"}


@contextmanager
def bench_platform(*, whole: bool = False) -> Iterator[Platform]:
    """A platform with fsync on, as in production, and limits per client address out of the way.

    Unless it is the whole one, booking only serves: its relay and its consumers, and with them the messages, run elsewhere
    in production and would take the two cores of a laptop away from what is measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "processes.toml"
        processes = DEFAULT_TABLE.read_text(encoding="utf-8")
        table.write_text(
            processes if whole else processes.replace(BOOKING_RUNS, BOOKING_SERVES), encoding="utf-8"
        )
        with running_platform(table, options=("--any-ports",), environment=MANY_LOGINS) as platform:
            lift_limits(platform)
            yield platform


def lift_limits(platform: Platform) -> None:
    """Let one address ask as often as it likes: all load comes from this machine. The gateway reloads by itself."""
    upstreams = [
        f"--upstream={name}={platform.address(name)}"
        for name in ("identity", "catalog", "booking", "payment", "messaging")
    ]
    listen, admin = (f"127.0.0.1:{platform.port(name)}" for name in ("gateway", "gateway-admin"))
    output = str(platform.data / "gateway")
    arguments = [
        "--output",
        output,
        "--listen",
        listen,
        "--admin",
        admin,
        "--issuer",
        platform.base_url,
        "--limit-scale",
        "100000",
    ]
    subprocess.run(
        [sys.executable, "-m", "kursi_gateway", "render", *arguments, *upstreams],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with Api.of(platform) as api:
        anonymous = api.anonymous()
        until(
            lambda: int(anonymous.raw("GET", "/v1/salons:search").headers["ratelimit-limit"]) > 10_000,
            60,
            "the new limits",
        )


@dataclass(frozen=True)
class Salon:
    """A salon that is open around the clock, with one service of half an hour that everybody performs."""

    salon_id: str
    staff_ids: list[str]
    service_id: str


def open_salon(api: Api, staff: int = 1, owner: Session | None = None) -> Salon:
    """Make one: live, bookings confirmed at once, nothing paid before, hardly any limits."""
    names = [f"staff{number}" for number in range(staff)]
    plan = {
        "salon": {
            "names": {"en": "Bench"},
            "city": "Riyadh",
            "territoryCode": "SA",
            "timeZone": "Asia/Riyadh",
            "currencyCode": "SAR",
        },
        "opens": {"days": DAYS, "start": "00:00", "end": "24:00"},
        "policy": {
            "slotStep": "1800s",
            "minimumNotice": "0s",
            "maximumAhead": "34560000s",
            "automaticConfirmation": True,
            "prepayment": "NONE",
            "maximumActiveBookings": 100,
        },
        "staff": [{"key": name, "names": {"en": name}, "color": "#607D8B"} for name in names],
        "services": [
            {
                "key": "cut",
                "by": names,
                "names": {"en": "Haircut"},
                "category": "hair",
                "minutes": 30,
                "price": 10000,
            }
        ],
    }
    owner = owner or api.login(invented_number(), name="Bench owner")
    salon = local_salon.open_salon(owner, plan, {})
    return Salon(salon.id, list(salon.staff.values()), salon.services["cut"])


def midnight_ahead(days: int) -> datetime:
    """Midnight UTC in so many days."""
    return (datetime.now(UTC) + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
