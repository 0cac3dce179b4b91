"""The main job, played once against the running platform: every line of it really happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any  # Any: JSON is untyped
from zoneinfo import ZoneInfo

from kursi_local.client import Api, Refused, Session
from kursi_local.narration import Narrator, in_zone, local, money
from kursi_local.outside import Outside, invented_number
from kursi_local.patience import until
from kursi_local.salon import OpenSalon
from kursi_local.seed import demo_plan, free_times, rfc3339

_SERVICES = ("facial", "cut")
_FRIDAY = 4
_PATIENCE_SECONDS = 60.0
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
    rival: Session
    salon: OpenSalon
    inboxes: list[Inbox]

    @property
    def outside(self) -> Outside:
        """The phones and mailboxes."""
        return self.api.outside


def play(api: Api, narrator: Narrator) -> None:
    """Book, pay, be told, clash, wait, move and cancel, as new customers. Takes a few seconds.

    Raises:
        StoryBroke, Refused, TookTooLong: the platform did not do what the story tells.
    """
    narrator.title("The main job, played once: every answer and message below is real")
    customer, address = _log_in(api, narrator)
    salon = _find_salon(api, narrator, customer)
    dana = api.login(invented_number(), language="en", name="Dana Faris")
    inboxes = _inboxes(api.outside, customer.user["phoneNumber"], address, dana.user["phoneNumber"])
    scene = Scene(api, narrator, customer, dana, salon, inboxes)
    slots = _read_free_times(scene)
    booking = _book(scene, slots[0])
    booking = _pay(scene, booking)
    _lose_the_race(scene, slots[0])
    _ask_why(scene, slots[0])
    entry = _wait(scene, slots[0])
    booking = _move(scene, booking)
    _be_offered(scene, entry)
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
    plan, path = demo_plan()["salons"]["rose"], f"/v1/salons/{salon['id']}"
    services = api.anonymous().get(f"{path}/services")["services"]
    staff = api.anonymous().get(f"{path}/staff")["staffMembers"]
    return OpenSalon(
        salon["id"],
        salon["names"],
        _by_key(plan["services"], services, "names"),
        _by_key(plan["staff"], staff, "displayNames"),
    )


def _by_key(planned: list[dict[str, Any]], made: list[dict[str, Any]], names: str) -> dict[str, str]:
    keys = {entry["names"]["en"]: entry["key"] for entry in planned}
    return {keys[entry[names]["en"]]: entry["id"] for entry in made}


def _read_free_times(scene: Scene) -> list[dict[str, Any]]:
    scene.narrator.chapter(
        "She wants a deep facial (تنظيف بشرة عميق), which takes the treatment room, and right after it a cut "
        "by whoever is free."
    )
    slots = free_times(scene.customer, scene.salon, *_SERVICES)
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
    for item in booking["items"]:
        start = in_zone(item["startTime"], _zone())
        scene.narrator.fact(f"{item['serviceNames']['en']} at {start} by {item['staffNames']['en']}")
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
    _show_messages(scene, {"Noura": 2} | dict.fromkeys(_people(booking), 1))
    return booking


def _lose_the_race(scene: Scene, slot: dict[str, Any]) -> None:
    scene.narrator.chapter("Dana wants a cut at the same time, by Layla.")
    wish = {"salonId": scene.salon.id, "startTime": slot["startTime"], "items": [_cut_by_layla(scene)]}
    try:
        scene.rival.post("/v1/bookings", wish)
    except Refused as refusal:
        _expect(refusal.reason, "SLOT_TAKEN")
        scene.narrator.call(
            "POST", "/v1/bookings", f"{refusal.http_status} {refusal.reason}: {refusal.message}"
        )
        others = refusal.metadata["alternatives"].split(",")
        nearest = ", ".join(in_zone(start, _zone()) for start in others)
        scene.narrator.fact(f"The answer names other times: {nearest}.")
        return
    raise StoryBroke("two customers got the same time")


def _ask_why(scene: Scene, slot: dict[str, Any]) -> None:
    scene.narrator.chapter("She wonders why there is nothing on Friday at noon.")
    day = datetime.fromisoformat(slot["localStart"])
    noon = day.replace(hour=12, minute=0) + timedelta(days=(_FRIDAY - day.weekday()) % 7)
    asked = {"serviceIds": scene.salon.services["cut"], "startTime": rfc3339(noon.astimezone(UTC))}
    for session, language in ((scene.rival, "English"), (scene.customer, "Arabic")):
        answer = session.get(scene.salon.path("/slots:explain"), **asked)
        closing = answer["candidates"][0]["closing"]
        scene.narrator.call(
            "GET",
            scene.salon.path("/slots:explain"),
            f"200, in {language}: {closing['rule']}: {closing['message']} {closing['remedy']}",
        )


def _wait(scene: Scene, slot: dict[str, Any]) -> dict[str, Any]:
    scene.narrator.chapter(f"She would still love {local(slot['localStart'])}, and waits for it.")
    start = datetime.fromisoformat(slot["startTime"])
    entry = scene.rival.post(
        "/v1/waitlist-entries",
        {
            "salonId": scene.salon.id,
            "items": [_cut_by_layla(scene)],
            "ranges": [{"startTime": rfc3339(start), "endTime": rfc3339(start + timedelta(minutes=15))}],
        },
    )
    _expect(entry["state"], "WAITING")
    scene.narrator.call("POST", "/v1/waitlist-entries", f"200: {entry['state']}")
    return entry


def _be_offered(scene: Scene, entry: dict[str, Any]) -> None:
    scene.narrator.chapter(
        "The time that Noura gave up is kept for Dana, who waits for it, and for nobody else."
    )
    path = f"/v1/waitlist-entries/{entry['id']}"

    def look() -> dict[str, Any] | None:
        found = scene.rival.get(path)
        return found if found["state"] == "OFFERED" else None

    offer = _found(until(look, _PATIENCE_SECONDS, "an offer"))["offer"]
    minutes = _minutes_until(offer["expireTime"])
    scene.narrator.call("GET", path, f"200: OFFERED {local(offer['localStart'])}, kept for {minutes} minutes")
    _show_messages(scene, {"Dana": 1})
    booking = scene.rival.post(f"{path}:accept", {"offerId": offer["id"]})
    _expect(booking["state"], "CONFIRMED")
    scene.narrator.call("POST", f"{path}:accept", f"200: {booking['state']}, {local(booking['localStart'])}")
    _show_messages(scene, {"Dana": 1, "Layla": 1})


def _move(scene: Scene, booking: dict[str, Any]) -> dict[str, Any]:
    scene.narrator.chapter("Noura looks where her visit could go instead, and moves it.")
    path, first = f"/v1/bookings/{booking['id']}", datetime.fromisoformat(booking["startTime"])
    found = scene.customer.get(
        f"{path}/slots", startTime=rfc3339(first), endTime=rfc3339(first + timedelta(days=12))
    )
    slots = found["slots"]
    answer = f"200: {len(slots)} times, from her own {local(slots[0]['localStart'])} on"
    scene.narrator.call("GET", f"{path}/slots", answer)
    moved = scene.customer.post(f"{path}:reschedule", {"startTime": slots[-1]["startTime"]})
    answer = f"200: {moved['state']}, revision {moved['revision']}, {local(moved['localStart'])}"
    scene.narrator.call("POST", f"{path}:reschedule", answer)
    _show_messages(scene, {"Noura": 1} | dict.fromkeys(_people(booking) | _people(moved), 1))
    return moved


def _cancel(scene: Scene, booking: dict[str, Any]) -> None:
    scene.narrator.chapter("Noura changes her mind. It is early enough: everything goes back.")
    path = f"/v1/bookings/{booking['id']}:cancel"
    cancelled = scene.customer.post(path, {"reason": "ظرف طارئ"})
    refund = money(cancelled["settlement"]["refund"])
    scene.narrator.call("POST", path, f"200: {cancelled['state']}, {refund} go back")
    cancelled = _await_refund(scene, booking["id"])
    scene.narrator.call("GET", f"/v1/bookings/{booking['id']}", f"200: payment {cancelled['paymentState']}")
    _show_messages(scene, {"Noura": 1} | dict.fromkeys(_people(booking), 1))


def _wish(scene: Scene, slot: dict[str, Any]) -> dict[str, Any]:
    items = [{"serviceId": scene.salon.services[service]} for service in _SERVICES]
    return {"salonId": scene.salon.id, "startTime": slot["startTime"], "items": items}


def _cut_by_layla(scene: Scene) -> dict[str, str]:
    return {"serviceId": scene.salon.services["cut"], "staffId": scene.salon.staff["layla"]}


def _people(booking: dict[str, Any]) -> set[str]:
    """Who performs it."""
    return {item["staffNames"]["en"] for item in booking["items"]}


def _zone() -> ZoneInfo:
    return ZoneInfo(demo_plan()["salons"]["rose"]["salon"]["timeZone"])


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


def _inboxes(outside: Outside, phone_number: str, address: str, rival: str) -> list[Inbox]:
    """The customers' and the staff members', with what is in them now taken as seen."""
    layla, maha = demo_plan()["people"]["layla"], demo_plan()["people"]["maha"]
    inboxes = [
        _inbox(outside, owner, channel, address)
        for owner, channel, address in (
            ("Noura", "SMS", phone_number),
            ("Noura", "E-mail", address),
            ("Layla", "SMS", layla["phone"]),
            ("Layla", "E-mail", layla["email"]),
            ("Maha", "SMS", maha["phone"]),
            ("Dana", "SMS", rival),
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


def _show_messages(scene: Scene, wanted: Mapping[str, int]) -> None:
    """Wait for so many messages on each channel of each of these people, and show them.

    Raises:
        StoryBroke: somebody was told more often.
    """
    scene.narrator.fact("Whom it concerns is told, each in their own language and once per channel:")
    for inbox in scene.inboxes:
        if inbox.owner not in wanted:
            continue
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
