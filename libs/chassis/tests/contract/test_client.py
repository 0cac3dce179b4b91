"""Calls from one service to another."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from kursi_chassis.caller import Caller, acting_as
from kursi_chassis.errors import Conflict, DeadlineExceeded, Exhausted
from kursi_chassis.grpc.call import set_deadline
from kursi_chassis.grpc.client import DependencyUnavailable, connect
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.service_tokens import IssuedToken, ServiceTokens
from kursi_chassis.grpc.status import RemoteError, code_of, refusal
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import rpc_settings
from kursi_chassis.testing.servers import free_port

PARLOUR = "chassis.test.v1.Parlour"


class ChairTaken(Conflict):
    reason = "CHAIR_TAKEN"
    en = "The chair {chair} is taken."
    ar = "الكرسي {chair} محجوز."


@pytest.fixture
def tokens(mint, fixed_clock):
    async def issue():
        return IssuedToken(mint.service("booking"), fixed_clock.now() + timedelta(minutes=10))

    return ServiceTokens(issue, fixed_clock)


@pytest.fixture
async def address(parlour, mint):
    server = GrpcServer(rpc_settings(), [(parlour, PARLOUR)], mint.verifier())
    yield f"127.0.0.1:{await server.start()}"
    await server.stop()


async def test_a_call_carries_the_service_and_the_user_it_acts_for(address, contract, tokens, mint):
    user = new_id()
    caller = Caller(
        "user",
        user_id=user,
        language="ar",
        request_id="r-5",
        address="203.0.113.9",
        user_token=mint.user(user),
    )
    async with connect(address, dependency="parlour", tokens=tokens) as channel:
        with acting_as(caller):
            answer = await contract.stubs.ParlourStub(channel).Whoami(contract.pb2.EchoRequest())
    assert (answer.caller, answer.service) == (f"user:{user}", "booking")
    assert (answer.language, answer.request_id, answer.address) == ("ar", "r-5", "203.0.113.9")


async def test_without_a_user_the_service_calls_as_itself(address, contract, tokens):
    async with connect(address, dependency="parlour", tokens=tokens) as channel:
        assert (
            await contract.stubs.ParlourStub(channel).Lookup(contract.pb2.EchoRequest())
        ).caller == "service:booking"


async def test_a_call_takes_no_longer_than_its_caller_waits(address, contract, tokens):
    async with connect(address, dependency="parlour", tokens=tokens, default_deadline_seconds=60) as channel:
        stub = contract.stubs.ParlourStub(channel)
        set_deadline(asyncio.get_running_loop().time() + 30)
        within = await stub.Open(contract.pb2.EchoRequest())
        set_deadline(asyncio.get_running_loop().time() - 1)
        with pytest.raises(DeadlineExceeded):
            await stub.Open(contract.pb2.EchoRequest())
        set_deadline(None)
        alone = await stub.Open(contract.pb2.EchoRequest())
    assert 0 < within.remaining < 30.1  # gRPC counts in its own clock
    assert 30.1 < alone.remaining < 60.1


async def test_the_other_services_reason_leaves_unchanged(address, contract, tokens, parlour):
    async def act():
        raise ChairTaken(chair=3)

    parlour.on_open = act
    async with connect(address, dependency="parlour", tokens=tokens) as channel:
        with acting_as(Caller("anonymous", language="ar")), pytest.raises(RemoteError) as error:
            await contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest())
    assert (code_of(error.value), error.value.reason) == (grpc.StatusCode.ABORTED, "CHAIR_TAKEN")
    assert error.value.text("ar") == "الكرسي 3 محجوز."
    assert b"service.kursi" in refusal(error.value, language="ar", domain="booking.kursi").details


async def test_the_other_services_delay_leaves_unchanged(address, contract, tokens, parlour):
    async def act():
        raise Exhausted(timedelta(seconds=7))

    parlour.on_open = act
    async with connect(address, dependency="parlour", tokens=tokens) as channel:
        with pytest.raises(RemoteError) as error:
            await contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest())
    assert error.value.retry_after == timedelta(seconds=7)


async def test_the_other_services_mistake_is_not_passed_off_as_an_answer(address, contract, tokens, parlour):
    async def act():
        raise RuntimeError

    parlour.on_open = act
    async with connect(address, dependency="parlour", tokens=tokens) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest())


async def test_a_service_that_is_not_there_is_named(contract, tokens):
    async with connect(f"127.0.0.1:{free_port()}", dependency="parlour", tokens=tokens) as channel:
        with pytest.raises(DependencyUnavailable) as error:
            await contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest())
    assert error.value.metadata == {"dependency": "parlour"}


async def test_calls_are_spread_over_replicas_and_survive_the_end_of_one(contract, tokens, mint, parlour):
    other = type(parlour)(contract.pb2)
    servers = [GrpcServer(rpc_settings(), [(each, PARLOUR)], mint.verifier()) for each in (parlour, other)]
    addresses = ",".join([f"127.0.0.1:{await server.start()}" for server in servers])
    async with connect(addresses, dependency="parlour", tokens=tokens, retry=[f"{PARLOUR}/Open"]) as channel:
        stub = contract.stubs.ParlourStub(channel)
        await channel.channel_ready()
        async with asyncio.timeout(30):
            while not (parlour.seen and other.seen):
                await stub.Open(contract.pb2.EchoRequest())
        await servers[0].stop()
        for _ in range(10):
            await stub.Open(contract.pb2.EchoRequest())
    await servers[1].stop()


@pytest.mark.parametrize(("retry", "attempts"), [([f"{PARLOUR}/Open"], 3), ([], 1)])
async def test_only_methods_that_may_be_repeated_are(address, contract, tokens, parlour, retry, attempts):
    tried = 0

    async def fail():
        nonlocal tried
        tried += 1
        raise DependencyUnavailable(dependency="database")

    parlour.on_open = fail
    async with connect(address, dependency="parlour", tokens=tokens, retry=retry) as channel:
        with pytest.raises(DependencyUnavailable):
            await contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest())
    assert tried == attempts
