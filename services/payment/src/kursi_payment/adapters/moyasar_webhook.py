"""Telling Moyasar where to send its notices."""

from collections.abc import Mapping
from typing import Final

from kursi_chassis.errors import Unavailable
from kursi_chassis.http_client import Accepted, HttpClient, read_text

from kursi_payment.adapters.moyasar_wire import Unreadable, read_object

_EVENTS: Final = (
    "payment_paid",
    "payment_failed",
    "payment_authorized",
    "payment_captured",
    "payment_refunded",
    "payment_voided",
    "payment_abandoned",
)


class WebhookNotRegistered(Unavailable):
    """The provider could not be told; payments are still found by asking."""

    reason = "WEBHOOK_NOT_REGISTERED"


class MoyasarWebhook:
    """Our receiver at the provider."""

    def __init__(self, http: HttpClient, secret_key: str, shared_secret: str) -> None:
        self._http = http
        self._account = (secret_key, "")
        self._shared_secret = shared_secret

    async def ensure(self, url: str) -> bool:
        """Register `url` unless it is; whether that was needed. Raises: WebhookNotRegistered."""
        outcome = await self._http.send("GET", "/webhooks", auth=self._account)
        if not isinstance(outcome, Accepted):
            raise WebhookNotRegistered(dependency="moyasar")
        if url in _urls(outcome.body):
            return False
        body = {
            "url": url,
            "http_method": "post",
            "shared_secret": self._shared_secret,
            "events": list(_EVENTS),
        }
        outcome = await self._http.send("POST", "/webhooks", json=body, auth=self._account)
        if not isinstance(outcome, Accepted):
            raise WebhookNotRegistered(dependency="moyasar")
        return True


def _urls(body: bytes) -> set[str]:
    try:
        webhooks = read_object(body).get("webhooks")
    except Unreadable as error:
        raise WebhookNotRegistered(dependency="moyasar") from error
    known = webhooks if isinstance(webhooks, list) else []
    return {read_text(webhook.get("url")) for webhook in known if isinstance(webhook, Mapping)}
