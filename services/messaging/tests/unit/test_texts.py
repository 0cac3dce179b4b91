"""The exact words: every bundled template in every language, and what keeps them readable."""

import itertools
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from kursi_messaging.domain.people import LANGUAGES, language_of, zone_of
from kursi_messaging.domain.words import Audience, Channel, Event
from kursi_messaging.rendering import TemplateFailed, TemplateKey, render
from kursi_messaging.rendering.bidi import FSI, PDI

TEXTS = Path(__file__).parent.parent / "data" / "texts"
RIYADH, LONDON = ZoneInfo("Asia/Riyadh"), ZoneInfo("Europe/London")
FACTS = {
    "salon_names": {"en": "Najd Salon", "ar": "صالون نجد"},
    "time_zone": "Asia/Riyadh",
    "state": "confirmed",
    "start": "2026-11-21T13:00:00+00:00",
    "end": "2026-11-21T14:30:00+00:00",
    "items": [
        {"service_names": {"en": "Haircut", "ar": "قص شعر"}, "staff_names": {"en": "Omar", "ar": "عمر"}},
        {
            "service_names": {"en": "Beard trim", "ar": "تشذيب اللحية"},
            "staff_names": {"en": "Omar", "ar": "عمر"},
        },
    ],
    "total": {"currency_code": "SAR", "amount_minor": 12_050},
    "reference": "9F3A-21BC",
    "recipient_name": "Sara",
    "customer_name": "Sara",
}


def weekly(count):
    first = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
    return [{"start": (first + number * timedelta(weeks=1)).isoformat()} for number in range(count)]


NO_SINGLE_VISIT = {"start": None, "end": None}


OWN_FACTS = {
    Event.BOOKING_CREATED: {"state": "pending"},
    Event.BOOKING_RESCHEDULED: {"previous_start": "2026-11-20T09:15:00+00:00"},
    Event.BOOKING_CANCELLED: {
        "refund": {"currency_code": "SAR", "amount_minor": 10_000},
        "fee": {"currency_code": "SAR", "amount_minor": 2_050},
        "reason": "The customer fell ill",
    },
    Event.PAYMENT_CAPTURED: {"amount": {"currency_code": "SAR", "amount_minor": 12_050}},
    Event.PAYMENT_FAILED: {
        "amount": {"currency_code": "SAR", "amount_minor": 12_050},
        "keeps_booking": True,
    },
    Event.REMINDER: {"offset_minutes": 120},
    Event.WAITLIST_OFFER: {"until": "2026-11-20T09:15:00+00:00"},
    Event.SERIES_CREATED: {**NO_SINGLE_VISIT, "visits": weekly(10)},
    Event.SERIES_CONFIRMED: {**NO_SINGLE_VISIT, "visits": weekly(4)},
    Event.SERIES_CANCELLED: {
        **NO_SINGLE_VISIT,
        "visits": weekly(2),
        "refund": {"currency_code": "SAR", "amount_minor": 10_000},
        "reason": "We move away",
    },
    Event.CALENDAR_CONFLICT: {
        "clash_start": "2026-11-21T13:00:00+00:00",
        "clash_end": "2026-11-21T13:30:00+00:00",
    },
    Event.MANUAL: {"subject": "Opening hours", "body": "We open at ten tomorrow.\n\nSee you!"},
}
PAYERS_AND_CUSTOMERS = {
    Event.PAYMENT_CAPTURED,
    Event.PAYMENT_FAILED,
    Event.REMINDER,
    Event.MANUAL,
    Event.WAITLIST_OFFER,
}
KEYS = [
    TemplateKey(event, audience, channel)
    for event, audience, channel in itertools.product(Event, Audience, Channel)
    if event not in (PAYERS_AND_CUSTOMERS if audience is Audience.STAFF_MEMBER else {Event.CALENDAR_CONFLICT})
]


