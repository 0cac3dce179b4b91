"""Small rules: card numbers, judging movements, reading the provider's JSON."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money
from kursi_payment.adapters.moyasar_notices import MoyasarNotices
from kursi_payment.adapters.moyasar_wire import Unreadable, statement
from kursi_payment.domain.card_number import holds_card_number
from kursi_payment.domain.errors import AmountMismatch, NothingDue, WebhookMalformed
from kursi_payment.domain.movement import Kind, Movement, Verdict, judge
from kursi_payment.domain.payment import Purpose
from kursi_payment.domain.standing import Standing, Statement
from kursi_payment.domain.terms import Terms, amount_due
from kursi_payment.settings import PaymentSettings

NOW = datetime(2026, 3, 12, 12, tzinfo=UTC)
SETTLES = timedelta(minutes=2)
HANDLE = UUID("5f0e2a54-2b0a-4a3b-9f1e-0c7f6f0a7f0c")


@pytest.mark.covers("Y13")
@pytest.mark.parametrize(
    "text",
    [
        "4111111111111111",
        "pay 4111 1111 1111 1111 now",
        "4201-3201-1111-1010",
        '{"number":"5421080101000000"}',
        "card378282246310005",
        "5000000000000611",
        "4222222222222",
        "6304000000000000000",
        "6304 0000 0000 0000 000",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u20111111\u202f1111\n1111",
        "\u20664111\u200b1111\ufeff1111\u200d1111\u2069",
        "\u0664\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 \u0661\u0661\u0661\u0661",
    ],
)
def test_card_numbers_are_found(text):
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "+966501234567",
        "41111111111111111111111111",
        "63040000000000000000",
        "422222222222",
        "token_AbC123",
        "2026-03-12T12:00:00Z",
        "2026-03-12 \u2013 2026-03-10",
        "1795330425.123450",
        "",
    ],
)
def test_other_numbers_are_none(text):
    assert not holds_card_number(text)


@given(st.uuids(), st.binary(min_size=16, max_size=40))
def test_ids_and_hashes_are_never_taken_for_cards(some_id, some_hash):
    assert not holds_card_number(str(some_id))
    assert not holds_card_number(some_hash.hex())


def terms(**changes):
    nothing = Money("SAR", 0)
    usual = {"prepayment": Money("SAR", 5_000), "prepayment_is_full": False, "balance": nothing}
    who = {"booking_id": new_id(), "salon_id": new_id(), "customer_id": new_id(), "no_show_fee": nothing}
    return Terms(**{**who, **usual, "hold_expires_at": NOW, "accepts_tip": True, **changes})


def due(purpose, shown=None, now=NOW, **changes):
    return amount_due(terms(**changes), purpose, shown, largest_tip_minor=10_000, now=now)


@pytest.mark.covers("Y1")
def test_what_keeps_a_time_can_be_paid_until_the_hold_ends_and_not_at_its_end():
    assert due(Purpose.DEPOSIT, now=NOW - timedelta(microseconds=1)) == Money("SAR", 5_000)
    with pytest.raises(NothingDue):
        due(Purpose.DEPOSIT, now=NOW)


@pytest.mark.covers("Y1")
def test_a_tip_is_what_was_shown_up_to_the_largest():
    assert due(Purpose.TIP, Money("SAR", 10_000)) == Money("SAR", 10_000)
    for shown in (Money("SAR", 10_001), Money("SAR", 0), Money("AED", 10), None):
        with pytest.raises(AmountMismatch):
            due(Purpose.TIP, shown)
    with pytest.raises(NothingDue):
        due(Purpose.TIP, Money("SAR", 10), accepts_tip=False)


def notice(**changes):
    usual = {"id": "a" * 100, "type": "payment_paid", "secret_token": "known", "live": False, "data": {}}
    return json.dumps({**usual, **changes}).encode()


@pytest.mark.covers("Y6")
def test_a_notice_is_no_longer_than_notices_are():
    notices = MoyasarNotices("known", is_live=False)
    largest = notice() + b" " * (256 * 1024 - len(notice()))
    assert notices.read(largest).event_id == "a" * 100
    for wrong in (largest + b" ", notice(id="a" * 101), notice(id=""), notice(type="a" * 101)):
        with pytest.raises(WebhookMalformed):
            notices.read(wrong)


def refund(**changes):
    usual = {
        "id": new_id(), "payment_id": new_id(), "kind": Kind.REFUND, "amount": Money("SAR", 40), "actor": "user:1",
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Movement(**{**usual, **changes})


def said(standing=Standing.TAKEN, taken=100, refunded=0):
    return Statement(
        standing=standing,
        amount=Money("SAR", 100),
        taken=Money("SAR", taken),
        refunded=Money("SAR", refunded),
    )


SENT = {"sent_at": NOW, "refunded_before": Money("SAR", 10)}


@pytest.mark.covers("Y5")
@pytest.mark.parametrize(
    ("movement", "statement_", "after", "verdict"),
    [
        (refund(), said(), timedelta(0), Verdict.SEND),
        (refund(), said(refunded=61), timedelta(0), Verdict.IMPOSSIBLE),
        (refund(), said(Standing.AUTHORIZED, taken=0), timedelta(0), Verdict.IMPOSSIBLE),
        (refund(**SENT), said(refunded=50), timedelta(0), Verdict.DONE),
        (refund(**SENT), said(refunded=10), timedelta(seconds=119), Verdict.WAIT),
        (refund(**SENT), said(refunded=10), SETTLES, Verdict.SEND),
        (refund(**SENT), said(refunded=30), SETTLES, Verdict.UNCLEAR),
        (refund(kind=Kind.CAPTURE), said(Standing.AUTHORIZED, taken=0), timedelta(0), Verdict.SEND),
        (refund(kind=Kind.CAPTURE), said(taken=40), timedelta(0), Verdict.DONE),
        (refund(kind=Kind.CAPTURE), said(taken=100), timedelta(0), Verdict.IMPOSSIBLE),
        (refund(kind=Kind.VOID), said(Standing.VOIDED, taken=0), timedelta(0), Verdict.DONE),
        (refund(kind=Kind.VOID, **SENT), said(Standing.AUTHORIZED, taken=0), timedelta(0), Verdict.WAIT),
    ],
)
def test_whether_a_movement_happened_is_read_off_the_totals(movement, statement_, after, verdict):
    assert judge(movement, statement_, NOW + after, SETTLES) is verdict


def answer(**changes):
    usual = {
        "id": str(HANDLE),
        "status": "paid",
        "amount": 15000,
        "currency": "SAR",
        "captured": 0,
        "refunded": 0,
    }
    return json.dumps({**usual, **changes}).encode()


@pytest.mark.covers("Y4")
@pytest.mark.parametrize(
    ("changes", "standing", "taken"),
    [
        ({}, Standing.TAKEN, 15000),
        ({"status": "captured", "captured": 9000}, Standing.TAKEN, 9000),
        ({"status": "refunded", "refunded": 5}, Standing.TAKEN, 15000),
        ({"status": "authorized"}, Standing.AUTHORIZED, 0),
        ({"status": "initiated", "source": None}, Standing.INITIATED, 0),
        ({"status": "voided"}, Standing.VOIDED, 0),
    ],
)
def test_the_providers_words_are_turned_into_ours(changes, standing, taken):
    read = statement(answer(**changes), HANDLE)

    assert (read.standing, read.taken.amount_minor) == (standing, taken)


@pytest.mark.covers("Y4")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"<html>", b"[" * 100_000, answer(id=str(uuid4())), answer(status="new_word"),
        answer(amount="15000"), answer(amount=True), answer(amount=-1), answer(amount=None), answer(currency="XXX"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_understood_is_not_guessed_at(body):
    with pytest.raises(Unreadable):
        statement(body, HANDLE)


def test_secrets_do_not_show():
    settings = PaymentSettings(
        database_url="postgresql://x", client_secret="hidden-client", token_issuer="i", page_token_key="k" * 16,
        moyasar_secret_key="sk_test_hidden", moyasar_webhook_secret="hidden-webhook-secret",
    )  # fmt: skip

    assert "hidden" not in repr(settings)
