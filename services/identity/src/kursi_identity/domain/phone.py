"""Phone numbers: read as people write them, kept as E.164."""

import re

import phonenumbers
from kursi_chassis.validation import Violations
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from kursi_identity.domain.errors import PHONE_NUMBER_MALFORMED, PHONE_NUMBER_NOT_MOBILE

_LONGEST_INPUT = 40
_RECEIVES_SMS = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})
# The library turns letters into digits (+1 800 FLOWERS) and finds numbers inside of sentences; a login form
# wants neither. `\d` takes Arabic-Indic and Persian digits as well.
_WRITTEN = re.compile(r"[\u200e\u200f\ufeff]*\(?[+\uff0b]?[\d\s().\-\u2010-\u2015/\u00a0\u200e\u200f]+")

# Phones put a number that is copied from their contacts between two signs that keep it from left to right.
_COPIED = re.compile(r"\s*[\u202a\u202d\u2066\u2068](.*)[\u202c\u2069]\s*")


def read_mobile(check: Violations, field: str, written: str, default_region: str) -> str:
    """The number in E.164; an empty text stands in for one that cannot receive text messages.

    `default_region` (ISO 3166, for example `SA`) is the country of numbers without a country code.
    """
    copied = _COPIED.fullmatch(written)
    text = check.text(field, copied.group(1) if copied else written, max_length=_LONGEST_INPUT, min_length=1)
    if not text:
        return ""
    number = _parse(text, default_region)
    if number is None or not phonenumbers.is_valid_number(number):
        check.add(field, PHONE_NUMBER_MALFORMED)
        return ""
    if phonenumbers.number_type(number) not in _RECEIVES_SMS:
        check.add(field, PHONE_NUMBER_NOT_MOBILE)
        return ""
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def is_region(code: str) -> bool:
    """Whether there are numbers of this country (ISO 3166-1, `SA`)."""
    return code in phonenumbers.SUPPORTED_REGIONS


def calling_code(phone_number: str) -> str:
    """The country calling code of an E.164 number, without the plus: `966`."""
    return str(phonenumbers.parse(phone_number, None).country_code)


def masked(phone_number: str) -> str:
    """What a manager of a salon may see of somebody's number: its last three digits."""
    return "•" * (len(phone_number) - 3) + phone_number[-3:]


def _parse(text: str, default_region: str) -> phonenumbers.PhoneNumber | None:
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        return phonenumbers.parse(text, default_region)
    except phonenumbers.NumberParseException:
        return None
