"""A process that reads one calendar and ends: `python -m kursi_booking.adapters.calendar_child`.

It gets a line of JSON and then the calendar on its input, and answers with a line of JSON. It has no secrets, opens
nothing, and may use so much memory and processor time and no more, so that no calendar can hurt the service.
"""

import json
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final
from zoneinfo import ZoneInfo

from kursi_booking.adapters.calendar_reading import read_busy
from kursi_booking.domain.external_calendar import CalendarUnreadable

MODULE: Final = "kursi_booking.adapters.calendar_child"
_MEMORY: Final = 1024 * 1024 * 1024
_PROCESSOR_SECONDS: Final = 10
"""A rule that never matches is walked to the end of all years in one step: only the clock of the processor bounds that."""


@contextmanager
def limited(processor_seconds: float) -> Iterator[None]:
    """The block raises CalendarUnreadable (TOO_COMPLEX) once it has taken so much processor time."""
    before = signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, processor_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _too_long(_signal: int, _frame: FrameType | None) -> None:
    raise CalendarUnreadable("TOO_COMPLEX")


def main() -> None:
    """Read, answer, end."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (2 * _PROCESSOR_SECONDS, 2 * _PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.loads(sys.stdin.buffer.readline())
    start, end = asked["within"]
    content = sys.stdin.buffer.read()
    try:
        with limited(_PROCESSOR_SECONDS):
            times = read_busy(content, zone=ZoneInfo(asked["zone"]), within=(start, end), host=asked["host"])
    except CalendarUnreadable as error:
        answer: dict[str, object] = {"why": error.why}
    else:
        own = {str(booking_id): spans for booking_id, spans in times.own.items()}
        answer = {"busy": times.busy, "own": own, "skipped": times.skipped}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
