"""The platform that measurements run on, and a salon in it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from kursi_local.client import Api, Session
from kursi_local.patience import until
from kursi_local.platform import Platform
from kursi_local.testing import running_platform

OWNER_PHONE = "+966500001001"
CUSTOMER_PHONE = "+966500001002"


# All the people of a measurement log in from this one machine.
MANY_LOGINS = {"KURSI_IDENTITY_OTP_PER_ADDRESS": "100000"}


@contextmanager
def bench_platform() -> Iterator[Platform]:
    """A platform with fsync on, as in production, and limits per client address out of the way."""
    with running_platform(options=("--any-ports",), environment=MANY_LOGINS) as platform:
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
    with Api(platform.base_url, platform.url("simulators.twilio")) as api:
        anonymous = api.anonymous()
        until(
            lambda: int(anonymous.raw("GET", "/v1/salons:search").headers["ratelimit-limit"]) > 10_000,
            10,
            "the new limits",
        )


@dataclass(frozen=True)
class Salon:
    """A salon that is open around the clock."""

    salon_id: str
    staff_ids: list[str]
    service_id: str
    owner: Session


@cache
def open_week() -> list[dict[str, str]]:
    """Every day from midnight to midnight."""
    days = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
    return [{"day": day, "start": "00:00", "end": "24:00"} for day in days]


def open_salon(api: Api, staff: int = 1) -> Salon:
    """Make a live salon with staff who all perform one 30-minute service, confirmed at once, nothing paid before."""
    owner = api.login(OWNER_PHONE, name="Bench owner")
    salon = owner.post(
        "/v1/salons",
        {
            "names": {"en": "Bench"},
            "city": "Riyadh",
            "territoryCode": "SA",
            "timeZone": "Asia/Riyadh",
            "currencyCode": "SAR",
        },
    )
    salon_id = salon["id"]
    owner.renew()
    base = f"/v1/salons/{salon_id}"
    owner.put(f"{base}/hours", {"ranges": open_week()})
    staff_ids = []
    for number in range(staff):
        member = owner.post(
            f"{base}/staff", {"displayNames": {"en": f"Staff {number}"}, "bookableOnline": True}
        )
        owner.put(f"{base}/staff/{member['id']}/availability", {"schedules": [{"shifts": open_week()}]})
        staff_ids.append(member["id"])
    service = owner.post(
        f"{base}/services",
        {
            "names": {"en": "Haircut"},
            "category": "hair",
            "duration": "1800s",
            "price": {"currencyCode": "SAR", "amountMinor": "10000"},
            "performers": [{"staffId": staff_id} for staff_id in staff_ids],
            "active": True,
        },
    )
    policy = {
        "slotStep": "1800s",
        "minimumNotice": "0s",
        "maximumAhead": "34560000s",
        "automaticConfirmation": True,
        "prepayment": "NONE",
        "maximumActiveBookings": 100,
    }
    owner.patch(f"{base}/policy", policy)
    owner.patch(base, {"status": "LIVE"})
    return Salon(salon_id, staff_ids, service["id"], owner)


def midnight_ahead(days: int) -> datetime:
    """Midnight UTC in so many days."""
    return (datetime.now(UTC) + timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
