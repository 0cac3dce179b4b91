"""Requests, read."""

import re
from collections.abc import Iterator
from urllib.parse import unquote_plus, urlsplit
from uuid import UUID

from google.protobuf.message import Message
from kursi.payment.v1 import payment_pb2, payment_service_pb2
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import Caller
from kursi_chassis.errors import Violation
from kursi_chassis.grpc.money import from_proto
from kursi_chassis.idempotency import fingerprint
from kursi_chassis.money import Money
from kursi_chassis.validation import Violations

from kursi_payment.domain.card_number import holds_card_number
from kursi_payment.domain.errors import CallbackUrlNotAllowed, CardNumberRefused
from kursi_payment.domain.movement import Kind
from kursi_payment.domain.payment import Purpose
from kursi_payment.ports import RequestKey, Source
from kursi_payment.usecases.create_payment import PayOrder
from kursi_payment.usecases.move_money import MoveOrder

_PURPOSES = {
    payment_pb2.Payment.DEPOSIT: Purpose.DEPOSIT,
    payment_pb2.Payment.FULL: Purpose.FULL,
    payment_pb2.Payment.BALANCE: Purpose.BALANCE,
    payment_pb2.Payment.NO_SHOW_FEE: Purpose.NO_SHOW_FEE,
    payment_pb2.Payment.TIP: Purpose.TIP,
}
_LONGEST_REASON = 500
_LONGEST_URL = 2_000
_LONGEST_TOKEN = {"token": 500, "apple_pay_token": 20_000}
# Saudi mobile numbers, as people write them: +966 5x, 00966 5x, 966 5x, 05x.
_WALLET = re.compile(r"(?:\+?966|00966|0)(5\d{8})")
_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # printable ASCII; browsers read a backslash as a slash


def pay_order(request: payment_service_pb2.CreatePaymentRequest, origins: tuple[str, ...]) -> PayOrder:
    """Raises: CardNumberRefused, CallbackUrlNotAllowed, Invalid."""
    refuse_card_numbers(request)
    with Violations() as check:
        booking_id = check.id("booking_id", request.booking_id)
        purpose = _PURPOSES.get(request.purpose)
        if purpose is None:
            check.add("purpose", "UNKNOWN_VALUE")
        source = _source(check, request.source)
        if source is not None and source.kind == "token":
            check.require("callback_url", request.callback_url)
        if source is not None and source.kind == "stc_pay" and request.authorize_only:
            check.add("authorize_only", "UNKNOWN_VALUE")
        shown = from_proto(check, "amount", request.amount) if request.HasField("amount") else None
    if request.callback_url:
        _check_origin(request.callback_url, origins)
    return PayOrder(
        booking_id=booking_id,
        purpose=purpose or Purpose.DEPOSIT,
        source=source or Source("", ""),
        callback_url=request.callback_url,
        shown=shown,
        authorize_only=request.authorize_only,
    )


def refund_order(request: payment_service_pb2.RefundPaymentRequest) -> MoveOrder:
    """Raises: Invalid, CardNumberRefused."""
    refuse_card_numbers(request)
    with Violations() as check:
        payment_id = check.id("payment_id", request.payment_id)
        reason = check.text("reason", request.reason, _LONGEST_REASON)
        amount = _amount(check, request)
    return MoveOrder(payment_id=payment_id, kind=Kind.REFUND, amount=amount, reason=reason, etag=request.etag)


def capture_order(request: payment_service_pb2.CapturePaymentRequest) -> MoveOrder:
    """Raises: Invalid, CardNumberRefused."""
    refuse_card_numbers(request)
    with Violations() as check:
        payment_id = check.id("payment_id", request.payment_id)
        amount = _amount(check, request)
    return MoveOrder(payment_id=payment_id, kind=Kind.CAPTURE, amount=amount, reason="", etag=request.etag)


def void_order(request: payment_service_pb2.VoidPaymentRequest) -> MoveOrder:
    """Raises: Invalid, CardNumberRefused."""
    refuse_card_numbers(request)
    payment_id = id_of(request)
    return MoveOrder(payment_id=payment_id, kind=Kind.VOID, amount=None, reason="", etag=request.etag)


def id_of(request: payment_service_pb2.GetPaymentRequest | payment_service_pb2.VoidPaymentRequest) -> UUID:
    """Raises: Invalid."""
    with Violations() as check:
        return check.id("payment_id", request.payment_id)


def key_of(request: Message, method: str, request_id: str, caller: Caller) -> RequestKey:
    """What a repetition of this request has in common with it."""
    return RequestKey(
        caller.key, method, request_id, fingerprint(request.SerializeToString(deterministic=True))
    )


def refuse_card_numbers(request: Message) -> None:
    """Raises: CardNumberRefused when any text of the request holds one; names the field, never the text."""
    for path, text in _texts(request, ""):
        is_wallet = path.endswith("stc_pay_phone_number") and _WALLET.fullmatch(_in_ascii(text))
        if not is_wallet and any(map(holds_card_number, _spellings(path, text))):
            raise CardNumberRefused(Violation(path, "CARD_NUMBER_REFUSED"))


def _spellings(path: str, text: str) -> tuple[str, ...]:
    """The text, and for an address what it reads like to whoever opens it: `4111%201111+1111…`."""
    return (text, unquote_plus(text)) if path == "callback_url" else (text,)


def _texts(message: Message, prefix: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, Message):
            yield from _texts(value, f"{path}.")


def _source(check: Violations, source: payment_service_pb2.Source) -> Source | None:
    match source.WhichOneof("kind"):
        case "token":
            return Source("token", _token(check, "token", source.token))
        case "apple_pay_token":
            return Source("apple_pay", _token(check, "apple_pay_token", source.apple_pay_token))
        case "stc_pay_phone_number":
            number = _in_ascii(source.stc_pay_phone_number)
            check.matching("source.stc_pay_phone_number", number, _WALLET)
            wallet = _WALLET.fullmatch(number)
            return Source("stc_pay", f"0{wallet.group(1)}" if wallet else "")
        case _:
            check.add("source", "REQUIRED")
            return None


def _in_ascii(number: str) -> str:
    """The same digits, in whatever script they were typed: the provider reads no other."""
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in number)


def _token(check: Violations, name: str, value: str) -> str:
    return check.text(f"source.{name}", value, _LONGEST_TOKEN[name], min_length=1)


def _amount(
    check: Violations,
    request: payment_service_pb2.CapturePaymentRequest | payment_service_pb2.RefundPaymentRequest,
) -> Money | None:
    if not request.HasField("amount"):
        return None
    message: money_pb2.Money = request.amount
    amount = from_proto(check, "amount", message)
    if message.currency_code and message.amount_minor == 0:
        check.add("amount.amount_minor", "NOT_POSITIVE")
    return amount


def _check_origin(url: str, origins: tuple[str, ...]) -> None:
    """Compares scheme, host and port with the list, and takes no address that browsers read differently."""
    refused = CallbackUrlNotAllowed(Violation("callback_url", "CALLBACK_URL_NOT_ALLOWED"))
    if len(url) > _LONGEST_URL or not _URL.fullmatch(url):
        raise refused
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as error:
        raise refused from error
    if parts.username is not None or parts.password is not None:
        raise refused
    if f"{parts.scheme}://{parts.hostname}{port}" not in origins:
        raise refused
