"""X-Twilio-Signature for form posts."""

import hmac
from base64 import b64encode
from collections.abc import Iterable


def sign(url: str, params: Iterable[tuple[str, str]], auth_token: str) -> str:
    """base64(HMAC-SHA1(token, url + every distinct name and value, sorted by code point))."""
    text = url + "".join(f"{name}{value}" for name, value in sorted(set(params)))
    return b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()
