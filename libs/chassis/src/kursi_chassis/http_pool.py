"""The connections to foreign HTTP services: the library's, except that requests that are cancelled take none from others."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import httpcore
import httpx

_IDLE_SECONDS = 3.0
"""How long a connection waits for its next request. Many servers hang up after five seconds (Apache, Node, uvicorn): a request
that leaves at that moment gets no answer, and nobody knows what became of it.
"""


class Pool(httpcore.AsyncConnectionPool):
    """The library's pool, except that it takes back connections whose request was cancelled before it used them.

    Nobody would ever use or close those, and each keeps one of the places. While a provider stands still and more wait than
    there are connections, whoever gives up makes room for others who give up at the same moment: after a few rounds there
    was no place left, for good.
    """

    def _assign_requests_to_connections(self) -> list[httpcore.AsyncConnectionInterface]:
        owned = {id(request.connection) for request in self._requests}
        left = [one for one in self._connections if id(one) not in owned and not one.is_idle()]
        for connection in left:
            self._connections.remove(connection)
        return [*left, *super()._assign_requests_to_connections()]


class _Answer(httpx.AsyncByteStream):
    """The body of an answer. It is closed, and its connection free again, also where the caller is cancelled meanwhile."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.__aiter__()

    async def aclose(self) -> None:
        await asyncio.shield(self._body.aclose())


class PooledTransport(httpx.AsyncHTTPTransport):
    """The library's transport over such a pool."""

    def __init__(self, most_connections: int = 100, kept_connections: int = 20) -> None:
        context = ssl.create_default_context()
        super().__init__(verify=context)
        self._pool = Pool(
            ssl_context=context,
            max_connections=most_connections,
            max_keepalive_connections=kept_connections,
            keepalive_expiry=_IDLE_SECONDS,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; whoever gets the answer closes it."""
        answer = await super().handle_async_request(request)
        if isinstance(answer.stream, httpx.AsyncByteStream):
            answer.stream = _Answer(answer.stream)
        return answer
