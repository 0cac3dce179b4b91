import asyncio
import json
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

INSUFFICIENT = "4201320000311101"


def booking(token, **changes):
    source = {"type": "token", "token": token, **changes.pop("source", {})}
    return {
        "given_id": str(uuid4()),
        "amount": 15000,
        "currency": "SAR",
        "callback_url": "https://salon.test/back?salon=1",
        "source": source,
        "metadata": {"booking_id": "7f0c"},
        **changes,
    }


async def pay(merchant, token, **changes):
    answer = await merchant.post("/payments", json=booking(token, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_declined_card_is_created_all_the_same(merchant, active_token):
    payment = await pay(merchant, await active_token(INSUFFICIENT))
    assert (payment["status"], payment["source"]["response_code"]) == ("failed", "51")


async def test_a_repeated_given_id_is_refused_and_charges_once(simulators, merchant, active_token):
    order = booking(await active_token())
    answers = await asyncio.gather(*(merchant.post("/payments", json=order) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 400, 400, 400, 400]
    assert {answer.json()["type"] for answer in answers if answer.is_error} == {"used_given_id"}
    assert [movement.amount for movement in simulators.moyasar.movements()] == [15000]
    assert len(simulators.moyasar.attempts(handle=order["given_id"])) == 5


async def test_a_challenge_is_a_page_whose_approval_leads_back_to_the_merchant(merchant, tokenize):
    payment = await pay(merchant, await tokenize())
    page = payment["source"]["transaction_url"]
    assert payment["status"] == "initiated"
    async with httpx.AsyncClient(timeout=30) as browser:
        assert "Approve" in (await browser.get(page)).text
        answer = await browser.post(page, data={"decision": "approve"})
    query = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.status_code == 302
    assert (query["id"], query["status"], query["salon"]) == ([payment["id"]], ["paid"], ["1"])
    assert (await merchant.get(f"/payments/{payment['id']}")).json()["status"] == "paid"


async def test_a_declined_challenge_fails_and_a_second_decision_changes_nothing(merchant, tokenize):
    payment = await pay(merchant, await tokenize())
    page = payment["source"]["transaction_url"]
    assert (await merchant.post(page, json={"decision": "decline"})).json()["status"] == "failed"
    assert (await merchant.post(page, json={"decision": "approve"})).json()["status"] == "failed"


async def test_an_unverified_token_cannot_skip_the_challenge(merchant, tokenize):
    order = booking(await tokenize(), source={"3ds": False})
    assert (await merchant.post("/payments", json=order)).json()["type"] == "3ds_auth_error"


async def test_time_out_after_accept_is_in_the_books(simulators, merchant, active_token):
    order = booking(await active_token())
    simulators.moyasar.fault("timeout_after_accept", method="POST", path="/v1/payments")
    with pytest.raises(httpx.ReadTimeout):
        await merchant.post("/payments", json=order, timeout=1)
    assert (await merchant.get(f"/payments/{order['given_id']}")).json()["status"] == "paid"
    (attempt,) = simulators.moyasar.attempts(handle=order["given_id"])
    assert (attempt.accepted_status, attempt.status) == (201, None)


@pytest.mark.parametrize(
    ("kind", "failure", "charges"),
    [
        ("timeout_before_accept", httpx.ReadTimeout, 0),
        ("reset_before_accept", httpx.NetworkError, 0),
        ("reset_after_accept", httpx.NetworkError, 1),
    ],
)
async def test_cut_calls_charge_only_when_accepted(
    simulators, merchant, active_token, kind, failure, charges
):
    order = booking(await active_token())
    simulators.moyasar.fault(kind, method="POST", path="/v1/payments")
    with pytest.raises(failure):
        await merchant.post("/payments", json=order, timeout=1)
    assert len(simulators.moyasar.movements()) == charges


async def test_scripted_answers_reach_the_caller(simulators, merchant, active_token):
    token = await active_token()
    busy = {"type": "rate_limit_error", "message": "slow down", "errors": None}
    control = f"{simulators.moyasar.origin}/_control/faults"
    order = {"match": {"method": "POST"}, "fault": "status", "code": 429, "body": busy, "retry_after": 7}
    assert (await merchant.post(control, json=order)).status_code == 200
    refused = await merchant.post("/payments", json=booking(token))
    simulators.moyasar.fault("garbage", method="POST")
    garbled = await merchant.post("/payments", json=booking(token))
    assert (refused.status_code, refused.headers["retry-after"], refused.json()) == (429, "7", busy)
    with pytest.raises(json.JSONDecodeError):
        garbled.json()
    assert len(simulators.moyasar.movements()) == 1


async def test_never_more_is_refunded_than_was_paid(simulators, merchant, active_token):
    payment = await pay(merchant, await active_token())
    refunds = [merchant.post(f"/payments/{payment['id']}/refund", json={"amount": 4000}) for _ in range(5)]
    answers = await asyncio.gather(*refunds)
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 400, 400]
    assert simulators.moyasar.payment(payment["id"]).refunded == 12000
    assert (await merchant.post(f"/payments/{payment['id']}/refund")).json()["refunded"] == 15000


async def test_an_authorisation_is_captured_once_and_not_above_its_amount(merchant, active_token):
    payment = await pay(merchant, await active_token(), source={"manual": True})
    capture = f"/payments/{payment['id']}/capture"
    assert payment["status"] == "authorized"
    assert (await merchant.post(capture, json={"amount": 15001})).status_code == 400
    assert (await merchant.post(capture, json={"amount": 9000})).json()["captured"] == 9000
    assert (await merchant.post(capture, json={"amount": 1000})).status_code == 400
    assert (
        await merchant.post(f"/payments/{payment['id']}/refund", json={"amount": 9001})
    ).status_code == 400


async def test_an_authorisation_can_be_voided_once(merchant, active_token):
    payment = await pay(merchant, await active_token(), source={"manual": True})
    void = f"/payments/{payment['id']}/void"
    assert (await merchant.post(void)).json()["status"] == "voided"
    assert (await merchant.post(void)).status_code == 400


async def test_stc_pay_asks_for_a_code(merchant):
    source = {"type": "stcpay", "mobile": "0512345678"}
    payment = (await merchant.post("/payments", json={"amount": 5000, "source": source})).json()
    url = payment["source"]["transaction_url"]
    async with httpx.AsyncClient(timeout=30) as browser:
        wrong = await browser.post(url, json={"otp_value": "999999"})
        right = await browser.post(url, json={"otp_value": "123456"})
    assert (wrong.status_code, right.json()["status"]) == (400, "paid")


@pytest.mark.parametrize(("amount", "code"), [(25000, "00"), (115000, "51"), (155000, "61"), (900, "99")])
async def test_apple_pay_answers_by_amount(merchant, amount, code):
    order = {"amount": amount, "source": {"type": "applepay", "token": "apple"}}
    assert (await merchant.post("/payments", json=order)).json()["source"]["response_code"] == code


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 99},
        {"amount": "15000"},
        {"given_id": "7f0c"},
        {"callback_url": None},
        {"metadata": {"nested": {}}},
        {"source": {"type": "creditcard", "number": "4201320111111010"}},
        {"source": {"token": "token_unknown"}},
    ],
    ids=str,
)
async def test_a_request_outside_the_contract_is_refused_and_uses_no_id(
    simulators, merchant, active_token, change
):
    answer = await merchant.post("/payments", json=booking(await active_token(), **change))
    assert (answer.status_code, answer.json()["type"]) == (400, "invalid_request_error")
    assert simulators.moyasar.payments() == []


