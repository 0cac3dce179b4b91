"""Develops pictures, each in a process of its own."""

import asyncio
import json
import sys

from kursi_chassis.errors import Invalid, RetryLater, Violation
from kursi_chassis.logging import get_logger

from kursi_catalog.adapters.photo_child import MODULE
from kursi_catalog.domain.photo import MOST_PIXELS, Developed

_AT_ONCE = 2
"""Pictures of 40 megapixels need some 300 MB each while they are read."""
_SECONDS = 25.0

log = get_logger()


class PhotoStudio:
    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def develop(self, content: bytes) -> Developed:
        """Raises: Invalid (`image`) for what is no photo that can be taken; RetryLater when there is no time for it."""
        async with self._places:
            status, answer = await _answer_of(content)
        if status != 0:
            # It used more memory or time than any honest picture needs, or broke its decoder.
            log.warning("photo_not_developed", status=status, bytes=len(content))
            raise Invalid(Violation("image", "NOT_A_PHOTO"))
        line, _, rest = answer.partition(b"\n")
        told = json.loads(line)
        if "refused" in told:
            raise Invalid(Violation("image", told["refused"], {"max": MOST_PIXELS // 1_000_000}))
        pictures, begin = {}, 0
        for size, length in told["lengths"].items():
            pictures[size] = rest[begin : begin + length]
            begin += length
        return Developed(told["width"], told["height"], pictures)


async def _answer_of(content: bytes) -> tuple[int | None, bytes]:
    """The child's status and answer. However this ends, the child has ended too."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", MODULE, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env={}
    )
    try:
        async with asyncio.timeout(_SECONDS):
            answer, _ = await child.communicate(content)
    except TimeoutError as error:
        raise RetryLater from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode, answer
