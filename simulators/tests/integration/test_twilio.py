from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl

import httpx
import pytest
from kursi_simulators import credentials
from kursi_simulators.twilio.signature import sign

PHONE = "+966512345678"


def reminder(**changes):
    return {"To": PHONE, "From": "KURSI", "Body": "تذكير بموعدك", **changes}


async def test_a_message_is_answered_in_twilios_types(sender):
    answer = await sender.post("/Messages.json", data=reminder())
    message = answer.json()
    assert (answer.status_code, message["status"], message["num_segments"]) == (201, "queued", "1")
    assert parsedate_to_datetime(message["date_created"]).tzinfo is not None
    assert (await sender.get(f"/Messages/{message['sid']}.json")).json()["body"] == "تذكير بموعدك"


async def test_signed_callbacks_tell_every_step(simulators, sender, receiver, until):
    answer = await sender.post("/Messages.json", data=reminder(StatusCallback=receiver.url))
    await until(lambda: len(receiver.got) == 3)
    steps = [parse_qsl(body.decode(), keep_blank_values=True) for _, body in receiver.got]
    assert [dict(step)["MessageStatus"] for step in steps] == ["queued", "sent", "delivered"]
    assert {dict(step)["MessageSid"] for step in steps} == {answer.json()["sid"]}
    assert [headers["x-twilio-signature"] for headers, _ in receiver.got] == [
        sign(receiver.url, step, credentials.TWILIO_AUTH_TOKEN) for step in steps
    ]


async def test_an_unreachable_handset_ends_undelivered(simulators, sender, receiver, until):
    form = reminder(To="+966500030003", StatusCallback=receiver.url)
    await sender.post("/Messages.json", data=form)
    await until(lambda: len(receiver.got) == 3)
    last = dict(parse_qsl(receiver.got[-1][1].decode()))
    assert (last["MessageStatus"], last["ErrorCode"]) == ("undelivered", "30003")
    assert simulators.twilio.messages(to="+966500030003")[0].error_code == 30003


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"To": "0512345678"}, 400, 21211),
        ({"To": "+966500021614"}, 400, 21614),
        ({"To": "+966500021610"}, 400, 21610),
        ({"To": "+15005550001"}, 400, 21211),
        ({"To": "+966500020429"}, 429, 20429),
        ({"To": "whatsapp:+966512345678"}, 400, 21612),
        ({"From": ""}, 400, 21603),
        ({"From": "TWELVELETTERS"}, 400, 21212),
        ({"Body": ""}, 400, 21602),
        ({"Body": "x" * 1601}, 400, 21617),
    ],
    ids=str,
)
async def test_refusals_carry_twilios_codes(simulators, sender, change, status, code):
    answer = await sender.post("/Messages.json", data=reminder(**change))
    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (status, code, status)
    assert simulators.twilio.messages() == []


async def test_a_wrong_token_is_refused(sender):
    answer = await sender.post("/Messages.json", data=reminder(), auth=("AC", "wrong"))
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


async def test_time_out_after_accept_sent_the_message(simulators, sender):
    simulators.twilio.fault("timeout_after_accept", body_contains="966512345678")
    with pytest.raises(httpx.ReadTimeout):
        await sender.post("/Messages.json", data=reminder(), timeout=1)
    listed = (await sender.get("/Messages.json", params={"To": PHONE})).json()["messages"]
    assert [message["to"] for message in listed] == [PHONE]
    assert simulators.twilio.attempts()[0].status is None


async def test_whatsapp_templates_keep_their_variables(simulators, sender):
    form = {
        "To": "whatsapp:+966512345678",
        "MessagingServiceSid": "MG1",
        "ContentSid": "HX1",
        "ContentVariables": '{"1":"Sara"}',
    }
    assert (await sender.post("/Messages.json", data=form)).json()["status"] == "accepted"
    (message,) = simulators.twilio.messages(to="whatsapp:+966512345678")
    assert message.content_variables == '{"1":"Sara"}'
