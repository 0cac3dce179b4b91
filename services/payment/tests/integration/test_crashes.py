"""A service that is killed between a request to the provider and its answer (Y5), as real processes."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from grpc_health.v1 import health_pb2, health_pb2_grpc
from kursi.identity.v1 import identity_service_pb2, identity_service_pb2_grpc
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi.payment.v1.payment_service_pb2_grpc import PaymentServiceStub
from kursi_chassis.clock import SystemClock
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import ISSUER, TokenMint, bearer, rpc_settings, serving
from kursi_chassis.testing.servers import free_port
from kursi_simulators import credentials

Payment = payment_pb2.Payment


class FakeIdentity(
    identity_service_pb2_grpc.IdentityServiceServicer,
    identity_service_pb2_grpc.IdentityInternalServiceServicer,
):
    """The keys of the test's mint, and tokens for services."""

    def __init__(self, mint):
        self._mint = mint

    async def GetJwks(self, request, context):  # noqa: N802 -- the contract's name
        return HttpBody(data=await self._mint.keys())

    async def IssueServiceToken(self, request, context):  # noqa: N802 -- the contract's name
        expires_at = self._mint.clock.now() + timedelta(minutes=10)
        return identity_service_pb2.ServiceToken(
            access_token=self._mint.service(request.client_id), expires_at=expires_at
        )


@asynccontextmanager
async def identity_of(mint):
    server = grpc.aio.server()
    fake = FakeIdentity(mint)
    identity_service_pb2_grpc.add_IdentityServiceServicer_to_server(fake, server)
    identity_service_pb2_grpc.add_IdentityInternalServiceServicer_to_server(fake, server)
    port = server.add_insecure_port(f"127.0.0.1:{free_port()}")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


class Service:
    """`python -m kursi_payment …` as a child process, to be killed and started again."""

    def __init__(self, environment, port):
        self._environment = environment
        self._process = None
        self.address = f"127.0.0.1:{port}"

    async def start(self, *roles):
        self._spawn(*roles)
        await eventually(self._is_serving)

    def _spawn(self, *roles):
        command = [sys.executable, "-m", "kursi_payment", *roles]
        self._process = subprocess.Popen(command, env={**os.environ, **self._environment})

    def kill(self):
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    async def _is_serving(self):
        assert self._process.poll() is None
        async with grpc.aio.insecure_channel(self.address) as channel:
            try:
                answer = await health_pb2_grpc.HealthStub(channel).Check(
                    health_pb2.HealthCheckRequest(), timeout=1
                )
            except grpc.aio.AioRpcError:
                return False
            return answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest_asyncio.fixture
async def service(urls, simulators, nats_server, fake_booking):
    """The real thing around a real clock; `service.mint` signs for it."""
    mint, booking_settings, port = (
        TokenMint(SystemClock()),
        rpc_settings(grpc_address=f"127.0.0.1:{free_port()}"),
        free_port(),
    )
    async with (
        identity_of(mint) as identity,
        serving([(fake_booking, "kursi.booking.v1.BookingInternalService")], mint, settings=booking_settings),
    ):
        values = {
            "DATABASE_URL": urls.app, "NATS_URL": nats_server.url, "GRPC_ADDRESS": f"127.0.0.1:{port}",
            "IDENTITY_ADDRESS": identity, "BOOKING_ADDRESS": booking_settings.grpc_address,
            "CLIENT_SECRET": "a secret of the test", "TOKEN_ISSUER": ISSUER, "PAGE_TOKEN_KEY": "a key of the test",
            "MOYASAR_BASE_URL": simulators.moyasar.base_url, "MOYASAR_SECRET_KEY": credentials.MOYASAR_SECRET_KEY,
            "MOYASAR_WEBHOOK_SECRET": "a shared secret of the tests", "CALLBACK_ORIGINS": '["https://app.test"]',
            "RECHECK_CREATED_SECONDS": "0.2", "RECHECK_PENDING_SECONDS": "0.2", "OUTCOME_SETTLES_SECONDS": "1",
            "DRAIN_SECONDS": "0", "STOP_SECONDS": "1",
        }  # fmt: skip
        service = Service({f"KURSI_PAYMENT_{name}": value for name, value in values.items()}, port)
        service.mint = mint
        yield service
        service.kill()


async def pay(service, desk, request):
    async with grpc.aio.insecure_channel(service.address) as channel:
        metadata = bearer(service.mint.user(desk.customer))
        return await PaymentServiceStub(channel).CreatePayment(request, metadata=metadata, timeout=60)


