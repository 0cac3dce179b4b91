"""The provider of laptops and tests: shows messages to whoever runs the platform.

This is the one place that is meant to show a text and a whole number; it never goes through the log.
"""

import asyncio
import json
import sys
from collections.abc import Collection
from pathlib import Path

from kursi_chassis.clock import Clock

from kursi_messaging.domain.outcome import Accepted
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import Outgoing, Question

_LABELS = {Channel.SMS: "SMS", Channel.WHATSAPP: "WhatsApp", Channel.EMAIL: "e-mail"}


class ConsoleSender:
    """Appends each message to `outbox` as a line of JSON; without one it prints `SMS to +9665…: text`."""

    name = "console"

    def __init__(self, clock: Clock, outbox: Path | None) -> None:
        self._clock = clock
        self._outbox = outbox

    def serves(self, channel: Channel) -> bool:
        """Every channel."""
        return channel in _LABELS

    async def send(self, message: Outgoing) -> Accepted:
        """Show the message."""
        if self._outbox is None:
            text = f"{message.subject}: {message.body}" if message.subject else message.body
            sys.stdout.write(f"{_LABELS[message.channel]} to {message.to}: {text}\n")
            sys.stdout.flush()
        else:
            await asyncio.to_thread(_append, self._outbox, self._line(message))
        return Accepted(external_id=f"console-{message.notification_id}")

    async def find(self, question: Question, known: Collection[str]) -> None:
        """None: what was shown is not kept in a list."""

    def _line(self, message: Outgoing) -> str:
        shown = {
            "at": self._clock.now().isoformat(),
            "notification_id": str(message.notification_id),
            "channel": message.channel.value,
            "to": message.to,
            "language": message.language,
            "subject": message.subject,
            "text": message.body,
        }
        return json.dumps(shown, ensure_ascii=False)


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as outbox:
        outbox.write(line + "\n")
