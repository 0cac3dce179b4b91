"""What the use cases need from the outside."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Protocol

from kursi_identity.domain.otp import Channel


@dataclass(frozen=True, slots=True)
class CodeMessage:
    """A code on its way to a person, to be worded in their language."""

    channel: Channel
    destination: str
    code: str
    language: str
    lifetime: timedelta


class Delivery(Enum):
    """What is known after handing a message to a provider."""

    ACCEPTED = auto()
    REFUSED = auto()
    """It will not be sent: another provider may try."""
    AMBIGUOUS = auto()
    """It may have been sent: a second provider could send a second code."""


class CodeProvider(Protocol):
    """Somebody who delivers codes."""

    @property
    def name(self) -> str:
        """How settings and metrics call it."""
        ...

    async def deliver(self, message: CodeMessage) -> Delivery:
        """Hand the message over. Takes ten seconds at most and raises nothing."""
        ...


class CodeSender(Protocol):
    """Delivers codes through whichever provider takes them."""

    def reaches(self, channel: Channel) -> bool:
        """Whether there is any provider for the channel."""
        ...

    async def send(self, message: CodeMessage) -> bool:
        """Whether the code is, or may be, on its way; False when every provider refused it."""
        ...
