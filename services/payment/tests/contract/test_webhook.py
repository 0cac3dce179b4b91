"""Notices of the provider (Y6): hints, stored once, believed never."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import refused
from kursi_payment.adapters.moyasar_notices import MoyasarNotices
from kursi_payment.domain.errors import WebhookRefused
from kursi_payment.ports import Look

Payment = payment_pb2.Payment
SECRET = "a shared secret of the tests"
CANCEL_WHO_WAITS = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
VECTORS = json.loads((Path(__file__).parents[1] / "data" / "moyasar_webhook_vectors.json").read_text())


def notice(handle, kind="payment_paid", event_id="e-1", **changes):
    body = {
        "id": event_id,
        "type": kind,
        "secret_token": SECRET,
        "live": False,
        "data": {"id": str(handle)},
        **changes,
    }
    return json.dumps(body).encode()


async def send(desk, body, provider="moyasar"):
    request = pb2.ReceiveWebhookRequest(
        provider=provider, body=HttpBody(content_type="application/json", data=body)
    )
    return await desk.stub.ReceiveWebhook(request)


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return refused(error.value)


async def unpaid(desk):
    """A payment that waits for its customer, and its id at the provider."""
    payment = await desk.pay(source=pb2.Source(token=await desk.token(verified=False)))
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    return payment, theirs.id


@pytest.mark.covers("Y6")
@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_vectors_hold(case):
    reader = MoyasarNotices(VECTORS["secret"], is_live=False)

    if case["expected_valid"]:
        assert reader.read(case["body"].encode()).event_id == "11111111-1111-4111-8111-111111111111"
    else:
        with pytest.raises(WebhookRefused):
            reader.read(case["body"].encode())


def test_an_empty_secret_is_no_configuration():
    with pytest.raises(ValueError, match="empty"):
        MoyasarNotices("", is_live=False)


@pytest.mark.covers("Y6")
async def test_a_flipped_byte_of_the_secret_is_refused(desk):
    body = notice("11111111-1111-4111-8111-111111111111")
    start = body.index(SECRET.encode())
    flipped = [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in range(start, start + len(SECRET))]

    errors = [await refusal(send(desk, wrong)) for wrong in flipped]

    assert {error.code for error in errors} == {grpc.StatusCode.UNAUTHENTICATED}
    assert {error.reason for error in errors} == {"WEBHOOK_REFUSED"}
    assert await desk.rows("SELECT count(*) FROM provider_events") == [(0,)]


@pytest.mark.covers("Y6")
@pytest.mark.parametrize("live", [True, "false", None])
async def test_notices_of_another_world_are_refused(desk, live):
    error = await refusal(send(desk, notice("11111111-1111-4111-8111-111111111111", live=live)))

    assert error.reason == "WEBHOOK_REFUSED"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        notice("x", event_id=""),
        notice("x", kind=7),
        b" " * 300_000,
    ],
)
async def test_what_cannot_be_read_is_malformed(desk, body):
    error = await refusal(send(desk, body))

    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "WEBHOOK_MALFORMED")


async def test_there_is_one_provider(desk):
    error = await refusal(send(desk, notice("x"), provider="nobody"))

    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "PROVIDER_UNKNOWN")


@pytest.mark.covers("Y6")
async def test_a_notice_is_stored_before_it_is_answered_and_applied_by_the_jobs(desk):
    payment, handle = await unpaid(desk)
    desk.moyasar.decide(handle, "approve")

    await send(desk, notice(handle))
    assert await desk.rows("SELECT event_id, state FROM provider_events") == [("e-1", "waiting")]
    assert await desk.state(payment.id) == "pending_action"

    await desk.attend.due()
    assert await desk.state(payment.id) == "captured"
    assert await desk.rows("SELECT event_id, state FROM provider_events") == [("e-1", "applied")]


@pytest.mark.covers("Y6")
async def test_the_same_notice_twenty_times_at_once_applies_once(desk):
    payment, handle = await unpaid(desk)
    desk.moyasar.decide(handle, "approve")
    asked = len(desk.moyasar.attempts(method="GET"))

    await asyncio.gather(*(send(desk, notice(handle)) for _ in range(20)))
    await asyncio.gather(*(desk.attend.due() for _ in range(5)))

    assert await desk.rows("SELECT count(*) FROM provider_events") == [(1,)]
    assert await desk.events(payment.id) == ["pending", "captured"]
    assert len(desk.moyasar.attempts(method="GET")) == asked + 1


@pytest.mark.covers("Y6")
async def test_a_notice_that_comes_again_later_is_no_news(desk):
    _, handle = await unpaid(desk)
    await send(desk, notice(handle))
    await desk.attend.due()
    asked = len(desk.moyasar.attempts(method="GET"))

    await send(desk, notice(handle))

    assert await desk.attend.due() == 0
    assert len(desk.moyasar.attempts(method="GET")) == asked


@pytest.mark.covers("Y6")
async def test_a_notice_calls_the_jobs_when_it_is_stored(desk):
    _, handle = await unpaid(desk)
    async with desk.database.session() as connection:
        await connection.execute("LISTEN payment_work")
        await send(desk, notice(handle))

        called = [call.channel async for call in connection.notifies(timeout=60, stop_after=1)]

    assert called == ["payment_work"]


@pytest.mark.covers("Y6")
async def test_a_notice_that_comes_while_somebody_looks_has_a_look_of_its_own(desk):
    """What the provider had said a moment before may be older than what the notice is about."""
    payment, handle = await unpaid(desk)
    payment_id, began_at = UUID(payment.id), desk.clock.now()
    async with desk.assembly.conversations.hold(payment_id, timedelta(0)):
        desk.moyasar.decide(handle, "approve")
        desk.clock.advance(timedelta(milliseconds=200))
        await send(desk, notice(handle))
        ended_at = desk.clock.now()
        await desk.attend.due()
        async with desk.assembly.begin() as work:
            await work.looked(payment_id, Look(began_at, ended_at, next_at=None))
    assert await desk.rows("SELECT state FROM provider_events") == [("waiting",)]

    await desk.attend.due()

    assert await desk.state(payment.id) == "captured"
    assert await desk.rows("SELECT state FROM provider_events") == [("applied",)]


@pytest.mark.covers("Y6")
async def test_a_notice_is_not_put_off_by_who_wants_a_look_later(desk):
    payment, handle = await unpaid(desk)
    desk.moyasar.decide(handle, "approve")
    await send(desk, notice(handle))
    async with desk.assembly.begin() as work:
        await work.look_at(UUID(payment.id), desk.clock.now() + timedelta(seconds=15))

    await desk.attend.due()

    assert await desk.state(payment.id) == "captured"


@pytest.mark.covers("Y6")
async def test_a_notice_about_somebody_elses_payment_is_kept_and_nobody_waits_for_it(desk):
    """Several systems may share an account of the provider, and all of them hear of everything."""
    await send(desk, notice(uuid4()))

    assert await desk.rows("SELECT event_id, state FROM provider_events") == [("e-1", "ignored")]


@pytest.mark.covers("Y6")
async def test_a_notice_is_a_hint_and_not_believed(desk):
    payment, handle = await unpaid(desk)

    await send(desk, notice(handle, data={"id": handle, "status": "paid", "amount": 25_000}))
    await desk.attend.due()

    assert await desk.state(payment.id) == "pending_action"


@pytest.mark.covers("Y6")
async def test_notices_in_any_order_end_in_the_same_state(desk):
    payment = await desk.pay()
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    await desk.refund(payment)

    await send(desk, notice(theirs.id, "payment_refunded", "e-2"))
    await desk.attend.due()
    await send(desk, notice(theirs.id, "payment_paid", "e-1"))
    await desk.attend.due()

    assert await desk.state(payment.id) == "refunded"
    assert await desk.events(payment.id) == ["captured", "refunded"]


@pytest.mark.covers("Y6")
@pytest.mark.parametrize("kind", ["payout_created", "payment_verified", "something_new"])
async def test_unknown_types_are_stored_and_ignored(desk, kind):
    _, handle = await unpaid(desk)
    asked = len(desk.moyasar.attempts(method="GET"))

    await send(desk, notice(handle, kind))
    await desk.attend.due()

    assert await desk.rows("SELECT type, state FROM provider_events") == [(kind, "ignored")]
    assert len(desk.moyasar.attempts(method="GET")) == asked


@pytest.mark.covers("Y6")
async def test_a_notice_is_not_acknowledged_when_it_could_not_be_stored(desk):
    async with desk.database.transaction() as connection:
        await connection.execute("LOCK TABLE provider_events IN EXCLUSIVE MODE")
        sending = asyncio.ensure_future(send(desk, notice("11111111-1111-4111-8111-111111111111")))
        await eventually(lambda: desk.rows(CANCEL_WHO_WAITS))
        error = await refusal(sending)

    assert error.code == grpc.StatusCode.UNAVAILABLE
