"""Keeps personal data and secrets out of what is written down.

Two nets: fields whose name says what they hold lose their value, and every text is searched for what looks
like a phone number, an address of a mailbox, a token, a card or a one-time code. The second net is coarse on
purpose: a harmless number that is masked costs a moment, a phone number that is not costs a customer.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

MASK = "[redacted]"

_SECRET_KEY = re.compile(
    r"""(?: token | secret | passw | credential | authori[sz]ation | cookie | signature
        | api_?key | private_?key | phone | mobile | msisdn | e_?mail | cvv | cvc | card_?number | iban
        | (?:^|_)otp | (?:^|_)pin$ | (?:^|_)pan$ | ^code$ | (?:one_time|verification|reset|login)_code
        | destination | recipient_address )""",
    re.IGNORECASE | re.VERBOSE,
)
# Counters and names of things that only sound secret.
_HARMLESS_KEY = re.compile(r"(?:_count|_id|_ids|_bytes|_seconds|_kind)$", re.IGNORECASE)

# Each takes time in proportion to a text's length, which whoever wrote it has chosen: where a match may begin within a run
# of letters (after another one, or after a hyphen) it is only looked for so far; from the run's beginning, to its end.
_PATTERNS = (
    re.compile(r"(?:(?<![\w-])eyJ[\w-]{5,}|\beyJ[\w-]{5,1000})\.[\w-]+\.[\w-]*"),  # JSON web tokens
    re.compile(r"\b(?:bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # user:password in an address
    re.compile(r"(?:(?<![\w.%+-])[\w.%+-]+|[\w.%+-]{1,64})@[\w-]+(?:\.[\w-]+)+"),  # mailboxes
    re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])"),  # cards, also in groups of four
    re.compile(r"(?<![\w.])\+\d[\d ().-]{6,18}\d"),  # phone numbers, international form
    re.compile(r"(?<![\w.:-])\d{9,15}(?![\w.:-]|\s*(?:ms|us|ns|bytes)\b)"),  # phone numbers, digits only
    re.compile(r"(?<![\w.:-])0\d{1,3}[ -]\d{3,4}[ -]?\d{3,4}(?![\w:-])"),  # phone numbers, national form
    re.compile(r"(?<![\w-])[A-Za-z0-9_-]{40,}(?![\w-])"),  # opaque tokens of 240 bits and more
)
# What none of the others can do without: most texts have nothing of it, and one look is enough for them.
_ANY_TRACE = re.compile(
    r"\d{4} | \d[ ().-]+\d | @ | eyJ | [\w-]{40} | \b(?:bearer|basic)\s", re.IGNORECASE | re.VERBOSE
)
_CODE_IN_TEXT = re.compile(r"(\b(?:code|otp|pin|رمز)\b\D{0,12})\d{4,8}\b", re.IGNORECASE)


def redact_text(text: str) -> str:
    """The text with everything that looks personal or secret masked."""
    if _ANY_TRACE.search(text) is None:
        return text
    for pattern in _PATTERNS:
        text = pattern.sub(MASK, text)
    return _CODE_IN_TEXT.sub(rf"\1{MASK}", text)


@lru_cache(maxsize=1_024)
def is_secret_key(name: str) -> bool:
    """Whether a field of this name holds something that is never written down."""
    return _SECRET_KEY.search(name) is not None and _HARMLESS_KEY.search(name) is None


def redact(value: object) -> object:
    """A copy of a value, down through mappings and sequences, with secrets masked.

    Numbers and the like pass.
    """
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        return redact_fields(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))


def redact_fields(fields: Mapping[str, object]) -> dict[str, object]:
    """A copy of named values with secrets masked, by name or by what they look like."""
    return {name: MASK if is_secret_key(str(name)) else redact(value) for name, value in fields.items()}
