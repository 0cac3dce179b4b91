"""A service calls another one: as itself, with a token that identity issued for its secret."""

from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import grpc
import pytest
from google.api import httpbody_pb2
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1 import identity_service_pb2_grpc as pb2_grpc
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.settings import ServiceSettings
from kursi_chassis.testing.rpc import rpc_settings
from kursi_chassis.wiring import Wiring
from kursi_peers import Peers


class Identity(pb2_grpc.IdentityServiceServicer, pb2_grpc.IdentityInternalServiceServicer):
    """Speaks identity's contract and remembers what it heard."""

    def __init__(self, clock):
        self.clock = clock
        self.asked_for = []
        self.authorizations = []

    async def GetJwks(self, request, context):  # noqa: N802 -- spelled by the contract
        return httpbody_pb2.HttpBody(content_type="application/json", data=b'{"keys": []}')

    async def IssueServiceToken(self, request, context):  # noqa: N802 -- spelled by the contract
        self.asked_for.append((request.client_id, request.client_secret))
        expires_at = timestamp(self.clock.now() + timedelta(minutes=10))
        return pb2.ServiceToken(access_token=f"token {len(self.asked_for)}", expires_at=expires_at)

    async def GetUser(self, request, context):  # noqa: N802 -- spelled by the contract
        self.authorizations.append(dict(context.invocation_metadata())["authorization"])
        return identity_pb2.User(id=request.user_id)


class Catalog(ServiceSettings):
    service = "catalog"


@asynccontextmanager
async def listening(identity):
    server = grpc.aio.server()
    pb2_grpc.add_IdentityServiceServicer_to_server(identity, server)
    pb2_grpc.add_IdentityInternalServiceServicer_to_server(identity, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@pytest.fixture
def settings():
    usual = rpc_settings().model_dump()

    def make(address):
        return Catalog(**{**usual, "identity_address": address})

    return make


async def test_a_call_carries_a_token_that_was_issued_once_for_the_services_secret(settings, fixed_clock):
    identity = Identity(fixed_clock)
    async with listening(identity) as address, AsyncExitStack() as stack:
        peers = await Peers.open(Wiring(settings(address), stack, fixed_clock))
        users = pb2_grpc.IdentityInternalServiceStub(await peers.channel("identity"))
        for _ in range(2):
            await users.GetUser(pb2.GetUserRequest(user_id="u"))
    assert identity.asked_for == [("catalog", "a secret of the test")]
    assert identity.authorizations == ["Bearer token 1"] * 2


async def test_the_keys_are_those_that_identity_publishes(settings, fixed_clock):
    async with listening(Identity(fixed_clock)) as address, AsyncExitStack() as stack:
        peers = await Peers.open(Wiring(settings(address), stack, fixed_clock))
        assert await peers.signing_keys() == b'{"keys": []}'


async def test_a_service_that_the_settings_do_not_place_is_named_by_its_variable(settings, fixed_clock):
    async with AsyncExitStack() as stack:
        peers = await Peers.open(Wiring(settings("127.0.0.1:1"), stack, fixed_clock))
        with pytest.raises(ValueError, match="KURSI_CATALOG_BOOKING_ADDRESS"):
            await peers.channel("booking")
