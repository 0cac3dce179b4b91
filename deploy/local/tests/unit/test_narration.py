from kursi_local.narration import Narrator, directed, local, money, shortened


def test_a_line_that_begins_in_arabic_is_marked_right_to_left():
    assert directed("200: صالون روز") == "\u2067200: صالون روز\u2069"
    assert directed("200: Rose") == "200: Rose"


def test_amounts_have_the_decimals_of_their_currency():
    assert money({"currencyCode": "SAR", "amountMinor": "32000"}) == "320.00 SAR"
    assert money({"currencyCode": "KWD", "amountMinor": "1500"}) == "1.500 KWD"


def test_times_and_ids_are_short():
    assert local("2026-11-22T11:45:00+03:00") == "Sun 22 Nov 11:45"
    assert (
        shortened("/v1/bookings/01a1fbfd-47bb-7590-beb3-80e5276e505e:cancel") == "/v1/bookings/…505e:cancel"
    )


def test_long_messages_are_wrapped_and_cut_and_nothing_is_coloured_in_a_file(capsys):
    Narrator().message("SMS", "+966500000001", "word " * 40 + "\n1\n2\n3\n4")
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "… and 1 more lines" in printed
    assert "\033" not in printed
