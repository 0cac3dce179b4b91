"""What a client sees of an error, and what it does not."""

import asyncio
import json
from datetime import timedelta

import grpc
import psycopg
import psycopg_pool
import pytest
from kursi_chassis.errors import Conflict, Exhausted, FailedPrecondition, Invalid, NotFound, Violation
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.logs import logged
from kursi_chassis.testing.rpc import bearer, refused, rpc_settings, serving

PARLOUR = "chassis.test.v1.Parlour"


class ChairTaken(Conflict):
    reason = "CHAIR_TAKEN"
    en = "The chair {chair} is taken."
    ar = "الكرسي {chair} محجوز."


def raising(error):
    async def act():
        raise error

    return act


async def refusal_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


async def test_a_domain_error_arrives_with_reason_domain_metadata_and_text(stub, contract, parlour):
    parlour.on_open = raising(ChairTaken(chair=3, salon_id="s1"))
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest()))
    assert answer.code is grpc.StatusCode.ABORTED
    assert (answer.reason, answer.domain) == ("CHAIR_TAKEN", "service.kursi")
    assert answer.metadata == {"chair": "3", "salonId": "s1"}
    assert answer.text == "The chair 3 is taken."


@pytest.mark.parametrize("header", ["ar", "ar-SA,en;q=0.5", "fr, en;q=0.2, ar;q=0.9"])
async def test_the_text_is_in_the_language_that_the_client_prefers(stub, contract, parlour, header):
    parlour.on_open = raising(ChairTaken(chair=3))
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest(), metadata=(("accept-language", header),)))
    assert answer.text == "الكرسي 3 محجوز."


async def test_the_token_says_the_language_when_the_client_does_not(stub, contract, mint):
    answer = await stub.Open(contract.pb2.EchoRequest(), metadata=bearer(mint.user(locale="ar-SA")))
    assert answer.language == "ar"


async def test_every_violation_arrives_with_its_path_reason_and_text(stub, contract, parlour):
    parlour.on_open = raising(
        Invalid(Violation("items[0].service_id", "NOT_AN_ID"), Violation("note", "TOO_LONG", {"max": 5}))
    )
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest()))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.violations == {"items[0].serviceId": "NOT_AN_ID", "note": "TOO_LONG"}


async def test_a_thousand_violations_still_fit_into_an_answer(stub, contract, parlour):
    parlour.on_open = raising(
        Invalid(*(Violation(f"items[{n}].service_id", "NOT_AN_ID") for n in range(1_000)))
    )
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest(), metadata=(("accept-language", "ar"),)))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    assert answer.violations["items[0].serviceId"] == "NOT_AN_ID"


async def test_a_violation_that_quotes_a_whole_book_still_arrives(stub, contract, parlour):
    parlour.on_open = raising(Invalid(Violation("update_mask", "UNKNOWN_FIELD", {"path": "a" * 5_000})))
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest()))
    assert answer.violations == {"updateMask": "UNKNOWN_FIELD"}


async def test_a_limit_says_when_to_come_back(stub, contract, parlour):
    parlour.on_open = raising(Exhausted(timedelta(seconds=42)))
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest()))
    assert (answer.code, answer.retry_after) == (grpc.StatusCode.RESOURCE_EXHAUSTED, timedelta(seconds=42))


@pytest.mark.parametrize(
    ("error", "code"),
    [(NotFound(), grpc.StatusCode.NOT_FOUND), (FailedPrecondition(), grpc.StatusCode.FAILED_PRECONDITION)],
)
async def test_the_base_class_decides_the_code(stub, contract, parlour, error, code):
    parlour.on_open = raising(error)
    assert (await refusal_of(stub.Open(contract.pb2.EchoRequest()))).code is code


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (psycopg.OperationalError("connection to 10.0.0.1 failed"), "DATABASE_UNAVAILABLE"),
        (psycopg_pool.PoolTimeout("no connection"), "DATABASE_UNAVAILABLE"),
        (psycopg.errors.LockNotAvailable("lock"), "RETRY_LATER"),
        (psycopg.errors.DeadlockDetected("deadlock"), "RETRY_LATER"),
        (psycopg.errors.SerializationFailure("serialization"), "RETRY_LATER"),
    ],
)
async def test_a_database_that_cannot_now_is_unavailable_with_a_delay(stub, contract, parlour, error, reason):
    parlour.on_open = raising(error)
    answer = await refusal_of(stub.Open(contract.pb2.EchoRequest()))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAVAILABLE, reason)
    assert answer.retry_after == timedelta(seconds=1)


