"""Keeping what is secret unreadable in the database."""

from typing import Protocol


class SealBroken(Exception):
    """It was sealed with another secret than the service has by now, or changed since."""


class Sealer(Protocol):
    """Keeps bytes unreadable."""

    def seal(self, plain: bytes) -> bytes:
        """The bytes, unreadable without the service's secret."""
        ...

    def opened(self, sealed: bytes) -> bytes:
        """What was sealed. Raises: SealBroken."""
        ...


class AddressSealer(Sealer, Protocol):
    """Keeps addresses unreadable, and recognizes them when they come again."""

    def digest(self, plain: bytes) -> bytes:
        """The same for the same bytes, and nothing to guess them by without the secret."""
        ...
