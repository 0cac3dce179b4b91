"""The key that a repeated call is recognised by: the `Idempotency-Key` header, or the field `request_id`."""

import re
from typing import Protocol

from kursi_chassis.errors import Invalid, Violation

HEADER = "idempotency-key"
FIELD = "request_id"
# Printable ASCII without the blank, as every client library can send it unquoted.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Repeatable(Protocol):
    """A request that carries its key."""

    request_id: str


def fill_request_id(request: Repeatable, header: str | None) -> None:
    """Put the header's key into an empty `request_id`.

    Raises: Invalid for a key of more than 255 characters or other than printable ASCII (MALFORMED), or when
    header and field disagree (KEY_MISMATCH).
    """
    if header and request.request_id and request.request_id != header:
        raise Invalid(Violation(FIELD, "KEY_MISMATCH"))
    key = request.request_id or header
    if key and not _KEY.fullmatch(key):
        raise Invalid(Violation(FIELD, "MALFORMED"))
    if header:
        request.request_id = header