def write(key, language="en", zone=RIYADH, **facts):
    return render({**FACTS, **OWN_FACTS.get(key.event, {}), **facts}, key, language, zone)


def customer(event, channel=Channel.SMS):
    return TemplateKey(event, Audience.CUSTOMER, channel)


@pytest.mark.covers("P9", "T9")
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_every_text_is_word_for_word_as_it_was_reviewed(key, language):
    """KURSI_WRITE_TEXTS=1 writes the files anew, to be read and committed."""
    written = write(key, language)
    shown = f"{written.template}\n{written.subject}\n---\n{written.body}\n---\n{written.html_body}"
    file = TEXTS / f"{key.event}.{key.audience}.{key.channel}.{language}.txt"
    if os.environ.get("KURSI_WRITE_TEXTS"):
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


@pytest.mark.covers("P9")
def test_arabic_mail_is_marked_as_arabic_and_right_to_left():
    arabic = write(customer(Event.BOOKING_CONFIRMED, Channel.EMAIL), "ar")
    assert '<html lang="ar" dir="rtl">' in arabic.html_body
    assert "صالون نجد" in arabic.body
    assert (arabic.language, arabic.template) == ("ar", "booking_confirmed.customer.email@1")
    english = write(customer(Event.BOOKING_CONFIRMED, Channel.EMAIL), "en")
    assert '<html lang="en" dir="ltr">' in english.html_body
    assert "Najd Salon" in english.body


@pytest.mark.covers("P9")
@pytest.mark.parametrize(
    ("chain", "language"),
    [
        (("ar-SA", "en", "en"), "ar"),
        (("en-GB", "ar", "ar"), "en"),
        (("", "ar", "en"), "ar"),
        (("fr", "ar", "en"), "ar"),
        (("", "", "ar"), "ar"),
        (("fr", "de", "xx"), "en"),
    ],
)
def test_the_language_is_the_recipients_then_the_salons_then_the_platforms(chain, language):
    assert language_of(*chain) == language


def test_the_zone_is_the_first_that_exists():
    assert zone_of("", "Mars/Base", "Asia/Riyadh").key == "Asia/Riyadh"
    assert zone_of("", "../../etc/passwd").key == "UTC"


@pytest.mark.covers("P9")
def test_numbers_and_latin_names_in_an_arabic_text_are_fenced_in():
    body = write(customer(Event.BOOKING_CONFIRMED), "ar", salon_names={"en": "Najd (1)"}).body
    assert f"{FSI}Najd (1){PDI}" in body
    assert f"{FSI}9F3A-21BC{PDI}" in body
    assert FSI not in write(customer(Event.BOOKING_CONFIRMED), "en").body


def test_signs_that_steer_direction_cannot_be_smuggled_in_by_a_name():
    body = write(customer(Event.BOOKING_CONFIRMED), "en", salon_names={"en": "A\u202eB\u2069C\nD"}).body
    assert "ABC D" in body


@pytest.mark.covers("P6")
def test_markup_in_a_name_is_text_in_mail_and_untouched_in_a_text_message():
    evil = {"en": "<script>alert(1)</script>"}
    mail = write(customer(Event.BOOKING_CONFIRMED, Channel.EMAIL), salon_names=evil)
    assert "<script>" not in mail.html_body
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in mail.html_body
    assert "<script>alert(1)</script>" in write(customer(Event.BOOKING_CONFIRMED), salon_names=evil).body
    letter = write(customer(Event.MANUAL, Channel.EMAIL), body="<b>{{ x }}</b>")
    assert "&lt;b&gt;{{ x }}&lt;/b&gt;" in letter.html_body


def test_an_english_text_message_stays_in_the_alphabet_of_text_messages():
    for key in KEYS:
        if key.channel is Channel.SMS:
            assert write(key).body.isascii(), key.name


