"""Keeps an answer that holds a secret unreadable in the database."""

import os
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12


class Sealer:
    """Encrypts with AES-256-GCM under a key of its own, derived from a secret of the service."""

    def __init__(self, secret: str) -> None:
        key = HKDF(SHA256(), length=32, salt=None, info=b"kursi booking answers").derive(secret.encode())
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes) -> bytes:
        """The bytes, unreadable without the secret."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def opened(self, sealed: bytes) -> bytes:
        """What was sealed. Raises: cryptography's InvalidTag when the secret is another one by now."""
        return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
