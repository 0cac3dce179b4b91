"""Keeps what is secret unreadable in the database."""

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kursi_booking.ports.sealing import SealBroken

_NONCE_BYTES: Final = 12


class SecretSealer:
    """Encrypts with AES-256-GCM under a key of its own, derived from a secret of the service.

    See `kursi_booking.ports.sealing.AddressSealer`.
    """

    def __init__(self, secret: str, purpose: str = "answers") -> None:
        info = f"kursi booking {purpose}".encode()
        key = HKDF(SHA256(), length=64, salt=None, info=info).derive(secret.encode())
        # The first half is what a shorter derivation gives: answers that were sealed before there was a second stay readable.
        self._cipher, self._digest_key = AESGCM(key[:32]), key[32:]

    def seal(self, plain: bytes) -> bytes:
        """The bytes, unreadable without the secret."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def opened(self, sealed: bytes) -> bytes:
        """What was sealed. Raises: SealBroken when the secret is another one by now."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        except InvalidTag as error:
            raise SealBroken from error

    def digest(self, plain: bytes) -> bytes:
        """The same for the same bytes, and nothing to guess them by without the secret."""
        return hmac.digest(self._digest_key, plain, "sha256")
