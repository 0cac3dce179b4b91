"""Settings of the identity service beyond those that every service has: environment variables `KURSI_IDENTITY_…`."""

import base64
import binascii
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from kursi_chassis.settings import ServiceSettings
from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

CONSOLE = "console"
_ENCRYPTION_KEY_BYTES = 32


def _read_encryption_key(value: SecretStr) -> SecretStr:
    try:
        key = base64.b64decode(value.get_secret_value(), validate=True)
    except binascii.Error as error:
        message = "is not base64"
        raise ValueError(message) from error
    if len(key) != _ENCRYPTION_KEY_BYTES:
        message = f"needs {_ENCRYPTION_KEY_BYTES} bytes, not {len(key)}"
        raise ValueError(message)
    return value


class TwilioAccount(BaseModel):
    """One account at Twilio; `sms_sender` and `whatsapp_sender` say which channels it serves."""

    account_sid: str = Field(min_length=1)
    auth_token: SecretStr
    base_url: str = "https://api.twilio.com"
    sms_sender: str = ""
    whatsapp_sender: str = ""
    whatsapp_templates: dict[str, str] = Field(default_factory=dict)
    """Approved content (`HX…`) by language (`ar`, `en`); its only variable is the code."""
    timeout_seconds: float = Field(default=10, gt=0, le=30)
    """Sending takes a second or two; after ten the person has asked again."""


class IdentitySettings(ServiceSettings):
    """The settings of the identity service."""

    service: ClassVar[str] = "identity"
    model_config = SettingsConfigDict(env_prefix="KURSI_IDENTITY_", frozen=True, extra="ignore")

    default_region: str = Field(default="SA", pattern="^[A-Z]{2}$")
    """The country of phone numbers that are written without a country code."""
    brand_name: str = "Kursi"
    brand_name_ar: str = "كرسي"

    key_encryption_key: Annotated[SecretStr, AfterValidator(_read_encryption_key)]
    """32 bytes in base64; signing keys are stored encrypted with it."""
    key_rotation_days: int = Field(default=30, ge=1)
    service_client_secrets: dict[str, SecretStr] = Field(default_factory=dict)
    """Secrets of the other services by name. A JSON object."""
    admin_phone_numbers: tuple[str, ...] = ()
    """Who logs in as a platform admin: numbers in E.164. A JSON list."""

    guests_per_day: int = Field(default=200, ge=1)
    """New phone numbers that one salon may book in 24 hours: messages go to each, and nobody there asked."""

    otp_hash_key: SecretStr = Field(min_length=16)
    otp_lifetime_seconds: int = Field(default=300, ge=60, le=900)
    otp_cooldown_seconds: int = Field(default=60, ge=0)
    otp_per_destination: int = Field(default=5, ge=1)
    """Codes per number or address in 15 minutes."""
    otp_per_address: int = Field(default=20, ge=1)
    """Codes per client address in an hour. Mobile carriers put many people behind one address."""
    otp_daily_ceiling: int = Field(default=1_000, ge=0)
    """Codes per day to one country: what a toll fraud may cost at most."""
    otp_daily_ceilings: dict[str, int] = Field(default_factory=lambda: {"966": 50_000})
    """The same for the countries that people really come from, by calling code. A JSON object."""

    sms_providers: tuple[str, ...] = (CONSOLE,)
    """In order of preference: `console`, or a name in `twilio_accounts`. A JSON list."""
    whatsapp_providers: tuple[str, ...] = (CONSOLE,)
    twilio_accounts: dict[str, TwilioAccount] = Field(default_factory=dict)
    """Accounts by the name that the lists above use. A JSON object."""
    smtp_host: str = ""
    """Unset: e-mail goes to the console too."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_sender: str = ""
    console_outbox: Path | None = None
    """Where the console provider writes messages, as lines of JSON. Unset: standard output."""

    @model_validator(mode="after")
    def _providers_are_configured(self) -> Self:
        for name in (*self.sms_providers, *self.whatsapp_providers):
            if name != CONSOLE and name not in self.twilio_accounts:
                message = f"the provider {name} is not in twilio_accounts"
                raise ValueError(message)
        for name in self.sms_providers:
            if name != CONSOLE and not self.twilio_accounts[name].sms_sender:
                message = f"the provider {name} has no sms_sender"
                raise ValueError(message)
        for name in self.whatsapp_providers:
            if name != CONSOLE and not self.twilio_accounts[name].whatsapp_sender:
                message = f"the provider {name} has no whatsapp_sender"
                raise ValueError(message)
        if self.smtp_host and not self.smtp_sender:
            message = "smtp_sender is needed with smtp_host"
            raise ValueError(message)
        return self

    @property
    def encryption_key(self) -> bytes:
        """The key that signing keys are encrypted with."""
        return base64.b64decode(self.key_encryption_key.get_secret_value())
