"""The server of a process: which services it offers, when it is ready, and how it stops."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from kursi.options.v1 import options_pb2

from kursi_chassis.addresses import host_and_port
from kursi_chassis.grpc.access import ContractError, access_rule
from kursi_chassis.grpc.chain import Chain, MethodPlan
from kursi_chassis.grpc.idempotency_key import FIELD
from kursi_chassis.grpc.required import RequiredFields
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.grpc.tokens import TokenVerifier
from kursi_chassis.logging import get_logger
from kursi_chassis.settings import ServiceSettings

_MEBIBYTE = 1024 * 1024
_USUAL_REQUEST_BYTES = 4 * _MEBIBYTE
"""What a request may have unless its method says more in the contract."""
_FILE = "google.api.HttpBody"
_READINESS_SECONDS = 2.0
_LAST_WORDS_SECONDS = 1.0
"""How long calls that are cut off have to say so."""
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not silently take half of the calls
    ("grpc.max_send_message_length", 16 * _MEBIBYTE),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # Clients reconnect every five minutes, so that a new replica gets its share; gRPC spreads the moment by
    # 10 %.
    ("grpc.max_connection_age_ms", 300_000),
    ("grpc.max_connection_age_grace_ms", 300_000),
)

log = get_logger()

Ready = Callable[[], Awaitable[bool | None]]


class GrpcServer:
    """Serves services until it is stopped.

    `services` pairs each servicer with its full name in the contract (`kursi.booking.v1.BookingService`),
    whose generated module must be imported. `is_ready` is asked every two seconds whether the process can do
    its work (its database answers); health follows it. Raises: ContractError when a method declares no
    access, or is not implemented.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        services: Sequence[tuple[object, str]],
        verifier: TokenVerifier,
        *,
        is_ready: Ready | None = None,
    ) -> None:
        self._settings = settings
        self._verifier = verifier
        self._is_ready = is_ready
        self._names = [name for _, name in services]
        self._health = health.aio.HealthServicer()
        self._tasks: list[asyncio.Task[None]] = []
        self._chain = Chain(
            verifier,
            domain=f"{settings.service}.kursi",
            default_deadline_seconds=settings.default_deadline_seconds,
            max_concurrent=settings.grpc_max_concurrent,
            max_streams=settings.grpc_max_streams,
        )
        self._largest_request = _USUAL_REQUEST_BYTES
        self._handlers = [self._handler(servicer, name) for servicer, name in services]
        self._server: grpc.aio.Server | None = None
        self._ready = False

    async def start(self) -> int:
        """Listen and answer; returns the port. Raises: RuntimeError when the address is taken."""
        # Of all methods together; what one of them takes is checked in its chain, which says what is wrong. gRPC refuses
        # without a reason, and the gateway passes on up to twice of what may be.
        largest = ("grpc.max_receive_message_length", 2 * self._largest_request + _MEBIBYTE)
        server = grpc.aio.server(options=(*_OPTIONS, largest))
        server.add_generic_rpc_handlers(tuple(self._handlers))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        address, tls = self._settings.grpc_address, TlsFiles.from_settings(self._settings)
        secure, insecure = server.add_secure_port, server.add_insecure_port
        port = secure(address, tls.server_credentials()) if tls else insecure(address)
        await server.start()
        self._server = server
        await self._check_readiness()
        self._tasks = [
            asyncio.create_task(self._verifier.keep_fresh(), name="token keys"),
            asyncio.create_task(self._watch_readiness(), name="readiness"),
        ]
        log.info("rpc_server_started", host=host_and_port(address)[0], port=port, services=self._names)
        return port

    async def stop(self) -> None:
        """Stop without losing a call: not ready, wait until balancers know, let calls in flight finish.

        Takes `drain_seconds` and up to `stop_seconds`; calls that are still running then are cut off, and told to be tried
        again. Those that do not let go within a second more are cancelled by gRPC.
        """
        server, self._server = self._server, None
        if server is None:
            return
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self._settings.drain_seconds)
        wait = self._settings.stop_seconds
        cutting_off = asyncio.get_running_loop().call_later(wait, self._chain.cut_off)
        try:
            await server.stop(wait + _LAST_WORDS_SECONDS)
        finally:
            cutting_off.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        log.info("rpc_server_stopped")

    async def run(self, stopping: asyncio.Event) -> None:
        """Serve until `stopping` is set: the `serve` role."""
        await self.start()
        try:
            await stopping.wait()
        finally:
            await self.stop()

    async def _watch_readiness(self) -> None:
        while True:
            await asyncio.sleep(_READINESS_SECONDS)
            await self._check_readiness()

    async def _check_readiness(self) -> None:
        """Ask, and tell health when the answer changed. A check that fails or hangs is a no."""
        try:
            async with asyncio.timeout(_READINESS_SECONDS):
                ready = self._is_ready is None or await self._is_ready() is not False
        except Exception as error:  # noqa: BLE001 -- whatever a check runs into means that we are not ready
            log.warning("readiness_check_failed", error=repr(error))
            ready = False
        if ready != self._ready:
            log.info("readiness_changed", ready=ready)
        self._ready = ready
        serving = health_pb2.HealthCheckResponse.SERVING
        state = serving if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, state)

    def _handler(self, servicer: object, name: str) -> grpc.GenericRpcHandler:
        service: ServiceDescriptor = descriptor_pool.Default().FindServiceByName(name)
        handlers = {method.name: self._method(servicer, method) for method in service.methods}
        return grpc.method_handlers_generic_handler(name, handlers)

    def _method(self, servicer: object, method: MethodDescriptor) -> "grpc.RpcMethodHandler[bytes, bytes]":
        behavior = getattr(servicer, method.name, None)
        if behavior is None or getattr(behavior, "__module__", "").endswith("_pb2_grpc"):
            raise ContractError(f"{method.full_name} is not implemented by {type(servicer).__name__}")
        if method.client_streaming:
            raise ContractError(f"{method.full_name} streams requests, which is not supported")
        plan = _plan(method)
        self._largest_request = max(self._largest_request, plan.max_bytes)
        # Requests arrive as bytes and are parsed in the chain, after the caller is known.
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._chain.stream(plan, behavior))
        return grpc.unary_unary_rpc_method_handler(self._chain.unary(plan, behavior))


def _plan(method: MethodDescriptor) -> MethodPlan:
    options = method.GetOptions()
    is_idempotent = options.Extensions[options_pb2.idempotent]
    field = method.input_type.fields_by_name.get(FIELD)
    if is_idempotent and (field is None or field.type != FieldDescriptor.TYPE_STRING):
        raise ContractError(f"{method.full_name} is idempotent but its request has no text field {FIELD}")
    if bool(options.Extensions[options_pb2.media_types]) != (method.output_type.full_name == _FILE):
        raise ContractError(f"{method.full_name} must declare media types exactly if it answers with a file")
    return MethodPlan(
        path=f"/{method.containing_service.full_name}/{method.name}",
        request_type=message_factory.GetMessageClass(method.input_type),
        rule=access_rule(method),
        required=RequiredFields(method.input_type),
        is_idempotent=is_idempotent,
        max_bytes=options.Extensions[options_pb2.max_request_bytes] or _USUAL_REQUEST_BYTES,
    )
