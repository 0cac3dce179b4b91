"""Phone numbers: what people type, and what may be sent a code."""

import json
from pathlib import Path

import pytest
from kursi_chassis.errors import Invalid
from kursi_chassis.validation import Violations
from kursi_chassis.wording import violation_text
from kursi_identity.domain.phone import calling_code, masked, read_mobile

VECTORS = json.loads((Path(__file__).parent.parent / "data" / "phone_ksa.json").read_text())["cases"]
SAUDI_MOBILES = [case for case in VECTORS if case["is_sa_mobile"]]
NOT_SAUDI_MOBILES = [
    case for case in VECTORS if not case["is_sa_mobile"] and case["input"] != "+971501234567"
]

ACCEPTED = [
    ("0512345678", "+966512345678"),
    ("512345678", "+966512345678"),
    ("00966512345678", "+966512345678"),
    ("+966 51 234 5678", "+966512345678"),
    ("٠٥١٢٣٤٥٦٧٨", "+966512345678"),
    ("(051) 234-5678", "+966512345678"),
    ("+971501234567", "+971501234567"),
    ("00971 50 123 4567", "+971501234567"),
    ("+201001234567", "+201001234567"),
    ("+20 100 123 4567", "+201001234567"),
    ("+447911123456", "+447911123456"),
    ("+44 (0)7911 123456", "+447911123456"),
    ("+96550012345", "+96550012345"),
    ("+٩٦٥٥٠٠١٢٣٤٥", "+96550012345"),
    ("+12015550123", "+12015550123"),
    ("+1 (201) 555-0123", "+12015550123"),
    ("(+966) 51 234 5678", "+966512345678"),
    ("\u202d+966 51 234 5678\u202c", "+966512345678"),
    (" \u202a+966512345678\u202c\n", "+966512345678"),
    ("\u2066٠٥١٢٣٤٥٦٧٨\u2069", "+966512345678"),
]
REFUSED = [
    ("0112345678", "PHONE_NUMBER_NOT_MOBILE"),
    ("051234567", "PHONE_NUMBER_MALFORMED"),
    ("05123456789", "PHONE_NUMBER_MALFORMED"),
    ("920012345", "PHONE_NUMBER_NOT_MOBILE"),
    ("8001234567", "PHONE_NUMBER_NOT_MOBILE"),
    ("+97142345678", "PHONE_NUMBER_NOT_MOBILE"),
    ("+20221234567", "PHONE_NUMBER_NOT_MOBILE"),
    ("+442071234567", "PHONE_NUMBER_NOT_MOBILE"),
    ("+447012345678", "PHONE_NUMBER_NOT_MOBILE"),
    ("+96522412345", "PHONE_NUMBER_NOT_MOBILE"),
    ("+18005550199", "PHONE_NUMBER_NOT_MOBILE"),
    ("+1 800 FLOWERS", "PHONE_NUMBER_MALFORMED"),
    ("0512345678 ext 7", "PHONE_NUMBER_MALFORMED"),
    ("+999123456789", "PHONE_NUMBER_MALFORMED"),
    ("call 0512345678", "PHONE_NUMBER_MALFORMED"),
    ("0512345678\u202e", "BIDI_OVERRIDE"),
    ("\u202e0512345678\u202c", "BIDI_OVERRIDE"),
    ("\u202d0512\u202e345678\u202c", "BIDI_OVERRIDE"),
    ("05123\x0745678", "CONTROL_CHARACTERS"),
    ("5" * 41, "TOO_LONG"),
    ("", "REQUIRED"),
]


def read(written: str, region: str = "SA") -> str:
    with Violations() as check:
        return read_mobile(check, "phone_number", written, region)


@pytest.mark.covers("I1")
@pytest.mark.parametrize(("written", "number"), ACCEPTED)
def test_a_mobile_number_is_understood_however_it_is_written(written, number):
    assert read(written) == number


@pytest.mark.covers("I1")
@pytest.mark.parametrize(("written", "reason"), REFUSED)
def test_what_cannot_receive_a_text_message_is_refused_with_its_reason(written, reason):
    with pytest.raises(Invalid) as error:
        read(written)
    assert [(v.field, v.reason) for v in error.value.violations] == [("phone_number", reason)]


@pytest.mark.covers("I1")
@pytest.mark.parametrize("case", SAUDI_MOBILES, ids=lambda case: case["input"])
def test_saudi_mobiles_of_the_reference_table_are_read(case):
    assert read(case["input"]) == case["e164"]


@pytest.mark.covers("I1")
@pytest.mark.parametrize("case", NOT_SAUDI_MOBILES, ids=lambda case: case["input"])
def test_everything_else_of_the_reference_table_is_refused(case):
    with pytest.raises(Invalid):
        read(case["input"])


def test_a_number_without_country_code_belongs_to_the_default_region():
    assert read("0501234567", "AE") == "+971501234567"


@pytest.mark.parametrize("reason", ["PHONE_NUMBER_MALFORMED", "PHONE_NUMBER_NOT_MOBILE"])
def test_refusals_are_worded_in_both_languages(reason):
    assert violation_text(reason, {}, "ar") != violation_text(reason, {}, "en")
    assert violation_text(reason, {}, "ar") != violation_text("MALFORMED", {}, "ar")


def test_a_masked_number_keeps_its_last_three_digits_only():
    assert masked("+966512345678") == "••••••••••678"


def test_the_calling_code_names_the_country():
    assert calling_code("+971501234567") == "971"
