import base64

from kursi_local.vault import Vault


def test_a_secret_stays_the_same_for_the_next_start(home):
    first = Vault(home / "secrets.json").secret("booking.client")
    assert Vault(home / "secrets.json").secret("booking.client") == first


def test_secrets_differ_by_name_and_can_be_read_by_their_owner_only(home):
    vault = Vault(home / "secrets.json")
    assert vault.secret("a") != vault.secret("b")
    assert (home / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_key_has_32_bytes(home):
    assert len(base64.b64decode(Vault(home / "secrets.json").key("signing"))) == 32
