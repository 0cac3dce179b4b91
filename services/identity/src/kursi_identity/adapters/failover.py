"""Several providers, one after the other."""

from collections.abc import Mapping, Sequence

from prometheus_client import Counter

from kursi_identity.domain.otp import Channel
from kursi_identity.ports import CodeMessage, CodeProvider, Delivery

DELIVERIES = Counter(
    "kursi_identity_codes_total", "Codes handed to providers", ["provider", "channel", "outcome"]
)


class Failover:
    """Asks the providers of a channel in order until one takes the message.

    Only a definite refusal moves on to the next: after an ambiguous end the first one may have sent the
    message, and a second message would carry the same code to a person who is being asked for it twice.
    """

    def __init__(self, providers: Mapping[Channel, Sequence[CodeProvider]]) -> None:
        self._providers = providers

    def reaches(self, channel: Channel) -> bool:
        """Whether there is any provider for the channel."""
        return bool(self._providers.get(channel))

    async def send(self, message: CodeMessage) -> bool:
        """Whether the code is, or may be, on its way."""
        for provider in self._providers.get(message.channel, ()):
            delivery = await provider.deliver(message)
            DELIVERIES.labels(provider.name, message.channel.value, delivery.name.lower()).inc()
            if delivery is not Delivery.REFUSED:
                return True
        return False
