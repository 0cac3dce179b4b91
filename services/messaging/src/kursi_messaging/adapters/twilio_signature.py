"""Whether a request really comes from Twilio."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

_MOST_FIELDS = 100
_DEFAULT_PORTS = {"https": 443, "http": 80}
_STRONG = "HMAC_SHA256"


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """What signatures are made with: the account's token, or shared keys by their id.

    Once there are shared keys the token no longer counts, so that nobody can choose the weaker of the two.
    """

    auth_token: str
    shared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came. `url` is the public one, with its query, as the sender spelled it."""

    url: str
    body: bytes
    content_type: str
    signature: str
    settings: str = ""


def is_genuine(request: SignedRequest, keys: SigningKeys) -> bool:
    """Whether the signature is the one that the sender would have made."""
    chosen = _choose(request.settings, keys)
    text = _signed_parameters(request)
    if chosen is None or text is None:
        return False
    secret, algorithm = chosen
    given = request.signature.encode()
    matches = [
        hmac.compare_digest(given, _sign(f"{url}{text}", secret, algorithm))
        for url in _spellings(request.url)
    ]
    return any(matches)


def form_of(body: bytes) -> dict[str, str] | None:
    """The fields of a form, each once; None for what is none. Empty values count: they are signed too."""
    pairs = _pairs(body)
    return None if pairs is None else dict(pairs)


def _choose(settings: str, keys: SigningKeys) -> tuple[str, str] | None:
    """Secret and algorithm; None when the request was signed in a way that does not count here."""
    if not settings:
        return None if keys.shared or not keys.auth_token else (keys.auth_token, "sha1")
    named = dict(part.strip().partition("=")[::2] for part in settings.split(","))
    secret = keys.shared.get(named.get("key", ""))
    return (secret, "sha256") if secret and named.get("algorithm") == _STRONG else None


def _signed_parameters(request: SignedRequest) -> str | None:
    """What is signed after the address; None when the body is not what the address says it is."""
    if request.content_type.partition(";")[0].strip().lower() == "application/json":
        digest = hashlib.sha256(request.body).hexdigest()
        claimed = parse_qs(urlsplit(request.url).query).get("bodySHA256", [""])[0]
        return "" if hmac.compare_digest(digest.encode(), claimed.lower().encode()) else None
    pairs = _pairs(request.body)
    return None if pairs is None else "".join(f"{name}{value}" for name, value in sorted(set(pairs)))


def _pairs(body: bytes) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None


def _spellings(url: str) -> Iterable[str]:
    """The address as it is, without its port, and with the default one: the sender may have used any."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = _DEFAULT_PORTS.get(parts.scheme, 0)
    return (
        url,
        urlunsplit(parts._replace(netloc=host)),
        urlunsplit(parts._replace(netloc=f"{host}:{port}")),
    )


def _sign(text: str, secret: str, algorithm: str) -> bytes:
    return b64encode(hmac.digest(secret.encode(), text.encode(), algorithm))
