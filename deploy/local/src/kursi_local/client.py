"""A small REST client of the platform, as an app would be: the story, the demo data and the end-to-end tests use it."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self  # Any: JSON is untyped

import httpx

from kursi_local.outside import CODE, Outside
from kursi_local.patience import until
from kursi_local.platform import Platform

CODE_SECONDS = 60.0
RENEW_SECONDS = 120.0
"""How long before its end an access token is replaced."""


class Refused(Exception):
    """The platform answered with an error; attributes are those of the one error shape."""

    def __init__(self, response: httpx.Response) -> None:
        self.http_status = response.status_code
        self.headers = response.headers
        try:
            self.body: dict[str, Any] = response.json()
        except ValueError:
            self.body = {"message": response.text}
        self.reason: str = self.body.get("reason", "")
        self.message: str = self.body.get("message", "")
        super().__init__(
            f"{response.request.method} {response.request.url.path}: {self.http_status} {self.reason} {self.message}"
        )

    @property
    def metadata(self) -> dict[str, str]:
        """What the reason says in detail."""
        for detail in self.body.get("details", []):
            if detail.get("@type", "").endswith("ErrorInfo"):
                found: dict[str, str] = detail.get("metadata", {})
                return found
        return {}

    @property
    def violations(self) -> dict[str, str]:
        """Reason by field, of a request that did not fit."""
        for detail in self.body.get("details", []):
            if detail.get("@type", "").endswith("BadRequest"):
                return {
                    entry["field"]: entry.get("reason", "") for entry in detail.get("fieldViolations", [])
                }
        return {}


@dataclass
class Session:
    """Somebody's login."""

    client: httpx.Client
    language: str = "en"
    user: dict[str, Any] = field(default_factory=dict)
    access_token: str = ""
    refresh_token: str = ""
    renew_at: float = math.inf
    """When to ask for a new access token, in seconds of `time.time`."""

    @property
    def user_id(self) -> str:
        """Who it is."""
        return str(self.user["id"])

    def raw(self, verb: str, path: str, *, key: str | None = None, **arguments: Any) -> httpx.Response:  # noqa: ANN401  httpx's own
        """Call and return whatever comes back, under a token that is good for a while yet."""
        if time.time() >= self.renew_at:
            self.renew()
        headers = {"accept-language": self.language, **arguments.pop("headers", {})}
        if self.access_token:
            headers.setdefault("authorization", f"Bearer {self.access_token}")
        if key:
            headers["idempotency-key"] = key
        return self.client.request(verb, path, headers=headers, **arguments)

    def call(self, verb: str, path: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401  httpx's own
        """Call and return the answer. Raises Refused for an error."""
        response = self.raw(verb, path, **arguments)
        if response.is_error:
            raise Refused(response)
        answer: dict[str, Any] = response.json()
        return answer

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401  query parameters
        """GET with query parameters."""
        return self.call("GET", path, params=parameters)

    def post(
        self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None
    ) -> dict[str, Any]:
        """POST JSON; without a key, one is made up, as every careful client does."""
        return self.call("POST", path, json=body or {}, key=key or str(uuid.uuid4()))

    def patch(self, path: str, body: dict[str, Any], **parameters: Any) -> dict[str, Any]:  # noqa: ANN401  query parameters
        """PATCH JSON."""
        return self.call("PATCH", path, json=body, params=parameters)

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """PUT JSON."""
        return self.call("PUT", path, json=body)

    def delete(self, path: str) -> dict[str, Any]:
        """DELETE."""
        return self.call("DELETE", path)

    def accept(self, tokens: dict[str, Any]) -> None:
        """Take over a new pair of tokens."""
        self.access_token = tokens["accessToken"]
        self.refresh_token = tokens.get("refreshToken") or self.refresh_token
        self.user = tokens["user"]
        self.renew_at = datetime.fromisoformat(tokens["accessTokenExpiresAt"]).timestamp() - RENEW_SECONDS

    def renew(self) -> None:
        """A new access token: it carries roles that were given meanwhile."""
        self.renew_at = math.inf
        self.accept(self.post("/v1/auth/token:refresh", {"refreshToken": self.refresh_token}))


class Api:
    """The platform's front door, and the invented world of phones, mailboxes and banks around it."""

    def __init__(
        self,
        base_url: str,
        twilio_url: str,
        moyasar_url: str = "",
        control_url: str = "",
        timeout_seconds: float = 40,
    ) -> None:
        self.client = httpx.Client(base_url=base_url, timeout=timeout_seconds)
        self.outside = Outside(twilio_url, moyasar_url, control_url)

    @classmethod
    def of(cls, platform: Platform) -> Self:
        """The front door of a running platform, with all its simulators."""
        twilio, moyasar, control = (
            platform.url(f"simulators.{name}") for name in ("twilio", "moyasar", "control")
        )
        return cls(platform.base_url, twilio, moyasar, control)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.outside.close()

    def anonymous(self, language: str = "en") -> Session:
        """Somebody who has not logged in."""
        return Session(self.client, language)

    def login(
        self, phone_number: str, *, language: str = "en", name: str = "", device: str = "demo"
    ) -> Session:
        """Log in by a one-time code, as a person with that phone would; the first time makes the account."""
        session = self.anonymous(language)
        before = len(self.outside.texts_to(phone_number))
        asked = _ask_for_code(session, {"phoneNumber": phone_number})
        code = until(
            lambda: self._texted_code(phone_number, before), CODE_SECONDS, f"a code at {phone_number}"
        )
        profile = {"displayName": name, "languageCode": language, "timeZone": "Asia/Riyadh"}
        session.accept(
            session.post(
                "/v1/auth/otp:verify",
                {"requestId": asked["requestId"], "code": code, "deviceLabel": device, "profile": profile},
            )
        )
        return session

    def add_email(self, session: Session, address: str) -> None:
        """Give an account an address, by the code that was sent there."""
        before = len(self.outside.mails_to(address))
        asked = _ask_for_code(session, {"email": address, "channel": "EMAIL", "purpose": "VERIFY"})
        code = until(lambda: self._mailed_code(address, before), CODE_SECONDS, f"a code at {address}")
        session.accept(session.post("/v1/auth/otp:verify", {"requestId": asked["requestId"], "code": code}))

    def _texted_code(self, phone_number: str, after: int) -> str:
        return _newest_code(text["body"] for text in self.outside.texts_to(phone_number)[after:])

    def _mailed_code(self, address: str, after: int) -> str:
        return _newest_code(mail["text"] for mail in self.outside.mails_to(address)[after:])


def _newest_code(texts: Iterable[str]) -> str:
    codes = [match[0] for match in map(CODE.search, texts) if match]
    return codes[-1] if codes else ""


def _ask_for_code(session: Session, wanted: dict[str, str]) -> dict[str, Any]:
    """Whoever asked a moment ago has to wait, as every person would."""
    try:
        return session.post("/v1/auth/otp:request", wanted)
    except Refused as refusal:
        if refusal.reason != "OTP_COOLDOWN":
            raise
        time.sleep(float(refusal.headers.get("retry-after", "60")))
        return session.post("/v1/auth/otp:request", wanted)
