"""E-mail addresses: plain ones, in lower case."""

import re

from kursi_chassis.validation import Violations

from kursi_identity.domain.errors import EMAIL_MALFORMED

_LONGEST = 254
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(
    rf"[a-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@(?:{_LABEL}\.)+[a-z][a-z0-9-]+"
)
_LONGEST_LOCAL_PART = 64


def read_email(check: Violations, field: str, written: str) -> str:
    """The address in lower case; an empty text stands in for one that cannot be an address."""
    text = check.text(field, written, max_length=_LONGEST, min_length=1).lower()
    if text and (not _ADDRESS.fullmatch(text) or text.index("@") > _LONGEST_LOCAL_PART):
        check.add(field, EMAIL_MALFORMED)
        return ""
    return text
