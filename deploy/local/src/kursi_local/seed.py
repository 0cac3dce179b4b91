"""Demonstration data, made through the REST API only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any  # the plan is TOML; the API checks it

from kursi_local.client import Api, Session
from kursi_local.salon import OpenSalon, Plan, open_salon

PLAN = Path(__file__).with_name("demo.toml")
_AT_ONCE = 4
"""Requests in flight: enough to keep two cores busy."""
_LOOK_AHEAD = timedelta(days=14)


def demo_plan() -> dict[str, Any]:
    """The people, salons and bookings of the demonstration."""
    return tomllib.loads(PLAN.read_text(encoding="utf-8"))


def seed(api: Api) -> bool:
    """Make what is not there yet, and say whether anything was missing. Blocks for seconds when it was.

    A salon goes live as the last step of opening it, so one look at the live ones tells what is missing. What
    an interrupted start left half made is cleared away first.
    """
    plan = demo_plan()
    live = _live(api)
    missing = [name for name, entry in plan["salons"].items() if entry["salon"]["slug"] not in live]
    if not missing:
        return False
    with ThreadPoolExecutor(_AT_ONCE) as workers:
        people = dict(workers.map(lambda entry: (entry[0], _login(api, entry[1])), plan["people"].items()))
        salons = _open_all(workers, plan, missing, people)
        wanted = [entry for entry in plan["bookings"] if entry["salon"] in salons]
        list(workers.map(lambda entry: _book(entry, salons[entry["salon"]], people), wanted))
    return True


def _live(api: Api) -> set[str]:
    found = api.anonymous().get("/v1/salons:search", pageSize=100)
    return {result["salon"]["slug"] for result in found.get("results", [])}


def _login(api: Api, person: Mapping[str, str]) -> Session:
    session = api.login(person["phone"], language=person["language"], name=person["name"])
    if email := person.get("email"):
        api.add_email(session, email)
    return session


def _open_all(
    workers: ThreadPoolExecutor, plan: Plan, missing: list[str], people: Mapping[str, Session]
) -> dict[str, OpenSalon]:
    """Salons of one owner one after the other: each changes the owner's token."""
    owners: dict[str, list[str]] = {}
    for name in missing:
        owners.setdefault(plan["salons"][name]["owner"], []).append(name)

    def open_for(owner: str) -> dict[str, OpenSalon]:
        _clear_away(people[owner])
        return {name: open_salon(people[owner], plan["salons"][name], people) for name in owners[owner]}

    return {name: salon for opened in workers.map(open_for, owners) for name, salon in opened.items()}


def _clear_away(owner: Session) -> None:
    """Take the short names from drafts, and the drafts out of sight."""
    for salon in owner.get("/v1/salons").get("salons", []):
        if salon["status"] == "DRAFT" and "archiveTime" not in salon:
            owner.patch(f"/v1/salons/{salon['id']}", {"slug": f"unfinished-{salon['id'][-12:]}"})
            owner.post(f"/v1/salons/{salon['id']}:archive")


def _book(entry: Plan, salon: OpenSalon, people: Mapping[str, Session]) -> None:
    customer = people[entry["customer"]]
    start = free_times(customer, salon, entry["service"])[entry["nth"]]["startTime"]
    chosen = {"staffId": salon.staff[entry["with"]]} if "with" in entry else {}
    items = [{"serviceId": salon.services[entry["service"]], **chosen}]
    booking = customer.post("/v1/bookings", {"salonId": salon.id, "startTime": start, "items": items})
    for step in entry.get("then", []):
        people[entry["by"]].post(f"/v1/bookings/{booking['id']}:{step}")


def free_times(session: Session, salon: OpenSalon, *services: str) -> list[dict[str, Any]]:
    """The free times of a visit with these services, one after the other, from the day after tomorrow on.

    At any hour of today that is more than a day ahead: soon enough, and never too late to move or cancel.
    """
    first = (datetime.now(UTC) + timedelta(days=2)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = session.get(
        salon.path("/slots"),
        serviceIds=[salon.services[service] for service in services],
        startTime=rfc3339(first),
        endTime=rfc3339(first + _LOOK_AHEAD),
    )
    slots: list[dict[str, Any]] = found.get("slots", [])
    return slots


def rfc3339(instant: datetime) -> str:
    """An instant in UTC as the API reads it."""
    return instant.isoformat().replace("+00:00", "Z")
