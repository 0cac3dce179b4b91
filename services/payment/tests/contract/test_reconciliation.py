"""Every payment reaches its true state, notices or not (Y7)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from kursi.payment.v1 import payment_pb2
from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi_chassis.db.database import Connection
from kursi_chassis.ids import new_id
from kursi_payment.adapters.moyasar_webhook import MoyasarWebhook, WebhookNotRegistered
from kursi_payment.jobs.webhook import KeepRegistered
from kursi_simulators import credentials

Payment = payment_pb2.Payment
SECRET = "a shared secret of the tests"
RESERVED = ("authorized", "captured")


async def waiting(desk, number="4201320111111010", **changes):
    """A payment that waits for its customer, and its id at the provider."""
    source = pb2.Source(token=await desk.token(number, verified=False))
    payment = await desk.pay(source=source, **changes)
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    return payment, theirs.id


async def at_the_dashboard(desk, handle, step):
    """Somebody does `void`, `capture` or `refund 5000` at the provider."""
    what, _, minor = step.partition(" ")
    body = {"amount": int(minor)} if minor else {}
    await desk.http.send(
        "POST", f"/payments/{handle}/{what}", json=body, auth=(credentials.MOYASAR_SECRET_KEY, "")
    )


@pytest.mark.covers("Y7")
async def test_without_any_notice_all_payments_reach_their_true_state(desk):
    paid, paid_handle = await waiting(desk)
    declined, declined_handle = await waiting(desk)
    broke, broke_handle = await waiting(desk, "4201320000311101")
    reserved, reserved_handle = await waiting(desk, authorize_only=True)
    idle, _ = await waiting(desk)
    desk.moyasar.decide(paid_handle, "approve")
    desk.moyasar.decide(declined_handle, "decline")
    desk.moyasar.decide(broke_handle, "approve")
    desk.moyasar.decide(reserved_handle, "approve")

    await desk.attend.due()
    assert await desk.state(paid.id) == "pending_action"

    desk.clock.advance(timedelta(minutes=2))
    await desk.attend.due()

    states = [await desk.state(payment.id) for payment in (paid, declined, broke, reserved, idle)]
    assert states == ["captured", "failed", "failed", "authorized", "pending_action"]


@pytest.mark.covers("Y7")
async def test_a_customer_who_never_comes_back_is_waited_for_half_an_hour(desk):
    payment, _ = await waiting(desk)

    desk.clock.advance(timedelta(minutes=29))
    await desk.look_at_everything()
    assert await desk.state(payment.id) == "pending_action"

    desk.clock.advance(timedelta(minutes=1))
    await desk.look_at_everything()

    expired = (await desk.stub.ListPayments(pb2.ListPaymentsRequest(), metadata=desk.as_customer())).payments[
        0
    ]
    assert (expired.state, expired.failure_reason, expired.redirect_url) == (Payment.EXPIRED, "EXPIRED", "")
    assert await desk.events(payment.id) == ["pending", "failed"]
    assert await desk.rows("SELECT count(*) FROM payments WHERE next_look_at IS NOT NULL") == [(0,)]


@pytest.mark.covers("Y7")
async def test_a_payment_is_not_expired_while_the_provider_cannot_say_that_it_is_unpaid(desk):
    payment, handle = await waiting(desk)
    desk.moyasar.decide(handle, "approve")
    desk.clock.advance(timedelta(hours=1))
    desk.moyasar.fault("status", method="GET", path="/v1/payments/*", code=500)

    await desk.attend.due()
    assert await desk.state(payment.id) == "pending_action"

    desk.clock.advance(timedelta(minutes=2))
    await desk.attend.due()
    assert await desk.state(payment.id) == "captured"


@pytest.mark.covers("Y7")
async def test_a_payment_that_the_provider_contradicts_is_left_to_a_person_and_not_expired(desk):
    payment, handle = await waiting(desk)
    desk.moyasar.decide(handle, "approve")
    desk.moyasar.payments(payment_id=payment.id)[0].amount = 1

    desk.clock.advance(timedelta(hours=1))
    await desk.look_at_everything()

    assert await desk.rows("SELECT state, flagged FROM payments") == [("pending_action", "AMOUNT_DIFFERS")]


@pytest.mark.covers("Y7")
async def test_a_reservation_that_comes_after_we_stopped_waiting_is_seen(desk):
    payment, handle = await waiting(desk, authorize_only=True)
    desk.clock.advance(timedelta(minutes=30))
    await desk.look_at_everything()
    desk.moyasar.decide(handle, "approve")

    desk.clock.advance(timedelta(days=1, minutes=1))
    await desk.attend.sweep()
    await desk.attend.due()

    assert await desk.events(payment.id) == ["pending", "failed", "authorized"]


@pytest.mark.covers("Y7")
async def test_a_customer_who_pays_after_all_has_paid(desk):
    booking_id = desk.booked()
    source = pb2.Source(token=await desk.token(verified=False))
    late = await desk.pay(booking_id, source=source)
    (theirs,) = desk.moyasar.payments(payment_id=late.id)
    desk.clock.advance(timedelta(minutes=30))
    await desk.look_at_everything()
    instead = await desk.pay(booking_id)
    desk.moyasar.decide(theirs.id, "approve")

    desk.clock.advance(timedelta(days=1, minutes=1))
    await desk.attend.sweep()
    await desk.attend.due()

    assert [await desk.state(payment.id) for payment in (late, instead)] == ["captured", "captured"]
    assert await desk.events(late.id) == ["pending", "failed", "captured"]


@pytest.mark.covers("Y7")
async def test_the_daily_sweep_follows_what_was_done_at_the_dashboard(desk):
    refunded, voided = await desk.pay(), await desk.pay(authorize_only=True)
    handles = [desk.moyasar.payments(payment_id=payment.id)[0].id for payment in (refunded, voided)]
    account = (credentials.MOYASAR_SECRET_KEY, "")
    await desk.http.send("POST", f"/payments/{handles[0]}/refund", json={"amount": 5_000}, auth=account)
    await desk.http.send("POST", f"/payments/{handles[1]}/void", auth=account)

    await desk.attend.sweep()
    assert await desk.attend.due() == 0
    desk.clock.advance(timedelta(days=1, seconds=1))
    await desk.attend.sweep()
    assert await desk.attend.due() == 2

    assert await desk.state(refunded.id) == "partially_refunded"
    assert await desk.state(voided.id) == "voided"
    assert await desk.rows("SELECT reason, progress FROM movements") == [("made_at_provider", "succeeded")]


@pytest.mark.covers("Y3", "Y7")
@pytest.mark.parametrize(
    ("authorize_only", "done_there", "state", "captured", "refunded", "told"),
    [
        (False, ["refund 5000"], "partially_refunded", 25_000, 5_000, ["captured", "refunded"]),
        (False, ["refund"], "refunded", 25_000, 25_000, ["captured", "refunded"]),
        (False, ["void"], "refunded", 25_000, 25_000, ["captured", "refunded"]),
        (True, ["void"], "voided", 0, 0, ["authorized", "voided"]),
        (True, ["capture 4000", "refund 1000"], "partially_refunded", 4_000, 1_000, [*RESERVED, "refunded"]),
        (True, ["capture 4000", "void"], "refunded", 4_000, 4_000, [*RESERVED, "refunded"]),
    ],
)  # fmt: skip
async def test_what_was_paid_and_undone_before_anybody_looked_is_followed_step_by_step(
    authorize_only, done_there, state, captured, refunded, told, desk
):
    payment, handle = await waiting(desk, authorize_only=authorize_only)
    desk.moyasar.decide(handle, "approve")
    for step in done_there:
        await at_the_dashboard(desk, handle, step)

    desk.clock.advance(timedelta(minutes=2))
    await desk.look_at_everything()

    after = await desk.get(payment)
    assert await desk.state(payment.id) == state
    assert (after.captured.amount_minor, after.refunded.amount_minor) == (captured, refunded)
    assert await desk.events(payment.id) == ["pending", *told]


@pytest.mark.covers("Y7")
async def test_the_daily_sweep_follows_a_reservation_that_was_taken_and_paid_back_at_the_dashboard(desk):
    payment = await desk.pay(authorize_only=True)
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    await at_the_dashboard(desk, theirs.id, "capture")
    await at_the_dashboard(desk, theirs.id, "refund")

    desk.clock.advance(timedelta(days=1, seconds=1))
    await desk.attend.sweep()
    assert await desk.attend.due() == 1

    assert await desk.state(payment.id) == "refunded"
    assert await desk.events(payment.id) == ["authorized", "captured", "refunded"]


@pytest.mark.covers("Y7")
async def test_the_daily_sweep_compares_what_was_paid_back_in_part_too_and_nothing_after_a_month(desk):
    payment = await desk.pay()
    await desk.refund(payment, 5_000)
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    theirs.refunded = theirs.amount

    desk.clock.advance(timedelta(days=30, seconds=1))
    await desk.attend.sweep()
    assert await desk.attend.due() == 0

    desk.clock.advance(timedelta(days=-20))
    await desk.attend.sweep()
    assert await desk.attend.due() == 1
    assert await desk.state(payment.id) == "refunded"


@pytest.mark.covers("Y7")
@pytest.mark.parametrize(
    ("field", "value", "flag"),
    [
        ("amount", 1, "AMOUNT_DIFFERS"),
        ("currency", "USD", "AMOUNT_DIFFERS"),
        ("captured", 1, "TAKEN_DIFFERS"),
        ("status", "failed", "FAILED_AFTER_SUCCESS"),
        ("refunded", 25_001, "REFUNDED_MORE_THAN_TAKEN"),
    ],
)
async def test_what_cannot_be_is_flagged_once_and_changes_nothing(desk, field, value, flag):
    payment = await desk.pay()
    setattr(desk.moyasar.payments(payment_id=payment.id)[0], field, value)

    await desk.look_at_everything()
    for _ in range(2):
        desk.clock.advance(timedelta(days=1, seconds=1))
        await desk.attend.sweep()
        await desk.attend.due()

    assert await desk.state(payment.id) == "captured"
    assert await desk.rows("SELECT flagged FROM payments") == [(flag,)]
    assert await desk.rows("SELECT count(*) FROM audit WHERE action = 'payment_flagged'") == [(1,)]


@pytest.mark.covers("Y7")
@pytest.mark.parametrize(
    ("field", "value", "truth"), [("currency", "USD", "SAR"), ("amount", 1, 25_000), ("captured", 1, 0)]
)
async def test_while_the_provider_contradicts_a_payment_no_money_of_it_moves(desk, field, value, truth):
    payment = await desk.pay()
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    setattr(theirs, field, value)

    (refund,) = (await desk.refund(payment, 1_000)).refunds
    assert (refund.state, desk.charges("refund")) == (payment_pb2.Refund.PENDING, [])

    setattr(theirs, field, truth)
    await desk.look_at_everything()
    assert [movement.amount for movement in desk.charges("refund")] == [1_000]


@pytest.mark.covers("Y7")
async def test_a_payment_that_the_provider_forgot_is_flagged(desk):
    payment, _ = await waiting(desk)
    desk.moyasar._simulator.payments.clear()

    await desk.look_at_everything()

    assert await desk.rows("SELECT flagged FROM payments") == [("UNKNOWN_TO_PROVIDER",)]
    assert await desk.state(payment.id) == "pending_action"


async def test_a_payment_somebody_talks_about_is_looked_at_a_second_later(desk):
    payment, _ = await waiting(desk)
    desk.clock.advance(timedelta(minutes=2))

    async with desk.assembly.conversations.hold(payment.id, timedelta(0)):
        assert await desk.attend.due() == 1
        assert await desk.attend.due() == 0
    ((next_look,),) = await desk.rows("SELECT next_look_at FROM payments")
    assert next_look == desk.clock.now() + timedelta(seconds=1)


async def test_a_conversation_that_is_over_keeps_nobody_waiting(desk, monkeypatch):
    """However late the server notices that its connection was closed."""
    payment_id, left_open = new_id(), []

    async def close_later(connection):
        left_open.append(connection)

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "close", close_later)
        for _ in range(2):
            async with desk.assembly.conversations.hold(payment_id, timedelta(0)):
                pass
    for connection in left_open:
        await connection.close()


async def test_the_webhook_is_registered_once_and_again_when_it_was_deleted(desk):
    webhook = MoyasarWebhook(desk.http, credentials.MOYASAR_SECRET_KEY, SECRET)
    keep = KeepRegistered(webhook.ensure, "https://api.test/", desk.clock)

    await asyncio.gather(keep())
    await keep()
    (registered,) = desk.moyasar.books()["webhooks"]
    assert registered["url"] == "https://api.test/v1/webhooks/payments/moyasar"

    desk.moyasar._simulator.webhooks.clear()
    desk.clock.advance(timedelta(hours=1))
    await keep()
    await keep()
    assert len(desk.moyasar.books()["webhooks"]) == 1


async def test_a_provider_that_cannot_be_told_is_told_later(desk):
    webhook = MoyasarWebhook(desk.http, credentials.MOYASAR_SECRET_KEY, SECRET)
    desk.moyasar.fault("status", path="/v1/webhooks", code=503)

    with pytest.raises(WebhookNotRegistered):
        await webhook.ensure("https://api.test/hook")
    assert await webhook.ensure("https://api.test/hook")


@pytest.mark.covers("Y7")
async def test_a_payment_that_was_turned_away_is_rightly_unknown_to_the_provider(desk):
    """Jobs that came while the customer's call was at it come again, and find what they would find of any such payment."""
    desk.moyasar.fault("status", method="POST", path="/v1/payments", code=429)
    payment = await desk.pay()
    assert payment.state == Payment.FAILED

    async with desk.assembly.begin() as work:
        await work.look_at(UUID(payment.id), desk.clock.now())
    await desk.attend.due()

    assert await desk.rows("SELECT flagged, next_look_at FROM payments") == [("", None)]


@pytest.mark.covers("Y9")
@pytest.mark.parametrize(("minor", "flagged"), [(10_000, "REFUND_REFUSED"), (25_000, "")])
async def test_a_refund_that_the_dashboard_forestalled_is_left_to_a_person_if_money_is_missing(
    desk, minor, flagged
):
    desk.moyasar.fault("status", method="POST", path="/v1/payments/*/refund", code=429)
    payment = await desk.pay()
    await desk.refund(payment)
    (theirs,) = desk.moyasar.payments(payment_id=payment.id)
    account = (credentials.MOYASAR_SECRET_KEY, "")
    await desk.http.send("POST", f"/payments/{theirs.id}/refund", json={"amount": minor}, auth=account)

    await desk.look_at_everything()

    assert [movement.amount for movement in desk.charges("refund")] == [minor]
    assert await desk.rows("SELECT flagged, refunded_minor, refunding_minor FROM payments") == [
        (flagged, minor, 0)
    ]
