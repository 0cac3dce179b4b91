"""Signing keys."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.exceptions import InvalidTag
from kursi_identity.domain.keys import KeyPolicy, KeyRing, KeyState, KeyVault, SigningKey

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)


def active(key: SigningKey, private: bytes | None = None) -> SigningKey:
    return SigningKey(
        key.kid, KeyState.ACTIVE, key.public_jwk, private or key.private_key, key.created_at, NOON
    )


def test_a_key_signs_what_its_public_half_verifies():
    vault = KeyVault(bytes(32))
    key = vault.generate(NOON)
    token = KeyRing([active(key)], vault).sign({"sub": "somebody"})
    assert jwt.decode(token, jwt.PyJWK(dict(key.public_jwk)), algorithms=["ES256"]) == {"sub": "somebody"}
    assert jwt.get_unverified_header(token)["kid"] == key.kid


def test_the_public_half_says_nothing_about_the_private_one():
    assert set(KeyVault(bytes(32)).generate(NOON).public_jwk) == {"kty", "crv", "x", "y", "alg", "use", "kid"}


def test_a_stored_key_opens_with_the_right_encryption_key_only():
    key = KeyVault(bytes(32)).generate(NOON)
    with pytest.raises(InvalidTag):
        KeyVault(b"x" * 32).open(key)


def test_a_stored_key_cannot_be_put_in_the_place_of_another():
    vault = KeyVault(bytes(32))
    one, other = vault.generate(NOON), vault.generate(NOON)
    with pytest.raises(InvalidTag):
        vault.open(active(one, other.private_key))


@pytest.mark.covers("I7")
@pytest.mark.parametrize(
    ("active_for", "published_for", "due"),
    [
        (timedelta(days=30), timedelta(hours=1), True),
        (timedelta(days=29, hours=23), timedelta(days=29), False),
        (timedelta(days=40), timedelta(minutes=59), False),
    ],
)
def test_the_next_key_takes_over_when_the_old_one_is_old_and_the_new_one_is_known(
    active_for, published_for, due
):
    assert KeyPolicy().is_due(NOON - active_for, NOON - published_for, NOON) is due
