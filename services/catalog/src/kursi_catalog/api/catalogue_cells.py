"""Values of a catalogue's rows: from what stands in a cell to a field of a message, and back.

In JSON a value is spelled as in the REST API. In CSV a cell is what people type: minutes, amounts, `yes`, `a|b`; whatever
has more to it is JSON in a cell, which then begins with a bracket.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from kursi_chassis.money import exponent

# A comma before three digits may part thousands: `15,000` would be fifteen dinars where a dinar has a thousand fils.
_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,4}|,(?:[0-9]{1,2}|[0-9]{4}))?")
_MINUTES = re.compile(r"[0-9]{1,6}")
_RANGE = re.compile(r"([0-9:]{4,5})-([0-9:]{4,5})")
_YES, _NO = frozenset({"true", "yes", "1", "نعم"}), frozenset({"false", "no", "0", "لا"})
_DURATION, _MONEY = "google.protobuf.Duration", "kursi.type.v1.Money"
_RANGES, _PERFORMERS = "kursi.catalog.v1.LocalRange", "kursi.catalog.v1.Performer"


class WrongValue(Exception):
    """The value is not one of its field."""


def put(message: Message, field: FieldDescriptor, value: object) -> None:
    """Set a field to a value of JSON; None and empty things leave it empty. Raises: WrongValue."""
    if value is None:
        return
    try:
        if isinstance(value, str) and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated:
            setattr(message, field.name, value)  # most cells by far, and many times faster
            return
        json_format.ParseDict({field.json_name: value}, message)
    except (
        json_format.ParseError,
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        # A ParseError is what it promises; the others are what odd values were seen to raise.
        raise WrongValue from error


def put_text(message: Message, field: FieldDescriptor, language: str, text: object) -> None:
    """Set one language of a field of texts. Raises: WrongValue."""
    if not isinstance(text, str):
        raise WrongValue
    try:
        getattr(message, field.name)[language] = text
    except ValueError as error:  # half a character
        raise WrongValue from error


def from_cell(field: FieldDescriptor, cell: str, currency_code: str) -> object:
    """The value of JSON that a cell stands for. Raises: WrongValue."""
    text = cell.strip() if field.type != FieldDescriptor.TYPE_STRING else cell
    if not text:
        return None
    if field.is_repeated:
        return _list(field, text)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _truth(text)
    if field.message_type is None:
        return text
    reading = _READ_ONE.get(field.message_type.full_name)
    return reading(text, currency_code) if reading else text


def to_cell(field: FieldDescriptor, value: object) -> str:
    """What a person would type for a value of JSON; `from_cell` gives the value back."""
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return _written_list(field, value)
    if field.message_type is not None and field.message_type.full_name == _DURATION:
        return str(int(float(str(value).removesuffix("s"))) // 60)
    if isinstance(value, Mapping):
        digits = exponent(str(value["currencyCode"]))
        return f"{Decimal(str(value['amountMinor'])).scaleb(-digits):.{digits}f}"
    return str(value)


def _list(field: FieldDescriptor, text: str) -> object:
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise WrongValue from error
    parts = [part.strip() for part in text.split("|")]
    kind = field.message_type.full_name if field.message_type else ""
    return [_READ_PART[kind](part) if kind in _READ_PART else part for part in parts]


def _written_list(field: FieldDescriptor, values: list[object]) -> str:
    kind = field.message_type.full_name if field.message_type else ""
    written = [_WRITE_PART[kind](value) if kind in _WRITE_PART else value for value in values]
    if all(isinstance(part, str) and part and part == part.strip() and "|" not in part for part in written):
        text = "|".join(map(str, written))
        if not text.startswith("["):
            return text
    return json.dumps(values, ensure_ascii=False)


def _truth(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise WrongValue


def _duration(text: str, _currency_code: str) -> str:
    return f"{int(text) * 60}s" if _MINUTES.fullmatch(text) else text


def _money(text: str, currency_code: str) -> object:
    if not _AMOUNT.fullmatch(text):
        raise WrongValue
    minor = Decimal(text.replace(",", ".")).scaleb(exponent(currency_code))
    if minor != int(minor):
        raise WrongValue
    return {"currencyCode": currency_code, "amountMinor": str(int(minor))}


def _range(text: str) -> object:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise WrongValue
    return {"start": found[1], "end": found[2]}


def _written_range(value: object) -> object:
    return f"{value['start']}-{value['end']}" if isinstance(value, Mapping) else None


def _written_performer(value: object) -> object:
    return value["staff"] if isinstance(value, Mapping) and value.keys() == {"staff"} else None


_READ_ONE: Mapping[str, Callable[[str, str], object]] = {_DURATION: _duration, _MONEY: _money}
_READ_PART: Mapping[str, Callable[[str], object]] = {_RANGES: _range, _PERFORMERS: lambda key: {"staff": key}}
_WRITE_PART: Mapping[str, Callable[[object], object]] = {
    _RANGES: _written_range,
    _PERFORMERS: _written_performer,
}
