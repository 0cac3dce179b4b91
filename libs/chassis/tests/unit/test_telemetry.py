"""Traces go on from header to header, sampled or not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kursi_chassis.telemetry import current_traceparent, parse_traceparent, span, start_server_span
from opentelemetry.trace import NonRecordingSpan

UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def test_outside_of_any_trace_there_is_no_header():
    assert current_traceparent() is None


def test_a_header_goes_on_inside_the_block():
    with span("work", traceparent=UNSAMPLED):
        assert current_traceparent().split("-")[1] == UNSAMPLED.split("-")[1]
    assert current_traceparent() is None


async def test_a_call_that_nobody_samples_records_nothing_and_passes_its_trace_on():
    assert isinstance(start_server_span("call", UNSAMPLED), NonRecordingSpan)


@pytest.mark.parametrize(
    "header", ["", "x", UNSAMPLED + "x", UNSAMPLED.upper(), "00-" + "0" * 32 + "-" + "0" * 16 + "-01"]
)
def test_a_malformed_header_starts_anew(header):
    assert parse_traceparent(header) is None


@given(st.text())
def test_no_header_breaks_a_call(header):
    parse_traceparent(header)
