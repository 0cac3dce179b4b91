"""How the server starts, refuses work that it cannot do, and stops."""

import asyncio
import time
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kursi_chassis.grpc.access import ContractError
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import bearer, refused, rpc_settings, serving

PARLOUR = "chassis.test.v1.Parlour"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class Anything:
    async def Open(self, request, context):  # noqa: N802
        return request


@pytest.mark.parametrize(
    ("service", "complaint"),
    [
        ("Undeclared", "chassis.test.v1.Undeclared.Open does not declare who may call it"),
        ("Homeless", "chassis.test.v1.Homeless.Open has no request field 'salon.id'"),
        ("Keyless", "chassis.test.v1.Keyless.Open is idempotent but"),
        ("Nameless", "chassis.test.v1.Nameless.Open must declare media types"),
        ("Parlour", "chassis.test.v1.Parlour.Whoami is not implemented by Anything"),
    ],
)
def test_a_contract_with_a_gap_stops_the_start(contract, mint, service, complaint):
    with pytest.raises(ContractError, match=complaint.replace(".", r"\.")):
        GrpcServer(rpc_settings(), [(Anything(), f"chassis.test.v1.{service}")], mint.verifier())


def test_a_method_inherited_from_the_generated_class_is_not_implemented(contract, mint):
    with pytest.raises(ContractError, match="is not implemented by ParlourServicer"):
        GrpcServer(rpc_settings(), [(contract.stubs.ParlourServicer(), PARLOUR)], mint.verifier())


async def test_a_second_server_on_the_port_fails(parlour, mint):
    first = GrpcServer(rpc_settings(), [(parlour, PARLOUR)], mint.verifier())
    port = await first.start()
    second = GrpcServer(rpc_settings(grpc_address=f"127.0.0.1:{port}"), [(parlour, PARLOUR)], mint.verifier())
    with pytest.raises(RuntimeError):
        await second.start()
    await first.stop()


async def test_calls_beyond_the_limit_are_refused_at_once_and_the_others_finish(contract, parlour, mint):
    door = asyncio.Event()
    parlour.on_open = door.wait
    async with serving([(parlour, PARLOUR)], mint, settings=rpc_settings(grpc_max_concurrent=3)) as channel:
        stub = contract.stubs.ParlourStub(channel)
        calls = [asyncio.ensure_future(stub.Open(contract.pb2.EchoRequest(text=str(n)))) for n in range(10)]
        await eventually(lambda: sum(call.done() for call in calls) == 7)
        answers = [refused(call.exception()) for call in calls if call.done()]
        waiting = [call for call in calls if not call.done()]
        door.set()
        served = await asyncio.gather(*waiting)
    assert len(served) == 3
    assert {(a.code, a.reason, a.retry_after) for a in answers} == {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", timedelta(seconds=1))
    }


async def test_health_needs_no_token_and_follows_readiness(contract, parlour, mint):
    ready = True

    async def is_ready():
        return ready

    async with serving([(parlour, PARLOUR)], mint, is_ready=is_ready) as channel:
        stub = health_pb2_grpc.HealthStub(channel)

        async def state():
            return (await stub.Check(health_pb2.HealthCheckRequest(service=PARLOUR))).status

        assert await state() == SERVING
        ready = False

        async def is_down():
            return await state() == NOT_SERVING

        await eventually(is_down)


async def test_stopping_drains_first_and_lets_calls_finish_within_the_bound(contract, parlour, mint):
    door = asyncio.Event()
    parlour.on_open = door.wait
    settings = rpc_settings(drain_seconds=2, stop_seconds=60)
    server = GrpcServer(settings, [(parlour, PARLOUR)], mint.verifier())
    port = await server.start()
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{port}", options=[("grpc.enable_http_proxy", 0)]
    ) as channel:
        stub, health = contract.stubs.ParlourStub(channel), health_pb2_grpc.HealthStub(channel)
        call = asyncio.ensure_future(stub.Open(contract.pb2.EchoRequest(text="last")))
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == SERVING
        began = time.monotonic()
        stop = asyncio.create_task(server.stop())

        async def says_no():
            return (await health.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING

        await eventually(says_no)
        late = asyncio.ensure_future(stub.Open(contract.pb2.EchoRequest(text="during the drain")))
        door.set()
        assert [(await call).text, (await late).text] == ["last", "during the drain"]
        await stop
    assert 2 <= time.monotonic() - began < 2 + 60


@asynccontextmanager
async def about_to_stop(contract, parlour, mint):
    """A server that gives calls 0.3 s to finish, and a client of it."""
    server = GrpcServer(
        rpc_settings(drain_seconds=0.1, stop_seconds=0.3), [(parlour, PARLOUR)], mint.verifier()
    )
    address = f"127.0.0.1:{await server.start()}"
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        yield server, contract.stubs.ParlourStub(channel)
        await server.stop()


@pytest.fixture
def slow_machine(monkeypatch):
    """Calls that are cut off get their turn, however slow the machine is."""
    monkeypatch.setattr("kursi_chassis.grpc.server._LAST_WORDS_SECONDS", 60)


async def never(reached):
    reached.set()
    await asyncio.Event().wait()


@pytest.mark.usefixtures("slow_machine")
async def test_a_call_that_never_ends_is_told_to_be_tried_again_at_the_end_of_the_stop(
    contract, parlour, mint
):
    reached = asyncio.Event()
    parlour.on_open = lambda: never(reached)
    async with about_to_stop(contract, parlour, mint) as (server, stub):
        call = asyncio.ensure_future(stub.Open(contract.pb2.EchoRequest()))
        await reached.wait()
        began = time.monotonic()
        await server.stop()
        elapsed = time.monotonic() - began
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
    answer = refused(error.value)
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert answer.retry_after == timedelta(seconds=1)
    assert elapsed >= 0.4


@pytest.mark.usefixtures("slow_machine")
async def test_a_stream_is_told_to_be_opened_again_at_the_end_of_the_stop(contract, parlour, mint):
    async with about_to_stop(contract, parlour, mint) as (server, stub):
        call = stub.Count(contract.pb2.EchoRequest(count=1), metadata=bearer(mint.user()))
        await call.read()
        await server.stop()
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call.read()
    answer = refused(error.value)
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")


async def test_a_call_that_holds_on_to_its_work_does_not_hold_up_the_stop(contract, parlour, mint):
    reached = asyncio.Event()

    async def cling():
        with suppress(asyncio.CancelledError):
            await never(reached)
        await asyncio.Event().wait()

    parlour.on_open = cling
    async with about_to_stop(contract, parlour, mint) as (server, stub):
        call = asyncio.ensure_future(stub.Open(contract.pb2.EchoRequest()))
        await reached.wait()
        await asyncio.wait_for(server.stop(), 60)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
