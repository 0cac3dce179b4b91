"""Reading what merchants and payers send: every rule of the documentation, or a refusal that names it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast, get_args
from urllib.parse import urlsplit
from uuid import UUID

from kursi_simulators.moyasar.bank import Card, card_of
from kursi_simulators.moyasar.model import EVENT_TYPES, SourceType, invalid

MINIMUM_AMOUNT = 100
MAXIMUM_METADATA_KEYS = 30

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SourceRequest:
    type: SourceType
    card: Card | None
    token: str | None
    mobile: str | None
    three_d_secure: bool | None
    manual: bool
    save: bool


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    given_id: str | None
    amount: int
    currency: str
    description: str | None
    callback_url: str | None
    metadata: dict[str, str]
    source: SourceRequest


def read_payment(body: Body, *, from_payer: bool) -> PaymentRequest:
    """A create-payment request; `from_payer` says that it came with the publishable key.

    Raises:
        Refusal: 400 with the offending field.
    """
    source = _read_source(_mapping(body, "source"), from_payer=from_payer)
    callback_url = read_url(body, "callback_url", required=source.type in ("creditcard", "token"))
    return PaymentRequest(
        given_id=_given_id(body),
        amount=read_amount(body),
        currency=_currency(body),
        description=_optional_text(body, "description"),
        callback_url=callback_url,
        metadata=read_metadata(body),
        source=source,
    )


def _read_source(source: Body, *, from_payer: bool) -> SourceRequest:
    kind = _source_type(source)
    if kind == "creditcard" and not from_payer:
        raise invalid("Card data is accepted from the payer's device only", {"source": ["not allowed"]})
    request = SourceRequest(
        type=kind,
        card=read_card(source) if kind == "creditcard" else None,
        token=_text(source, "token") if kind in ("token", "applepay") else None,
        mobile=_saudi_mobile(source) if kind == "stcpay" else None,
        three_d_secure=_flag(source, "3ds", default=True) if "3ds" in source else None,
        manual=_flag(source, "manual", default=False),
        save=_flag(source, "save_card", default=False),
    )
    if request.save and request.three_d_secure is False:
        raise invalid("Validation Failed", {"save_card": ["needs 3ds"]})
    return request


def _source_type(source: Body) -> SourceType:
    for kind in get_args(SourceType):
        if source.get("type") == kind:
            return cast("SourceType", kind)  # cast: get_args forgets the literals' type
    raise invalid("Validation Failed", {"source": ["type is not supported"]})


def read_card(fields: Body) -> Card:
    number = _text(fields, "number").replace(" ", "")
    _text(fields, "cvc")
    if not (number.isascii() and number.isdigit() and 13 <= len(number) <= 19 and _passes_luhn(number)):
        raise invalid("Validation Failed", {"number": ["is not a card number"]})
    return card_of(
        number, holder=_text(fields, "name"), month=_text(fields, "month"), year=_text(fields, "year")
    )


def read_amount(body: Body, *, minimum: int = MINIMUM_AMOUNT) -> int:
    amount = body.get("amount")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < minimum:
        raise invalid("Validation Failed", {"amount": [f"must be an integer of at least {minimum}"]})
    return amount


def read_url(body: Body, name: str, *, required: bool) -> str | None:
    if body.get(name) is None and not required:
        return None
    url = _text(body, name)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise invalid("Validation Failed", {name: ["must be a valid URL"]})
    return url


def read_metadata(body: Body) -> dict[str, str]:
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, Mapping) or len(metadata) > MAXIMUM_METADATA_KEYS:
        raise invalid(
            "Validation Failed", {"metadata": [f"an object of at most {MAXIMUM_METADATA_KEYS} keys"]}
        )
    if not all(isinstance(value, str) for value in metadata.values()):
        raise invalid("Validation Failed", {"metadata": ["values must be strings"]})
    return dict(metadata)


def read_webhook(body: Body) -> tuple[str, str, tuple[str, ...]]:
    """The URL, the shared secret and the events; no events means all."""
    url = read_url(body, "url", required=True) or ""
    if body.get("http_method", "post") != "post":
        raise invalid("Validation Failed", {"http_method": ["must be post"]})
    events = body.get("events", list(EVENT_TYPES))
    if not isinstance(events, list) or not set(events) <= set(EVENT_TYPES):
        raise invalid("Validation Failed", {"events": ["unknown event"]})
    return url, _text(body, "shared_secret"), tuple(events)


def _given_id(body: Body) -> str | None:
    given = body.get("given_id")
    if given is None:
        return None
    try:
        parsed = UUID(str(given))
    except ValueError as error:
        raise invalid("Validation Failed", {"given_id": ["must be a UUID v4"]}) from error
    if parsed.version != 4:
        raise invalid("Validation Failed", {"given_id": ["must be a UUID v4"]})
    return str(parsed)


def _currency(body: Body) -> str:
    currency = body.get("currency", "SAR")
    if not (isinstance(currency, str) and len(currency) == 3 and currency.isalpha() and currency.isupper()):
        raise invalid("Validation Failed", {"currency": ["must be an ISO 4217 code"]})
    return currency


def _saudi_mobile(source: Body) -> str:
    mobile = _text(source, "mobile")
    if not (len(mobile) == 10 and mobile.startswith("05") and mobile.isdigit()):
        raise invalid("Validation Failed", {"mobile": ["must look like 05xxxxxxxx"]})
    return mobile


def _mapping(body: Body, name: str) -> Body:
    value = body.get(name)
    if not isinstance(value, Mapping):
        raise invalid("Validation Failed", {name: ["is required"]})
    return value


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise invalid("Validation Failed", {name: ["is required"]})
    return value


def _optional_text(body: Body, name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)


def _flag(body: Body, name: str, *, default: bool) -> bool:
    """A boolean, or the strings "true" and "false" that the browser SDK sends."""
    value = body.get(name, default)
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise invalid("Validation Failed", {name: ["must be a boolean"]})


def _passes_luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
