"""What the others publish is read here: the very bytes that their own tests compare."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from kursi.catalog.events.v1.catalog_events_pb2 import CatalogChangedEvent
from kursi_booking.consumers.payments import decode
from kursi_booking.usecases.apply_payment import Step
from kursi_chassis.events.envelope import Poison, ReceivedEvent
from kursi_chassis.ids import new_id

EVENTS = Path(__file__).parents[4] / "protos" / "testdata" / "events"
CHANGES = sorted((EVENTS / "catalog").glob("*.changed.binpb"))


def received(kind, payload):
    return ReceivedEvent(
        event_id=new_id(),
        type=kind,
        subject=kind,
        aggregate_id=new_id(),
        revision=1,
        payload=payload,
        occurred_at=datetime(2026, 3, 12, tzinfo=UTC),
        headers={},
        stream_seq=1,
        deliveries=1,
    )


@pytest.mark.parametrize(
    ("what", "step"), [("captured", Step.CAPTURED), ("failed", Step.FAILED), ("refunded", Step.REFUNDED)]
)
def test_a_step_of_a_payment_is_read_with_its_totals(what, step):
    kind = f"kursi.payment.v1.payment.{what}"
    read = decode(received(kind, (EVENTS / "payment" / f"{kind}.binpb").read_bytes()))
    assert read.step is step
    assert read.captured.currency_code == read.refunded.currency_code == "SAR"
    assert (read.captured.amount_minor > 0) == (step is not Step.FAILED)


@pytest.mark.parametrize("what", ["pending", "authorized", "voided"])
def test_what_moves_no_money_is_no_business_of_the_booking(what):
    kind = f"kursi.payment.v1.payment.{what}"
    assert decode(received(kind, (EVENTS / "payment" / f"{kind}.binpb").read_bytes())) is None


def test_bytes_that_are_no_payment_are_poison():
    with pytest.raises(Poison):
        decode(received("kursi.payment.v1.payment.captured", b"\xff"))


@pytest.mark.parametrize("path", CHANGES, ids=lambda path: path.stem)
def test_a_change_of_the_catalog_names_its_salon_and_version(path):
    change = CatalogChangedEvent.FromString(path.read_bytes())
    assert UUID(change.salon_id)
    assert change.version > 0
