"""Providers of codes, against local stand-ins that speak their wire formats."""

from contextlib import asynccontextmanager
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.testing.servers import free_port
from kursi_simulators import credentials
from kursi_simulators.testing import running_simulators

PHONE = "+966512345678"
REFUSED_BY_TWILIO = "+966500021610"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def two_accounts():
    """The simulators of two Twilio accounts; the first has the mail relay too."""
    async with running_simulators() as first, running_simulators() as second:
        yield first, second


@pytest.fixture
def start(start_identity, two_accounts):
    """Identity with two Twilio accounts in order of preference, and a mail relay."""
    first, second = two_accounts
    first.reset()
    second.reset()

    def account(simulators, **changes: object) -> dict[str, object]:
        usual = {
            "account_sid": credentials.TWILIO_ACCOUNT_SID,
            "auth_token": credentials.TWILIO_AUTH_TOKEN,
            "base_url": simulators.twilio.base_url,
            "sms_sender": "KURSI",
            "whatsapp_sender": "+966512000000",
            # On a busy machine an answer may take its time, and a late one is in doubt, which is another rule.
            "timeout_seconds": 10,
        }
        return {**usual, **changes}

    @asynccontextmanager
    async def started(first_account: dict[str, object] | None = None, **settings: object):
        usual = {
            "sms_providers": ("first", "second"),
            "whatsapp_providers": ("first", "second"),
            "twilio_accounts": {
                "first": account(first, **(first_account or {})),
                "second": account(second),
            },
            "smtp_host": first.smtp.host,
            "smtp_port": first.smtp.port,
            "smtp_security": "none",
            "smtp_sender": "Kursi <no-reply@kursi.test>",
        }
        async with start_identity(**{**usual, **settings}) as identity:
            yield identity, first, second

    return started


def sent(simulators, to: str = PHONE) -> list[str]:
    return [message.body for message in simulators.twilio.messages(to=to)]


@pytest.mark.covers("I5")
async def test_a_code_goes_out_by_sms_with_a_short_life(start):
    async with start() as (identity, first, second):
        await identity.request_code(language="ar")
        (text,) = sent(first)
        assert "رمز كرسي" in text
        assert sent(second) == []
        (attempt,) = first.twilio.attempts()
        assert attempt.body["ValidityPeriod"] == "300"
        assert attempt.body["From"] == "KURSI"


@pytest.mark.covers("I5")
async def test_a_code_goes_out_by_whatsapp_with_the_approved_template(start):
    templates = {"ar": "HX1", "en": "HX2"}
    async with start({"whatsapp_templates": templates}) as (identity, first, _):
        ticket = await identity.request_code(channel=pb2.RequestOtpRequest.WHATSAPP, language="ar")
        (message,) = first.twilio.messages(to=f"whatsapp:{PHONE}")
        (attempt,) = first.twilio.attempts()
        assert attempt.body["ContentSid"] == "HX1"
        code = message.content_variables.split('"')[3]
        assert (await identity.verify(ticket.request_id, code)).registered


@pytest.mark.covers("I5")
async def test_a_messaging_service_stands_in_for_a_sender(start):
    async with start({"sms_sender": "MG0123"}) as (identity, first, _):
        await identity.request_code()
        (attempt,) = first.twilio.attempts()
        assert attempt.body["MessagingServiceSid"] == "MG0123"
        assert "From" not in attempt.body


@pytest.mark.covers("I5")
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "code": 429, "retry_after": "7"},
        {"kind": "status", "code": 401},
        {"kind": "status", "code": 400},
        {"kind": "status", "code": 503},
    ],
)
async def test_a_definite_refusal_moves_on_to_the_next_provider(start, fault):
    async with start() as (identity, first, second):
        first.twilio.fault(**fault)
        await identity.request_code()
        assert (len(sent(first)), len(sent(second))) == (0, 1)


@pytest.mark.covers("I5")
async def test_a_provider_that_is_not_there_is_passed_over(start):
    nobody = {"base_url": f"http://127.0.0.1:{free_port()}"}
    async with start(nobody) as (identity, _, second):
        await identity.request_code()
        assert len(sent(second)) == 1


