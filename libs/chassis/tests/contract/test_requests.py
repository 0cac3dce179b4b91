"""What the chain makes of a request before a handler sees it."""

import asyncio
import struct

import grpc
import pytest
from kursi_chassis.errors import Invalid
from kursi_chassis.grpc.required import RequiredFields
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.ids import is_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.logs import logged
from kursi_chassis.testing.rpc import refused, rpc_settings

PARLOUR = "chassis.test.v1.Parlour"


async def refusal_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


def book(pb2, **fields):
    whole = {"size": pb2.Size(unit="cm"), "items": [pb2.Item(service_id="s")], "priority": 0}
    return pb2.BookRequest(**{**whole, **fields})


async def test_every_missing_field_is_named_with_its_path(stub, contract):
    request = contract.pb2.BookRequest(
        items=[contract.pb2.Item(service_id="s"), contract.pb2.Item()], size=contract.pb2.Size()
    )
    answer = await refusal_of(stub.Book(request))
    assert answer.violations == {
        "priority": "REQUIRED",
        "size.unit": "REQUIRED",
        "items[1].serviceId": "REQUIRED",
    }


async def test_a_request_with_nothing_right_is_told_some_of_it(contract):
    request = contract.pb2.BookRequest(items=[contract.pb2.Item()] * 100_000)
    with pytest.raises(Invalid) as error:
        RequiredFields(contract.pb2.BookRequest.DESCRIPTOR).check(request, b"")
    assert len(error.value.violations) == 100


async def test_a_whole_request_passes(stub, contract):
    await stub.Book(book(contract.pb2))


async def test_a_partial_change_need_not_send_required_fields(stub, contract):
    chair = contract.pb2.Chair(note="by the window")
    assert (await stub.UpdateChair(contract.pb2.UpdateChairRequest(chair=chair))).note == "by the window"


async def test_a_nul_in_any_text_is_refused(stub, contract):
    item = contract.pb2.Item(service_id="a\0b", labels={"colour": "\0", "k\0": "v"})
    answer = await refusal_of(stub.Book(book(contract.pb2, items=[item], request_id="\0")))
    assert answer.code is grpc.StatusCode.INVALID_ARGUMENT
    plain = await refusal_of(stub.Book(book(contract.pb2, items=[item])))
    assert plain.violations["items[0].serviceId"] == "CONTROL_CHARACTERS"
    assert plain.violations["items[0].labels[colour]"] == "CONTROL_CHARACTERS"


async def test_the_header_fills_an_empty_request_id(stub, contract, parlour):
    await stub.Book(book(contract.pb2), metadata=(("idempotency-key", "k-1"),))
    assert parlour.seen[-1].request_id == "k-1"


async def test_header_and_field_may_agree_but_not_differ(stub, contract, parlour):
    await stub.Book(book(contract.pb2, request_id="k-1"), metadata=(("idempotency-key", "k-1"),))
    answer = await refusal_of(
        stub.Book(book(contract.pb2, request_id="k-1"), metadata=(("idempotency-key", "k-2"),))
    )
    assert (answer.code, answer.violations) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        {"requestId": "KEY_MISMATCH"},
    )


@pytest.mark.parametrize("key", ["k" * 256, "a b", "ключ", "\n"])
async def test_a_key_is_up_to_255_printable_characters(stub, contract, key):
    answer = await refusal_of(stub.Book(book(contract.pb2, request_id=key)))
    assert answer.violations == {"requestId": "MALFORMED"}


async def test_a_method_that_is_not_idempotent_ignores_the_header(stub, contract):
    assert (
        await stub.Open(contract.pb2.EchoRequest(text="x"), metadata=(("idempotency-key", "k"),))
    ).text == "x"


async def test_the_request_id_and_the_clients_address_come_from_the_gateway(stub, contract):
    metadata = (("x-request-id", "r-9"), ("x-envoy-external-address", "203.0.113.7"))
    answer = await stub.Open(contract.pb2.EchoRequest(), metadata=metadata)
    assert (answer.request_id, answer.address) == ("r-9", "203.0.113.7")


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("203.0.113.7, 10.0.0.1", "127.0.0.1"),
        ("x" * 4_000, "127.0.0.1"),
    ],
)
async def test_an_address_has_one_spelling_and_anything_else_is_not_believed(stub, contract, header, address):
    answer = await stub.Open(contract.pb2.EchoRequest(), metadata=(("x-envoy-external-address", header),))
    assert answer.address == address


async def test_without_a_request_id_each_call_gets_one(stub, contract):
    first, second = [await stub.Open(contract.pb2.EchoRequest()) for _ in range(2)]
    assert len(first.request_id) == 36
    assert first.request_id != second.request_id


@pytest.mark.parametrize("given", ["x" * 129, "two words", ""])
async def test_a_request_id_that_is_none_is_replaced(stub, contract, given):
    answer = await stub.Open(contract.pb2.EchoRequest(), metadata=(("x-request-id", given),))
    assert is_id(answer.request_id)


async def test_the_trace_of_the_caller_goes_on(stub, contract):
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    assert (
        await stub.Open(contract.pb2.EchoRequest(), metadata=(("traceparent", header),))
    ).traceparent == header


async def test_a_header_that_is_no_text_is_not_logged(contract, parlour, mint):
    """Sent as bytes of HTTP/2: gRPC's own client refuses to send such a header."""
    headers = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", f"/{PARLOUR}/Open".encode()),
        (b":authority", b"test"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"x-odd", b"\xe9t\xe9"),
    ]
    block = b"".join(bytes([0, len(name)]) + name + bytes([len(value)]) + value for name, value in headers)
    frames = frame(4, 0, 0) + frame(1, 4, 1, block) + frame(0, 1, 1, bytes(5))
    server = GrpcServer(rpc_settings(), [(parlour, PARLOUR)], mint.verifier())
    with logged() as log:
        _, writer = await asyncio.open_connection("127.0.0.1", await server.start())
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames)
        await eventually(lambda: len(parlour.seen) == 1)
        writer.close()
        await server.stop()
    assert "Traceback" not in log.getvalue()


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
