"""Nothing personal and no secret is written down; what operators need stays readable."""

import json
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kursi_chassis.caller import Caller, acting_as
from kursi_chassis.logging import get_logger
from kursi_chassis.redaction import MASK, redact, redact_text
from kursi_chassis.testing.logs import logged


@pytest.mark.parametrize(
    "secret",
    [
        "+966512345678",
        "+966 51 234 5678",
        "00966512345678",
        "0512345678",
        "966512345678",
        "٠٥١٢٣٤٥٦٧٨",
        "051 234 5678",
        "+1 (415) 555-2671",
        "+33 6 12 34 56 78",
        "411 111 111 111 111 1",
        "sara@example.com",
        "sara.b+x@mail.example.co.uk",
        "noura@example.com+sara@example.com",
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "Bearer abcdef123456",
        "Basic dXNlcjpwYXNz",
        "k9Jx-3mQ_vWz7LpRtYbN2cFdGhS5aUeXo1iK8wPqZ4M",
    ],
)
def test_what_looks_personal_or_secret_is_masked_in_any_text(secret):
    for text in (secret, f"sent to {secret}, then waited", f"Key (phone)=({secret}) already exists."):
        assert secret not in redact_text(text)
        assert MASK in redact_text(text)


PIECES = [
    "0",
    "1",
    "12",
    "123",
    "٠٥",
    "+",
    " ",
    "-",
    ".",
    "(",
    ")",
    ":",
    "/",
    "://",
    "@",
    "_",
    "eyJ",
    "a",
    "x" * 38,
]
WORDS = ["code", "pin", "رمز", "bearer ", "Basic\t"]


@given(st.lists(st.sampled_from(PIECES + WORDS), max_size=24).map("".join))
def test_what_a_first_look_lets_pass_has_nothing_to_mask(text):
    """The line with a mailbox's sign makes it look closely, and is left as it is."""
    assert redact_text(text) + "\n@" == redact_text(f"{text}\n@")


@pytest.mark.parametrize(
    "piece", ["a", "-eyJ", "a.", "1 ", "+1(", "://a:", "bearer ", "code", "a@b", "x" * 39 + "é"]
)
def test_a_long_text_is_looked_at_in_the_time_that_its_length_takes(piece):
    """Twice as long, four times as slow, is a minute for a text of some tens of thousands of letters."""
    text = piece * (60_000 // len(piece))
    started = time.process_time()
    redact_text(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("text", ["your code is 482913", "رمز: 482913", "OTP=482913", "pin 4829"])
def test_one_time_codes_are_masked(text):
    assert "4829" not in redact_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "01a1fbc8-9f44-7eba-942b-ee4056d92829",
        "2026-11-20T10:00:00Z",
        "2026-11-20 10:00:00+00:00",
        "127.0.0.1:20443",
        "0af7651916cd43dd8448eb211c80319c",
        "15000 SAR",
        "kursi.booking.v1.BookingService/GetBooking",
        "01a1fbc8-9f44-7eba-942b-123456789012",
        "attempt 3 of 5 after 250 ms",
    ],
)
def test_ids_times_addresses_and_amounts_stay_readable(text):
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "refresh_token",
        "Authorization",
        "password",
        "phone_number",
        "email",
        "otp_code",
        "code",
        "cvv",
        "api_key",
        "client_secret",
    ],
)
def test_a_field_whose_name_says_secret_loses_its_value(name):
    assert redact({name: "x", "inner": [{name: 123456}]}) == {name: MASK, "inner": [{name: MASK}]}


@pytest.mark.parametrize("name", ["token_count", "email_id", "status", "booking", "reason"])
def test_a_field_that_only_sounds_secret_keeps_it(name):
    assert redact({name: "x"}) == {name: "x"}


@pytest.fixture
def log():
    with logged(log_format=None) as output:
        yield output


@pytest.mark.parametrize("logger", [lambda: get_logger().info, lambda: logging.getLogger("library").warning])
def test_our_records_and_a_librarys_have_one_shape_and_pass_one_net(log, logger):
    with acting_as(Caller("service", service="booking", request_id="r-1")):
        logger()("told +966512345678")
    line = json.loads(log.getvalue())
    assert line["event"] == "told [redacted]"
    assert (line["service"], line["request_id"], line["caller"]) == ("test", "r-1", "service:booking")
    assert {"level", "timestamp"} <= line.keys()


def test_a_traceback_passes_the_net_too(log):
    try:
        int("sara@example.com")
    except ValueError:
        get_logger().exception("failed")
    assert "sara@" not in log.getvalue()
    assert "ValueError" in log.getvalue()


def test_what_is_below_the_level_is_not_written(log):
    get_logger().debug("detail")
    assert log.getvalue() == ""