@pytest.mark.covers("I5")
@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "timeout_before_accept"},
        {"kind": "timeout_after_accept"},
        {"kind": "reset_after_accept"},
        {"kind": "status", "code": 500},
        {"kind": "status_after_accept", "code": 502},
    ],
)
async def test_an_ambiguous_end_counts_as_sent_and_no_second_provider_is_asked(start, fault, refusal_of):
    async with start({"timeout_seconds": 1}) as (identity, first, second):
        first.twilio.fault(**fault)
        await identity.request_code()
        assert second.twilio.attempts() == []
        assert len(first.twilio.attempts()) == 1
        assert (await refusal_of(identity.request_code())).reason == "OTP_COOLDOWN"


@pytest.mark.covers("I5", "I3")
async def test_when_every_provider_refuses_the_cooldown_is_given_back(start, refusal_of):
    async with start() as (identity, first, second):
        first.twilio.fault("status", code=429)
        second.twilio.fault("status", code=401)
        refused = await refusal_of(identity.request_code())
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "OTP_NOT_SENT")
        assert await identity.audited("code_not_sent") == 1
        await identity.request_code()
        assert len(sent(first)) == 1


@pytest.mark.covers("I5")
async def test_a_number_that_no_provider_serves_is_told_so(start, refusal_of):
    async with start() as (identity, first, second):
        assert (await refusal_of(identity.request_code(REFUSED_BY_TWILIO))).reason == "OTP_NOT_SENT"
        assert (len(first.twilio.attempts()), len(second.twilio.attempts())) == (1, 1)


@pytest.mark.covers("I5")
async def test_a_code_that_was_refused_cannot_be_used(start, refusal_of):
    async with start() as (identity, first, second):
        first.twilio.fault("status_after_accept", code=429)
        second.twilio.fault("status", code=429)
        await refusal_of(identity.request_code())
        (text,) = sent(first)
        ((request_id,),) = await identity.rows("SELECT id::text FROM otp_requests")
        code = next(word for word in text.split() if word.isdigit())
        assert (await refusal_of(identity.verify(request_id, code))).reason == "OTP_EXPIRED"


@pytest.mark.covers("I5")
async def test_a_code_goes_out_by_mail(start):
    async with start() as (identity, first, _):
        ticket = await identity.request_code(email="sara@example.com", language="en")
        (mail,) = first.smtp.mails(to="sara@example.com")
        assert mail.subject == "Your Kursi code"
        code = next(word for word in mail.text.split() if word.isdigit() and len(word) == 6)
        assert (await identity.verify(ticket.request_id, code)).user.email == "sara@example.com"


@pytest.mark.covers("I5")
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_a_mail_that_the_relay_refuses_gives_the_cooldown_back(start, command, refusal_of):
    async with start() as (identity, first, _):
        first.smtp.fault("status", method=command, code=451)
        assert (await refusal_of(identity.request_code(email="sara@example.com"))).reason == "OTP_NOT_SENT"
        await identity.request_code(email="sara@example.com")


@pytest.mark.covers("I5")
async def test_a_mail_whose_reply_got_lost_counts_as_sent(start, refusal_of):
    async with start() as (identity, first, _):
        first.smtp.fault("reset_after_accept", method="DATA")
        await identity.request_code(email="sara@example.com")
        assert len(first.smtp.mails(to="sara@example.com")) == 1
        refused = await refusal_of(identity.request_code(email="sara@example.com"))
        assert refused.reason == "OTP_COOLDOWN"


@pytest.mark.covers("I5")
async def test_a_relay_that_is_not_there_gives_the_cooldown_back(start, refusal_of):
    async with start(smtp_port=free_port()) as (identity, *_):
        assert (await refusal_of(identity.request_code(email="sara@example.com"))).reason == "OTP_NOT_SENT"


@pytest.mark.covers("I5")
async def test_the_commit_of_a_request_comes_before_its_message(start):
    async with start() as (identity, first, _):
        first.twilio.fault("slow", seconds=0.2)
        identity.clock.advance(timedelta(seconds=1))
        await identity.request_code()
        assert await identity.count("otp_requests", "state = 'requested'") == 1
