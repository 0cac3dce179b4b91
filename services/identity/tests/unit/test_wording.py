"""What the message with a code says."""

from datetime import timedelta

import pytest
from kursi_identity.adapters.wording import Wording
from kursi_identity.domain.otp import Channel
from kursi_identity.ports import CodeMessage

WORDING = Wording({"en": "Kursi", "ar": "كرسي"})


def message(language: str) -> CodeMessage:
    return CodeMessage(Channel.SMS, "+966512345678", "123456", language, timedelta(minutes=5))


@pytest.mark.parametrize(("language", "brand"), [("en", "Kursi"), ("ar", "كرسي")])
def test_the_text_has_the_code_and_the_brand_in_the_persons_language(language, brand):
    text = WORDING.text(message(language))
    assert "123456" in text
    assert brand in text
    assert "5" in text


def test_an_english_text_fits_one_sms_and_an_arabic_one_two():
    assert len(WORDING.text(message("en"))) <= 160
    assert len(WORDING.text(message("ar"))) <= 2 * 67


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_subject_of_a_mail_keeps_the_code_to_itself(language):
    assert "123456" not in WORDING.subject(message(language))