@pytest.mark.parametrize(
    "error", [RuntimeError("password=hunter2"), KeyError("+966512345678"), TimeoutError("inner")]
)
async def test_an_unexpected_error_shows_its_request_id_and_nothing_else(stub, contract, parlour, error):
    parlour.on_open = raising(error)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.Open(contract.pb2.EchoRequest(), metadata=(("x-request-id", "r-1"),))
    answer = refused(raised.value)
    assert (answer.code, answer.reason, answer.metadata) == (
        grpc.StatusCode.INTERNAL,
        "INTERNAL",
        {"requestId": "r-1"},
    )
    seen = f"{raised.value.details()} {raised.value.trailing_metadata()}"
    assert str(error.args[0]) not in seen
    assert type(error).__name__ not in seen


@pytest.fixture
def log():
    """Everything that is logged during the test, as the JSON lines that it becomes."""
    with logged() as output:
        yield output


async def test_an_unexpected_error_is_logged_once_with_a_redacted_traceback(stub, contract, parlour, log):
    parlour.on_open = raising(RuntimeError("could not reach +966512345678"))
    await refusal_of(stub.Open(contract.pb2.EchoRequest(), metadata=(("x-request-id", "r-2"),)))
    failures = [
        line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "rpc_failed"
    ]
    assert len(failures) == 1
    assert failures[0]["request_id"] == "r-2"
    assert "RuntimeError: could not reach [redacted]" in failures[0]["exception"]
    assert "512345678" not in log.getvalue()


async def test_a_call_without_a_deadline_is_ended_by_the_servers(contract, parlour, mint):
    parlour.on_open = lambda: asyncio.Event().wait()
    settings = rpc_settings(default_deadline_seconds=0.05)
    async with serving([(parlour, PARLOUR)], mint, settings=settings) as channel:
        answer = await refusal_of(contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest()))
    assert (answer.code, answer.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


async def test_a_clients_deadline_cancels_the_work(stub, contract, parlour):
    cancelled = asyncio.Event()

    async def wait_forever():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    parlour.on_open = wait_forever

    async def ask() -> bool:
        """On a busy machine the deadline may pass before the call has arrived; then it is made again."""
        answer = await refusal_of(stub.Open(contract.pb2.EchoRequest(), timeout=0.1))
        assert answer.code is grpc.StatusCode.DEADLINE_EXCEEDED
        return cancelled.is_set()

    await eventually(ask)


async def test_an_error_in_a_stream_has_the_same_shape(stub, contract):
    async def read():
        async for _ in stub.Count(contract.pb2.EchoRequest(count=1)):
            pass

    answer = await refusal_of(read())
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_a_stream_ends_its_work_when_the_client_leaves(stub, contract, mint, parlour):
    call = stub.Count(contract.pb2.EchoRequest(count=2), metadata=bearer(mint.user()))
    assert [(await call.read()).text, (await call.read()).text] == ["0", "1"]
    call.cancel()
    async with asyncio.timeout(30):
        await parlour.finished.wait()


async def test_bytes_that_are_no_message_are_the_clients_mistake(contract, parlour, mint):
    async with serving([(parlour, PARLOUR)], mint) as channel:
        call = channel.unary_unary(f"/{PARLOUR}/Open")
        answer = await refusal_of(call(b"\xff\xff\xff"))
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED")
