"""Page tokens: where a list goes on, in a form that only we can make.

A token holds the last row's sort key and a hash of the list's filters, and is signed: a token of another
list, of other filters, or with a byte changed is refused instead of answering with surprising rows.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.wording import plain

DEFAULT_PAGE_SIZE = 25
LARGEST_PAGE = 100
_SIGNATURE_BYTES = 16
_FILTER_BYTES = 8

Position = Sequence[str | int | None]


def page_size(requested: int) -> int:
    """How many rows to return: 25 unless asked for, at most 100. Raises: Invalid for a negative number."""
    if requested < 0:
        raise Invalid(Violation("page_size", "OUT_OF_RANGE", {"min": 0, "max": LARGEST_PAGE}))
    return min(requested or DEFAULT_PAGE_SIZE, LARGEST_PAGE)


class PageTokens:
    """Makes and reads the tokens of one list. `purpose` names the list; its tokens are good for no other."""

    def __init__(self, key: str, purpose: str) -> None:
        self._key = hashlib.sha256(f"{purpose}\0{key}".encode()).digest()

    def encode(self, position: Position, filters: Mapping[str, object]) -> str:
        """A token that goes on after `position` (the sort key of the last row) under these filters."""
        body = _filter_hash(filters) + json.dumps(list(position), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._sign(body) + body).rstrip(b"=").decode()

    def decode(self, token: str, filters: Mapping[str, object]) -> list[str | int | None] | None:
        """The position that the token holds; None for an empty token, the first page.

        Raises: Invalid (`page_token` MALFORMED) for a token that was tampered with, or made for other
        filters.
        """
        if not token:
            return None
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _malformed() from error
        signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._sign(body)) or body[:_FILTER_BYTES] != _filter_hash(
            filters
        ):
            raise _malformed()
        position: list[str | int | None] = json.loads(body[_FILTER_BYTES:])
        return position

    def _sign(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_SIGNATURE_BYTES]


def _filter_hash(filters: Mapping[str, object]) -> bytes:
    words = json.dumps({name: plain(value) for name, value in sorted(filters.items())}, ensure_ascii=False)
    return hashlib.sha256(words.encode()).digest()[:_FILTER_BYTES]


def _malformed() -> Invalid:
    return Invalid(Violation("page_token", "MALFORMED"))
