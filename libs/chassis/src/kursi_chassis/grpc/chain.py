"""What every call passes through on its way to a handler, in this order:

span and request context, admission, sign-in, access, idempotency key, required fields, deadline; and on the
way back errors (logged) and metrics. Handlers are wrapped when the server starts; there is no
interceptor to walk through per call, and what a method demands was read from its descriptor then.
"""

import asyncio
import ipaddress
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import NoReturn

import grpc
from google.protobuf.message import DecodeError, Message
from opentelemetry.trace import Span, StatusCode

from kursi_chassis import metrics
from kursi_chassis.caller import Caller, set_caller
from kursi_chassis.errors import (
    DeadlineExceeded,
    DomainError,
    Exhausted,
    Invalid,
    Unauthenticated,
    Unavailable,
)
from kursi_chassis.grpc import status
from kursi_chassis.grpc.access import AccessRule
from kursi_chassis.grpc.call import set_deadline
from kursi_chassis.grpc.idempotency_key import HEADER, fill_request_id
from kursi_chassis.grpc.language import negotiate
from kursi_chassis.grpc.required import RequiredFields
from kursi_chassis.grpc.tokens import Identity, TokenInvalid, TokenVerifier
from kursi_chassis.ids import new_id
from kursi_chassis.logging import get_logger
from kursi_chassis.telemetry import start_server_span

USER_TOKEN_HEADER = "x-kursi-user-token"  # noqa: S105 -- the name of a header
REQUEST_ID_HEADER = "x-request-id"
ADDRESS_HEADER = "x-envoy-external-address"

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
_TRY_AGAIN = timedelta(seconds=1)
_OUR_FAULT = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DATA_LOSS})

log = get_logger()

Context = grpc.aio.ServicerContext[bytes, bytes]
UnaryBehavior = Callable[[Message, Context], Awaitable[Message | bytes]]
StreamBehavior = Callable[[Message, Context], AsyncIterator[Message]]


class Overloaded(Exhausted):
    """The server answers as many calls as it can; the call was not looked at."""

    reason = "OVERLOADED"
    en = "The service is busy. Try again shortly."
    ar = "الخدمة مشغولة حاليًا. حاول بعد قليل."


class BodyTooLarge(Invalid):
    """The request has more bytes than the method takes."""

    reason = "BODY_TOO_LARGE"
    en = "The request body is too large."
    ar = "محتوى الطلب كبير جدًا."


class MalformedRequest(Invalid):
    """The request is not a message of the method's type."""

    reason = "REQUEST_MALFORMED"
    en = "The request could not be read."
    ar = "تعذرت قراءة الطلب."


@dataclass(frozen=True, slots=True)
class MethodPlan:
    """What a method demands, read from its descriptor once."""

    path: str
    request_type: type[Message]
    rule: AccessRule
    required: RequiredFields
    is_idempotent: bool
    max_bytes: int


class Gate:
    """Lets a limited number of calls in at a time; there is no queue, the next one is refused at once."""

    def __init__(self, kind: str, limit: int) -> None:
        self._inside: set[asyncio.Task[object] | None] = set()
        self._limit = limit
        self._refused = metrics.RPC_REFUSED.labels(kind)
        metrics.RPC_IN_FLIGHT.labels(kind).set_function(lambda: len(self._inside))

    def empty(self) -> None:
        """Cancel everybody inside; they leave as soon as they have tidied up."""
        for task in self._inside:
            if task is not None:
                task.cancel()

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Be inside while the block runs. Raises: Overloaded."""
        if len(self._inside) >= self._limit:
            self._refused.inc()
            raise Overloaded(_TRY_AGAIN)
        # A stream that nobody reads any more is closed by another task than its own.
        task = asyncio.current_task()
        self._inside.add(task)
        try:
            yield
        finally:
            self._inside.discard(task)


class Call:
    """One call, from its first byte to its last."""

    def __init__(self, plan: MethodPlan, context: Context) -> None:
        self.plan = plan
        self.context = context
        self.headers: Mapping[str, str | bytes] = dict(context.invocation_metadata() or ())
        self.started = time.perf_counter()
        self.span: Span = start_server_span(plan.path, self.header("traceparent"))
        self.caller = self._stranger()
        set_caller(self.caller)

    def header(self, name: str) -> str | None:
        """A header's text; None when it is absent."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else None

    def finish(self, code: grpc.StatusCode, reason: str = "") -> None:
        """Count the call and end its span."""
        seconds = time.perf_counter() - self.started
        metrics.RPC_SECONDS.labels(self.plan.path, code.name).observe(seconds)
        if reason:
            metrics.RPC_REASONS.labels(self.plan.path, reason).inc()
        if self.span.is_recording():
            self.span.set_attribute("rpc.system", "grpc")
            self.span.set_attribute("rpc.grpc.status_code", code.value[0])
            if code in _OUR_FAULT:
                self.span.set_status(StatusCode.ERROR)
        self.span.end()

    def _stranger(self) -> Caller:
        given = self.header(REQUEST_ID_HEADER)
        return Caller(
            kind="anonymous",
            language=negotiate(self.header("accept-language") or ""),
            address=client_address(self.header(ADDRESS_HEADER), self.context.peer()),
            request_id=given if given and _REQUEST_ID.fullmatch(given) else str(new_id()),
        )