async def killed_during(service, call, was_reached):
    """The call, cut off by the death of the service once the provider has been reached."""
    running = asyncio.ensure_future(call)
    await eventually(was_reached)
    service.kill()
    with pytest.raises(grpc.aio.AioRpcError):
        await running


@pytest.mark.covers("Y5")
async def test_a_charge_whose_service_is_killed_before_the_answer_is_made_once_and_known(desk, service):
    desk.moyasar.fault("timeout_after_accept", method="POST", path="/v1/payments")
    request = await desk.request(desk.booked())
    await service.start("serve", "jobs")

    await killed_during(service, pay(service, desk, request), desk.charges)
    assert await desk.rows("SELECT state FROM payments") == [("created",)]
    await service.start("serve", "jobs")

    assert await eventually(lambda: desk.rows("SELECT 1 FROM payments WHERE state = 'captured'"))
    repeated = await pay(service, desk, request)
    assert repeated.state == Payment.CAPTURED
    assert len(desk.charges()) == 1
    assert await desk.rows("SELECT count(*) FROM payments") == [(1,)]
    assert await desk.events(repeated.id) == ["captured"]


@pytest.mark.covers("Y5")
async def test_a_charge_that_died_on_the_way_is_made_once_when_the_customer_tries_again(desk, service):
    desk.moyasar.fault("timeout_before_accept", method="POST", path="/v1/payments")
    request = await desk.request(desk.booked())
    await service.start("serve")

    def was_reached():
        return [attempt for attempt in desk.moyasar.attempts(method="POST") if attempt.path == "/v1/payments"]

    await killed_during(service, pay(service, desk, request), was_reached)
    await service.start("serve")
    repeated = await pay(service, desk, request)

    # Within the safe time the same order is given again; after it, it counts as never received.
    assert (repeated.state, len(desk.charges())) in ((Payment.CAPTURED, 1), (Payment.FAILED, 0))
    assert await desk.rows("SELECT count(*) FROM payments") == [(1,)]


@pytest.mark.covers("Y5")
async def test_a_refund_whose_service_is_killed_before_the_answer_is_made_once(desk, service):
    payment = await desk.pay()
    desk.moyasar.fault("timeout_after_accept", method="POST", path="/v1/payments/*/refund")
    await service.start("serve", "jobs")
    request = pb2.RefundPaymentRequest(payment_id=payment.id, request_id=str(new_id()))

    async def refund():
        async with grpc.aio.insecure_channel(service.address) as channel:
            token = service.mint.user(desk.manager, is_admin=True)
            return await PaymentServiceStub(channel).RefundPayment(
                request, metadata=bearer(token), timeout=60
            )

    await killed_during(service, refund(), lambda: desk.charges("refund"))
    async with desk.database.transaction() as connection:  # the test's payment lives in another time
        await connection.execute("UPDATE payments SET next_look_at = now()")
    await service.start("serve", "jobs")

    assert await eventually(lambda: desk.rows("SELECT 1 FROM payments WHERE state = 'refunded'"))
    assert (await refund()).state == Payment.REFUNDED
    assert [movement.amount for movement in desk.charges("refund")] == [25_000]


@pytest.mark.covers("Y6")
async def test_a_notice_wakes_the_jobs_of_the_running_service(desk, service):
    service._environment["KURSI_PAYMENT_RECHECK_PENDING_SECONDS"] = "3600"
    gateway_port = free_port()
    service._environment["KURSI_PAYMENT_PUBLIC_URL"] = f"http://127.0.0.1:{gateway_port}"
    source = pb2.Source(token=await desk.token(verified=False))
    request = await desk.request(desk.booked(), source=source)
    await service.start("serve", "jobs")
    payment = await pay(service, desk, request)
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    await eventually(lambda: desk.moyasar.books()["webhooks"])

    async with gateway(gateway_port, service.address):
        desk.moyasar.callbacks.duplicate(3)
        desk.moyasar.decide(theirs.id, "approve")
        assert await eventually(
            lambda: desk.rows("SELECT 1 FROM payments WHERE state = 'captured'"), timeout=60
        )

    assert await desk.rows("SELECT count(*) FROM provider_events") == [(1,)]
    assert await desk.events(payment.id) == ["pending", "captured"]


@asynccontextmanager
async def gateway(port, address):
    """As much of a gateway as passes one notice on, byte for byte."""

    async def handle(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split("\r\n")[0])
        body = HttpBody(content_type="application/json", data=await reader.readexactly(length))
        async with grpc.aio.insecure_channel(address) as channel:
            await PaymentServiceStub(channel).ReceiveWebhook(
                pb2.ReceiveWebhookRequest(provider="moyasar", body=body)
            )
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port)
    async with server:
        yield