@pytest.mark.covers("P17")
@pytest.mark.parametrize(
    ("start", "text"),
    [
        ("2026-03-28T15:00:00+00:00", "Saturday 28 March at 6:00 PM (3:00 PM London time)"),
        ("2026-03-29T15:00:00+00:00", "Sunday 29 March at 6:00 PM (4:00 PM London time)"),
        (
            "2026-03-28T22:30:00+00:00",
            "Sunday 29 March at 1:30 AM (Saturday 28 March at 10:30 PM London time)",
        ),
    ],
)
def test_readers_elsewhere_see_their_own_time_beside_the_salons(start, text):
    assert text in write(customer(Event.BOOKING_CONFIRMED), zone=LONDON, start=start).body


def test_readers_where_the_salon_is_see_one_time():
    assert "(" not in write(customer(Event.BOOKING_CONFIRMED), zone=ZoneInfo("Asia/Kuwait")).body


@pytest.mark.parametrize(
    ("zone", "language", "text"),
    [
        ("America/Argentina/Buenos_Aires", "en", "(12:00 PM Buenos Aires time)"),
        ("America/Indiana/Indianapolis", "en", "(10:00 AM Indianapolis time)"),
        ("Asia/Kolkata", "ar", "(8:30 م بتوقيت كالكتا)"),
        ("Asia/Calcutta", "ar", "(8:30 م بتوقيت كالكتا)"),
        ("Europe/Kyiv", "ar", "(5:00 م بتوقيت كييف)"),
    ],
)
def test_a_reader_elsewhere_is_told_the_city_and_not_the_name_of_its_zone(zone, language, text):
    start = "2026-03-01T15:00:00+00:00"
    key = customer(Event.BOOKING_CONFIRMED)
    assert text in write(key, language, zone=ZoneInfo(zone), start=start).body


def test_a_zone_without_a_city_is_shown_by_its_distance():
    assert "(1:00 PM GMT+00:00)" in write(customer(Event.BOOKING_CONFIRMED), zone=ZoneInfo("UTC")).body


@pytest.mark.covers("P3")
def test_what_is_not_known_reads_as_words_and_never_as_a_gap_in_a_template():
    bare = {"start": FACTS["start"], "end": FACTS["end"]}
    for language, guest in (("en", "Guest"), ("ar", "ضيفنا الكريم")):
        written = render(bare, customer(Event.BOOKING_CONFIRMED, Channel.EMAIL), language, RIYADH)
        assert guest in written.body
        assert "{{" not in written.body + written.subject + written.html_body


def test_amounts_follow_the_currency_and_nothing_is_said_about_nothing():
    paid = customer(Event.PAYMENT_CAPTURED)
    assert "KWD 1.250" in write(paid, amount={"currency_code": "KWD", "amount_minor": 1_250}).body
    assert "JPY 1,250" in write(paid, amount={"currency_code": "JPY", "amount_minor": 1_250}).body
    assert "IQD 1.250" in write(paid, amount={"currency_code": "IQD", "amount_minor": 1_250}).body
    assert "1.250 د.ع." in write(paid, "ar", amount={"currency_code": "IQD", "amount_minor": 1_250}).body
    free = {"currency_code": "SAR", "amount_minor": 0}
    assert "refund" not in write(customer(Event.BOOKING_CANCELLED), refund=free).body


@pytest.mark.parametrize("code", ["IQD", "KWD", "LBP", "SAR", "SYP", "YER", "JPY", "CLF"])
def test_no_amount_is_rounded(code):
    sms = customer(Event.PAYMENT_CAPTURED)
    for language in LANGUAGES:
        body = write(
            sms, language, amount={"currency_code": code, "amount_minor": 9_123_456}, reference=""
        ).body
        assert "9123456" in re.sub("[,.]", "", body)


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.EMAIL])
def test_a_tip_that_failed_does_not_threaten_the_booking(channel):
    failed = customer(Event.PAYMENT_FAILED, channel)
    assert "try again to keep your booking" in write(failed).body
    assert "Please try again." in write(failed, keeps_booking=False).body
    assert "للاحتفاظ بحجزك" in write(failed, "ar").body
    assert "للاحتفاظ بحجزك" not in write(failed, "ar", keeps_booking=False).body


