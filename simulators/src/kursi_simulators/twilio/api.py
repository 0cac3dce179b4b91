"""The provider's HTTP API: `/2010-04-01/Accounts/{sid}/Messages...`."""

import hmac
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kursi_simulators import credentials
from kursi_simulators.twilio.simulator import TwilioError, TwilioMessage, TwilioSimulator
from kursi_simulators.wire import json_response

Endpoint = Callable[[Request], Awaitable[Response]]
DEFAULT_PAGE_SIZE = 50


class TwilioApi:
    """Send, fetch and list messages of the one account."""

    def __init__(self, simulator: TwilioSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        messages = "/2010-04-01/Accounts/{account}/Messages"
        return [
            Route(f"{messages}.json", _guarded(self.send), methods=["POST"]),
            Route(f"{messages}.json", _guarded(self.list_messages), methods=["GET"]),
            Route(f"{messages}/{{sid}}.json", _guarded(self.get_message), methods=["GET"]),
        ]

    async def send(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        return json_response(self._simulator.send(form).to_json(), 201)

    async def get_message(self, request: Request) -> Response:
        message = self._simulator.messages.get(request.path_params["sid"])
        if message is None:
            raise TwilioError(20404)
        return json_response(message.to_json())

    async def list_messages(self, request: Request) -> Response:
        """Newest first; filters To, From, DateSent, DateSent> and DateSent<; pages PageSize and Page."""
        query = request.query_params
        chosen = [m for m in reversed(self._simulator.messages.values()) if _is_wanted(m, query)]
        return json_response(_page(chosen, query, request.url.path))


def _guarded(endpoint: Endpoint) -> Endpoint:
    """The endpoint behind HTTP Basic, with its errors in the provider's shape."""

    async def answering(request: Request) -> Response:
        try:
            _authenticate(request)
            return await endpoint(request)
        except TwilioError as error:
            headers = {"retry-after": "1"} if error.status == 429 else None
            return json_response(error.to_json(), error.status, headers)

    return answering


def _authenticate(request: Request) -> None:
    expected = f"{credentials.TWILIO_ACCOUNT_SID}:{credentials.TWILIO_AUTH_TOKEN}".encode()
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        shown = b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        shown = b""
    if not hmac.compare_digest(shown, expected):
        raise TwilioError(20003)
    if request.path_params["account"] != credentials.TWILIO_ACCOUNT_SID:
        raise TwilioError(20404)


def _is_wanted(message: TwilioMessage, query: Mapping[str, str]) -> bool:
    if query.get("To", message.to) != message.to or query.get("From", message.sender) != message.sender:
        return False
    day = (message.sent_at or message.created_at).date()
    since, until, exact = (_day(query.get(name)) for name in ("DateSent>", "DateSent<", "DateSent"))
    return (since or day) <= day <= (until or day) and (exact or day) == day


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError as error:
        raise TwilioError(20001) from error


def _page(messages: list[TwilioMessage], query: Mapping[str, str], path: str) -> dict[str, object]:
    size = int(query.get("PageSize", DEFAULT_PAGE_SIZE))
    number = int(query.get("Page", 0))
    start = number * size
    shown = messages[start : start + size]

    def uri(page: int) -> str:
        return f"{path}?{urlencode({**query, 'PageSize': size, 'Page': page})}"

    return {
        "messages": [message.to_json() for message in shown],
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + max(len(shown) - 1, 0),
        "uri": uri(number),
        "first_page_uri": uri(0),
        "next_page_uri": uri(number + 1) if start + size < len(messages) else None,
        "previous_page_uri": uri(number - 1) if number else None,
    }
