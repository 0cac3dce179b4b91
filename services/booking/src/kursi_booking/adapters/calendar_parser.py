"""Reads calendars in processes of their own, which are ended when they take too long."""

import asyncio
import json
import os
import sys
from typing import Final
from uuid import UUID

from kursi_chassis.intervals import Interval
from kursi_chassis.logging import get_logger

from kursi_booking.adapters.calendar_child import MODULE
from kursi_booking.domain.external_calendar import BusyTimes, CalendarUnreadable

_LONGEST_SECONDS: Final = 20.0
"""Of the clock; of processor time the child takes ten. Five megabytes of plain events take five."""

log = get_logger()


class CalendarParser:
    """Reads calendars, two at a time: each may keep one processor busy."""

    def __init__(self, host: str, *, longest_seconds: float = _LONGEST_SECONDS) -> None:
        self._host = host
        self._longest_seconds = longest_seconds
        self._places = asyncio.Semaphore(2)

    async def __call__(self, content: bytes, *, time_zone: str, within: Interval) -> BusyTimes:
        """When the owner is busy in the range. Raises: CalendarUnreadable, TOO_COMPLEX also when it takes too long."""
        asked = json.dumps({"zone": time_zone, "within": within, "host": self._host}).encode() + b"\n"
        async with self._places:
            output = await self._run(asked + content)
        answer = json.loads(output)
        if "why" in answer:
            raise CalendarUnreadable(answer["why"])
        own = {UUID(booking_id): _intervals(spans) for booking_id, spans in answer["own"].items()}
        return BusyTimes(_intervals(answer["busy"]), own, answer["skipped"])

    async def _run(self, given: bytes) -> bytes:
        # Without the environment but for where the code is: the secrets of the service are none of its business.
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
        )
        try:
            async with asyncio.timeout(self._longest_seconds):
                output, _ = await child.communicate(given)
        except TimeoutError as error:
            raise CalendarUnreadable("TOO_COMPLEX") from error
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode != 0:
            # Out of memory or processor time; or a bug, of which the owner of the calendar hears the same way.
            log.warning("calendar_reader_died", code=child.returncode)
            raise CalendarUnreadable("TOO_COMPLEX")
        return output


def _intervals(spans: list[list[int]]) -> tuple[Interval, ...]:
    return tuple((start, end) for start, end in spans)
