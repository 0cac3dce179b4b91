"""The bytes of payment's events (written here, read by whoever consumes them)."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from kursi.payment.events.v1.payment_events_pb2 import PaymentEvent
from kursi_chassis.events.envelope import ReceivedEvent
from kursi_chassis.money import Money
from kursi_payment.consumers.bookings import decode
from kursi_payment.domain.payment import Payment, Purpose, State
from kursi_payment.store.events import event_of
from kursi_payment.usecases.follow_booking import Happening

EVENTS = Path(__file__).parents[4] / "protos" / "testdata" / "events"
NOW = datetime(2026, 3, 12, 12, 30, tzinfo=UTC)
SAR = "SAR"


def payment():
    nothing = Money.zero(SAR)
    return Payment(
        id=UUID("01960000-0000-7000-8000-0000000000a1"),
        booking_id=UUID("01960000-0000-7000-8000-0000000000b1"),
        salon_id=UUID("01960000-0000-7000-8000-0000000000c1"),
        customer_id=UUID("01960000-0000-7000-8000-0000000000d1"),
        purpose=Purpose.DEPOSIT,
        state=State.CREATED,
        amount=Money(SAR, 25_000),
        authorized=nothing,
        captured=nothing,
        refunded=nothing,
        refunding=nothing,
        authorize_only=False,
        provider="moyasar",
        handle=UUID("5f0e2a54-2b0a-4a3b-9f1e-0c7f6f0a7f0c"),
        created_at=NOW,
        updated_at=NOW,
    )


CASES = {
    "pending": payment().awaiting_customer("https://bank.example/3ds", NOW),
    "authorized": payment().reserved(NOW),
    "captured": payment().taken(Money(SAR, 25_000), NOW),
    "failed": payment().refused("DECLINED", NOW),
    "voided": payment().reserved(NOW).given_up(NOW),
    "refunded": payment().taken(Money(SAR, 25_000), NOW).given_back(Money(SAR, 10_000), NOW),
}


@pytest.mark.parametrize("name", CASES)
def test_events_keep_their_bytes(name):
    event = event_of(CASES[name])
    golden = EVENTS / "payment" / f"kursi.payment.v1.payment.{name}.binpb"
    if os.environ.get("KURSI_WRITE_GOLDEN"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_bytes(event.payload)

    assert event.subject == event.type == f"kursi.payment.v1.payment.{name}"
    assert event.payload == golden.read_bytes()
    assert PaymentEvent.Type.Name(PaymentEvent.FromString(event.payload).type).lower() == name


def test_a_payment_that_expired_is_told_as_failed():
    expired = payment().awaiting_customer("", NOW).expired(NOW)

    assert event_of(expired).type == "kursi.payment.v1.payment.failed"
    assert PaymentEvent.FromString(event_of(expired).payload).failure_reason == "EXPIRED"
    assert event_of(replace(expired, state=State.REFUNDED)).type == "kursi.payment.v1.payment.refunded"


@pytest.mark.parametrize(
    "happening", [Happening.CANCELLED, Happening.REFUND_DUE, Happening.NO_SHOW, Happening.EXPIRED]
)
def test_bookings_golden_events_are_understood(happening):
    golden = EVENTS / "booking" / f"kursi.booking.v1.{happening}.binpb"
    if not golden.exists():
        pytest.skip(f"booking has not written {golden.name}")
    event = ReceivedEvent(
        event_id=UUID(int=1), type=f"kursi.booking.v1.{happening}", subject="s", aggregate_id=UUID(int=2), revision=1,
        payload=golden.read_bytes(), occurred_at=NOW, headers={}, stream_seq=1, deliveries=1,
    )  # fmt: skip

    change = decode(event)

    assert change is not None
    assert change.happening is happening
    assert change.revision > 0
