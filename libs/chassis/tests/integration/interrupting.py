"""Interrupts a coroutine exactly where it waits for the nth time, whatever the machine's speed."""

import asyncio
from collections.abc import Collection, Coroutine


class Interrupted:
    """Runs `work` in the task that awaits this, which is cancelled in the turn after each of the `waits`, counted from 0."""

    def __init__(self, work: Coroutine, waits: Collection[int]) -> None:
        self._work = work
        self._waits = waits

    def __await__(self):
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        go_on, given, wait = self._work.send, None, 0
        while True:
            try:
                future = go_on(given)
            except StopIteration as end:
                return end.value
            if wait in self._waits:
                loop.call_soon(task.cancel)
            wait += 1
            if future is not None:
                future._asyncio_future_blocking = True  # as the one who asked for it had said
            try:
                go_on, given = self._work.send, (yield future)
            except BaseException as error:  # noqa: BLE001 -- the work decides about it
                go_on, given = self._work.throw, error
