"""How a salon tells people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from kursi_messaging.domain.reminders import ReminderRule
from kursi_messaging.domain.words import Audience, Channel

DEFAULT_CHANNELS: Final = (Channel.SMS, Channel.EMAIL)
DEFAULT_REMINDERS: Final = (
    ReminderRule(timedelta(hours=24), (Channel.EMAIL, Channel.SMS)),
    ReminderRule(timedelta(hours=2), (Channel.SMS,)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SalonSettings:
    """A salon's choices; made without arguments they are those of a salon that never chose.

    An empty `default_language` leaves the choice to the platform. `revision` is 0 until something was stored.
    """

    customer_channels: tuple[Channel, ...] = DEFAULT_CHANNELS
    staff_channels: tuple[Channel, ...] = DEFAULT_CHANNELS
    reminders: tuple[ReminderRule, ...] = DEFAULT_REMINDERS
    default_language: str = ""
    revision: int = 0

    def channels(self, audience: Audience) -> tuple[Channel, ...]:
        """Where this salon writes to an audience that has no preference."""
        return self.customer_channels if audience is Audience.CUSTOMER else self.staff_channels


DEFAULT_SETTINGS = SalonSettings()
