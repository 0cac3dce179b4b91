"""Signatures of reports, against vectors that the provider's own library made."""

import hashlib
import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kursi_messaging.adapters.twilio_signature import SignedRequest, SigningKeys, is_genuine

VECTORS = json.loads((Path(__file__).parents[1] / "data" / "twilio_signatures.json").read_text("utf-8"))
FORM = "application/x-www-form-urlencoded; charset=utf-8"
CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["cases"]]
VERIFY_CASES = [pytest.param(case, id=case["name"]) for case in VECTORS["verify_cases"]]
SHARED = next(case for case in VECTORS["cases"] if case["algorithm"] == "HMAC_SHA256")
BY_TOKEN = next(case for case in VECTORS["cases"] if case["name"] == "form_status_callback")
JSON = next(case for case in VECTORS["cases"] if "json_body" in case)


def request_of(case, **changes) -> SignedRequest:
    is_json = "json_body" in case
    pairs = [tuple(pair) for pair in case.get("params_list") or case.get("params", {}).items()]
    body = case["json_body"] if is_json else urlencode(pairs)
    usual = {
        "url": case["url"],
        "body": body.encode(),
        "content_type": "application/json" if is_json else FORM,
        "signature": case.get("expected") or case.get("signature"),
        "settings": case.get("settings_header", ""),
    }
    return SignedRequest(**{**usual, **changes})


def keys_of(case) -> SigningKeys:
    if case["algorithm"] == "HMAC_SHA256":
        return SigningKeys("another token", {"webhooks_sharedkey_TESTVECTOR": case["secret"]})
    return SigningKeys(case["secret"])


@pytest.mark.covers("V8")
@pytest.mark.parametrize("case", CASES)
def test_a_genuine_request_is_recognised(case):
    assert is_genuine(request_of(case), keys_of(case))


@pytest.mark.parametrize("case", CASES)
def test_one_changed_character_of_the_address_is_noticed(case):
    assert not is_genuine(request_of(case, url=case["url"].replace("://", "://x")), keys_of(case))


@pytest.mark.parametrize("case", VERIFY_CASES)
def test_requests_are_judged_as_the_providers_library_does(case):
    assert is_genuine(request_of(case), keys_of(case)) is case["expected_valid"]


@pytest.mark.covers("V8")
def test_a_json_body_has_to_be_the_one_that_the_address_names():
    tampered = request_of(JSON, body=JSON["negative"]["json_body"].encode())
    assert hashlib.sha256(tampered.body).hexdigest() != JSON["body_sha256_hex"]
    assert not is_genuine(tampered, keys_of(JSON))


@pytest.mark.covers("V8")
def test_json_without_its_digest_in_the_address_is_refused():
    assert not is_genuine(request_of(JSON, url=JSON["url"].partition("?")[0]), keys_of(JSON))


@pytest.mark.covers("V8")
def test_a_shared_key_shuts_out_the_weaker_signature():
    keys = SigningKeys(BY_TOKEN["secret"], {"webhooks_sharedkey_TESTVECTOR": SHARED["secret"]})
    assert not is_genuine(request_of(BY_TOKEN), keys)


@pytest.mark.parametrize(
    "settings",
    [
        "key=webhooks_sharedkey_TESTVECTOR,algorithm=HMAC_SHA1",
        "key=webhooks_sharedkey_TESTVECTOR",
        "key=somebody_elses,algorithm=HMAC_SHA256",
        "algorithm=HMAC_SHA256",
        "nonsense",
    ],
)
def test_the_sender_does_not_choose_how_it_is_checked(settings):
    assert not is_genuine(request_of(SHARED, settings=settings), keys_of(SHARED))


def test_without_any_secret_nothing_is_genuine():
    assert not is_genuine(request_of(BY_TOKEN), SigningKeys(""))


@pytest.mark.parametrize("body", [b"\xff=1", b"&".join(b"a%d=1" % n for n in range(200))])
def test_a_body_that_is_no_form_is_refused(body):
    assert not is_genuine(request_of(BY_TOKEN, body=body), keys_of(BY_TOKEN))


@pytest.mark.covers("V8")
@given(
    st.text(),
    st.binary(),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]),
    st.text(),
)
@example("bodySHA256=%C3%A9", b"", "application/json", "")
def test_whatever_a_stranger_sends_is_refused(query, body, content_type, text):
    url = f"{JSON['url'].partition('?')[0]}?{query}"
    request = request_of(JSON, url=url, body=body, content_type=content_type, signature=text, settings=text)
    assert not is_genuine(request, keys_of(JSON))