def test_names_fall_back_to_english_and_then_to_any_language():
    confirmed = customer(Event.BOOKING_CONFIRMED)
    assert "Najd" in write(confirmed, "ar", salon_names={"en": "Najd", "fr": "Nedjd"}).body
    assert "Nedjd" in write(confirmed, "ar", salon_names={"fr": "Nedjd"}).body


@pytest.mark.covers("P9")
@pytest.mark.parametrize(
    ("number", "arabic", "english"),
    [
        (1, "موعدًا واحدًا", "1 visit"),
        (2, "موعدين", "2 visits"),
        (3, "3 مواعيد", "3 visits"),
        (10, "10 مواعيد", "10 visits"),
        (11, "11 موعدًا", "11 visits"),
        (52, "52 موعدًا", "52 visits"),
        (100, "100 موعد", "100 visits"),
    ],
)
def test_visits_are_counted_in_the_form_that_the_language_has_for_the_number(number, arabic, english):
    created = customer(Event.SERIES_CREATED)
    assert arabic in write(created, "ar", visits=weekly(number)).body.replace(FSI, "").replace(PDI, "")
    assert f"{english} " in write(created, visits=weekly(number)).body


@pytest.mark.parametrize(("number", "listed"), [(1, False), (2, False), (3, True), (12, True), (13, False)])
def test_a_text_lists_the_dates_of_a_few_visits_and_a_mail_those_of_all(number, listed):
    created = customer(Event.SERIES_CREATED)
    assert ("21 Nov, 28 Nov, 5 Dec" in write(created, visits=weekly(number)).body) is listed
    mail = write(customer(Event.SERIES_CREATED, Channel.EMAIL), visits=weekly(number))
    assert mail.body.count(" at 4:00 PM") == number
    assert mail.html_body.count(" at 4:00 PM") == number


def test_one_visit_of_a_series_has_one_time():
    body = write(customer(Event.SERIES_CREATED), visits=weekly(1)).body
    assert "1 visit for you (Haircut and Beard trim), on Saturday 21 November at 4:00 PM." in body


@pytest.mark.parametrize(
    ("audience", "english", "arabic"),
    [
        (Audience.CUSTOMER, "We will confirm them.", "وسنخبرك فور التأكيد."),
        (Audience.STAFF_MEMBER, "Please confirm.", "يرجى التأكيد."),
    ],
)
def test_a_series_that_waits_for_the_salon_is_not_told_as_certain(audience, english, arabic):
    key = TemplateKey(Event.SERIES_CREATED, audience, Channel.SMS)
    for language, sentence in (("en", english), ("ar", arabic)):
        assert sentence in write(key, language, state="pending").body
        assert sentence not in write(key, language, state="confirmed").body


def test_whoever_does_a_part_of_a_visit_reads_when_that_part_begins_and_began():
    moved = TemplateKey(Event.BOOKING_RESCHEDULED, Audience.STAFF_MEMBER, Channel.EMAIL)
    part = {"part_start": "2026-11-21T13:30:00+00:00", "part_end": "2026-11-21T14:30:00+00:00"}
    body = write(moved, **part).body
    assert (
        "now on Saturday 21 November at 4:30 PM. Until now it was on Friday 20 November at 12:45 PM" in body
    )
    assert "Duration: 1 hour" in body


def test_a_message_that_has_no_template_fails_for_good():
    nobodys = TemplateKey(Event.REMINDER, Audience.STAFF_MEMBER, Channel.SMS)
    with pytest.raises(TemplateFailed) as failed:
        write(nobodys)
    assert failed.value.code == "template_missing"
