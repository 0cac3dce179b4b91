"""Settings of the messaging service beyond those that every service has: environment variables `KURSI_MESSAGING_…`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, Self

from kursi_chassis.settings import ServiceSettings
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict


class MessagingSettings(ServiceSettings):
    """The settings of the messaging service."""

    service: ClassVar[str] = "messaging"
    model_config = SettingsConfigDict(env_prefix="KURSI_MESSAGING_", frozen=True, extra="ignore")

    default_language: str = "ar"
    """For people and salons that have not chosen one."""
    default_time_zone: str = "Asia/Riyadh"
    """For people whose own zone and whose salon's are unknown."""
    retention_days: int = Field(default=90, ge=1, le=3650)
    """How long notifications, their texts and attempts are kept after their outcome."""
    customers_kept_days: int = Field(default=730, ge=90, le=3650)
    """How long after a visit its customer may still be written to by hand."""
    replay_cutoff_hours: float = Field(default=24, gt=0)
    """News older than this is recorded and not sent: a stream that is replayed must not write to anybody. A
    day is longer than the outages that people still want to hear about, and shorter than any replay."""
    max_retries: int = Field(default=3, ge=0, le=10)
    """How often a message is tried again before a person has to look."""

    # dispatch
    email_provider: Literal["console", "smtp", "off"] = "console"
    sms_provider: Literal["console", "twilio", "off"] = "console"
    whatsapp_provider: Literal["console", "twilio", "off"] = "console"
    """Who delivers. `off`: the channel is not offered, and its messages are recorded as skipped."""
    console_outbox: Path | None = None
    """Where the console provider writes messages, as lines of JSON. Unset: standard output."""
    twilio_base_url: str = "https://api.twilio.com"
    twilio_account_sid: str = ""
    twilio_auth_token: SecretStr = SecretStr("")
    twilio_sms_sender: str = ""
    """A number, a name of letters, or a messaging service (`MG…`)."""
    twilio_whatsapp_sender: str = ""
    """A number. Without one WhatsApp is not offered, whatever SMS has."""
    twilio_webhook_keys: dict[str, SecretStr] = Field(default_factory=dict)
    """Keys that reports are signed with, by their ids. With any, signatures by the account's token no longer
    count. A JSON object."""
    public_url: str = ""
    """Where providers reach this platform, for example `https://api.example.com`. Unset: no delivery reports."""
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_ca_file: Path | None = None
    """Who signs the relay's certificate, where that is nobody whom the system trusts."""
    smtp_connections: int = Field(default=20, ge=1, le=500)
    """Connections to the relay at once. Relays let few in from one place; 20 carry 200 mails a second at 100 ms
    each, and a mail that finds none free in half of `provider_timeout_seconds` is tried again later."""
    smtp_mails_per_connection: int = Field(default=100, ge=1)
    """After so many mails a connection is closed: relays end longer ones themselves."""
    smtp_idle_seconds: float = Field(default=15, gt=0, le=300)
    """How long a connection stays open without a mail."""
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_sender: str = ""
    """In whose name mail is written: `no-reply@example.com` or `Kursi <no-reply@example.com>`."""
    provider_timeout_seconds: float = Field(default=10, gt=0, le=60)
    """How long a provider may take for one message. Sending takes a second or two."""
    lease_seconds: float = Field(default=60, gt=0)
    """How long a dispatcher may hold a message before another one takes over."""
    report_wait_seconds: float = Field(default=60, gt=0)
    """After a lost answer: how long to wait for a report that tells what became of the message."""
    report_parking_seconds: float = Field(default=300, gt=0)
    """How long a report about a message that is not known yet is kept for it."""
    report_overdue_seconds: float = Field(default=600, gt=0)
    """A text message without a report for so long is asked about: while nobody could take it, the report was lost.
    Most texts arrive within a minute; some providers of numbers never say so, and those are asked about ever less."""
    dispatch_concurrency: int = Field(default=200, ge=1, le=2_000)
    """Messages on their way to providers at once. One over HTTP is reached over 100 connections at most: at 100 ms
    each, a process hands it 1,000 messages a second."""
    dispatch_batch: int = Field(default=100, ge=1, le=500)
    dispatch_idle_seconds: float = Field(default=0.5, gt=0, le=1)
    """How long an idle dispatcher waits at most before it looks again."""
    dispatch_sweep_seconds: float = Field(default=1, gt=0, le=60)
    """How often messages whose lease ran out, and reports that came too early, are looked at."""

    @model_validator(mode="after")
    def _leases_outlive_calls(self) -> Self:
        if self.provider_timeout_seconds >= self.lease_seconds / 2:
            message = "provider_timeout_seconds must be shorter than half of lease_seconds"
            raise ValueError(message)
        return self

    @property
    def replay_cutoff(self) -> timedelta:
        """The same as a span."""
        return timedelta(hours=self.replay_cutoff_hours)
