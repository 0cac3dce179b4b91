"""Messaging's settings."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from kursi_chassis.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class MessagingSettings(ServiceSettings):
    """What an operator decides about messaging; environment variables begin with `KURSI_MESSAGING_`."""

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

    @property
    def replay_cutoff(self) -> timedelta:
        return timedelta(hours=self.replay_cutoff_hours)
