"""A provider tells us that something happened."""

from collections.abc import Mapping
from dataclasses import dataclass

from kursi_chassis.clock import Clock

from kursi_payment.domain.errors import ProviderUnknown, WebhookMalformed, WebhookRefused
from kursi_payment.metrics import WEBHOOKS
from kursi_payment.ports import Begin, Notices


@dataclass(frozen=True, slots=True)
class ReceiveWebhook:
    """Stores the notice under its own id and has the jobs ask the provider; nothing else happens here."""

    begin: Begin
    notices: Mapping[str, Notices]
    clock: Clock

    async def __call__(self, provider: str, body: bytes) -> None:
        """Comes back once the notice is stored; the same one again changes nothing.

        Raises: ProviderUnknown, WebhookMalformed, WebhookRefused.
        """
        reader = self.notices.get(provider)
        if reader is None:
            raise ProviderUnknown
        try:
            notice = reader.read(body)
        except (WebhookMalformed, WebhookRefused) as error:
            WEBHOOKS.labels(error.reason.lower()).inc()
            raise
        async with self.begin() as work:
            is_new = await work.store_notice(provider, notice, self.clock.now())
        WEBHOOKS.labels("stored" if is_new else "repeated").inc()
