import asyncio
import http.server
import threading

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from kursi_local.probe import build_probe


@pytest.fixture
async def health_server():
    server = grpc.aio.server()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, port
    await server.stop(None)


class _Answers503(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(200 if self.path == "/readyz" else 503)

    def log_message(self, *args):
        pass


@pytest.fixture
def web_server():
    with http.server.HTTPServer(("127.0.0.1", 0), _Answers503) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


async def test_a_grpc_server_is_ready_when_its_health_says_so(health_server):
    servicer, port = health_server
    probe = build_probe("grpc:any", lambda _: port)
    await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert not await probe()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    assert await probe()


async def test_a_grpc_server_without_health_is_not_ready():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    assert not await build_probe("grpc:any", lambda _: port)()
    await server.stop(None)


async def test_http_is_ready_with_200_only(web_server):
    assert await build_probe("http:any/readyz", lambda _: web_server)()
    assert not await build_probe("http:any/other", lambda _: web_server)()


@pytest.mark.parametrize("kind", ["tcp:any", "http:any/", "grpc:any"])
async def test_a_closed_port_is_not_ready(kind, unused_port):
    assert not await build_probe(kind, lambda _: unused_port)()


async def test_a_server_that_says_nothing_is_not_ready():
    async def silent(reader, writer):
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert not await build_probe("http:any/", lambda _: port)()
    server.close()
    await server.wait_closed()
