"""Whatever a provider answers, and however broken, it is one of the outcomes, and what is kept of it can be stored."""

import asyncio
import json
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kursi_chassis.clock import SystemClock
from kursi_chassis.http_client import HttpClient
from kursi_chassis.ids import new_id
from kursi_messaging.adapters.senders.smtp import SmtpSender
from kursi_messaging.adapters.senders.smtp_connections import MailRelay
from kursi_messaging.adapters.senders.twilio import TwilioAccount, TwilioSender
from kursi_messaging.domain.outcome import Accepted, Ambiguous, Outcome, Refused, Retryable
from kursi_messaging.domain.words import Channel
from kursi_messaging.ports import NoAnswer, Outgoing, Question

WRITTEN = datetime(2026, 3, 12, 12, tzinfo=UTC)
MESSAGE = Outgoing(new_id(), Channel.SMS, "+966512345678", "", "See you soon", "", "en")
QUESTION = Question(Channel.SMS, MESSAGE.to, MESSAGE.body, WRITTEN)
ACCEPTED = {
    "sid": "SM1", "status": "queued", "num_segments": "1", "error_code": None, "message": None, "code": 0,
    "to": MESSAGE.to, "body": MESSAGE.body, "date_created": "Thu, 12 Mar 2026 12:00:01 +0000",
}  # fmt: skip
REFUSED = {"code": 21211, "message": "no such number", "status": 400}

WORDS = st.text(st.characters(exclude_categories=()), max_size=20)  # halves of surrogate pairs too
DATES = st.builds(
    "Thu, 12 Mar {} 12:00:01 {}".format,
    st.integers(min_value=0),
    st.sampled_from(["-0000", "GMT", ""]) | st.integers().map("{:+05}".format),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | DATES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
few = settings(max_examples=40)
"""Each example is a connection, or a client of its own."""
BODIES = st.binary(max_size=20) | JSON.map(json.dumps).map(str.encode)


def with_any_value(answer):
    """The answer with anything in place of one of its fields."""
    return st.builds(lambda name, value: {**answer, name: value}, st.sampled_from(sorted(answer)), JSON)


def twilio(status: int, body: bytes) -> TwilioSender:
    """A sender whose provider answers so."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, stream=httpx.ByteStream(body)))
    client = httpx.AsyncClient(transport=transport, base_url="https://twilio.test")
    account = TwilioAccount("AC1", "a token", "KURSI", "", "")
    return TwilioSender(HttpClient(client, "twilio.test", 5, 1_000_000), account)


def assert_storable(outcome: Outcome) -> None:
    kept = [outcome.response, getattr(outcome, "code", ""), getattr(outcome, "external_id", "")]
    stored = json.dumps(kept, ensure_ascii=False, allow_nan=False).encode()
    assert b"\\u0000" not in stored
    assert len(stored) < 5_000


@few
@given(st.sampled_from([201, 400, 404, 429, 500, 503]), BODIES)
@example(201, b"[" * 100_000)
@example(400, b'{"code": %s}' % (b"9" * 5_000))
def test_any_answer_to_a_message_is_one_of_the_outcomes(status, body):
    outcome = asyncio.run(twilio(status, body).send(MESSAGE))
    assert isinstance(outcome, Accepted | Refused | Retryable | Ambiguous)
    assert_storable(outcome)


@few
@given(with_any_value(ACCEPTED))
def test_a_success_is_accepted_or_doubtful_whatever_one_of_its_fields_says(answer):
    outcome = asyncio.run(twilio(201, json.dumps(answer).encode()).send(MESSAGE))
    assert isinstance(outcome, Accepted | Ambiguous)
    assert_storable(outcome)


@few
@given(with_any_value(REFUSED))
def test_a_refusal_is_one_whatever_one_of_its_fields_says(answer):
    outcome = asyncio.run(twilio(400, json.dumps(answer).encode()).send(MESSAGE))
    assert isinstance(outcome, Refused)
    assert_storable(outcome)


@few
@given(with_any_value(ACCEPTED))
@example({**ACCEPTED, "sid": ["SM1"]})
@example({**ACCEPTED, "date_created": "Thu, 12 Mar 2026 12:00:01 -0000"})
@example({**ACCEPTED, "date_created": f"Thu, 12 Mar 2026 12:00:01 +{'9' * 30}"})
def test_the_list_is_searched_whatever_one_field_of_an_entry_says(entry):
    body = json.dumps({"messages": [entry]}).encode()
    found = asyncio.run(twilio(200, body).find(QUESTION, {"SM2"}))
    assert found is None or isinstance(found, Accepted)


@pytest.mark.parametrize("zone", ["+0000", "-0000", "GMT"])
def test_an_entry_of_the_list_is_found_however_its_date_spells_the_zone(zone):
    entry = {**ACCEPTED, "date_created": f"Thu, 12 Mar 2026 12:00:01 {zone}"}
    body = json.dumps({"messages": [{"sid": [1]}, 7, entry]}).encode()
    assert asyncio.run(twilio(200, body).find(QUESTION, set())).external_id == "SM1"


@pytest.mark.covers("X15")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", "See you later"),
        ("sid", "SM2"),
        ("sid", ""),
        ("date_created", "Thu, 12 Mar 2026 11:59:54 +0000"),
        ("date_created", "yesterday"),
    ],
)
def test_other_words_an_older_or_a_known_message_are_not_the_one_in_question(field, value):
    body = json.dumps({"messages": [{**ACCEPTED, field: value}, ACCEPTED]}).encode()
    assert asyncio.run(twilio(200, body).find(QUESTION, {"SM2"})).external_id == "SM1"
    body = json.dumps({"messages": [{**ACCEPTED, field: value}]}).encode()
    assert asyncio.run(twilio(200, body).find(QUESTION, {"SM2"})) is None


@pytest.mark.covers("X15")
def test_a_message_to_whatsapp_is_found_under_the_number_that_it_has_there():
    body = json.dumps({"messages": [{**ACCEPTED, "to": f"whatsapp:{MESSAGE.to}"}]}).encode()
    question = Question(Channel.WHATSAPP, MESSAGE.to, MESSAGE.body, WRITTEN)
    assert asyncio.run(twilio(200, body).find(question, set())).external_id == "SM1"


@pytest.mark.covers("X15")
@pytest.mark.parametrize("to", ["", "+966500000000"])
@pytest.mark.parametrize("channel", [Channel.SMS, Channel.WHATSAPP])
def test_the_same_words_to_another_number_are_another_message(to, channel):
    """A list is asked for one number; asked for none, it has everybody's."""
    body = json.dumps({"messages": [ACCEPTED]}).encode()
    question = Question(channel, to, MESSAGE.body, WRITTEN)
    assert asyncio.run(twilio(200, body).find(question, set())) is None


@pytest.mark.covers("X15")
@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"{}", b'{"messages": {}}', b"[" * 100_000])
def test_a_list_that_is_none_is_no_answer(body):
    with pytest.raises(NoAnswer):
        asyncio.run(twilio(200, body).find(QUESTION, set()))


