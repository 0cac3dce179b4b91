"""A salon with its people, made through the REST API, and the questions that stories ask again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from kursi_local.client import Api, Session
from kursi_local.outside import GOOD_CARD, invented_number
from kursi_local.patience import until
from kursi_local.platform import Platform
from kursi_local.salon import OpenSalon, open_salon
from kursi_local.seed import free_times

ALL_WEEK = ["SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY"]
CALLBACK = "https://app.kursi.example/paid"


def plan(slug: str) -> dict[str, Any]:
    """A salon with one service that is free before the visit and one that is paid before."""
    return {
        "salon": {
            "slug": slug,
            "names": {"ar": "صالون الاختبار", "en": "Test Salon"},
            "city": "Riyadh",
            "territoryCode": "SA",
            "timeZone": "Asia/Riyadh",
            "currencyCode": "SAR",
        },
        "opens": {"days": ALL_WEEK, "start": "00:00", "end": "24:00"},
        "members": {"manager": "MANAGER", "staff": "STAFF"},
        "policy": {
            "slotStep": "900s",
            "minimumNotice": "0s",
            "maximumAhead": "8640000s",
            "cancellationWindow": "86400s",
            "rescheduleWindow": "0s",
            "hold": "900s",
            "automaticConfirmation": True,
            "prepayment": "NONE",
            "maximumActiveBookings": 100,
        },
        "staff": [
            {"key": "staff", "user": "staff", "names": {"ar": "ليلى", "en": "Layla"}, "color": "#C2185B"}
        ],
        "services": [
            {
                "key": "cut",
                "by": ["staff"],
                "names": {"ar": "قص", "en": "Cut"},
                "category": "hair",
                "minutes": 30,
                "price": 10000,
            },
            {
                "key": "facial",
                "by": ["staff"],
                "names": {"ar": "تنظيف بشرة", "en": "Facial"},
                "category": "skin",
                "minutes": 30,
                "price": 32000,
                "policy": {"prepayment": "FULL"},
            },
        ],
    }


@dataclass
class World:
    """One salon and the people around it."""

    api: Api
    people: dict[str, Session]
    salon: OpenSalon

    def __getitem__(self, name: str) -> Session:
        return self.people[name]

    def newcomer(self, language: str = "en") -> Session:
        """Somebody whom nobody knows yet."""
        return self.api.login(invented_number(), language=language, name="Newcomer")

    def slots(self, service: str = "cut") -> list[dict[str, Any]]:
        """Free times from the day after tomorrow on."""
        return free_times(self.api.anonymous(), self.salon, service)

    def wish(self, slot: dict[str, Any], service: str = "cut") -> dict[str, Any]:
        """The body that books a free time."""
        items = [{"serviceId": self.salon.services[service]}]
        return {"salonId": self.salon.id, "startTime": slot["startTime"], "items": items}

    def book(self, customer: Session, slot: dict[str, Any], service: str = "cut") -> dict[str, Any]:
        """Take a time."""
        return customer.post("/v1/bookings", self.wish(slot, service))

    def recur(self, customer: Session, slot: dict[str, Any]) -> dict[str, Any]:
        """Take a time in two weeks that follow each other."""
        body = {**self.wish(slot), "everyWeeks": 1, "count": 2, "mode": "AS_MANY_AS_FIT"}
        return customer.post("/v1/booking-series", body)

    def gather(self, owner: Session, slot: dict[str, Any]) -> dict[str, Any]:
        """Plan a group session of ten seats."""
        body = {
            "serviceId": self.salon.services["cut"],
            "startTime": slot["startTime"],
            "capacity": 10,
        }
        return owner.post(self.salon.path("/sessions"), body)

    def wait(self, customer: Session, slot: dict[str, Any]) -> dict[str, Any]:
        """Wait for a time."""
        body = {
            "salonId": self.salon.id,
            "items": self.wish(slot)["items"],
            "ranges": [{"startTime": slot["startTime"], "endTime": slot["endTime"]}],
        }
        return customer.post("/v1/waitlist-entries", body)

    def review(self, customer: Session, slot: dict[str, Any]) -> dict[str, Any]:
        """Come to a visit and say how it was."""
        booking = self.book(customer, slot)
        for step in ("checkIn", "complete"):
            self["staff"].post(f"/v1/bookings/{booking['id']}:{step}")
        body = {"bookingId": booking["id"], "rating": 5, "text": "ممتاز"}
        return customer.post(self.salon.path("/reviews"), body)

    def pay(self, customer: Session, booking: dict[str, Any], card: str = GOOD_CARD) -> dict[str, Any]:
        """Begin to pay what is due for a booking; the bank has a question."""
        body = {
            "bookingId": booking["id"],
            "purpose": "FULL",
            "source": {"token": self.api.outside.card_token(card)},
            "callbackUrl": CALLBACK,
        }
        return customer.post("/v1/payments", body)

    def decide(self, payment: dict[str, Any], decision: str) -> None:
        """Answer the bank's question."""
        self.api.outside.decide(payment["redirectUrl"], decision)

    def booking_becomes(
        self, reader: Session, booking: dict[str, Any], seconds: float = 180, **wanted: str
    ) -> dict[str, Any]:
        """Wait until the booking has these values."""
        return becomes(reader, f"/v1/bookings/{booking['id']}", seconds, **wanted)


def becomes(reader: Session, path: str, seconds: float = 180, **wanted: str) -> dict[str, Any]:
    """Wait until what is at the path has these values, and return it."""

    def look() -> dict[str, Any]:
        found = reader.get(path)
        return found if wanted.items() <= found.items() else {}

    return until(look, seconds, f"{path} with {wanted}")


def recovered(platform: Platform) -> None:
    """Wait until every process is back, and the gateway has noticed."""
    platform.wait_ready()
    until(lambda: _answers(f"{platform.base_url}/readyz"), 180, "a gateway that reaches everybody")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=30).is_success
    except httpx.TransportError:
        return False


def build_world(api: Api) -> World:
    """Log everybody in and open the salon. The customer reads Arabic, the staff member English; both have mail."""
    names = ("owner", "manager", "staff", "customer", "stranger")
    people = {name: api.login(invented_number(), name=name.title()) for name in names if name != "customer"}
    people["customer"] = api.login(invented_number(), language="ar", name="نورة")
    people["admin"] = api.login("+966500000001", name="Admin")
    for name in ("staff", "customer"):
        api.add_email(people[name], f"{name}{people[name].user['phoneNumber'][-7:]}@mail.example")
    salon = open_salon(people["owner"], plan("test-salon"), people)
    # Else a story would be told more at some hours than at others: visits are so many quarters of an hour after midnight.
    people["owner"].patch(salon.path("/notification-settings"), {"reminders": []}, updateMask="reminders")
    other = {name: api.login(invented_number(), name=f"Other {name}") for name in names[:3]}
    open_salon(other["owner"], plan("other-salon"), other)
    people["staff of another salon"] = other["staff"]
    people["owner of another salon"] = other["owner"]
    return World(api, people, salon)
