"""The world around the platform on a laptop: phones, mailboxes and the bank, as the simulators keep them."""

from __future__ import annotations

import re
import uuid
from itertools import count
from typing import Any  # Any: JSON is untyped

import httpx
from kursi_simulators import credentials

CODE = re.compile(r"\b(?:\d{6}|\d{10})\b")
GOOD_CARD = "4111111111111111"


class Outside:
    """What happened outside: texts that arrived, mails, and payments at the provider; and what a payer decides there."""

    def __init__(self, twilio_url: str, moyasar_url: str, control_url: str) -> None:
        self._http = httpx.Client(timeout=40)
        self._twilio, self._moyasar, self.page_url = twilio_url, moyasar_url, control_url

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def _books(self, simulator_url: str) -> dict[str, Any]:
        books: dict[str, Any] = self._http.get(f"{simulator_url}/_control/books").json()
        return books

    def _order(self, simulator_url: str, what: str, order: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(f"{simulator_url}/_control/{what}", json=order)
        answer.raise_for_status()
        done: dict[str, Any] = answer.json()
        return done

    def texts(self) -> list[dict[str, Any]]:
        """All text and WhatsApp messages, oldest first."""
        messages: list[dict[str, Any]] = self._books(self._twilio)["messages"]
        return messages

    def texts_to(self, phone_number: str) -> list[dict[str, Any]]:
        """Text and WhatsApp messages that a phone got, oldest first."""
        return [text for text in self.texts() if text["to"].removeprefix("whatsapp:") == phone_number]

    def text_attempts(self) -> list[dict[str, Any]]:
        """Every request that the messaging provider saw."""
        attempts: list[dict[str, Any]] = self._books(self._twilio)["attempts"]
        return attempts

    def mails(self) -> list[dict[str, Any]]:
        """All mails, oldest first."""
        mails: list[dict[str, Any]] = self._books(self.page_url)["mails"]
        return mails

    def mails_to(self, address: str) -> list[dict[str, Any]]:
        """Mails that an address got, oldest first."""
        return [mail for mail in self.mails() if address in mail["rcpt_to"]]

    def payments(self) -> list[dict[str, Any]]:
        """What the payment provider knows, oldest first."""
        payments: list[dict[str, Any]] = self._books(self._moyasar)["payments"]
        return payments

    def movements(self) -> list[dict[str, Any]]:
        """Money that moved at the payment provider."""
        movements: list[dict[str, Any]] = self._books(self._moyasar)["movements"]
        return movements

    def card_token(self, number: str = GOOD_CARD) -> str:
        """What the provider's form in the customer's browser makes of a card: a token for one payment."""
        card = {"name": "Noura Test", "number": number, "month": "12", "year": "2030", "cvc": "123"}
        answer = self._http.post(
            f"{self._moyasar}/v1/tokens",
            auth=(credentials.MOYASAR_PUBLISHABLE_KEY, ""),
            json={**card, "callback_url": "https://app.kursi.example/paid"},
        )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def decide(self, redirect_url: str, decision: str) -> str:
        """The payer answers the bank's question (3-D Secure): `approve` or `decline`. Says what the payment became."""
        payment_id = redirect_url.rstrip("/").split("/")[-2]
        return str(self._order(self._moyasar, "decide", {"id": payment_id, "decision": decision})["status"])

    def payment_callbacks(self, action: str, **order: Any) -> None:  # noqa: ANN401  JSON
        """What becomes of the payment provider's notices: pause, release, duplicate, drop, …"""
        self._order(self._moyasar, "callbacks", {"action": action, **order})

    def text_callbacks(self, action: str, **order: Any) -> None:  # noqa: ANN401  JSON
        """What becomes of the messaging provider's delivery reports."""
        self._order(self._twilio, "callbacks", {"action": action, **order})

    def text_fault(self, fault: str, **order: Any) -> None:  # noqa: ANN401  JSON
        """Let the messaging provider misbehave at the next matching request."""
        self._order(self._twilio, "faults", {"match": {}, "fault": fault, **order})

    def newest_codes(self) -> dict[str, str]:
        """The newest one-time code by number or address; the newest of all numbers, and of all addresses, comes last."""
        texts = [(text["to"].removeprefix("whatsapp:"), text["body"]) for text in self.texts()]
        mails = [(address, mail["text"]) for mail in self.mails() for address in mail["rcpt_to"]]
        found = [(who, CODE.search(words)) for who, words in texts + mails]
        newest: dict[str, str] = {}
        for who, match in found:
            if match:
                newest.pop(who, None)
                newest[who] = match[0]
        return newest


_INVENTED = count(uuid.uuid4().int)


def invented_number() -> str:
    """A Saudi mobile number that nobody used before and that the simulators do not treat specially."""
    return f"+96655{next(_INVENTED) % 10_000_000:07d}"
