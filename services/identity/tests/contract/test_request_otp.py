"""Asking for a code: what is sent, what is kept, how often."""

import asyncio
import re
from datetime import timedelta

import grpc
import pytest
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.testing.logs import logged

NUMBERS = [f"+9665123456{number:02}" for number in range(60)]


@pytest.fixture
def log():
    """What this process logs from now on."""
    with logged() as output:
        yield output


async def outcomes(calls) -> tuple[list[object], list[grpc.aio.AioRpcError]]:
    done = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [result for result in done if isinstance(result, grpc.aio.AioRpcError)]
    return [result for result in done if not isinstance(result, BaseException)], refusals


@pytest.mark.covers("I2")
async def test_a_code_is_sent_and_the_answer_says_how_to_use_it(identity):
    ticket = await identity.request_code("0512345678")
    message = identity.messages()[-1]
    now = identity.clock.now()
    assert (message["to"], message["channel"]) == ("+966512345678", "sms")
    assert re.fullmatch(r"\d{6}", message["code"])
    assert ticket.expires_at == timestamp(now + timedelta(minutes=5))
    assert ticket.resend_after.ToTimedelta() == timedelta(seconds=60)


@pytest.mark.covers("I2")
@pytest.mark.parametrize(
    ("fields", "channel"),
    [
        ({"channel": pb2.RequestOtpRequest.SMS}, "sms"),
        ({"channel": pb2.RequestOtpRequest.WHATSAPP}, "whatsapp"),
        ({"email": "Sara@Example.com"}, "email"),
        ({"email": "sara@example.com", "channel": pb2.RequestOtpRequest.EMAIL}, "email"),
    ],
)
async def test_a_code_travels_by_the_channel_that_was_asked_for(identity, fields, channel):
    await identity.request_code(**fields)
    assert identity.messages()[-1]["channel"] == channel


@pytest.mark.parametrize(("language", "word"), [("ar-SA,ar;q=0.9", "رمز كرسي"), ("en-GB", "Kursi code")])
async def test_the_message_is_in_the_language_of_the_person(identity, language, word):
    await identity.request_code(language=language)
    assert word in identity.messages()[-1]["text"]


@pytest.mark.covers("I2")
async def test_the_code_is_in_no_table_and_no_event(identity):
    ticket = await identity.request_code()
    code = identity.last_code()
    await identity.verify(ticket.request_id, code)
    names = await identity.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    tables = [await identity.rows(f"SELECT t::text FROM {name} AS t") for (name,) in names]
    everything = "\n".join(text for table in tables for (text,) in table)
    assert str(ticket.request_id) in everything
    assert not re.search(rf"(?<![0-9a-f.]){code}(?![0-9a-f])", everything)


@pytest.mark.covers("I2")
async def test_neither_code_nor_number_nor_token_is_ever_logged(identity, refusal_of, log):
    ticket = await identity.request_code()
    code = identity.last_code()
    await refusal_of(identity.verify(ticket.request_id, identity.wrong_code()))
    pair = await identity.verify(ticket.request_id, code)
    await refusal_of(identity.request_code())
    assert "OTP_WRONG" in log.getvalue()
    assert "OTP_COOLDOWN" in log.getvalue()
    for secret in ("512345678", pair.access_token, pair.refresh_token):
        assert secret not in log.getvalue()
    # An id may happen to have the same six digits in it.
    assert not re.search(rf"(?<![0-9a-f.]){code}(?![0-9a-f])", log.getvalue())


@pytest.mark.covers("I2")
async def test_known_and_unknown_numbers_get_the_same_answer_by_the_same_work(identity, statements):
    await identity.log_in(NUMBERS[1])
    identity.clock.advance(timedelta(minutes=2))
    statements.clear()
    known = await identity.request_code(NUMBERS[1])
    for_known = list(statements)
    statements.clear()
    unknown = await identity.request_code(NUMBERS[2])
    assert statements == for_known
    assert (known.expires_at, known.resend_after) == (unknown.expires_at, unknown.resend_after)
    assert not any("users" in statement for statement in for_known)


