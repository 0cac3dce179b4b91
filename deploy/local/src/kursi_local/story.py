"""The main job, played once against the running platform: every line of it really happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any  # Any: JSON is untyped
from zoneinfo import ZoneInfo

from kursi_local.client import Api, Refused, Session
from kursi_local.narration import Narrator, in_zone, local, money
from kursi_local.outside import Outside, invented_number
from kursi_local.patience import until
from kursi_local.salon import OpenSalon
from kursi_local.seed import demo_plan, free_times

_PATIENCE_SECONDS = 20.0
"""For what follows a change by itself: a notice from the bank, a message. It takes well under a second."""


class StoryBroke(RuntimeError):
    """Something came out otherwise than told; the text says what."""


@dataclass
class Inbox:
    """One phone or mailbox, and how many of its messages were shown already."""

    owner: str
    channel: str
    address: str
    look: Callable[[], list[str]]
    shown: int = 0

    def new(self) -> list[str]:
        """What arrived since the last look that showed something."""
        return self.look()[self.shown :]


@dataclass
class Scene:
    """Who takes part."""

    api: Api
    narrator: Narrator
    customer: Session
    salon: OpenSalon
    inboxes: list[Inbox]

    @property
    def outside(self) -> Outside:
        """The phones and mailboxes."""
        return self.api.outside


def play(api: Api, narrator: Narrator) -> None:
    """Book, pay, be told, clash, move and cancel, as a new customer. Takes a few seconds.

    Raises:
        StoryBroke, Refused, TimeoutError: the platform did not do what the story tells.
    """
    narrator.title("The main job, played once: every answer and message below is real")
    customer, address = _log_in(api, narrator)
    salon = _find_salon(api, narrator, customer)
    inboxes = _inboxes(api.outside, customer.user["phoneNumber"], address)
    scene = Scene(api, narrator, customer, salon, inboxes)
    slots = _read_free_times(scene)
    booking = _book(scene, slots[0])
    booking = _pay(scene, booking)
    _lose_the_race(scene, slots[0])
    booking = _move(scene, booking, slots[-1])
    _cancel(scene, booking)


def _log_in(api: Api, narrator: Narrator) -> tuple[Session, str]:
    phone_number = invented_number()
    narrator.chapter("Noura, a new customer, logs in with her phone number; she reads Arabic.")
    customer = api.login(phone_number, language="ar", name="نورة الشمري")
    narrator.call("POST", "/v1/auth/otp:request", "200, a code is on its way")
    narrator.message("SMS", phone_number, api.outside.texts_to(phone_number)[-1]["body"])
    narrator.call("POST", "/v1/auth/otp:verify", "200, her account is made, tokens for 15 minutes")
    address = f"noura{phone_number[-7:]}@mail.example"
    api.add_email(customer, address)
    narrator.fact(f"In the same way, with a mailed code, she adds her address {address}.")
    return customer, address


def _find_salon(api: Api, narrator: Narrator, customer: Session) -> OpenSalon:
    narrator.chapter("She searches for “روز” in Riyadh.")
    found = customer.get("/v1/salons:search", query="روز", city="Riyadh")["results"]
    names = ", ".join(f"{entry['salon']['names']['ar']} / {entry['salon']['names']['en']}" for entry in found)
    narrator.call("GET", "/v1/salons:search?query=روز&city=Riyadh", f"200: {names}")
    salon = found[0]["salon"]
    services = api.anonymous().get(f"/v1/salons/{salon['id']}/services")["services"]
    plan = demo_plan()["salons"]["rose"]["services"]
    keys = {entry["names"]["en"]: entry["key"] for entry in plan}
    return OpenSalon(
        salon["id"], salon["names"], {keys[entry["names"]["en"]]: entry["id"] for entry in services}
    )


def _read_free_times(scene: Scene) -> list[dict[str, Any]]:
    scene.narrator.chapter(
        "She reads the free times of a deep facial (تنظيف بشرة عميق): 60 minutes, one room."
    )
    slots = free_times(scene.customer, scene.salon, "facial")
    first = ", ".join(local(slot["localStart"]) for slot in slots[:3])
    scene.narrator.call("GET", scene.salon.path("/slots"), f"200: {len(slots)} free times: {first}, …")
    return slots


def _book(scene: Scene, slot: dict[str, Any]) -> dict[str, Any]:
    scene.narrator.chapter(f"She books {local(slot['localStart'])}. The salon wants this one paid before.")
    booking = scene.customer.post("/v1/bookings", _wish(scene, slot))
    _expect(booking["state"], "HELD")
    minutes = _minutes_until(booking["holdExpireTime"])
    answer = f"200: HELD for {minutes} minutes, {money(booking['prepayment'])} to be paid"
    scene.narrator.call("POST", "/v1/bookings", answer)
    return booking


def _pay(scene: Scene, booking: dict[str, Any]) -> dict[str, Any]:
    scene.narrator.chapter("She pays by card; her bank asks her to approve (3-D Secure).")
    payment = scene.customer.post(
        "/v1/payments",
        {
            "bookingId": booking["id"],
            "purpose": "FULL",
            "source": {"token": scene.outside.card_token()},
            "callbackUrl": "https://app.kursi.example/paid",
        },
    )
    _expect(payment["state"], "PENDING_ACTION")
    scene.narrator.call("POST", "/v1/payments", "200: PENDING_ACTION, with the address of the bank's page")
    scene.outside.decide(payment["redirectUrl"], "approve")
    scene.narrator.fact("She approves. The provider notifies the platform through the gateway:")
    scene.narrator.call("POST", "/v1/webhooks/payments/moyasar", "200")
    booking = _await_booking(scene, booking["id"], "CONFIRMED")
    payment = scene.customer.get(f"/v1/payments/{payment['id']}")
    scene.narrator.call(
        "GET", f"/v1/payments/{payment['id']}", f"200: {payment['state']}, {money(payment['captured'])}"
    )
    scene.narrator.call(
        "GET", f"/v1/bookings/{booking['id']}", f"200: {booking['state']}, {booking['paymentState']}"
    )
    _show_messages(scene, customer=2, staff=1)
    return booking


def _lose_the_race(scene: Scene, slot: dict[str, Any]) -> None:
    scene.narrator.chapter("Dana wants the same time.")
    dana = scene.api.login(invented_number(), language="en", name="Dana Faris")
    try:
        dana.post("/v1/bookings", _wish(scene, slot))
    except Refused as refusal:
        _expect(refusal.reason, "SLOT_TAKEN")
        scene.narrator.call(
            "POST", "/v1/bookings", f"{refusal.http_status} {refusal.reason}: {refusal.message}"
        )
        others = refusal.metadata["alternatives"].split(",")
        zone = ZoneInfo(demo_plan()["salons"]["rose"]["salon"]["timeZone"])
        nearest = ", ".join(in_zone(start, zone) for start in others)
        scene.narrator.fact(f"The answer names other times: {nearest}.")
        return
    raise StoryBroke("two customers got the same time")


def _move(scene: Scene, booking: dict[str, Any], slot: dict[str, Any]) -> dict[str, Any]:
    scene.narrator.chapter(f"Noura moves her visit to {local(slot['localStart'])}.")
    moved = scene.customer.post(f"/v1/bookings/{booking['id']}:reschedule", {"startTime": slot["startTime"]})
    answer = f"200: {moved['state']}, revision {moved['revision']}"
    scene.narrator.call("POST", f"/v1/bookings/{booking['id']}:reschedule", answer)
    _show_messages(scene, customer=1, staff=1)
    return moved


def _cancel(scene: Scene, booking: dict[str, Any]) -> None:
    scene.narrator.chapter("She changes her mind. It is early enough: everything goes back.")
    path = f"/v1/bookings/{booking['id']}:cancel"
    cancelled = scene.customer.post(path, {"reason": "ظرف طارئ"})
    refund = money(cancelled["settlement"]["refund"])
    scene.narrator.call("POST", path, f"200: {cancelled['state']}, {refund} go back")
    cancelled = _await_refund(scene, booking["id"])
    scene.narrator.call("GET", f"/v1/bookings/{booking['id']}", f"200: payment {cancelled['paymentState']}")
    _show_messages(scene, customer=1, staff=1)


def _wish(scene: Scene, slot: dict[str, Any]) -> dict[str, Any]:
    items = [{"serviceId": scene.salon.services["facial"]}]
    return {"salonId": scene.salon.id, "startTime": slot["startTime"], "items": items}


def _await_booking(scene: Scene, booking_id: str, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        booking = scene.customer.get(f"/v1/bookings/{booking_id}")
        return booking if booking["state"] == state else None

    return _found(until(look, _PATIENCE_SECONDS, f"a booking that is {state}"))


def _await_refund(scene: Scene, booking_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        booking = scene.customer.get(f"/v1/bookings/{booking_id}")
        return booking if booking["paymentState"] == "REFUNDED" else None

    return _found(until(look, _PATIENCE_SECONDS, "the refund"))


def _inboxes(outside: Outside, phone_number: str, address: str) -> list[Inbox]:
    """The customer's and the staff member's, with what is in them now taken as seen."""
    layla = demo_plan()["people"]["layla"]
    inboxes = [
        _inbox(outside, owner, channel, address)
        for owner, channel, address in (
            ("Noura", "SMS", phone_number),
            ("Noura", "E-mail", address),
            ("Layla", "SMS", layla["phone"]),
            ("Layla", "E-mail", layla["email"]),
        )
    ]
    for inbox in inboxes:
        inbox.shown = len(inbox.look())
    return inboxes


def _inbox(outside: Outside, owner: str, channel: str, address: str) -> Inbox:
    if channel == "SMS":
        return Inbox(owner, channel, address, lambda: [text["body"] for text in outside.texts_to(address)])
    return Inbox(owner, channel, address, lambda: [_letter(mail) for mail in outside.mails_to(address)])


def _letter(mail: dict[str, Any]) -> str:
    return f"{mail['subject']}\n{mail['text']}"


def _show_messages(scene: Scene, *, customer: int, staff: int) -> None:
    """Wait for so many messages on each channel of each, and show them.

    Raises:
        StoryBroke: somebody was told more often.
    """
    scene.narrator.fact("Both are told, each in their own language and once per channel:")
    wanted = {"Noura": customer, "Layla": staff}
    for inbox in scene.inboxes:
        count = wanted[inbox.owner]
        what = f"{count} by {inbox.channel} to {inbox.owner}"
        arrived = until(partial(_as_many_as, count, inbox), _PATIENCE_SECONDS, what)
        if len(arrived) > count:
            raise StoryBroke(
                f"{inbox.owner} got {len(arrived)} messages by {inbox.channel} instead of {count}"
            )
        for text in arrived:
            scene.narrator.message(inbox.channel, f"{inbox.owner}, {inbox.address}", text)
        inbox.shown += len(arrived)


def _as_many_as(count: int, inbox: Inbox) -> list[str]:
    new = inbox.new()
    return new if len(new) >= count else []


def _minutes_until(instant: str) -> int:
    left = datetime.fromisoformat(instant) - datetime.now(UTC)
    return round(left.total_seconds() / 60)


def _found(booking: dict[str, Any] | None) -> dict[str, Any]:
    assert booking is not None  # noqa: S101  `until` returns what is true
    return booking


def _expect(found: str, wanted: str) -> None:
    if found != wanted:
        raise StoryBroke(f"expected {wanted}, found {found}")
