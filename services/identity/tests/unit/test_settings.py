"""What stops the service from starting with settings that cannot work."""

import base64

import pytest
from kursi_identity.settings import IdentitySettings
from pydantic import ValidationError

USUAL = {
    "database_url": "postgresql://unused",
    "client_secret": "unused",
    "token_issuer": "https://kursi.test",
    "page_token_key": "a key of the test",
    "otp_hash_key": "a hash key of the test",
    "key_encryption_key": base64.b64encode(bytes(32)).decode(),
}
ACCOUNT = {"account_sid": "AC1", "auth_token": "secret", "sms_sender": "KURSI"}


@pytest.mark.covers("I5")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sms_providers": ("twilio",)}, "not in twilio_accounts"),
        (
            {"whatsapp_providers": ("twilio",), "twilio_accounts": {"twilio": ACCOUNT}},
            "no whatsapp_sender",
        ),
        (
            {"sms_providers": ("twilio",), "twilio_accounts": {"twilio": {**ACCOUNT, "sms_sender": ""}}},
            "no sms_sender",
        ),
        ({"smtp_host": "mail.test"}, "smtp_sender is needed"),
        ({"key_encryption_key": base64.b64encode(b"short").decode()}, "needs 32 bytes"),
        ({"key_encryption_key": "not base64!"}, "is not base64"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(changes, said):
    with pytest.raises(ValidationError, match=said):
        IdentitySettings(**{**USUAL, **changes})


def test_no_secret_shows_in_the_settings_text():
    settings = IdentitySettings(**{**USUAL, "twilio_accounts": {"twilio": ACCOUNT}})
    assert "a hash key of the test" not in repr(settings)
    assert "auth_token=SecretStr('**********')" in repr(settings)
