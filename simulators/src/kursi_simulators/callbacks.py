"""Callbacks to the platform: delivered, retried, and on demand held, doubled, reordered, lost or late."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import httpx

from kursi_simulators.wire import BadOrder, JsonObject

Outcome = Literal["pending", "held", "dropped", "delivered", "given_up"]


@dataclass(slots=True)
class Callback:
    """One notice and every answer it met: an HTTP status, or the name of the network failure."""

    id: str
    about: str
    kind: str
    url: str
    headers: dict[str, str]
    body: bytes
    outcome: Outcome = "pending"
    answers: list[int | str] = field(default_factory=list)
    tried_once: asyncio.Event = field(default_factory=asyncio.Event)

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "about": self.about,
            "kind": self.kind,
            "url": self.url,
            "outcome": self.outcome,
            "answers": list(self.answers),
        }


class CallbackSender:
    """Sends callbacks in order per `about` until a test asks otherwise.

    A callback waits for the first attempt of the one before it about the same payment or message, not for
    its retries: that is how a provider's retries overtake each other.
    """

    def __init__(self, *, retry_waits: Sequence[float], timeout: float) -> None:
        self.sent: list[Callback] = []
        self._retry_waits = retry_waits
        self._timeout = timeout
        self._tasks: asyncio.TaskGroup | None = None
        self._client: httpx.AsyncClient | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._calm_down()

    def _calm_down(self) -> None:
        self._held: list[Callback] = []
        self._last_about: dict[str, Callback] = {}
        self._paused = False
        self._order: Literal["as_sent", "reversed"] | Random = "as_sent"
        self._copies = 1
        self._drops: float = 0
        self._delay = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Own the deliveries until `stopping` is set; then abandon those under way."""
        # A request that gives up waiting for one of a limited number of connections can take it along, for good
        # (encode/httpcore#1093): after a gateway stood still for a while, no callback left any more.
        unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        client = httpx.AsyncClient(timeout=self._timeout, trust_env=False, limits=unlimited)
        async with client, asyncio.TaskGroup() as tasks:
            self._client, self._tasks = client, tasks
            await stopping.wait()
            self.reset()

    def reset(self) -> None:
        for task in list(self._running):
            task.cancel()
        self.sent.clear()
        self._calm_down()

    def post(self, callback: Callback) -> None:
        """Take a callback for delivery; returns at once."""
        self.sent.append(callback)
        if self._drops > 0:
            self._drops -= 1
            callback.outcome = "dropped"
            return
        if self._paused:
            callback.outcome = "held"
            self._held.append(callback)
            return
        self._start(callback, after=self._last_about.get(callback.about))
        self._last_about[callback.about] = callback

    def order(self, request: JsonObject) -> None:
        """Carry out a control request `{"action": …, "n"?: int, "seconds"?: number, "seed"?: int}`.

        Raises:
            BadOrder: for an unknown action or an argument of the wrong type.
        """
        n, seconds, seed = request.get("n"), request.get("seconds", 0), request.get("seed")
        if not isinstance(n, int | None) or not isinstance(seed, int | None):
            raise BadOrder("n and seed must be integers")
        if not isinstance(seconds, int | float):
            raise BadOrder("seconds must be a number")
        actions: dict[object, Callable[[], None]] = {
            "pause": self.pause,
            "release": self.release,
            "reorder": lambda: self.reorder(seed),
            "duplicate": lambda: self.duplicate(2 if n is None else n),
            "drop": lambda: self.drop(n),
            "delay": lambda: self.delay(seconds),
        }
        action = request.get("action")
        if action not in actions:
            raise BadOrder(f"action must be one of {', '.join(map(str, actions))}")
        actions[action]()

    def pause(self) -> None:
        """Hold every callback from now on."""
        self._paused = True

    def reorder(self, seed: int | None = None) -> None:
        """Make the next release go backwards, or shuffled by the seed."""
        self._order = "reversed" if seed is None else Random(seed)

    def duplicate(self, copies: int) -> None:
        """Send every callback so many times at once from now on."""
        self._copies = max(1, copies)

    def drop(self, count: int | None = None) -> None:
        """Lose the next `count` callbacks, or all of them from now on."""
        self._drops = float("inf") if count is None else count

    def delay(self, seconds: float) -> None:
        """Send every callback so much later from now on."""
        self._delay = seconds

    def release(self) -> None:
        """Send what was held, one after the other, in the order that `reorder` chose (once)."""
        held, self._held, self._paused = self._held, [], False
        if self._order == "reversed":
            held.reverse()
        elif isinstance(self._order, Random):
            self._order.shuffle(held)
        self._order = "as_sent"
        before: Callback | None = None
        for callback in held:
            self._start(callback, after=before)
            self._last_about[callback.about] = before = callback

    def background(self, work: Coroutine[None, None, None]) -> None:
        """Run provider work that leads to callbacks; a reset ends it together with the deliveries."""
        if self._tasks is None:
            raise RuntimeError("the simulator is not running")
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _start(self, callback: Callback, *, after: Callback | None) -> None:
        callback.outcome = "pending"
        self.background(self._deliver(callback, after))

    async def _deliver(self, callback: Callback, after: Callback | None) -> None:
        if after is not None:
            await after.tried_once.wait()
        await asyncio.sleep(self._delay)
        copies = await asyncio.gather(*(self._attempt(callback) for _ in range(self._copies)))
        callback.tried_once.set()
        taken = all(copies)
        for wait in self._retry_waits:
            if taken:
                break
            await asyncio.sleep(wait)
            taken = await self._attempt(callback)
        callback.outcome = "delivered" if taken else "given_up"

    async def _attempt(self, callback: Callback) -> bool:
        if self._client is None:
            raise RuntimeError("the simulator is not running")
        try:
            response = await self._client.post(callback.url, content=callback.body, headers=callback.headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            callback.answers.append(type(error).__name__)
            return False
        callback.answers.append(response.status_code)
        return response.is_success
