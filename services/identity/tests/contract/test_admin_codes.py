"""Codes that open the account of a platform admin are too long to be guessed, and nothing else about them differs."""

import pytest

ADMIN, SOMEBODY = "+966500000001", "+966512345679"


@pytest.fixture
async def with_admin(start_identity):
    async with start_identity(admin_phone_numbers=(ADMIN,), otp_cooldown_seconds=0) as identity:
        yield identity


@pytest.mark.covers("I4")
async def test_an_admins_code_has_ten_digits_and_everybody_elses_has_six(with_admin):
    lengths = {}
    for phone in (ADMIN, SOMEBODY):
        await with_admin.request_code(phone)
        lengths[phone] = len(with_admin.last_code())
    assert lengths == {ADMIN: 10, SOMEBODY: 6}


@pytest.mark.covers("I4")
async def test_an_admin_logs_in_with_all_ten_digits_and_not_with_some(with_admin, refusal_of):
    ticket = await with_admin.request_code(ADMIN)
    code = with_admin.last_code()
    for part in (code[:6], code[-6:]):
        assert (await refusal_of(with_admin.verify(ticket.request_id, part))).reason == "OTP_WRONG"
    assert (await with_admin.verify(ticket.request_id, code)).user.phone_number == ADMIN


@pytest.mark.covers("I4")
async def test_a_code_to_the_address_of_an_admin_is_as_long(with_admin):
    admin = await with_admin.log_in(ADMIN)
    address = {"email": "admin@example.com"}
    ticket = await with_admin.request_code(token=admin.access_token, purpose=2, **address)
    await with_admin.verify(ticket.request_id, with_admin.last_code(), token=admin.access_token)
    await with_admin.request_code(**address)
    assert len(with_admin.last_code()) == 10
    await with_admin.request_code(email="somebody@example.com")
    assert len(with_admin.last_code()) == 6


@pytest.mark.covers("I4")
async def test_who_claims_an_admins_number_for_another_account_needs_the_long_code(with_admin):
    """Or else whoever guesses it first would be the admin."""
    stranger = await with_admin.log_in(SOMEBODY)
    await with_admin.request_code(ADMIN, token=stranger.access_token, purpose=2)
    assert len(with_admin.last_code()) == 10