class Chain:
    """Wraps the handlers of one server."""

    def __init__(
        self,
        verifier: TokenVerifier,
        *,
        domain: str,
        default_deadline_seconds: float,
        max_concurrent: int,
        max_streams: int,
    ) -> None:
        self._verifier = verifier
        self._domain = domain
        self._default_deadline = default_deadline_seconds
        self._calls = Gate("unary", max_concurrent)
        self._streams = Gate("stream", max_streams)
        self._has_cut_off = False

    def cut_off(self) -> None:
        """End what is still being answered, because the process stops. Who waits for it is told to try again, in the
        shape that errors have; gRPC would say "Cancelling all calls" and nothing for programs.
        """
        self._has_cut_off = True
        for gate in (self._calls, self._streams):
            gate.empty()

    def unary(
        self, plan: MethodPlan, behavior: UnaryBehavior
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        """Wrap a handler that answers once, with a message or with one that is in bytes already.

        Without a deadline from the client it has the server's default.
        """

        async def serve(raw: bytes, context: Context) -> bytes:
            call = Call(plan, context)
            limit = self._limit(context)
            try:
                async with asyncio.timeout(limit) as patience:
                    with self._calls.passed():
                        answer = await behavior(await self._admit(call, raw), context)
                        sent = answer if isinstance(answer, bytes) else answer.SerializeToString()
            except BaseException as error:  # noqa: BLE001 -- the one place that words every error; it re-raises
                in_time = not (isinstance(error, TimeoutError) and patience.expired())
                await self._refuse(call, error if in_time else DeadlineExceeded())
            call.finish(grpc.StatusCode.OK)
            return sent

        return serve

    def stream(
        self, plan: MethodPlan, behavior: StreamBehavior
    ) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
        """Wrap a handler that answers many times. It may run for as long as the client listens."""

        async def serve(raw: bytes, context: Context) -> AsyncIterator[bytes]:
            call = Call(plan, context)
            set_deadline(None)
            try:
                with self._streams.passed():
                    answers = behavior(await self._admit(call, raw), context)
                    async with aclosing(answers):  # type: ignore[type-var]  # handlers are async generators
                        async for answer in answers:
                            yield answer.SerializeToString()
            except GeneratorExit:
                call.finish(grpc.StatusCode.CANCELLED)
                raise
            except BaseException as error:  # noqa: BLE001 -- as above
                await self._refuse(call, error)
            call.finish(grpc.StatusCode.OK)

        return serve

    def _limit(self, context: Context) -> float | None:
        """The time limit to watch ourselves; one that the client set is watched by gRPC, which cancels us."""
        given: float | None = context.time_remaining()
        set_deadline(asyncio.get_running_loop().time() + (self._default_deadline if given is None else given))
        return self._default_deadline if given is None else None

    async def _admit(self, call: Call, raw: bytes) -> Message:
        """Everything before the handler. Raises: DomainError for a call that may not pass."""
        plan = call.plan
        call.caller = await self._sign_in(call)
        set_caller(call.caller)
        if call.caller.kind == "anonymous" and not plan.rule.is_public:
            raise Unauthenticated
        if len(raw) > plan.max_bytes:
            raise BodyTooLarge
        try:
            request = plan.request_type.FromString(raw)
        except DecodeError as error:
            raise MalformedRequest from error
        plan.rule.check(call.caller, request)
        if plan.is_idempotent:
            fill_request_id(request, call.header(HEADER))  # type: ignore[arg-type]  # checked when the server starts
        plan.required.check(request, raw)
        return request

    async def _sign_in(self, call: Call) -> Caller:
        """Who calls. A token that does not count is refused even where none is needed, unless the method looks at none."""
        authorization = call.header("authorization")
        if authorization is None or call.plan.rule.ignores_token:
            return call.caller
        token = _bearer(authorization)
        identity = await self._verifier.verify(token)
        if identity.service is None:
            return _as_user(call, identity, token, None)
        user_token = call.header(USER_TOKEN_HEADER)
        if user_token is None:
            return replace(call.caller, kind="service", service=identity.service)
        user = await self._verifier.verify(user_token)
        if user.user_id is None:
            raise TokenInvalid
        return _as_user(call, user, user_token, identity.service)

    async def _refuse(self, call: Call, error: BaseException) -> NoReturn:
        """End a call with an error, in the one shape that errors have.

        Cancellation and aborts pass as they are, but for what we cut off ourselves.
        """
        if self._has_cut_off and isinstance(error, asyncio.CancelledError):
            error = Unavailable()
        if isinstance(error, grpc.aio.AbortError):
            call.finish(_as_code(call.context.code()))
            raise error
        if not isinstance(error, Exception):
            call.finish(grpc.StatusCode.CANCELLED)
            raise error
        told = status.as_domain_error(error)
        if told is None:
            told = status.InternalError(request_id=call.caller.request_id)
        _log_refusal(call, told, error)
        refusal = status.refusal(told, language=call.caller.language, domain=self._domain)
        call.finish(refusal.code, told.reason)
        await call.context.abort(refusal.code, refusal.message, refusal.trailers)


def _as_user(call: Call, identity: Identity, token: str, service: str | None) -> Caller:
    return Caller(
        kind="user",
        user_id=identity.user_id,
        service=service,
        session_id=identity.session_id,
        is_admin=identity.is_admin,
        salons=identity.salons or {},
        language=negotiate(call.header("accept-language") or "", identity.locale),
        address=call.caller.address,
        request_id=call.caller.request_id,
        user_token=token,
        auth_time=identity.auth_time,
    )


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenInvalid
    return token


def _log_refusal(call: Call, told: DomainError, error: Exception) -> None:
    """Our mistakes with their traceback, failing dependencies as warnings, what a caller did wrong as
    information.
    """
    code = status.code_of(told)
    fields = {"method": call.plan.path, "status": code.name, "reason": told.reason}
    if code in _OUR_FAULT:
        log.error("rpc_failed", **fields, exc_info=error)
    elif code is grpc.StatusCode.UNAVAILABLE:
        log.warning("rpc_unavailable", **fields, error=repr(error))
    else:
        log.info("rpc_refused", **fields)


def _as_code(code: object) -> grpc.StatusCode:
    """The code that a handler aborted with; gRPC holds it as a number."""
    return next(
        (known for known in grpc.StatusCode if code in (known, known.value[0])), grpc.StatusCode.UNKNOWN
    )


@lru_cache(maxsize=1_024)
def client_address(header: str | None, peer: str) -> str:
    """The client's network address in its one usual spelling: as the gateway saw it, otherwise the peer's own.

    Limits and audits count by it, so a header that holds anything but an address is not believed.
    """
    for text in (header or "", _peer_host(peer)):
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return str(mapped or address)
    return peer


def _peer_host(peer: str) -> str:
    """The host in gRPC's `ipv4:127.0.0.1:5000`, `ipv6:[::1]:5000`."""
    return peer.partition(":")[2].rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]") or peer
