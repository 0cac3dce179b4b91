"""Reading what callers send: everything wrong is said at once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from kursi_chassis.errors import Invalid, StaleEtag
from kursi_chassis.grpc import money, times
from kursi_chassis.grpc.etag import check_etag, etag_of
from kursi_chassis.grpc.language import negotiate
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.ids import new_id
from kursi_chassis.money import Money
from kursi_chassis.validation import Violations

NOW = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
TOKENS = PageTokens("a key of the test", "bookings")


@dataclass
class Amount:
    """Money as it comes over the wire."""

    currency_code: str
    amount_minor: int


def found_by(read):
    check = Violations()
    read(check)
    return [violation.reason for violation in check._found]


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (lambda c: c.id("f", ""), "REQUIRED"),
        (lambda c: c.id("f", "x"), "NOT_AN_ID"),
        (lambda c: c.optional_id("f", "x"), "NOT_AN_ID"),
        (lambda c: c.text("f", "", 5, 1), "REQUIRED"),
        (lambda c: c.text("f", "  ", 5, 1), "REQUIRED"),
        (lambda c: c.text("f", "\u200b \u200d\u3164", 5, 1), "REQUIRED"),
        (lambda c: c.text("f", "a", 5, 2), "TOO_SHORT"),
        (lambda c: c.text("f", "abcdef", 5), "TOO_LONG"),
        (lambda c: c.text("f", "a" + "\u0301" * 60_000 + "\u0316" * 60_000, 80), "TOO_LONG"),
        (lambda c: c.text("f", "a" + "\u0301" * 16 + "\u0316" * 15, 80), "MALFORMED"),
        (lambda c: c.text("f", "a\nb", 5), "CONTROL_CHARACTERS"),
        (lambda c: c.text("f", "a\x00b", 5, lines=True), "CONTROL_CHARACTERS"),
        (lambda c: c.text("f", "a\u2028b", 5), "CONTROL_CHARACTERS"),
        (lambda c: c.text("f", "a\u2029b", 5), "CONTROL_CHARACTERS"),
        (lambda c: c.text("f", "a\u202eb", 5), "BIDI_OVERRIDE"),
        (lambda c: c.text("f", "a\u2067b", 5), "BIDI_OVERRIDE"),
        (lambda c: c.text("f", "\u202e", 5), "BIDI_OVERRIDE"),
        (lambda c: c.integer("f", 9, 1, 8), "OUT_OF_RANGE"),
        (lambda c: c.choice("f", "c", {"a", "b"}), "UNKNOWN_VALUE"),
        (lambda c: c.time_zone("f", "Asia/Nowhere"), "NOT_A_TIME_ZONE"),
        (lambda c: c.time_zone("f", "../../etc/passwd"), "NOT_A_TIME_ZONE"),
        (lambda c: c.time_zone("f", "localtime"), "NOT_A_TIME_ZONE"),
        (lambda c: c.time_zone("f", "Factory"), "NOT_A_TIME_ZONE"),
        (lambda c: c.currency("f", "sar"), "NOT_A_CURRENCY"),
        (lambda c: c.language("f", "english"), "NOT_A_LANGUAGE"),
        (lambda c: c.count("f", [1, 2, 3], 2), "TOO_MANY"),
        (lambda c: c.count("f", [], 2, 1), "REQUIRED"),
        (lambda c: c.period("f", NOW, NOW, timedelta(days=1)), "EMPTY_RANGE"),
        (lambda c: c.period("f", NOW, NOW + timedelta(days=2), timedelta(days=1)), "RANGE_TOO_LONG"),
        (lambda c: c.future("f", NOW, NOW), "IN_THE_PAST"),
        (lambda c: money.from_proto(c, "f", Amount("SAR", -1)), "NEGATIVE"),
        (lambda c: money.from_proto(c, "f", Amount("SAR", money.MOST_MINOR + 1)), "OUT_OF_RANGE"),
        (lambda c: money.from_proto(c, "f", Amount("XXX", 1)), "NOT_A_CURRENCY"),
        (lambda c: money.from_proto(c, "f", Amount("", 1)), "REQUIRED"),
        (lambda c: times.instant(c, "f", Timestamp(seconds=10**12)), "MALFORMED"),
        (lambda c: times.instant(c, "f", Timestamp(nanos=-1)), "MALFORMED"),
        (lambda c: times.span(c, "f", Duration(seconds=-1)), "MALFORMED"),
    ],
)
def test_each_kind_of_bad_value_has_its_reason(read, reason):
    assert found_by(read) == [reason]


def test_everything_wrong_is_said_at_once_with_its_place():
    def read():
        with Violations() as check:
            check.ids("ids", [str(new_id()), "x"], 5)
            check.currency("price.currency_code", "")

    with pytest.raises(Invalid) as error:
        read()
    assert [(v.field, v.reason) for v in error.value.violations] == [
        ("ids[1]", "NOT_AN_ID"),
        ("price.currency_code", "REQUIRED"),
    ]


def test_everyday_arabic_with_joiners_and_marks_is_welcome():
    with Violations() as check:
        assert check.text("name", " صالون الأناقة\u200f ", 50) == "صالون الأناقة\u200f"
        assert check.text("note", "a\nb", 5, lines=True) == "a\nb"
        assert check.language("language", "zh-Hant-TW") == "zh-Hant-TW"
        assert check.time_zone("zone", "Asia/Riyadh").key == "Asia/Riyadh"


@pytest.mark.parametrize(
    "text",
    [
        "\u2800\u2800",  # Braille without dots
        "\u0640\u0640\u0640",  # tatweel and no letter that it could lengthen
        "\u07fa",
        "\u3164\u115f\u1160\uffa0",
        "\u0301\u064e",  # marks without a letter
        "\u0903",
        "\u20e3",
        "\u00ad\u200b\u206a",
        "\ufe0f\U000e0100\U000e0041",
        "\u180e\u180b\u17b4",
        "\U0001d159",
        "\U00013441",
        "\u2065\U000e0fff",
        " \u00a0\u2800 \u0640\u0652 ",
    ],
)
def test_a_name_of_which_nothing_can_be_seen_is_none(text):
    assert found_by(lambda c: c.text("name", text, 50, 1)) == ["REQUIRED"]
    with Violations() as check:
        assert check.text("note", text, 50) == ""


@pytest.mark.parametrize(
    "text",
    ["7", "&", "💇", "💇🏽\u200d♀\ufe0f", "1\ufe0f\u20e3", "🇸🇦", "ق\u0640\u0640ص", "\u0301a", "कि", "\U0001fae8", "⠠⠅", "ㅋ"],
)  # fmt: skip
def test_one_thing_to_see_is_enough_for_a_name(text):
    with Violations() as check:
        assert check.text("name", text, 50, 1) == text


def test_another_error_in_the_block_is_not_replaced():
    def read():
        with Violations() as check:
            check.id("f", "x")
            check.integer("f", int("x"), 0, 1)

    with pytest.raises(ValueError, match="invalid literal"):
        read()


@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)))
def test_instants_survive_the_wire(instant):
    check = Violations()
    assert times.instant(check, "f", times.timestamp(instant)) == instant
    assert not check


@given(st.timedeltas(timedelta(), timedelta(days=36_000)))
def test_spans_survive_the_wire(span):
    assert times.span(Violations(), "f", times.duration(span)) == span


@pytest.mark.parametrize("minor", [0, 1, money.MOST_MINOR])
def test_amounts_survive_the_wire(minor):
    assert money.from_proto(Violations(), "f", Amount("SAR", minor)) == Money("SAR", minor)


def test_page_sizes_have_a_default_a_cap_and_a_floor():
    assert [page_size(0), page_size(7), page_size(1_000)] == [25, 7, 100]
    with pytest.raises(Invalid):
        page_size(-1)


@given(
    st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62), st.text()), max_size=4),
    st.dictionaries(st.text(), st.text()),
)
def test_a_page_token_gives_back_its_position(position, filters):
    assert TOKENS.decode(TOKENS.encode(position, filters), filters) == position


@given(st.text(max_size=200))
def test_no_made_up_page_token_is_accepted(token):
    if token:
        with pytest.raises(Invalid):
            TOKENS.decode(token, {})


@pytest.mark.parametrize(
    "read",
    [
        lambda token: TOKENS.decode(token, {"salon": "2"}),
        lambda token: TOKENS.decode(token[:-2] + "AA", {"salon": "1"}),
        lambda token: PageTokens("a key of the test", "payments").decode(token, {"salon": "1"}),
        lambda token: PageTokens("another key of a test", "bookings").decode(token, {"salon": "1"}),
    ],
    ids=["other-filters", "changed", "another-list", "another-key"],
)
def test_a_page_token_is_good_for_its_list_and_filters_only(read):
    with pytest.raises(Invalid) as error:
        read(TOKENS.encode(["2026", 5], {"salon": "1"}))
    assert [(v.field, v.reason) for v in error.value.violations] == [("page_token", "MALFORMED")]


def test_no_token_is_the_first_page():
    assert TOKENS.decode("", {}) is None


def test_a_stale_tag_is_refused_and_none_asks_for_nothing():
    check_etag("", 3)
    check_etag(etag_of(3), 3)
    check_etag(f"W/{etag_of(3)}", 3)
    with pytest.raises(StaleEtag):
        check_etag(etag_of(2), 3)
    with pytest.raises(StaleEtag):
        check_etag(f"W/{etag_of(2)}", 3)


@pytest.mark.parametrize(
    ("header", "otherwise", "language"),
    [
        ("", "", "en"),
        ("", "ar-SA", "ar"),
        ("ar", "en", "ar"),
        ("en;q=0.3, ar;q=0.8", "", "ar"),
        ("fr, de", "ar", "ar"),
        ("*", "ar", "ar"),
        ("ar;q=0", "ar", "en"),
        ("ar;q=x, en;q=0.1", "", "en"),
        ("en;q=x", "", "en"),
        ("en;q=nan", "", "en"),
        (",;;q=,ar", "", "ar"),
        ("EN-gb", "ar", "en"),
    ],
)
def test_the_language_follows_the_header_then_the_user_then_english(header, otherwise, language):
    assert negotiate(header, otherwise) == language


@given(st.text())
def test_no_header_is_too_odd_to_be_read(header):
    assert negotiate(header, "") in {"en", "ar"}


def test_a_text_counts_as_it_is_read_however_it_is_spelled():
    with Violations() as check:
        assert check.text("f", "e\u0301" * 5, 5) == "\u00e9" * 5


@pytest.mark.timeout(5)
def test_no_text_keeps_the_event_loop_busy():
    marks = "a" + "\u0301" * 65_000 + "\u0316" * 65_000  # 256 KiB, the longest body of the gateway

    assert found_by(lambda c: c.text("f", marks, 2_000)) == ["TOO_LONG"]
    assert found_by(lambda c: c.text("f", marks[61_000:69_000], 2_000)) == ["MALFORMED"]
