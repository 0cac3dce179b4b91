"""Using a code: once, in time, and within five guesses."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused as take_apart

OTHER_PHONE = "+966512345679"


async def all_of(calls) -> list[object]:
    return await asyncio.gather(*calls, return_exceptions=True)


def reasons(results) -> list[str]:
    return [take_apart(result).reason for result in results if isinstance(result, grpc.aio.AioRpcError)]


@pytest.mark.covers("I4", "I6")
async def test_the_right_code_logs_in_and_registers_at_the_first_time(identity):
    ticket = await identity.request_code(language="ar")
    profile = identity_pb2.User(display_name="  سارة  ", language_code="ar-SA", time_zone="Asia/Riyadh")
    pair = await identity.verify(ticket.request_id, identity.last_code(), profile=profile)
    assert pair.registered
    assert (pair.user.phone_number, pair.user.display_name) == ("+966512345678", "سارة")
    assert (pair.user.language_code, pair.user.time_zone) == ("ar-SA", "Asia/Riyadh")
    again = await identity.log_in_again()
    assert not again.registered
    assert again.user == pair.user


async def test_a_profile_is_ignored_when_the_account_exists(identity):
    first = await identity.log_in(profile=identity_pb2.User(display_name="Sara"))
    identity.clock.advance(timedelta(seconds=61))
    second = await identity.log_in(profile=identity_pb2.User(display_name="Somebody"))
    assert second.user.display_name == first.user.display_name


async def test_somebody_without_a_phone_logs_in_by_mail(identity):
    ticket = await identity.request_code(email="Sara@Example.com")
    pair = await identity.verify(ticket.request_id, identity.last_code())
    assert (pair.registered, pair.user.email, pair.user.phone_number) == (True, "sara@example.com", "")


@pytest.mark.covers("I4")
async def test_a_code_typed_in_arabic_digits_counts(identity):
    ticket = await identity.request_code()
    arabic = identity.last_code().translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert (await identity.verify(ticket.request_id, arabic)).access_token


@pytest.mark.covers("I4")
async def test_a_wrong_code_costs_one_attempt_and_the_last_one_burns_the_request(identity, refusal_of):
    ticket = await identity.request_code()
    left = []
    for _ in range(5):
        refused = await refusal_of(identity.verify(ticket.request_id, identity.wrong_code()))
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "OTP_WRONG")
        left.append(refused.metadata["attemptsLeft"])
    assert left == ["4", "3", "2", "1", "0"]
    burnt = await refusal_of(identity.verify(ticket.request_id, identity.last_code()))
    assert burnt.reason == "OTP_EXPIRED"
    assert await identity.rows("SELECT attempts FROM otp_requests") == [(5,)]
    assert await identity.audited("code_wrong") == 5


@pytest.mark.covers("I4")
async def test_an_expired_code_counts_no_attempt_and_never_succeeds(identity, refusal_of):
    ticket = await identity.request_code()
    identity.clock.advance(timedelta(minutes=5))
    for code in (identity.wrong_code(), identity.last_code()):
        assert (await refusal_of(identity.verify(ticket.request_id, code))).reason == "OTP_EXPIRED"
    assert await identity.rows("SELECT attempts FROM otp_requests") == [(0,)]


@pytest.mark.covers("I4")
async def test_a_used_code_counts_no_attempt_and_never_succeeds_again(identity, refusal_of):
    ticket = await identity.request_code()
    code = identity.last_code()
    await identity.verify(ticket.request_id, code)
    for guess in (code, identity.wrong_code()):
        assert (await refusal_of(identity.verify(ticket.request_id, guess))).reason == "OTP_EXPIRED"
    assert await identity.rows("SELECT attempts FROM otp_requests") == [(1,)]


@pytest.mark.covers("I4")
async def test_the_code_of_one_request_is_worth_nothing_at_another(identity, refusal_of):
    await identity.request_code()
    code = identity.last_code()
    other = await identity.request_code(OTHER_PHONE)
    guess = code if code != identity.last_code() else identity.wrong_code()
    assert (await refusal_of(identity.verify(other.request_id, guess))).reason == "OTP_WRONG"


@pytest.mark.covers("I4")
async def test_twenty_guesses_at_once_never_exceed_the_five_attempts(identity):
    ticket = await identity.request_code()
    wrong = identity.wrong_code()
    results = await all_of(identity.verify(ticket.request_id, wrong) for _ in range(20))
    assert sorted(reasons(results)) == ["OTP_EXPIRED"] * 15 + ["OTP_WRONG"] * 5
    assert await identity.rows("SELECT attempts FROM otp_requests") == [(5,)]


@pytest.mark.covers("I4")
async def test_a_right_code_is_accepted_once_out_of_twenty_tries_at_once(identity):
    ticket = await identity.request_code()
    code = identity.last_code()
    results = await all_of(identity.verify(ticket.request_id, code) for _ in range(20))
    assert reasons(results) == ["OTP_EXPIRED"] * 19
    assert await identity.count("sessions") == 1


@pytest.mark.covers("I6")
async def test_twenty_first_logins_at_once_make_one_user(start_identity):
    async with start_identity(otp_cooldown_seconds=0, otp_per_destination=100) as identity:
        requests = [(await identity.request_code()).request_id for _ in range(20)]
        codes = [message["code"] for message in identity.messages()]
        pairs = await asyncio.gather(*map(identity.verify, requests, codes))
        assert await identity.count("users") == 1
        assert sum(pair.registered for pair in pairs) == 1
        assert len({pair.user.id for pair in pairs}) == 1
        assert len(await identity.events("user.registered")) == 1


@pytest.mark.covers("I6")
async def test_a_registration_is_told_without_number_or_name(identity):
    pair = await identity.log_in(profile=identity_pb2.User(display_name="Sara", time_zone="Asia/Riyadh"))
    (payload,) = await identity.events("user.registered")
    event = events_pb2.UserEvent.FromString(payload)
    assert (event.user_id, event.revision, event.time_zone) == (pair.user.id, 1, "Asia/Riyadh")
    assert b"Sara" not in payload
    assert b"512345678" not in payload
    assert await identity.rows("SELECT actor, target_id FROM audit WHERE action = 'user_registered'") == [
        (f"user:{pair.user.id}", pair.user.id)
    ]


async def test_a_wrong_code_is_said_in_arabic(identity):
    ticket = await identity.request_code()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await identity.public.VerifyOtp(
            pb2.VerifyOtpRequest(request_id=ticket.request_id, code=identity.wrong_code()),
            metadata=(("accept-language", "ar"),),
        )
    assert "الرمز غير صحيح" in take_apart(error.value).text


@pytest.mark.parametrize(
    ("fields", "violations"),
    [
        ({"request_id": "", "code": "123456"}, {"requestId": "REQUIRED"}),
        ({"request_id": "17", "code": "123456"}, {"requestId": "NOT_AN_ID"}),
        ({"code": "12345"}, {"code": "MALFORMED"}),
        ({"code": "1" * 10_000}, {"code": "MALFORMED"}),
        ({"code": "123456", "device_label": "x" * 81}, {"deviceLabel": "TOO_LONG"}),
        ({"code": "123456", "device_label": "a\x07b"}, {"deviceLabel": "CONTROL_CHARACTERS"}),
        ({"code": "123456", "profile": {"display_name": "x" * 81}}, {"profile.displayName": "TOO_LONG"}),
        (
            {"code": "123456", "profile": {"display_name": "a\u202eb"}},
            {"profile.displayName": "BIDI_OVERRIDE"},
        ),
        ({"code": "123456", "profile": {"language_code": "xx_"}}, {"profile.languageCode": "NOT_A_LANGUAGE"}),
        ({"code": "123456", "profile": {"time_zone": "Mars/North"}}, {"profile.timeZone": "NOT_A_TIME_ZONE"}),
    ],
)
async def test_bad_input_is_refused_by_field_and_costs_no_attempt(identity, refusal_of, fields, violations):
    ticket = await identity.request_code()
    request = pb2.VerifyOtpRequest(**{"request_id": ticket.request_id, **fields})
    refused = await refusal_of(identity.public.VerifyOtp(request))
    assert (refused.code, refused.violations) == (grpc.StatusCode.INVALID_ARGUMENT, violations)
    assert await identity.rows("SELECT attempts FROM otp_requests") == [(0,)]
    assert await identity.count("users") == 0


async def test_an_unknown_request_is_an_expired_one(identity, refusal_of):
    refused = await refusal_of(identity.verify(str(new_id()), "123456"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "OTP_EXPIRED")


async def ask(identity, token: str, purpose: str, **fields) -> pb2.RequestOtpResponse:
    return await identity.request_code(
        purpose=pb2.RequestOtpRequest.Purpose.Value(purpose), token=token, **fields
    )


@pytest.mark.covers("I2", "I4")
async def test_a_step_up_keeps_the_session_and_renews_the_proof_of_presence(identity):
    pair = await identity.log_in()
    identity.clock.advance(timedelta(minutes=10))
    ticket = await ask(identity, pair.access_token, "STEP_UP", phone="")
    renewed = await identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    assert renewed.refresh_token == ""
    assert await identity.count("sessions") == 1
    assert (await identity.rows("SELECT auth_at FROM sessions")) == [(identity.clock.now(),)]


@pytest.mark.covers("I4")
@pytest.mark.parametrize("purpose", ["STEP_UP", "VERIFY"])
async def test_a_code_for_an_account_is_worth_nothing_to_another_session(identity, refusal_of, purpose):
    owner, stranger = await identity.log_in(), await identity.log_in(OTHER_PHONE)
    on_another_device = await identity.log_in_again()
    identity.clock.advance(timedelta(seconds=61))
    ticket = await ask(identity, owner.access_token, purpose)
    for token in ("", stranger.access_token, on_another_device.access_token):
        refused = await refusal_of(identity.verify(ticket.request_id, identity.last_code(), token=token))
        assert refused.code is grpc.StatusCode.UNAUTHENTICATED
    assert await identity.count("otp_requests", "attempts > 0 AND purpose <> 'auth'") == 0
    assert await identity.verify(ticket.request_id, identity.last_code(), token=owner.access_token)


async def test_verifying_an_address_adds_it_to_the_account(identity):
    pair = await identity.log_in()
    ticket = await ask(identity, pair.access_token, "VERIFY", email="Sara@Example.com")
    verified = await identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    assert (verified.user.email, verified.user.phone_number) == ("sara@example.com", "+966512345678")
    assert verified.refresh_token == ""
    assert (await identity.me(pair.access_token)).email == "sara@example.com"
    assert len(await identity.events("user.updated")) == 1


async def test_what_belongs_to_another_account_cannot_be_added(identity, refusal_of):
    await identity.log_in(OTHER_PHONE)
    pair = await identity.log_in()
    identity.clock.advance(timedelta(seconds=61))
    ticket = await ask(identity, pair.access_token, "VERIFY", phone=OTHER_PHONE)
    refused = await refusal_of(
        identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "CONTACT_TAKEN")
    assert (await identity.me(pair.access_token)).phone_number == "+966512345678"


@pytest.mark.parametrize("contact", [{"phone": "+966512340977"}, {"email": "taken@example.com"}])
async def test_a_contact_of_another_account_is_not_written_into_the_log_of_the_database(
    identity, refusal_of, postgres_server, contact
):
    ticket = await identity.request_code(**contact)
    await identity.verify(ticket.request_id, identity.last_code())
    pair = await identity.log_in()
    identity.clock.advance(timedelta(seconds=61))
    ticket = await ask(identity, pair.access_token, "VERIFY", **contact)
    refused = await refusal_of(
        identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    )
    assert refused.reason == "CONTACT_TAKEN"
    log = postgres_server.data_dir.with_name("postgres.log").read_text(encoding="utf-8")
    assert "database system is ready" in log
    assert not [known for known in contact.values() if known in log]


async def test_a_stolen_token_is_not_enough_to_add_a_way_to_log_in(identity, refusal_of):
    pair = await identity.log_in()
    identity.clock.advance(timedelta(minutes=11))
    ticket = await ask(identity, pair.access_token, "VERIFY", email="thief@example.com")
    refused = await refusal_of(
        identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STEP_UP_REQUIRED")
    assert (await identity.me(pair.access_token)).email == ""


async def test_replacing_a_number_needs_a_recent_proof_of_presence(identity, refusal_of):
    pair = await identity.log_in()
    identity.clock.advance(timedelta(minutes=11))
    ticket = await ask(identity, pair.access_token, "VERIFY", phone=OTHER_PHONE)
    new_code = identity.last_code()
    refused = await refusal_of(identity.verify(ticket.request_id, new_code, token=pair.access_token))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STEP_UP_REQUIRED")
    step_up = await ask(identity, pair.access_token, "STEP_UP", phone="")
    await identity.verify(step_up.request_id, identity.last_code(), token=pair.access_token)
    changed = await identity.verify(ticket.request_id, new_code, token=pair.access_token)
    assert changed.user.phone_number == OTHER_PHONE


async def test_a_code_for_an_account_does_nothing_once_its_session_has_ended(identity, refusal_of):
    pair = await identity.log_in()
    identity.clock.advance(timedelta(seconds=61))
    ticket = await ask(identity, pair.access_token, "STEP_UP", phone="")
    await identity.rows("UPDATE sessions SET revoked_at = now() RETURNING id")
    refused = await refusal_of(
        identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    )
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "SESSION_ENDED")
