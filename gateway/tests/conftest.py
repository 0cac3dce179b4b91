"""A real Envoy in front of a server that answers every method of the contract, and keys that sign tokens."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from google.api import httpbody_pb2
from google.protobuf import duration_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.servers import free_port
from kursi_gateway.binary import DISCREET, envoy_binary
from kursi_gateway.contract import upstreams
from kursi_gateway.envoy import write
from kursi_gateway.settings import LIMITS, Address, AddressLimit, GatewaySettings, UpstreamTls

ISSUER = "https://kursi.test"


class Keys:
    """Signing keys of a made-up identity; the newest signs."""

    def __init__(self) -> None:
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.rotate()

    def rotate(self) -> None:
        self._keys[f"key-{len(self._keys) + 1}"] = ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> bytes:
        keys = []
        for kid, key in self._keys.items():
            public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
            keys.append({**public, "kid": kid, "alg": "ES256", "use": "sig"})
        return json.dumps({"keys": keys}).encode()

    def token(
        self, *, audience: str = "kursi", issuer: str = ISSUER, lives: float = 900, signer: str | None = None
    ) -> str:
        kid = signer or list(self._keys)[-1]
        now = int(time.time())
        claims = {"sub": "someone", "iss": issuer, "aud": audience, "iat": now, "exp": int(now + lives)}
        return jwt.encode(claims, self._keys[kid], algorithm="ES256", headers={"kid": kid})


@dataclass
class Seen:
    """One call that reached the server."""

    method: str
    metadata: dict[str, str]
    body: bytes
    seconds_left: float


@dataclass
class Upstream:
    """A server that answers every method with an empty message, fails when the caller asks it to, and notes what it saw.

    It serves from threads, so that a test that keeps the event loop busy does not fail Envoy's health checks.
    """

    keys: Keys
    port: int = 0
    tls: TlsFiles | None = None
    seen: list[Seen] = field(default_factory=list)
    server: grpc.Server | None = None
    checks: health.HealthServicer = field(default_factory=health.HealthServicer)

    def start(self) -> None:
        self.server = grpc.server(
            ThreadPoolExecutor(8),
            options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1)],
        )
        self.server.add_generic_rpc_handlers((self._handler(),))
        self.checks.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self.checks, self.server)
        self.port = self.port or free_port()
        address = f"127.0.0.1:{self.port}"
        if self.tls:
            self.server.add_secure_port(address, self.tls.server_credentials())
        else:
            self.server.add_insecure_port(address)
        self.server.start()

    def stop(self) -> None:
        if self.server:
            self.server.stop(None).wait()

    def refuse_work(self) -> None:
        """Answer calls as before, and health checks with NOT_SERVING."""
        self.checks.set("", health_pb2.HealthCheckResponse.NOT_SERVING)

    def _handler(self) -> grpc.GenericRpcHandler:
        upstream = self

        class Any(grpc.GenericRpcHandler):
            def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
                if not details.method.startswith("/kursi."):
                    return None

                def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
                    return upstream.answer(details.method, request, context)

                return grpc.unary_unary_rpc_method_handler(answer)

        return Any()

    def answer(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        # Every gateway fetches the keys by itself, at any time; that is no call that a test made.
        if metadata.get("x-forwarded-host") != "gateway":
            self.seen.append(Seen(method, metadata, request, context.time_remaining()))
        if failure := metadata.get("x-test-fail"):
            self._fail(failure, context)
        if method.endswith("/GetJwks"):
            return httpbody_pb2.HttpBody(
                content_type="application/json", data=self.keys.jwks()
            ).SerializeToString()
        if method.endswith("/GetDiscoveryDocument"):
            return httpbody_pb2.HttpBody(content_type="application/json", data=b"{}").SerializeToString()
        return b""

    def _fail(self, failure: str, context: grpc.ServicerContext) -> None:
        name, reason, english, arabic = failure.split("|")
        code = code_pb2.Code.Value(name)
        wanted = dict(context.invocation_metadata()).get("accept-language", "")
        language = "ar" if wanted.startswith("ar") else "en"
        status = status_pb2.Status(code=code, message=english)
        status.details.add().Pack(
            error_details_pb2.ErrorInfo(
                reason=reason, domain="test.kursi", metadata={"a": "b", "requestId": "the service's"}
            )
        )
        text = bytes.fromhex(arabic).decode() if language == "ar" else english
        status.details.add().Pack(error_details_pb2.LocalizedMessage(locale=language, message=text))
        if name == "RESOURCE_EXHAUSTED":
            status.details.add().Pack(
                error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=36, nanos=200_000_000))
            )
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(next(known for known in grpc.StatusCode if known.value[0] == code), english)


@dataclass
class Gateway:
    """A running Envoy."""

    settings: GatewaySettings
    client: httpx.AsyncClient

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.settings.listen.port}"


RunGateway = Callable[..., Awaitable[Gateway]]


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        keys = await client.get("/.well-known/jwks.json")
        return (await client.get("/readyz")).status_code == 200 and keys.status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
def upstream(keys: Keys) -> Iterator[Upstream]:
    upstream = Upstream(keys)
    upstream.start()
    yield upstream
    upstream.stop()


@pytest.fixture(scope="session")
async def run_gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunGateway]:
    """Starts gateways: `await run_gateway([port, …], trusted_hops=1)`."""
    running: list[tuple[asyncio.subprocess.Process, httpx.AsyncClient]] = []

    async def run(
        ports: list[int],
        limits: dict[str, AddressLimit] | None = None,
        key_cache_seconds: int = 60,
        trusted_hops: int = 0,
        upload_seconds: int = 120,
        upstream_tls: UpstreamTls | None = None,
        is_up: Callable[[httpx.AsyncClient], Awaitable[bool]] = is_ready,
    ) -> Gateway:
        folder = tmp_path_factory.mktemp("gateway")
        settings = GatewaySettings(
            output=folder,
            listen=Address("127.0.0.1", free_port()),
            admin=Address("127.0.0.1", free_port()),
            upstreams={name: tuple(Address("127.0.0.1", port) for port in ports) for name in upstreams()},
            token_issuer=ISSUER,
            cors_origins=("https://app.kursi.test",),
            limit_scale=1 if limits else 1000,
            limits=limits or LIMITS,
            key_cache_seconds=key_cache_seconds,
            trusted_hops=trusted_hops,
            upload_seconds=upload_seconds,
            linger_seconds=30,
            upstream_tls=upstream_tls,
            access_log=str(folder / "access.jsonl"),
        )
        bootstrap = write(settings)
        command = [
            envoy_binary(),
            "-c",
            str(bootstrap),
            "--disable-hot-restart",
            "--concurrency",
            "1",
            "--log-level",
            "error",
            *DISCREET,
            # Ten seconds unless told otherwise; tests wait for what is logged.
            "--file-flush-interval-msec",
            "100",
        ]
        process = await asyncio.create_subprocess_exec(*command, "--log-path", str(folder / "envoy.log"))
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.listen.port}", timeout=60)
        running.append((process, client))
        await eventually(lambda: is_up(client), timeout=60)
        return Gateway(settings, client)

    yield run
    for process, client in running:
        await client.aclose()
        process.terminate()
    for process, _ in running:
        await asyncio.wait_for(process.wait(), 60)


@pytest.fixture(scope="session")
async def gateway(run_gateway: RunGateway, upstream: Upstream) -> Gateway:
    """One gateway in front of the one server, for tests that break neither."""
    return await run_gateway([upstream.port])


@pytest.fixture
def token(keys: Keys) -> dict[str, str]:
    return {"authorization": f"Bearer {keys.token()}"}
