"""Sentences for people, and values for programs."""

from datetime import UTC, datetime, timedelta

import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.grpc.status import field_path, refusal
from kursi_chassis.wording import plain, violation_text

DAYS_62 = timedelta(days=62)


@pytest.mark.parametrize(
    ("span", "english", "arabic"),
    [
        (timedelta(days=1), "1 day", "يوم واحد"),
        (DAYS_62, "62 days", "62 يومًا"),
        (timedelta(days=400), "400 days", "400 يوم"),
        (timedelta(days=103), "103 days", "103 أيام"),
        (timedelta(hours=2), "2 hours", "ساعتين"),
        (timedelta(minutes=90), "90 minutes", "90 دقيقة"),
        (timedelta(minutes=5), "5 minutes", "5 دقائق"),
        (timedelta(seconds=61), "61 seconds", "61 ثانية"),
        (timedelta(seconds=1.5), "1.5s", "1.5s"),
        (timedelta(), "0s", "0s"),
    ],
)
def test_people_read_how_long_in_the_unit_that_measures_it(span, english, arabic):
    assert violation_text("RANGE_TOO_LONG", {"max": span}, "en") == f"The range may span at most {english}."
    assert violation_text("RANGE_TOO_LONG", {"max": span}, "ar") == f"أقصى مدة مسموح بها {arabic}."


def test_people_read_instants_to_the_second():
    bounds = {"min": datetime(2026, 1, 1, 9, 0, 0, 123456, UTC), "max": datetime(2026, 1, 2, tzinfo=UTC)}

    said = violation_text("OUT_OF_RANGE", bounds, "en")

    assert said == "Choose a value from 2026-01-01T09:00:00Z to 2026-01-02T00:00:00Z."


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=36_600)))
def test_programs_read_how_long_to_the_microsecond(span):
    seconds, _, fraction = plain(span).removesuffix("s").partition(".")

    assert timedelta(seconds=int(seconds), microseconds=int(fraction.ljust(6, "0"))) == span


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("items[0].service_id", "items[0].serviceId"),
        ("salon.names[en_US]", "salon.names[en_US]"),
        ("a_bc_d[x_y].e_f", "aBcD[x_y].eF"),
    ],
)
def test_a_field_is_spelled_as_in_json_and_its_keys_as_they_came(path, shown):
    assert field_path(path) == shown


@pytest.mark.parametrize(("language", "words"), [("en", "Pay 5 SAR."), ("ar", "ادفع 5 SAR.")])
def test_a_field_that_is_all_that_is_wrong_says_so_in_the_words_of_the_error(language, words):
    class OtherAmount(Invalid):
        reason, en, ar = "OTHER_AMOUNT", "Pay {due}.", "ادفع {due}."

    error = OtherAmount(Violation("amount", "OTHER_AMOUNT"), due="5 SAR")
    status = Status.FromString(refusal(error, language=language, domain="test").details)
    request = BadRequest()
    status.details[-1].Unpack(request)

    assert [violation.description for violation in request.field_violations] == [words]
