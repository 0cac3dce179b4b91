"""Which addresses of calendars are so much as tried."""

import pytest
from kursi_booking.domain.calendar_address import AddressRules, calendar_address
from kursi_booking.domain.calendar_errors import AddressNotAllowed

RULES = AddressRules()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://cal.test/a.ics?key=1", "https://cal.test:443/a.ics?key=1"),
        (" webcal://CAL.test./a ", "https://cal.test:443/a"),
        ("https://cal.test:8443", "https://cal.test:8443/"),
        ("https://[2606:4700::1]/x#part", "https://[2606:4700::1]:443/x"),
    ],
)
def test_an_address_as_people_paste_it(text, url):
    address = calendar_address(text, RULES)
    assert address.url == url
    assert "key" not in repr(address)


@pytest.mark.covers("B15")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "MALFORMED"),
        ("https://", "MALFORMED"),
        ("https://cal .test/", "MALFORMED"),
        ("https://cal.test\\@inner.test/", "MALFORMED"),
        ("https://cal.test/\r\nHost: inner.test", "MALFORMED"),
        ("https://[::1/", "MALFORMED"),
        ("https://cal.test:99999/", "MALFORMED"),
        ("https://2130706433/", "MALFORMED"),
        ("https://0x7f.0.0.1/", "MALFORMED"),
        ("https://0177.0.0.1/", "MALFORMED"),
        ("https://127.1/", "MALFORMED"),
        ("https://1.2.3.4.5/", "MALFORMED"),
        ("https://кал.test/", "MALFORMED"),
        ("http://cal.test/", "SCHEME_NOT_ALLOWED"),
        ("file:///etc/passwd", "SCHEME_NOT_ALLOWED"),
        ("gopher://cal.test/", "SCHEME_NOT_ALLOWED"),
        ("cal.test/a.ics", "SCHEME_NOT_ALLOWED"),
        ("https://me@cal.test/", "HAS_CREDENTIALS"),
        ("https://me:secret@cal.test/", "HAS_CREDENTIALS"),
        ("https://cal.test:22/", "PORT_NOT_ALLOWED"),
        ("https://cal.test:6379/", "PORT_NOT_ALLOWED"),
        ("https://cal.test/" + "x" * 2_000, "TOO_LONG"),
    ],
)
def test_an_address_that_is_none_or_a_trick(text, why):
    with pytest.raises(AddressNotAllowed) as error:
        calendar_address(text, RULES)
    assert error.value.why == why
