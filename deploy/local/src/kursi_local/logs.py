"""The log files of the children: kept small, and their ends quoted when something went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

_LARGEST_BYTES = 10 * 1024 * 1024
_GENERATIONS = 3
_LOOK_SECONDS = 5
_QUOTED_BYTES = 4096


async def keep_small(folder: Path) -> None:
    """Rotate what grew too large, every few seconds, until cancelled."""
    while True:
        _rotate_all(folder)
        await asyncio.sleep(_LOOK_SECONDS)


def _rotate_all(folder: Path) -> None:
    for log in folder.glob("*.log"):
        with contextlib.suppress(OSError):  # a full disk, most likely; the next look tries again
            rotate(log, _LARGEST_BYTES)


def rotate(log: Path, largest_bytes: int) -> None:
    """Move the content of a log that is too large to ``NAME.log.1`` and so on, oldest dropped.

    The writers keep the file open for appending, so it is copied and emptied instead of renamed. What is
    written between the two is lost: a few lines at most, at the price of no pipe that dies with us.
    """
    if log.stat().st_size <= largest_bytes:
        return
    copy = log.with_name(f"{log.name}.new")
    try:
        shutil.copyfile(log, copy)
    except OSError:
        copy.unlink(missing_ok=True)
        raise
    for generation in range(_GENERATIONS - 1, 0, -1):
        older = log.with_name(f"{log.name}.{generation}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{generation + 1}"))
    copy.replace(log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def ending(log: Path, lines: int = 15) -> str:
    """The last lines of a log, or a note that there is none."""
    if not log.exists():
        return "(no log)"
    with log.open("rb") as handle:
        handle.seek(max(log.stat().st_size - _QUOTED_BYTES, 0))
        text = handle.read().decode(errors="replace")
    return "\n".join(text.splitlines()[-lines:]) or "(empty log)"
