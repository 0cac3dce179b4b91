"""Whatever the provider says, and however broken, it is understood or counts as not understood; nothing else."""

import asyncio
import json
from uuid import UUID

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kursi_chassis.http_client import HttpClient
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money
from kursi_payment.adapters.moyasar import Moyasar
from kursi_payment.adapters.moyasar_notices import MoyasarNotices
from kursi_payment.adapters.moyasar_webhook import MoyasarWebhook, WebhookNotRegistered
from kursi_payment.domain.errors import WebhookMalformed, WebhookRefused
from kursi_payment.domain.standing import Absent, NotDone, Statement, Unknown
from kursi_payment.ports import Charge, Notice, Source

HANDLE = UUID("5f0e2a54-2b0a-4a3b-9f1e-0c7f6f0a7f0c")
CHARGE = Charge(
    handle=HANDLE, payment_id=new_id(), booking_id=new_id(), amount=Money("SAR", 15000),
    source=Source("token", "token_x"), authorize_only=False, callback_url="",
)  # fmt: skip
SOURCE = {"transaction_url": "https://3ds.test", "response_code": "51", "number": "4201-32XX-XXXX-1111"}
PAYMENT = {
    "id": str(HANDLE), "status": "failed", "amount": 15000, "currency": "SAR", "captured": 0, "refunded": 0,
    "source": SOURCE,
}  # fmt: skip
SECRET = "a secret of the test"
NOTICE = {
    "id": "evt_1", "type": "payment_paid", "live": False, "secret_token": SECRET, "data": {"id": str(HANDLE)},
}  # fmt: skip

WORDS = st.text(st.characters(exclude_categories=()), max_size=20)  # halves of surrogate pairs too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
BODIES = st.binary(max_size=20) | JSON.map(json.dumps).map(str.encode)


def with_any_value(answer):
    """The answer with anything in place of one of its fields."""
    return st.builds(lambda name, value: {**answer, name: value}, st.sampled_from(sorted(answer)), JSON)


PAYMENTS = with_any_value(PAYMENT) | with_any_value(SOURCE).map(lambda source: {**PAYMENT, "source": source})


def answering(status: int, body: bytes) -> HttpClient:
    """The way to a provider that answers so."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, stream=httpx.ByteStream(body)))
    client = httpx.AsyncClient(transport=transport, base_url="https://moyasar.test")
    return HttpClient(client, "moyasar.test", 5, 1_000_000)


@given(st.sampled_from([201, 400, 404, 429, 500, 503]), BODIES | PAYMENTS.map(json.dumps).map(str.encode))
@example(400, b"[" * 100_000)
@example(400, b'{"type": {"a": []}}')
def test_any_answer_to_an_order_is_one_that_the_rest_understands(status, body):
    answer = asyncio.run(Moyasar(answering(status, body), "sk").charge(CHARGE))
    assert isinstance(answer, Statement | NotDone | Unknown)


@given(PAYMENTS)
def test_what_is_kept_of_a_payment_can_be_stored(payment):
    answer = asyncio.run(Moyasar(answering(200, json.dumps(payment).encode()), "sk").find(HANDLE))
    assert isinstance(answer, Statement | Absent | Unknown)
    kept = [getattr(answer, name, "") for name in ("redirect_url", "failure_reason", "card_last_four")]
    assert all(text.isprintable() for text in kept)


@given(BODIES | with_any_value(NOTICE).map(json.dumps).map(str.encode))
def test_any_notice_is_heard_or_refused(body):
    try:
        heard = MoyasarNotices(SECRET, is_live=False).read(body)
    except (WebhookMalformed, WebhookRefused):
        return
    assert isinstance(heard, Notice)


@given(st.builds(lambda url, more: {"webhooks": [{"url": url}, more]}, JSON, JSON) | JSON)
@example({"webhooks": [{"url": ["https://api.test"]}]})
def test_any_list_of_webhooks_is_read_or_counts_as_no_answer(listed):
    webhook = MoyasarWebhook(answering(200, json.dumps(listed).encode()), "sk", SECRET)
    try:
        assert asyncio.run(webhook.ensure("https://api.test/hook"))
    except WebhookNotRegistered:
        assert not isinstance(listed, dict)


@pytest.mark.parametrize("value", [None, 7, ["x"], {"a": "b"}, True])
def test_an_address_that_is_no_text_is_none(value):
    body = json.dumps({**PAYMENT, "source": {**SOURCE, "transaction_url": value}}).encode()
    answer = asyncio.run(Moyasar(answering(200, body), "sk").find(HANDLE))
    assert answer.redirect_url == ""
