"""How often one may ask for a code, to the second."""

from datetime import UTC, datetime, timedelta

import pytest
from kursi_chassis.ids import new_id
from kursi_identity.domain.errors import OtpAddressLimit, OtpCooldown, OtpDestinationLimit, OtpLimit
from kursi_identity.domain.otp import DIGITS, CodeHasher, OtpPolicy, new_code, read_code

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
POLICY = OtpPolicy()


def ago(*seconds: float) -> list[datetime]:
    return [NOON - timedelta(seconds=second) for second in seconds]


@pytest.mark.covers("I3")
@pytest.mark.parametrize(
    ("sent_seconds_ago", "error", "seconds"),
    [
        ([10], OtpCooldown, 50),
        ([59.5], OtpCooldown, 0.5),
        ([61, 200, 400, 600, 899], OtpLimit, 1),
        ([61, 62, 63, 64, 65], OtpLimit, 835),
        ([10, 200, 400, 600, 899], OtpCooldown, 50),
        ([10, 20, 30, 40, 100], OtpLimit, 800),
    ],
)
def test_a_number_waits_exactly_until_the_last_of_its_limits_allows_it(sent_seconds_ago, error, seconds):
    with pytest.raises(error) as refusal:
        POLICY.check_destination(ago(*sent_seconds_ago), NOON)
    assert refusal.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.covers("I3")
@pytest.mark.parametrize("sent_seconds_ago", [[], [60], [61, 62, 63, 64, 900], [60, 61, 62, 63]])
def test_a_number_within_its_limits_passes(sent_seconds_ago):
    POLICY.check_destination(ago(*sent_seconds_ago), NOON)


@pytest.mark.covers("I3")
def test_the_twenty_first_code_within_an_hour_waits_for_the_first_to_be_an_hour_old():
    with pytest.raises(OtpAddressLimit) as refusal:
        POLICY.check_address(ago(*range(100, 2100, 100)), NOON)
    assert refusal.value.retry_after == timedelta(seconds=1600)


@pytest.mark.covers("I3")
def test_a_country_waits_for_the_next_day():
    refusal = POLICY.ceiling_reached(NOON + timedelta(seconds=1))
    assert isinstance(refusal, OtpDestinationLimit)
    assert refusal.retry_after == timedelta(hours=12, seconds=-1)


@pytest.mark.parametrize(
    ("written", "code"),
    [("123456", "123456"), (" 123 456 ", "123456"), ("١٢٣٤٥٦", "123456"), ("۰۰۰۰۰۱", "000001"),
     ("123-456", "123456"), ("\u2068123456\u2069", "123456"), ("\u200f١٢٣ ٤٥٦", "123456"),
     ("12345", ""), ("1234567", ""), ("12345a", ""), ("", ""), ("-12345", "")],
)  # fmt: skip
def test_a_code_is_read_however_it_is_typed(written, code):
    assert read_code(written) == code


@pytest.mark.covers("I2")
def test_codes_are_six_digits_and_do_not_repeat_themselves():
    codes = {new_code(DIGITS) for _ in range(200)}
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(codes) > 190


@pytest.mark.covers("I2")
def test_the_hash_of_a_code_depends_on_its_request_and_on_the_key():
    hasher, request_id = CodeHasher("one key of the service"), new_id()
    digest = hasher.digest(request_id, "123456")
    assert hasher.matches(request_id, "123456", digest)
    assert not hasher.matches(request_id, "123457", digest)
    assert not hasher.matches(new_id(), "123456", digest)
    assert not CodeHasher("another key").matches(request_id, "123456", digest)
