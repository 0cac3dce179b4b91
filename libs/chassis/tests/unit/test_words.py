"""The small words of the chassis: money, ids, errors, callers, addresses."""

import string
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kursi_chassis import wording
from kursi_chassis.addresses import grpc_target, host_and_port
from kursi_chassis.caller import Caller, Role, acting_as, current_caller
from kursi_chassis.clock import FixedClock
from kursi_chassis.errors import DomainError, Invalid, RoleRequired
from kursi_chassis.ids import new_id, parse_id
from kursi_chassis.money import CurrencyMismatch, Money, exponent


def names(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


@pytest.mark.parametrize("pair", wording._TEXTS.values(), ids=wording._TEXTS.keys())
def test_both_languages_say_the_same_words(pair):
    assert names(pair[0]) == names(pair[1])
    assert pair[0] != pair[1]


def test_a_text_that_misses_its_word_fails_where_it_is_raised():
    with pytest.raises(KeyError):
        RoleRequired()


def test_an_error_says_its_values_to_people_in_their_language():
    class TooLate(DomainError):
        reason, en, ar = "TOO_LATE", "{at} {span} {on} {role}", "{span}"

    at = datetime(2026, 3, 12, 15, 0, tzinfo=UTC)
    error = TooLate(at=at, span=timedelta(minutes=5), on=True, role=Role.STAFF)

    assert error.message == error.text("en") == "2026-03-12T15:00:00Z 5 minutes true STAFF"
    assert error.text("ar") == "5 دقائق"


def test_ids_are_version_seven_unique_and_in_order():
    ids = [new_id() for _ in range(1_000)]
    assert {(identifier.version, identifier.variant) for identifier in ids} == {(7, "specified in RFC 4122")}
    assert len(set(ids)) == 1_000
    assert [identifier.int >> 80 for identifier in ids] == sorted(identifier.int >> 80 for identifier in ids)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "{01a1fbc8-9f44-7eba-942b-ee4056d92829}",
        "01a1fbc89f447eba942bee4056d92829",
        "01a1fbc8-9f44-7eba-942b-ee4056d9282٣",
    ],
)
def test_only_the_usual_form_is_an_id(text):
    with pytest.raises(Invalid) as error:
        parse_id(text, "salon_id")
    assert [(v.field, v.reason) for v in error.value.violations] == [("salon_id", "NOT_AN_ID")]


@pytest.mark.parametrize(("code", "digits"), [("SAR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)])
def test_minor_units_follow_the_currency(code, digits):
    assert exponent(code) == digits


@pytest.mark.parametrize("code", ["", "sar", "XXX", "SARS"])
def test_an_unknown_currency_is_no_money(code):
    with pytest.raises(ValueError, match="not a currency"):
        Money(code, 1)


def test_different_currencies_do_not_add_up():
    with pytest.raises(CurrencyMismatch):
        Money("SAR", 1) + Money("EUR", 1)


@given(st.integers(-(10**12), 10**12), st.integers(0, 1_000), st.integers(1, 1_000))
def test_a_share_is_the_exact_fraction_rounded_half_to_even(amount, numerator, denominator):
    assert Money("SAR", amount).share(numerator, denominator).amount_minor == round(
        Fraction(amount * numerator, denominator)
    )


@pytest.mark.parametrize(
    ("money", "text"),
    [(Money("SAR", -5), "-0.05 SAR"), (Money("JPY", 150), "150 JPY"), (Money("KWD", 1_500), "1.500 KWD")],
)
def test_money_reads_with_its_decimals(money, text):
    assert str(money) == text


def test_a_caller_is_known_inside_and_nowhere_else():
    with acting_as(Caller("service", service="booking")) as caller:
        assert current_caller() is caller
    with pytest.raises(LookupError):
        current_caller()


def test_keys_and_actors_tell_callers_apart():
    user = new_id()
    assert (
        Caller("user", user_id=user, service="payment").key
        == Caller("user", user_id=user).actor
        == f"user:{user}"
    )
    assert Caller("service", service="payment").key == "service:payment"
    assert Caller("anonymous", address="203.0.113.7").key == "anonymous:203.0.113.7"


def test_a_token_never_shows_in_a_callers_repr():
    assert "hunter2" not in repr(Caller("user", user_token="hunter2"))


def test_a_fixed_clock_moves_when_told():
    clock = FixedClock(datetime(2026, 3, 12, tzinfo=UTC))
    clock.advance(timedelta(hours=1))
    assert clock.now() == datetime(2026, 3, 12, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        clock.set(datetime(2026, 3, 12))


@pytest.mark.parametrize(
    ("addresses", "target"),
    [
        ("127.0.0.1:2001, 127.0.0.1:2002", "ipv4:127.0.0.1:2001,127.0.0.1:2002"),
        ("[::1]:2001", "ipv6:[::1]:2001"),
        ("catalog.svc:80", "dns:///catalog.svc:80"),
    ],
)
def test_addresses_become_what_grpc_understands(addresses, target):
    assert grpc_target(addresses) == target


@pytest.mark.parametrize("address", ["", "host", "host:", ":80", "host:99999", "host:x"])
def test_an_address_is_host_and_port(address):
    with pytest.raises(ValueError, match="not host:port"):
        host_and_port(address)
