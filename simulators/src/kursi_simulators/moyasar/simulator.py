"""The payment provider's mind: what happens to payments and tokens, and who is told."""

import json
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import uuid4

from kursi_simulators.callbacks import Callback, CallbackSender
from kursi_simulators.faults import FaultQueue
from kursi_simulators.gate import Attempt
from kursi_simulators.moyasar import requests
from kursi_simulators.moyasar.bank import (
    APPROVED,
    PAYER_DECLINED,
    Card,
    Verdict,
    verdict_of_apple_pay,
    verdict_of_stc_pay,
)
from kursi_simulators.moyasar.model import Payment, Refusal, Source, Token, Webhook, invalid
from kursi_simulators.wire import iso, utc_now

RETRY_WAITS_SECONDS = (60, 600, 1800, 3600, 7200)

Decision = Literal["approve", "decline"]


@dataclass(frozen=True, slots=True)
class Movement:
    """Money that moved, or was set aside: what a test recounts."""

    payment_id: str
    kind: Literal["authorize", "charge", "capture", "refund", "void"]
    amount: int
    at: str | None


class MoyasarSimulator:
    """One merchant account in memory. `time_factor` shortens the waits between webhook retries."""

    def __init__(self, *, base_url: str, time_factor: float) -> None:
        self.base_url = base_url
        self.faults = FaultQueue()
        self.attempts: list[Attempt] = []
        self.callbacks = CallbackSender(
            retry_waits=[wait * time_factor for wait in RETRY_WAITS_SECONDS], timeout=15
        )
        self.payments: dict[str, Payment] = {}
        self.tokens: dict[str, Token] = {}
        self.webhooks: dict[str, Webhook] = {}
        self.movements: list[Movement] = []

    def reset(self) -> None:
        """Forget everything, registered webhooks included."""
        for book in (self.payments, self.tokens, self.webhooks):
            book.clear()
        self.movements.clear()
        self.attempts.clear()
        self.faults.clear()
        self.callbacks.reset()

    def books(self) -> dict[str, object]:
        return {
            "payments": [payment.to_json() for payment in self.payments.values()],
            "movements": [asdict(movement) for movement in self.movements],
            "tokens": [token.to_json() for token in self.tokens.values()],
            "webhooks": [webhook.to_json() for webhook in self.webhooks.values()],
            "callbacks": [callback.to_json() for callback in self.callbacks.sent],
            "attempts": [attempt.to_json() for attempt in self.attempts],
        }

    def create_payment(self, request: requests.PaymentRequest) -> Payment:
        """Create the payment; whether it succeeded is in its status.

        Raises:
            Refusal: `used_given_id` for a repeated id, 400 for a token that cannot be charged.
        """
        if request.given_id in self.payments:
            raise Refusal(400, "used_given_id", "Payment is already created.", {"given_id": ["already used"]})
        token = self._chargeable_token(request.source)
        card = token.card if token else request.source.card
        now = utc_now()
        payment = Payment(
            id=request.given_id or str(uuid4()),
            amount=request.amount,
            currency=request.currency,
            description=request.description,
            callback_url=request.callback_url,
            metadata=request.metadata,
            source=_source(request.source, card),
            manual=request.source.manual,
            created_at=now,
            updated_at=now,
        )
        self.payments[payment.id] = payment
        self._begin(payment, request.source, token)
        return payment

    def _chargeable_token(self, source: requests.SourceRequest) -> Token | None:
        if source.type != "token":
            return None
        token = self.tokens.get(source.token or "")
        if token is None or token.status == "inactive":
            raise invalid("Token not found or inactive", {"source": ["token is not usable"]})
        if token.status != "active" and source.three_d_secure is False:
            raise Refusal(400, "3ds_auth_error", "This token needs 3-D Secure", None)
        return token

    def _begin(self, payment: Payment, source: requests.SourceRequest, token: Token | None) -> None:
        if source.type == "applepay":
            self._charge(payment, verdict_of_apple_pay(payment.amount))
        elif source.type == "stcpay":
            payment.source.transaction_url = f"{self.base_url}/v1/stc_pays/{payment.id}/proceed"
        elif token and token.status == "active" and not source.three_d_secure:
            self._charge(payment, token.card.verdict)
        else:
            payment.source.transaction_url = f"{self.base_url}/v1/card_auth/{payment.id}/prepare"

    def decide_payment(self, payment: Payment, decision: Decision) -> None:
        """The payer approves or declines; a second decision changes nothing."""
        if payment.status != "initiated":
            return
        if decision == "decline":
            self._charge(payment, PAYER_DECLINED)
            return
        card = payment.source.card
        verdict = card.verdict if card else APPROVED
        if payment.source.save and card and verdict.approved:
            self._keep_card(payment, card)
        self._charge(payment, verdict)

    def enter_otp(self, payment: Payment, otp: str) -> None:
        """The payer types the STC Pay code.

        Raises:
            Refusal: 400 for a code that is not valid; the payment stays `initiated`.
        """
        if payment.status != "initiated":
            return
        verdict = verdict_of_stc_pay(otp)
        if verdict is None:
            raise invalid("Invalid OTP", {"otp_value": ["is invalid"]})
        self._charge(payment, verdict)

    def _charge(self, payment: Payment, verdict: Verdict) -> None:
        payment.settle(verdict)
        if verdict.approved:
            self._record(payment, "authorize" if payment.manual else "charge", payment.amount)
        self._changed(payment)

    def _keep_card(self, payment: Payment, card: Card) -> None:
        token = self.tokens.get(payment.source.token or "") or self.create_token(card, None, {})
        token.status, token.updated_at = "active", utc_now()
        payment.source.token = token.id

    def capture(self, payment: Payment, amount: int | None) -> None:
        """Collect an authorised amount, once.

        Raises:
            Refusal: 400 when it is not `authorized` or the amount is more than was authorised.
        """
        wanted = payment.amount if amount is None else amount
        if payment.status != "authorized":
            raise invalid(f"A payment that is {payment.status} cannot be captured")
        if wanted > payment.amount:
            raise invalid("Validation Failed", {"amount": [f"at most {payment.amount} can be captured"]})
        payment.status, payment.captured, payment.captured_at = "captured", wanted, utc_now()
        self._record(payment, "capture", wanted)
        self._changed(payment)

    def refund(self, payment: Payment, amount: int | None) -> None:
        """Give back what was collected, whole or part, any number of times up to all of it.

        Raises:
            Refusal: 400 when nothing was collected or the amount is more than is left.
        """
        wanted = payment.refundable if amount is None else amount
        if not payment.refundable:
            raise invalid(f"A payment that is {payment.status} has nothing left to refund")
        if wanted > payment.refundable:
            raise invalid("Validation Failed", {"amount": [f"at most {payment.refundable} can be refunded"]})
        payment.status, payment.refunded_at = "refunded", utc_now()
        payment.refunded += wanted
        self._record(payment, "refund", wanted)
        self._changed(payment)

    def void(self, payment: Payment) -> None:
        """Cancel before settlement.

        Raises:
            Refusal: 400 when there is nothing to cancel.
        """
        if payment.status not in ("paid", "authorized", "captured"):
            raise invalid(f"A payment that is {payment.status} cannot be voided")
        payment.status, payment.voided_at = "voided", utc_now()
        self._record(payment, "void", payment.amount)
        self._changed(payment)

    def create_token(self, card: Card, callback_url: str | None, metadata: dict[str, str]) -> Token:
        token_id = f"token_{uuid4().hex}"
        now = utc_now()
        url = f"{self.base_url}/v1/card_auth/{token_id}/prepare"
        self.tokens[token_id] = Token(token_id, card, callback_url, url, metadata, now, now)
        return self.tokens[token_id]

    def decide_token(self, token: Token, decision: Decision) -> None:
        """The card holder proves that the card is theirs, or refuses; a second decision changes nothing."""
        if token.status == "initiated":
            token.status = "active" if decision == "approve" else "inactive"
            token.message = "3-D Secure: " + ("verified" if decision == "approve" else "declined")
            token.updated_at = utc_now()

    def register_webhook(self, url: str, shared_secret: str, events: tuple[str, ...]) -> Webhook:
        webhook = Webhook(str(uuid4()), url, shared_secret, events, utc_now())
        self.webhooks[webhook.id] = webhook
        return webhook

    def _record(
        self, payment: Payment, kind: Literal["authorize", "charge", "capture", "refund", "void"], amount: int
    ) -> None:
        self.movements.append(Movement(payment.id, kind, amount, iso(utc_now())))

    def _changed(self, payment: Payment) -> None:
        payment.updated_at = utc_now()
        event_type = f"payment_{payment.status}"
        for webhook in self.webhooks.values():
            if event_type in webhook.events:
                self.callbacks.post(_notice(webhook, event_type, payment))


def _source(request: requests.SourceRequest, card: Card | None) -> Source:
    kept_token = request.token if request.type == "token" else None
    return Source(type=request.type, card=card, token=kept_token, mobile=request.mobile, save=request.save)


def _notice(webhook: Webhook, event_type: str, payment: Payment) -> Callback:
    event_id = str(uuid4())
    body = {
        "id": event_id,
        "type": event_type,
        "created_at": iso(utc_now()),
        "secret_token": webhook.shared_secret,
        "account_name": "Kursi Simulator",
        "live": False,
        "data": payment.to_json(),
    }
    return Callback(
        id=event_id,
        about=payment.id,
        kind=event_type,
        url=webhook.url,
        headers={"content-type": "application/json", "user-agent": "Moyasar-Simulator"},
        body=json.dumps(body, ensure_ascii=False).encode(),
    )