STAGES = ("", "EHLO", "MAIL", "RCPT", "DATA", "text")
REPLIES = {"": "220 hello", "EHLO": "250 relay", "DATA": "354 go on"}
REPLY = st.builds(
    lambda code, rest: str(code).encode() + rest, st.integers(0, 999), st.binary(max_size=20)
) | st.binary(min_size=1, max_size=20)  # fmt: skip


async def mail_relay_says(stage: str, reply: bytes) -> Outcome:
    """Hand a mail to a relay that behaves, but for its reply at one stage, after which it hangs up."""

    async def say(writer: asyncio.StreamWriter, now: str) -> bool:
        writer.write((reply if now == stage else REPLIES.get(now, "250 fine").encode()) + b"\r\n")
        await writer.drain()
        return now != stage

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        goes_on = await say(writer, "")
        while goes_on and (line := await reader.readline()):
            command = line[:4].decode()
            goes_on = await say(writer, command)
            if goes_on and command == "DATA":
                await reader.readuntil(b"\r\n.\r\n")
                goes_on = await say(writer, "text")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = SmtpSender(
        MailRelay("127.0.0.1", port, "none", None, "", "", "a@b.test", 20, 1, 1, 1), SystemClock()
    )
    async with server:
        return await sender.send(
            Outgoing(new_id(), Channel.EMAIL, "sara@example.com", "Hello", "Soon", "", "en")
        )


@few
@given(st.sampled_from(STAGES), REPLY)
@example("text", b"250 taken \xff\x00")
def test_whatever_a_mail_relay_replies_is_one_of_the_outcomes(stage, reply):
    outcome = asyncio.run(mail_relay_says(stage, reply))
    assert isinstance(outcome, Accepted | Refused | Retryable | Ambiguous)
    assert_storable(outcome)


@pytest.mark.parametrize("reply", [b"?!", b"251 taken by another", b"200 yes", b"354 go on"])
def test_a_reply_to_a_mail_that_is_neither_yes_nor_no_leaves_it_in_doubt(reply):
    assert isinstance(asyncio.run(mail_relay_says("text", reply)), Ambiguous)