@pytest.mark.covers("I3")
async def test_the_next_code_waits_for_a_minute_and_is_told_how_long(identity, refusal_of):
    await identity.request_code()
    identity.clock.advance(timedelta(seconds=12))
    refused = await refusal_of(identity.request_code("٠٥١٢٣٤٥٦٧٨", language="ar"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OTP_COOLDOWN")
    assert refused.retry_after == timedelta(seconds=48)
    assert "انتظر" in refused.text
    identity.clock.advance(timedelta(seconds=48))
    await identity.request_code()


@pytest.mark.covers("I3")
async def test_the_sixth_code_within_fifteen_minutes_waits_for_the_first_to_be_that_old(identity, refusal_of):
    for _ in range(5):
        await identity.request_code()
        identity.clock.advance(timedelta(seconds=61))
    refused = await refusal_of(identity.request_code())
    assert refused.reason == "OTP_LIMIT"
    assert refused.retry_after == timedelta(minutes=15) - 5 * timedelta(seconds=61)


@pytest.mark.covers("I3")
async def test_a_client_address_may_ask_for_twenty_codes_an_hour(identity, refusal_of):
    for number in NUMBERS[:20]:
        await identity.request_code(number, address="203.0.113.9")
    identity.clock.advance(timedelta(minutes=20))
    refused = await refusal_of(identity.request_code(NUMBERS[20], address="203.0.113.9"))
    assert (refused.reason, refused.retry_after) == ("OTP_ADDRESS_LIMIT", timedelta(minutes=40))
    await identity.request_code(NUMBERS[20], address="203.0.113.10")


@pytest.mark.covers("I3")
async def test_the_addresses_of_one_ipv6_network_share_the_limit(identity, refusal_of):
    for place, number in enumerate(NUMBERS[:20]):
        await identity.request_code(number, address=f"2001:db8:7:1:{place:x}::9")
    refused = await refusal_of(identity.request_code(NUMBERS[20], address="2001:db8:7:1::a"))
    assert refused.reason == "OTP_ADDRESS_LIMIT"
    await identity.request_code(NUMBERS[20], address="2001:db8:7:2::a")


@pytest.mark.covers("I3")
async def test_a_country_has_a_ceiling_per_day(start_identity, refusal_of):
    async with start_identity(otp_daily_ceiling=2, otp_daily_ceilings={"966": 1}) as identity:
        await identity.request_code(NUMBERS[0])
        refused = await refusal_of(identity.request_code(NUMBERS[1]))
        assert (refused.reason, refused.retry_after) == ("OTP_DESTINATION_LIMIT", timedelta(hours=12))
        await identity.request_code("+971501234567")
        identity.clock.advance(timedelta(hours=12))
        await identity.request_code(NUMBERS[1])


@pytest.mark.covers("I3")
async def test_codes_by_whatsapp_count_to_the_ceiling_of_their_country_and_mails_to_none(
    start_identity, refusal_of
):
    async with start_identity(otp_daily_ceiling=0, otp_daily_ceilings={"966": 1}) as identity:
        await identity.request_code(NUMBERS[0], channel=pb2.RequestOtpRequest.WHATSAPP)
        for channel in (pb2.RequestOtpRequest.WHATSAPP, pb2.RequestOtpRequest.SMS):
            refused = await refusal_of(identity.request_code(NUMBERS[1], channel=channel))
            assert refused.reason == "OTP_DESTINATION_LIMIT"
        await identity.request_code(email="sara@example.test", channel=pb2.RequestOtpRequest.EMAIL)


@pytest.mark.covers("I3")
async def test_a_country_whose_ceiling_is_zero_gets_no_code_at_all(start_identity, refusal_of):
    async with start_identity(otp_daily_ceiling=0, otp_daily_ceilings={"966": 1}) as identity:
        refused = await refusal_of(identity.request_code("+971501234567"))
        assert refused.reason == "OTP_DESTINATION_LIMIT"
        assert identity.messages() == []
        await identity.request_code(NUMBERS[0])


@pytest.mark.covers("I3")
async def test_fifty_requests_at_once_send_one_number_one_code(identity):
    sent, refusals = await outcomes(identity.request_code(address=f"198.51.100.{host}") for host in range(50))
    assert (len(sent), len(refusals)) == (1, 49)
    assert len(identity.messages()) == 1


@pytest.mark.covers("I3")
async def test_fifty_requests_at_once_send_one_number_no_more_than_its_five(start_identity):
    async with start_identity(otp_cooldown_seconds=0) as identity:
        sent, _ = await outcomes(identity.request_code(address=f"198.51.100.{host}") for host in range(50))
        assert len(sent) == 5


@pytest.mark.covers("I3")
async def test_fifty_requests_at_once_from_one_address_send_twenty_codes(identity):
    sent, _ = await outcomes(identity.request_code(number, address="203.0.113.9") for number in NUMBERS[:50])
    assert len(sent) == 20


@pytest.mark.covers("I3")
async def test_fifty_requests_at_once_stay_below_the_ceiling_of_their_country(start_identity):
    async with start_identity(otp_daily_ceilings={"966": 7}) as identity:
        sent, _ = await outcomes(
            identity.request_code(number, address=f"198.51.100.{host}")
            for host, number in enumerate(NUMBERS[:50])
        )
        assert len(sent) == 7


@pytest.mark.covers("I3")
async def test_a_refused_request_counts_for_nothing(identity, refusal_of):
    await identity.request_code()
    await refusal_of(identity.request_code())
    assert await identity.count("otp_requests") == 1
    assert await identity.rows("SELECT requests FROM otp_daily_counts") == [(1,)]


async def test_every_request_is_in_the_audit_trail_without_the_number(identity):
    await identity.request_code(address="203.0.113.9")
    rows = await identity.rows(
        "SELECT actor, address, after::text FROM audit WHERE action = 'code_requested'"
    )
    assert rows == [("anonymous", "203.0.113.9", '{"channel": "sms", "purpose": "auth"}')]


@pytest.mark.covers("I2")
@pytest.mark.parametrize("purpose", [pb2.RequestOtpRequest.VERIFY, pb2.RequestOtpRequest.STEP_UP])
async def test_codes_for_an_account_need_its_token(identity, refusal_of, purpose):
    refused = await refusal_of(identity.request_code(purpose=purpose))
    assert refused.code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.covers("I2")
async def test_a_step_up_goes_to_the_persons_own_number(identity, refusal_of):
    pair = await identity.log_in()
    identity.clock.advance(timedelta(seconds=61))
    step_up = {"purpose": pb2.RequestOtpRequest.STEP_UP, "token": pair.access_token}
    refused = await refusal_of(identity.request_code(NUMBERS[0], **step_up))
    assert refused.violations == {"phoneNumber": "CONTACT_NOT_OWN"}
    await identity.request_code("", **step_up)
    assert identity.messages()[-1]["to"] == "+966512345678"


@pytest.mark.covers("I5")
async def test_a_channel_without_a_provider_is_refused(start_identity, refusal_of):
    async with start_identity(whatsapp_providers=()) as identity:
        refused = await refusal_of(identity.request_code(channel=pb2.RequestOtpRequest.WHATSAPP))
        assert refused.violations == {"channel": "CHANNEL_UNAVAILABLE"}


@pytest.mark.covers("I1")
@pytest.mark.parametrize(
    ("language", "text"),
    [("ar", "لا يستقبل هذا الرقم الرسائل النصية."), ("en", "This number cannot receive text messages.")],
)
async def test_a_landline_is_refused_in_the_callers_language(identity, language, text):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await identity.request_code("0112345678", language=language)
    details = str(dict(error.value.trailing_metadata())["grpc-status-details-bin"], "utf-8", "replace")
    assert text in details
    assert "phoneNumber" in details


@pytest.mark.parametrize(
    ("request_fields", "violations"),
    [
        ({}, {"phoneNumber": "REQUIRED"}),
        ({"phone_number": "abc"}, {"phoneNumber": "PHONE_NUMBER_MALFORMED"}),
        ({"phone_number": "0112345678"}, {"phoneNumber": "PHONE_NUMBER_NOT_MOBILE"}),
        ({"phone_number": "0512345678", "email": "a@example.com"}, {"email": "CONTACT_AMBIGUOUS"}),
        ({"phone_number": "0512345678", "channel": 9}, {"channel": "UNKNOWN_VALUE"}),
        ({"phone_number": "0512345678", "purpose": 9}, {"purpose": "UNKNOWN_VALUE"}),
        ({"phone_number": "0512345678", "channel": 3}, {"channel": "CHANNEL_MISMATCH"}),
        ({"email": "a@example.com", "channel": 1}, {"channel": "CHANNEL_MISMATCH"}),
        ({"email": "nobody"}, {"email": "EMAIL_MALFORMED"}),
        ({"phone_number": "5" * 5000}, {"phoneNumber": "TOO_LONG"}),
        ({"phone_number": "0512345678\x00"}, {"phoneNumber": "CONTROL_CHARACTERS"}),
    ],
)
async def test_bad_input_is_refused_by_field_and_nothing_is_written(
    identity, refusal_of, request_fields, violations
):
    refused = await refusal_of(identity.public.RequestOtp(pb2.RequestOtpRequest(**request_fields)))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert violations.items() <= refused.violations.items()
    assert await identity.count("otp_requests") == 0
    assert await identity.audited("code_requested") == 0
