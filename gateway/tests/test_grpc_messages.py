"""A call over gRPC brings its message along; REST sends one always."""

import base64
import struct

import pytest

PATH = "/kursi.catalog.v1.CatalogService/SearchSalons"


@pytest.mark.covers("G4")
@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc-web", "application/grpc-web-text"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"AAAA",
        b"\0",
        b"\0\0\0\0",
        struct.pack(">BI", 0, 5) + b"abcd",
        struct.pack(">BI", 0, 2**8),
        struct.pack(">BI", 0, 2**16),
        struct.pack(">BI", 0, 2**24),
        struct.pack(">BI", 1, 2**32 - 1),
    ],
)
async def test_a_call_without_a_whole_message_is_refused_at_once(gateway, upstream, kind, body):
    before = len(upstream.seen)
    content = base64.b64encode(body) if kind.endswith("-text") else body
    answer = await gateway.client.post(
        PATH, content=content, headers={"content-type": kind, "te": "trailers"}
    )
    assert answer.headers.get("grpc-status") == "13", (answer.status_code, answer.headers)
    assert answer.headers["grpc-message"] == "The call ended before its message did."
    assert len(upstream.seen) == before


@pytest.mark.parametrize("message", [b"", b"\x0a\x01a"])
async def test_a_call_with_its_message_arrives(gateway, upstream, message):
    body = struct.pack(">BI", 0, len(message)) + message
    answer = await gateway.client.post(PATH, content=body, headers={"content-type": "application/grpc-web"})
    assert answer.status_code == 200
    assert upstream.seen[-1].body == message


async def test_a_call_that_takes_no_trailers_is_no_broken_service(gateway, upstream):
    before = len(upstream.seen)
    headers = {"content-type": "application/grpc"}
    answer = await gateway.client.post(PATH, content=bytes(5), headers=headers)
    assert "grpc-message" not in answer.headers
    assert len(upstream.seen) == before + 1
