"""The provider of laptops and tests: shows codes to whoever runs the platform.

This is the one place that is meant to show a code and a whole number; it never goes through the log.
"""

import asyncio
import json
import sys
from pathlib import Path

from kursi_chassis.clock import Clock

from kursi_identity.adapters.wording import Wording
from kursi_identity.domain.otp import Channel
from kursi_identity.ports import CodeMessage, Delivery

_LABELS = {Channel.SMS: "SMS", Channel.WHATSAPP: "WhatsApp", Channel.EMAIL: "e-mail"}


class ConsoleProvider:
    """Appends each message to `outbox` as a line of JSON; without one it prints a line."""

    name = "console"

    def __init__(self, wording: Wording, clock: Clock, outbox: Path | None) -> None:
        self._wording = wording
        self._clock = clock
        self._outbox = outbox

    async def deliver(self, message: CodeMessage) -> Delivery:
        """Show the message."""
        text = self._wording.text(message)
        if self._outbox is None:
            sys.stdout.write(f"OTP {_LABELS[message.channel]} to {message.destination}: {text}\n")
            sys.stdout.flush()
            return Delivery.ACCEPTED
        line = json.dumps(
            {
                "at": self._clock.now().isoformat(),
                "channel": message.channel.value,
                "to": message.destination,
                "code": message.code,
                "text": text,
            },
            ensure_ascii=False,
        )
        await asyncio.to_thread(_append, self._outbox, line)
        return Delivery.ACCEPTED


def _append(path: Path, line: str) -> None:
    with path.open("a", encoding="utf-8") as outbox:
        outbox.write(line + "\n")
