"""The other services, as a service reaches them: with a token of its own that identity issues, and over mutual TLS
where the settings ask for it.

    wiring = Wiring(settings, stack, clock)
    peers = await Peers.open(wiring)
    catalog = CatalogInternalServiceStub(await peers.channel("catalog", retry=READS))
    role = await wiring.serve(servicers, peers.signing_keys, database)

It stands beside the chassis, which knows nothing of what services say to each other.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC

import grpc
from kursi.identity.v1.identity_service_pb2 import GetJwksRequest, IssueServiceTokenRequest
from kursi.identity.v1.identity_service_pb2_grpc import IdentityInternalServiceStub, IdentityServiceStub
from kursi_chassis.grpc.client import connect
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.wiring import Wiring

_IDENTITY = "identity"
# Neither changes anything: a token that is issued twice is one that nobody uses.
_REPEATABLE = (
    "kursi.identity.v1.IdentityService/GetJwks",
    "kursi.identity.v1.IdentityInternalService/IssueServiceToken",
)


class Peers:
    """The other services of the platform; its channels are open as long as the wiring's stack.

    `identity` carries no token: it is where the token comes from.
    """

    def __init__(self, wiring: Wiring, identity: grpc.aio.Channel) -> None:
        self._wiring = wiring
        self._keys = IdentityServiceStub(identity)
        self._issuer = IdentityInternalServiceStub(identity)
        self._tokens = ServiceTokens(self._own_token, wiring.clock)

    @classmethod
    async def open(cls, wiring: Wiring) -> "Peers":
        """Without waiting for anybody to answer. Raises: ValueError when the settings do not say where identity is."""
        peers = cls(wiring, await _connect(wiring, _IDENTITY, tokens=None, retry=_REPEATABLE))
        wiring.stack.push_async_callback(
            _end, asyncio.create_task(peers._tokens.keep_fresh(), name="own token")
        )
        return peers

    async def channel(self, service: str, retry: Sequence[str] = ()) -> grpc.aio.Channel:
        """Calls as this service; `retry` as in `kursi_chassis.grpc.client.connect`.

        Raises: ValueError when the settings do not say where the service is.
        """
        return await _connect(self._wiring, service, tokens=self._tokens, retry=retry)

    async def signing_keys(self) -> bytes:
        """The JSON web key set that tokens are verified with."""
        return bytes((await self._keys.GetJwks(GetJwksRequest())).data)

    async def _own_token(self) -> IssuedToken:
        settings = self._wiring.settings
        request = IssueServiceTokenRequest(
            client_id=settings.service, client_secret=settings.client_secret.get_secret_value()
        )
        issued = await self._issuer.IssueServiceToken(request)
        return IssuedToken(issued.access_token, issued.expires_at.ToDatetime(UTC))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _connect(
    wiring: Wiring, service: str, *, tokens: ServiceTokens | None, retry: Sequence[str]
) -> grpc.aio.Channel:
    return await wiring.stack.enter_async_context(
        connect(
            wiring.address(service),
            dependency=service,
            tokens=tokens,
            retry=retry,
            tls=TlsFiles.from_settings(wiring.settings),
        )
    )