async def test_a_publishable_key_creates_and_nothing_else(payer, merchant, active_token):
    payment = (await payer.post("/payments", json=booking(await active_token()))).json()
    assert payment["status"] == "paid"
    assert (await payer.get(f"/payments/{payment['id']}")).status_code == 401
    assert (await payer.post(f"/payments/{payment['id']}/refund")).status_code == 401
    assert (await merchant.get("/payments", auth=("sk_test_other", ""))).status_code == 401


async def test_payments_are_listed_newest_first_by_filter_and_page(merchant, active_token):
    token = await active_token()
    payments = [await pay(merchant, token, metadata={"booking_id": str(n)}) for n in range(41)]
    first = (await merchant.get("/payments", params={"status": "paid"})).json()
    second = (await merchant.get("/payments", params={"page": "2"})).json()
    since = {"created[gt]": "2000-01-01T00:00:00Z", "metadata[booking_id]": "7"}
    found = (await merchant.get("/payments", params=since)).json()["payments"]
    assert (len(first["payments"]), first["meta"]["next_page"], first["meta"]["total_count"]) == (40, 2, 41)
    assert [payment["id"] for payment in second["payments"]] == [payments[0]["id"]]
    assert [payment["id"] for payment in found] == [payments[7]["id"]]
    assert (await merchant.get("/payments", params={"colour": "red"})).status_code == 400


