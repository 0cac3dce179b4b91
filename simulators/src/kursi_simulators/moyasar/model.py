"""Payments, tokens and webhook registrations, and how each looks on the wire."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from kursi_simulators.moyasar.bank import Card, Verdict
from kursi_simulators.wire import iso

_MINOR_DIGITS = {
    **dict.fromkeys(("JPY", "KRW", "VND"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Of the currencies that do not have two."""

Status = Literal["initiated", "paid", "authorized", "failed", "captured", "refunded", "voided"]
SourceType = Literal["creditcard", "token", "applepay", "stcpay"]


class Refusal(Exception):
    """An answer in Moyasar's error shape."""

    def __init__(self, status: int, kind: str, message: str, errors: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.errors = errors

    def to_json(self) -> dict[str, object]:
        return {"type": self.kind, "message": self.message, "errors": self.errors}


def written(minor: int, currency: str) -> str:
    """An amount as people read it: `12.345 KWD`, `1500 JPY`."""
    digits = _MINOR_DIGITS.get(currency, 2)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f} {currency}"


def invalid(message: str, errors: object = None) -> Refusal:
    return Refusal(400, "invalid_request_error", message, errors)


@dataclass(slots=True)
class Source:
    """How it is paid. `save` is the payer's wish to keep the card."""

    type: SourceType
    card: Card | None = None
    token: str | None = None
    mobile: str | None = None
    save: bool = False
    message: str | None = None
    response_code: str | None = None
    transaction_url: str | None = None

    def to_json(self) -> dict[str, object]:
        outcome = {"message": self.message, "reference_number": None}
        if self.type == "stcpay":
            stc_pay = {"type": "stcpay", "mobile": self.mobile, "transaction_url": self.transaction_url}
            return {**stc_pay, **outcome}
        return {
            "type": self.type,
            "company": self.card.brand if self.card else "mada",
            "name": self.card.holder if self.card else None,
            "number": self.card.masked if self.card else "XXXX-XXXX-XXXX-0000",
            "gateway_id": "moyasar_simulator",
            "token": self.token,
            "transaction_url": self.transaction_url,
            "response_code": self.response_code,
            **outcome,
        }


@dataclass(slots=True)
class Payment:
    """One payment. Amounts are in the currency's minor unit."""

    id: str
    amount: int
    currency: str
    description: str | None
    callback_url: str | None
    metadata: dict[str, str]
    source: Source
    manual: bool
    created_at: datetime
    updated_at: datetime
    status: Status = "initiated"
    fee: int = 0
    refunded: int = 0
    refunded_at: datetime | None = None
    captured: int = 0
    captured_at: datetime | None = None
    voided_at: datetime | None = None

    @property
    def refundable(self) -> int:
        """What may still go back to the payer."""
        collected = self.captured if self.manual else self.amount
        return collected - self.refunded if self.status in ("paid", "captured", "refunded") else 0

    def settle(self, verdict: Verdict) -> None:
        """Enter the bank's answer to the first charge."""
        self.source.message, self.source.response_code = verdict.message, verdict.code
        if not verdict.approved:
            self.status = "failed"
            return
        self.status = "authorized" if self.manual else "paid"
        self.fee = (self.amount * 275 + 5000) // 10000

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "status": self.status,
            "amount": self.amount,
            "fee": self.fee,
            "currency": self.currency,
            "refunded": self.refunded,
            "refunded_at": iso(self.refunded_at),
            "captured": self.captured,
            "captured_at": iso(self.captured_at),
            "voided_at": iso(self.voided_at),
            "description": self.description,
            "amount_format": written(self.amount, self.currency),
            "fee_format": written(self.fee, self.currency),
            "refunded_format": written(self.refunded, self.currency),
            "captured_format": written(self.captured, self.currency),
            "invoice_id": None,
            "ip": None,
            "callback_url": self.callback_url,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
            "metadata": dict(self.metadata) or None,
            "source": self.source.to_json(),
        }


@dataclass(slots=True)
class Token:
    """A card kept for later charges; chargeable without the payer once `active`."""

    id: str
    card: Card
    callback_url: str | None
    verification_url: str
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime
    status: Literal["initiated", "active", "inactive"] = "initiated"
    message: str | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "status": self.status,
            "brand": self.card.brand,
            "funding": "debit" if self.card.brand == "mada" else "credit",
            "country": "SA",
            "month": self.card.month,
            "year": self.card.year,
            "name": self.card.holder,
            "last_four": self.card.last_four,
            "verification_url": self.verification_url,
            "message": self.message,
            "metadata": dict(self.metadata) or None,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
            "expires_at": None,
        }


EVENT_TYPES = (
    "payment_paid",
    "payment_failed",
    "payment_authorized",
    "payment_captured",
    "payment_refunded",
    "payment_voided",
    "payment_verified",
    "payment_abandoned",
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered receiver. The secret is sent with every delivery and never shown by the API."""

    id: str
    url: str
    shared_secret: str = field(repr=False)
    events: tuple[str, ...]
    created_at: datetime

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "http_method": "post",
            "url": self.url,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.created_at),
            "events": list(self.events),
        }
