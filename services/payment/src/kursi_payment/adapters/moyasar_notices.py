"""Moyasar's notices. They carry no signature: a shared secret stands in the body, and proves little.

So a notice is only ever a hint to ask the provider, and what it says of amounts and states is not looked at.
"""

import hmac
from uuid import UUID

from kursi_chassis.ids import is_id

from kursi_payment.adapters.moyasar_wire import Unreadable, read_object
from kursi_payment.domain.errors import WebhookMalformed, WebhookRefused
from kursi_payment.ports import Notice

_LARGEST_BYTES = 256 * 1024
_LONGEST_ID = 100
_HEARD = frozenset(
    {
        "payment_paid",
        "payment_failed",
        "payment_faild",  # one page of the documentation spells it so
        "payment_authorized",
        "payment_captured",
        "payment_refunded",
        "payment_voided",
        "payment_abandoned",
        "payment_canceled",
        "payment_expired",
    }
)


class MoyasarNotices:
    """See `ports.Notices`. `is_live` says which world's notices are ours."""

    def __init__(self, secret: str, *, is_live: bool) -> None:
        if not secret:
            message = "an empty secret would accept everybody"
            raise ValueError(message)
        self._secret = secret.encode()
        self._is_live = is_live

    def read(self, body: bytes) -> Notice:
        """Raises: WebhookMalformed for what is no JSON object or lacks id or type; WebhookRefused for a wrong
        or missing secret, and for the other world.
        """
        if len(body) > _LARGEST_BYTES:
            raise WebhookMalformed
        try:
            notice = read_object(body)
        except Unreadable as error:
            raise WebhookMalformed from error
        shown = notice.get("secret_token")
        if not isinstance(shown, str) or not hmac.compare_digest(
            shown.encode("utf-8", "surrogatepass"), self._secret
        ):
            raise WebhookRefused
        if notice.get("live") is not self._is_live:
            raise WebhookRefused
        event_id, kind = notice.get("id"), notice.get("type")
        if not _is_word(event_id) or not _is_word(kind):
            raise WebhookMalformed
        return Notice(str(event_id), str(kind), _handle(notice.get("data")) if kind in _HEARD else None)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_ID and value.isprintable()


def _handle(payment: object) -> UUID | None:
    shown = payment.get("id") if isinstance(payment, dict) else None
    return UUID(shown) if isinstance(shown, str) and is_id(shown) else None
