"""Settings of the payment service beyond those that every service has: environment variables `KURSI_PAYMENT_…`."""

from typing import ClassVar

from kursi_chassis.settings import ServiceSettings
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict


class PaymentSettings(ServiceSettings):
    """The settings of the payment service."""

    service: ClassVar[str] = "payment"
    model_config = SettingsConfigDict(env_prefix="KURSI_PAYMENT_", frozen=True, extra="ignore")

    moyasar_base_url: str = "https://api.moyasar.com/v1"
    moyasar_secret_key: SecretStr = Field(min_length=8)
    """`sk_test_…` or `sk_live_…`."""
    moyasar_webhook_secret: SecretStr = Field(min_length=16)
    """Our own random text, which the provider puts into every notice."""
    moyasar_live: bool = False
    """Notices of the other world, test or live, are refused."""

    public_url: str | None = None
    """Where the gateway is reached from outside (`https://api.example.com`). Set: `jobs` registers the
    webhook there; unset: somebody else does, or reconciliation alone finds every outcome."""
    callback_origins: tuple[str, ...] = ()
    """Where customers may come back to, as `https://host` or `https://host:port`, a JSON list."""
    largest_tip_minor: int = Field(default=100_000, ge=1)
    """1,000.00 in most currencies: what a slip of the thumb may cost at most."""

    provider_timeout_seconds: float = Field(default=8, gt=0, le=60)
    """One exchange with the provider. Below the ten seconds that a client waits, so that it is told that the
    outcome is open instead of nothing; card authorisations take two to five."""
    outcome_settles_seconds: float = Field(default=120, ge=1)
    """After that long a request that we gave up on has had its effect or never will: our own limit for an
    exchange and, many times over, the time-outs of the proxies in between. Only then is "never heard of it"
    taken for "not charged"."""
    recheck_created_seconds: float = Field(default=15, gt=0)
    """How soon to ask about a payment, capture, void or refund whose answer was lost."""
    recheck_pending_seconds: float = Field(default=120, gt=0)
    """How often to ask about a payment that waits for its customer, should no notice come, and to try again to move money
    that the provider would not move."""
    action_limit_minutes: int = Field(default=30, ge=1)
    """How long a customer may take for 3-D Secure. A hold lasts ten minutes by default; a bank's page may
    still take payment after it, and then the money is seen and given back."""
    ask_every_seconds: float = Field(default=2, gt=0)
    """A customer's app polls; the provider is asked on its behalf at most that often per payment."""
    ask_within_seconds: float = Field(default=3, gt=0)
    """How long GetPayment waits for the provider before it answers with what is known."""
    sweep_every_hours: int = Field(default=24, ge=1)
    """How old the last comparison of a settled payment may be."""
    sweep_for_days: int = Field(default=30, ge=1)
    """For how long a payment is compared: authorisations last at most 14 days, refunds at the provider's
    dashboard happen within weeks."""
    most_conversations: int = Field(default=32, ge=1, le=100)
    """Payments that this process talks to the provider about at once; each holds a database connection."""
