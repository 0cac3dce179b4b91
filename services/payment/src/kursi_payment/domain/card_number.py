"""Finding card numbers where none may be."""

import re

# 13 to 19 digits, also in groups; longer runs of digits are something else. One blank or dash of any kind
# parts two groups: if several or a dot did, spans of dates and fractions of seconds would be taken for cards now and then.
_CANDIDATE = re.compile(r"(?<!\d)\d(?:[\s\u2010-\u2015\u2212-]?\d){12,18}(?!\d)")
# Joiners and marks of direction, which come along with what is copied and are not seen.
_UNSEEN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
# Ids and hashes: their digits pass the check sum once in a while and mean nothing.
_OPAQUE = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32,})(?![0-9A-Za-z])"
)


def holds_card_number(text: str) -> bool:
    """Whether some run of 13 to 19 digits in the text has the check digit of a card number."""
    shown = _OPAQUE.sub("", _UNSEEN.sub("", text))
    return any(passes_luhn(found.group()) for found in _CANDIDATE.finditer(shown))


def passes_luhn(number: str) -> bool:
    """The check sum of card numbers (ISO/IEC 7812-1); blanks and hyphens do not count."""
    digits = [int(sign) for sign in reversed(number) if sign.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
