"""Opening a salon through the REST API, as its owner's console would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any  # plans are TOML or literals; the API checks them

from kursi_local.client import Session

Plan = Mapping[str, Any]


@dataclass
class OpenSalon:
    """A salon with the ids of what is in it, by the plan's keys."""

    id: str
    names: Mapping[str, str]
    services: dict[str, str] = field(default_factory=dict)
    staff: dict[str, str] = field(default_factory=dict)

    def path(self, rest: str = "") -> str:
        """A path below the salon."""
        return f"/v1/salons/{self.id}{rest}"


def open_salon(owner: Session, plan: Plan, people: Mapping[str, Session]) -> OpenSalon:
    """Make everything that the plan names, and let customers see it at the very end.

    The owner's session carries the new role afterwards; `people` are the sessions of the plan's members.
    """
    made = owner.post("/v1/salons", dict(plan["salon"]))
    owner.renew()
    salon = OpenSalon(made["id"], made["names"])
    for name, role in plan.get("members", {}).items():
        invite(owner, salon, people[name], role)
    for resource in plan.get("resources", []):
        owner.post(salon.path("/resources"), resource)
    owner.patch(salon.path("/policy"), dict(plan["policy"]))
    week = _week(plan["opens"])
    owner.put(salon.path("/hours"), {"ranges": week})
    for entry in plan["staff"]:
        salon.staff[entry["key"]] = _hire(owner, salon, entry, people, week)
    for entry in plan["services"]:
        salon.services[entry["key"]] = _offer(owner, salon, entry, made["currencyCode"])
    owner.patch(f"/v1/salons/{salon.id}", {"status": "LIVE"})
    return salon


def invite(owner: Session, salon: OpenSalon, person: Session, role: str) -> dict[str, Any]:
    """Invite somebody who has an account, who accepts; their session carries the role afterwards."""
    phone_number = person.user["phoneNumber"]
    member = owner.post(salon.path("/members"), {"phoneNumber": phone_number, "role": role})
    person.post(f"/v1/users/me/invitations/{member['id']}:accept")
    person.renew()
    return member


def _week(opens: Plan) -> list[dict[str, str]]:
    return [{"day": day, "start": opens["start"], "end": opens["end"]} for day in opens["days"]]


def _hire(
    owner: Session, salon: OpenSalon, entry: Plan, people: Mapping[str, Session], week: list[dict[str, str]]
) -> str:
    account = {"userId": people[entry["user"]].user_id} if "user" in entry else {}
    member = {"displayNames": entry["names"], "color": entry["color"], "bookableOnline": True, **account}
    staff_id = str(owner.post(salon.path("/staff"), member)["id"])
    owner.put(salon.path(f"/staff/{staff_id}/availability"), {"schedules": [{"shifts": week}]})
    return staff_id


def _offer(owner: Session, salon: OpenSalon, entry: Plan, currency: str) -> str:
    service = {
        "names": entry["names"],
        "category": entry["category"],
        "duration": _minutes(entry["minutes"]),
        "bufferBefore": _minutes(entry.get("before", 0)),
        "bufferAfter": _minutes(entry.get("after", 0)),
        "price": _money(entry["price"], currency),
        "segments": _segments(entry),
        "addOns": [
            {**extra, "price": _money(extra["price"], currency)} for extra in entry.get("add_ons", [])
        ],
        "performers": [{"staffId": salon.staff[name]} for name in entry["by"]],
        "active": True,
    }
    service_id = str(owner.post(salon.path("/services"), service)["id"])
    if policy := entry.get("policy"):
        owner.patch(salon.path("/policy"), dict(policy), serviceId=service_id)
    return service_id


def _segments(entry: Plan) -> list[Any]:
    if "segments" in entry:
        return list(entry["segments"])
    if "needs" in entry:
        duration = _minutes(entry["minutes"])
        return [{"duration": duration, "needsStaff": True, "resourceKinds": entry["needs"]}]
    return []


def _minutes(count: int) -> str:
    return f"{count * 60}s"


def _money(minor: int, currency: str) -> dict[str, Any]:
    return {"currencyCode": currency, "amountMinor": str(minor)}
