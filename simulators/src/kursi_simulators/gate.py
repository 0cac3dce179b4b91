"""The door of an HTTP simulator: every provider request is written down here and may meet a fault."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kursi_simulators.faults import Fault, FaultKind, FaultQueue
from kursi_simulators.wire import iso, json_response, utc_now

SECRET_FIELDS = frozenset({"number", "cvc", "month", "year", "shared_secret"})


@dataclass(slots=True)
class Attempt:
    """One request as it arrived. `handle` is the caller's idempotency handle, `status` what it was told.

    `traceparent` is the header that the caller sent, if any.
    """

    at: str | None
    method: str
    path: str
    query: str
    body: object
    handle: str | None
    traceparent: str | None = None
    fault: FaultKind | None = None
    accepted_status: int | None = None
    status: int | None = None

    def to_json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(slots=True)
class Exchange:
    """A request that is being served, with its body already read so that it can be replayed."""

    app: ASGIApp
    scope: Scope
    body: bytes
    receive: Receive
    send: Send
    attempt: Attempt
    fault: Fault | None

    async def accept(self, send: Send) -> None:
        """Let the provider do its work; what it answers goes to `send`."""
        unread = [{"type": "http.request", "body": self.body, "more_body": False}]

        async def receive() -> Message:
            return unread.pop() if unread else await self.receive()

        async def observe(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.attempt.accepted_status = message["status"]
            await send(message)

        await self.app(self.scope, receive, observe)

    async def accept_silently(self) -> None:
        await self.accept(_swallow)

    async def answer(self, response: Response) -> None:
        self.attempt.status = response.status_code
        await response(self.scope, self.receive, self.send)

    def reset(self) -> None:
        """Cut the connection with a TCP reset."""
        self.scope["state"]["reset_connection"]()


class FaultGate:
    """ASGI middleware in front of a provider's API. `/_control` passes untouched."""

    def __init__(self, app: ASGIApp, *, faults: FaultQueue, attempts: list[Attempt]) -> None:
        self._app = app
        self._faults = faults
        self._attempts = attempts
        self._closing = asyncio.Event()
        self._plays: Mapping[FaultKind, Callable[[Exchange, Fault], Awaitable[None]]] = {
            "timeout_before_accept": self._hang,
            "timeout_after_accept": self._accept_and_hang,
            "reset_before_accept": self._reset,
            "reset_after_accept": self._accept_and_reset,
            "status": self._refuse,
            "status_after_accept": self._accept_and_refuse,
            "garbage": self._accept_and_babble,
            "slow": self._dawdle,
        }

    def close(self) -> None:
        """Let go of the callers that hang in a time-out, so that the server can stop at once."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_control"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        attempt = _attempt(request, body)
        fault = self._faults.take(request.method, request.url.path, body.decode(errors="replace"))
        self._attempts.append(attempt)
        exchange = Exchange(self._app, scope, body, receive, send, attempt, fault)
        if fault is None:
            await self._serve(exchange)
            return
        attempt.fault = fault.kind
        await self._plays[fault.kind](exchange, fault)

    async def _serve(self, exchange: Exchange) -> None:
        await exchange.accept(exchange.send)
        exchange.attempt.status = exchange.attempt.accepted_status

    async def _hang(self, exchange: Exchange, _fault: Fault) -> None:
        """Never answer: wait until the caller gives up or the simulator stops."""
        closing = asyncio.ensure_future(self._closing.wait())
        gone = asyncio.ensure_future(_disconnected(exchange.receive))
        try:
            await asyncio.wait({closing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            closing.cancel()
            gone.cancel()
        exchange.reset()

    async def _accept_and_hang(self, exchange: Exchange, fault: Fault) -> None:
        await exchange.accept_silently()
        await self._hang(exchange, fault)

    async def _reset(self, exchange: Exchange, _fault: Fault) -> None:
        exchange.reset()

    async def _accept_and_reset(self, exchange: Exchange, _fault: Fault) -> None:
        await exchange.accept_silently()
        exchange.reset()

    async def _refuse(self, exchange: Exchange, fault: Fault) -> None:
        headers = {} if fault.retry_after is None else {"retry-after": fault.retry_after}
        if isinstance(fault.body, str):
            await exchange.answer(Response(fault.body, fault.code, headers, media_type="text/html"))
            return
        await exchange.answer(json_response(fault.body or {}, fault.code, headers))

    async def _accept_and_refuse(self, exchange: Exchange, fault: Fault) -> None:
        await exchange.accept_silently()
        await self._refuse(exchange, fault)

    async def _accept_and_babble(self, exchange: Exchange, _fault: Fault) -> None:
        await exchange.accept_silently()
        status = exchange.attempt.accepted_status or 200
        await exchange.answer(Response(b'{"id": "trunc', status, media_type="application/json"))

    async def _dawdle(self, exchange: Exchange, fault: Fault) -> None:
        await asyncio.sleep(fault.seconds)
        await self._serve(exchange)


async def _swallow(_message: Message) -> None:
    """Stands where the network would be when nobody shall hear the answer."""


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _attempt(request: Request, body: bytes) -> Attempt:
    parsed = _readable_body(request.headers.get("content-type", ""), body)
    handle = parsed.get("given_id") if isinstance(parsed, dict) else None
    return Attempt(
        at=iso(utc_now()),
        method=request.method,
        path=request.url.path,
        query=request.url.query,
        body=parsed,
        handle=None if handle is None else str(handle),
        traceparent=request.headers.get("traceparent"),
    )


def _readable_body(content_type: str, body: bytes) -> object:
    """The body as the books show it: parsed, and without card data or secrets."""
    text = body.decode(errors="replace")
    if content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(text, keep_blank_values=True))
    try:
        return _redacted(json.loads(text)) if text else None
    except ValueError:
        return text


def _redacted(value: object) -> object:
    if isinstance(value, dict):
        return {k: "[redacted]" if k in SECRET_FIELDS else _redacted(v) for k, v in value.items()}
    return value