async def subscribe(merchant, receiver):
    hook = {"url": receiver.url, "http_method": "post", "shared_secret": "between-us"}
    answer = await merchant.post("/webhooks", json=hook)
    assert (answer.status_code, "shared_secret" in answer.json()) == (201, False)


def types_got(receiver):
    return [json.loads(body)["type"] for _, body in receiver.got]


async def test_a_webhook_carries_the_secret_in_its_body_and_is_retried(
    simulators, merchant, active_token, receiver, until
):
    await subscribe(merchant, receiver)
    receiver.statuses = [500]
    payment = await pay(merchant, await active_token())
    await until(lambda: simulators.moyasar.delivered(payment["id"]) != [])
    first, second = (json.loads(body) for _, body in receiver.got)
    assert first == second
    assert (first["type"], first["secret_token"], first["live"]) == ("payment_paid", "between-us", False)
    assert first["data"] == payment
    assert simulators.moyasar.callbacks.sent[0].answers == [500, 200]


async def test_duplicated_callbacks_are_the_same_event(simulators, merchant, active_token, receiver, until):
    await subscribe(merchant, receiver)
    simulators.moyasar.callbacks.duplicate(20)
    await pay(merchant, await active_token())
    await until(lambda: len(receiver.got) == 20)
    assert len({json.loads(body)["id"] for _, body in receiver.got}) == 1


async def test_held_callbacks_can_be_released_backwards(merchant, simulators, active_token, receiver, until):
    await subscribe(merchant, receiver)
    orders = f"{simulators.moyasar.origin}/_control/callbacks"
    await merchant.post(orders, json={"action": "pause"})
    payment = await pay(merchant, await active_token())
    await merchant.post(f"/payments/{payment['id']}/refund")
    assert receiver.got == []
    await merchant.post(orders, json={"action": "reorder"})
    await merchant.post(orders, json={"action": "release"})
    await until(lambda: len(receiver.got) == 2)
    assert types_got(receiver) == ["payment_refunded", "payment_paid"]


async def test_dropped_callbacks_are_never_sent(simulators, merchant, active_token, receiver, until):
    await subscribe(merchant, receiver)
    simulators.moyasar.callbacks.drop(1)
    payment = await pay(merchant, await active_token())
    await merchant.post(f"/payments/{payment['id']}/void")
    await until(lambda: len(receiver.got) == 1)
    assert types_got(receiver) == ["payment_voided"]
    assert simulators.moyasar.callbacks.sent[0].outcome == "dropped"


async def test_no_card_number_stays_in_the_books(simulators, payer, tokenize):
    await tokenize(INSUFFICIENT)
    assert INSUFFICIENT not in json.dumps(simulators.moyasar.books())


async def test_the_payer_can_be_played_through_the_control_api(simulators, merchant, tokenize):
    payment = await pay(merchant, await tokenize())
    decide = f"{simulators.moyasar.origin}/_control/decide"
    outcome = (await merchant.post(decide, json={"id": payment["id"], "decision": "approve"})).json()
    assert outcome["status"] == "paid"
    assert outcome["redirect_url"].startswith("https://salon.test/back?salon=1&id=")
