"""What one person wants to be told, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from types import MappingProxyType

from kursi_messaging.domain.quiet_hours import QuietHours
from kursi_messaging.domain.words import TEXT_CHANNELS, Channel, Event

_WIDER: Mapping[Event, Event] = MappingProxyType({
    Event.SERIES_CREATED: Event.BOOKING_CREATED,
    Event.SERIES_CONFIRMED: Event.BOOKING_CONFIRMED,
    Event.SERIES_CANCELLED: Event.BOOKING_CANCELLED,
})  # fmt: skip
"""Whoever does not want to be told of the one does not want to be told of many at once, unless they say so."""
_ALL_ON: Mapping[tuple[Event, Channel], bool] = MappingProxyType({})


class PreferredMethod(StrEnum):
    """Which channels a person prefers."""

    UNSPECIFIED = "unspecified"
    EMAIL_ONLY = "email_only"
    TEXT_ONLY = "text_only"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """A person's choices; made without arguments they are those of somebody who never chose.

    `revision` is 0 until something was stored.
    """

    toggles: Mapping[tuple[Event, Channel], bool] = field(default_factory=lambda: _ALL_ON)
    method: PreferredMethod = PreferredMethod.UNSPECIFIED
    quiet_hours_enabled: bool = False
    quiet_start: time = time(22)
    quiet_end: time = time(7)
    revision: int = 0

    @property
    def quiet_hours(self) -> QuietHours | None:
        """When to leave the person alone; None when they did not ask for it."""
        return QuietHours(self.quiet_start, self.quiet_end) if self.quiet_hours_enabled else None

    def allows(self, event: Event, channel: Channel) -> bool:
        """Whether the person wants to be told about `event` on `channel`."""
        wider = self.toggles.get((_WIDER.get(event, event), channel), True)
        return self.toggles.get((event, channel), wider) and channel in self.channels((channel,))

    def channels(self, offered: Iterable[Channel]) -> tuple[Channel, ...]:
        """The channels to use where `offered` would be used for somebody without a preference.

        Somebody who wants e-mail only gets an e-mail where the salon would send a text message: the choice
        is about how, not about whether. No offer stays no message.
        """
        offers = tuple(offered)
        if not offers or self.method is PreferredMethod.UNSPECIFIED:
            return offers
        texts = tuple(channel for channel in offers if channel in TEXT_CHANNELS) or (Channel.SMS,)
        return {
            PreferredMethod.EMAIL_ONLY: (Channel.EMAIL,),
            PreferredMethod.TEXT_ONLY: texts,
            PreferredMethod.BOTH: (Channel.EMAIL, *texts),
        }[self.method]


NO_PREFERENCES = Preferences()
