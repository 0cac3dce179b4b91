"""Signing keys: made, kept encrypted, and taken over by the next one without anybody being logged out."""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from jwt.algorithms import ECAlgorithm

ALGORITHM = "ES256"
_NONCE_BYTES = 12

Jwk = Mapping[str, str]


class KeyState(StrEnum):
    """A key is published before it signs (`next`) and after (`retired`), so that every verifier has it."""

    NEXT = "next"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """When keys follow each other.

    A key signs for `rotate_after`. Its successor is published for at least `published_before` first: verifiers
    fetch the key set every minute, caches keep it for five. An operator may be quicker, but no quicker than
    `known_after`. A retired key is published for `verified_after`: longer than any token lives, plus the time in
    which another replica may still have signed with it.
    """

    rotate_after: timedelta = timedelta(days=30)
    published_before: timedelta = timedelta(hours=1)
    known_after: timedelta = timedelta(minutes=6)
    verified_after: timedelta = timedelta(minutes=30)

    def is_due(self, active_since: datetime, next_since: datetime, now: datetime) -> bool:
        """Whether the next key takes over."""
        return now - active_since >= self.rotate_after and now - next_since >= self.published_before

    def known_at(self, successor: "SigningKey", active: "SigningKey") -> datetime:
        """From when on all who know the key that signs know the next one, too. The first two are published together."""
        is_as_old = successor.created_at <= active.created_at
        return successor.created_at if is_as_old else successor.created_at + self.known_after


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key as it is stored. `private_key` is encrypted, and gone once the key is retired."""

    kid: str
    state: KeyState
    public_jwk: Jwk
    private_key: bytes | None
    created_at: datetime
    activated_at: datetime | None


class SuccessorUnknown(Exception):
    """Tokens signed with the next key would be refused by who does not know it yet."""

    def __init__(self, known_at: datetime) -> None:
        super().__init__(
            f"the next key is too new: not everybody who checks tokens knows it before {known_at:%H:%M:%S} UTC"
        )


class KeyVault:
    """Makes keys and keeps their private halves encrypted (AES-256-GCM, bound to the key's id)."""

    def __init__(self, encryption_key: bytes) -> None:
        self._cipher = AESGCM(encryption_key)

    def generate(self, now: datetime) -> SigningKey:
        """A new key that is to be published and does not sign yet. Its id is the hash of its public half."""
        private = ec.generate_private_key(ec.SECP256R1())
        public = _public_jwk(private.public_key())
        plain = private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, public["kid"].encode())
        return SigningKey(public["kid"], KeyState.NEXT, public, sealed, now, None)

    def open(self, key: SigningKey) -> ec.EllipticCurvePrivateKey:
        """The private half.

        Raises:
            cryptography.exceptions.InvalidTag: it was encrypted with another key, or changed.
            ValueError: the key is retired.
        """
        if key.private_key is None:
            message = f"the key {key.kid} is retired and signs no more"
            raise ValueError(message)
        nonce, sealed = key.private_key[:_NONCE_BYTES], key.private_key[_NONCE_BYTES:]
        plain = self._cipher.decrypt(nonce, sealed, key.kid.encode())
        private = serialization.load_der_private_key(plain, password=None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)  # noqa: S101 -- we made it; for the type checker
        return private


class KeyRing:
    """The keys of one moment: one that signs, and the public halves of all that may still verify."""

    def __init__(self, keys: Sequence[SigningKey], vault: KeyVault) -> None:
        active = next(key for key in keys if key.state is KeyState.ACTIVE)
        self._kid = active.kid
        self._private = vault.open(active)
        self.jwks = json.dumps(
            {"keys": [dict(key.public_jwk) for key in sorted(keys, key=lambda key: key.kid)]}
        ).encode()

    def sign(self, claims: Mapping[str, object]) -> str:
        """The claims as a signed token (JWT)."""
        return jwt.encode(dict(claims), self._private, ALGORITHM, headers={"kid": self._kid})


def _public_jwk(public: ec.EllipticCurvePublicKey) -> Jwk:
    numbers = ECAlgorithm.to_jwk(public, as_dict=True)
    point = {name: str(numbers[name]) for name in ("crv", "kty", "x", "y")}
    return {**point, "alg": ALGORITHM, "use": "sig", "kid": _thumbprint(point)}


def _thumbprint(point: Mapping[str, str]) -> str:
    """RFC 7638: the hash of the members that make the key, in order of their names."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(json.dumps(point, sort_keys=True, separators=(",", ":")).encode())
    return base64.urlsafe_b64encode(digest.finalize()).rstrip(b"=").decode()
