"""Moyasar's JSON, read with suspicion and turned into our words."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from kursi_chassis import http_client
from kursi_chassis.http_client import read_text
from kursi_chassis.money import Money, is_currency

from kursi_payment.domain.standing import Standing, Statement
from kursi_payment.ports import Charge, Source

# What the bank answers, in the manner of ISO 8583.
_REASONS = {
    "05": "DECLINED",
    "41": "DECLINED",
    "43": "DECLINED",
    "51": "INSUFFICIENT_FUNDS",
    "54": "CARD_EXPIRED",
    "61": "LIMIT_EXCEEDED",
}
_STANDINGS = {
    "initiated": Standing.INITIATED,
    "failed": Standing.FAILED,
    "authorized": Standing.AUTHORIZED,
    "paid": Standing.TAKEN,
    "captured": Standing.TAKEN,
    "refunded": Standing.TAKEN,
    "voided": Standing.VOIDED,
}


class Unreadable(ValueError):
    """The answer is not a payment as the documentation describes it."""


def order(charge: Charge) -> dict[str, object]:
    """The body that orders a charge."""
    body: dict[str, object] = {
        "given_id": str(charge.handle),
        "amount": charge.amount.amount_minor,
        "currency": charge.amount.currency_code,
        "description": f"Booking {charge.booking_id}",
        "source": _source(charge.source, authorize_only=charge.authorize_only),
        "metadata": {"booking_id": str(charge.booking_id), "payment_id": str(charge.payment_id)},
    }
    if charge.callback_url:
        body["callback_url"] = charge.callback_url
    return body


def statement(body: bytes, handle: UUID) -> Statement:
    """A payment as the provider describes it.

    Raises: Unreadable for anything that is not a well-formed description of this very payment.
    """
    payment = read_object(body)
    if payment.get("id") != str(handle):
        raise Unreadable("another payment")
    standing = _STANDINGS.get(read_text(payment.get("status")))
    currency = payment.get("currency")
    if standing is None or not isinstance(currency, str) or not is_currency(currency):
        raise Unreadable("unknown status or currency")
    amount = _minor(payment, "amount")
    captured = _minor(payment, "captured")
    source = payment.get("source")
    details = source if isinstance(source, dict) else {}
    return Statement(
        standing=standing,
        amount=Money(currency, amount),
        taken=Money(currency, _taken(standing, amount, captured)),
        refunded=Money(currency, _minor(payment, "refunded")),
        redirect_url=read_text(details.get("transaction_url"), most=2_000),
        failure_reason=_failure(details) if standing is Standing.FAILED else "",
        card_last_four=_last_four(read_text(details.get("number"))),
    )


def read_object(body: bytes) -> Mapping[str, object]:
    """A JSON object. Raises: Unreadable for anything else, however it is broken."""
    content = http_client.read_object(body)
    if content is None:
        raise Unreadable("not an object")
    return content


def error_type(body: bytes) -> str:
    """The `type` of an error, which may also be HTML or empty."""
    return read_text((http_client.read_object(body) or {}).get("type"))


def is_theirs(body: bytes) -> bool:
    """Whether an error can be the provider's own: all of its are objects. Pages come from whoever stands in between."""
    return http_client.read_object(body) is not None


def _source(source: Source, *, authorize_only: bool) -> dict[str, object]:
    manual: dict[str, object] = {"manual": True} if authorize_only else {}
    match source.kind:
        case "token":
            return {"type": "token", "token": source.secret, **manual}
        case "apple_pay":
            return {"type": "applepay", "token": source.secret, **manual}
        case _:
            return {"type": "stcpay", "mobile": source.secret}


def _taken(standing: Standing, amount: int, captured: int) -> int:
    """`captured` stays 0 for a payment that was never only reserved: then it was taken whole."""
    if standing is Standing.TAKEN:
        return captured or amount
    return captured


def _failure(source: Mapping[str, object]) -> str:
    return _REASONS.get(read_text(source.get("response_code")), "PROVIDER_REFUSED")


def _last_four(masked: str) -> str:
    last = masked[-4:]
    return last if len(last) == len("0000") and last.isascii() and last.isdigit() else ""


def _minor(fields: Mapping[str, object], name: str) -> int:
    value = fields.get(name)
    if value is None and name != "amount":
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Unreadable(name)
    return value
