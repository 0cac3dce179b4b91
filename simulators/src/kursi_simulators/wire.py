"""Small things every simulator says on the wire."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from starlette.responses import Response

JsonObject = Mapping[str, object]


class BadOrder(Exception):
    """A control request that asks for something this simulator cannot do; the text says what."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with milliseconds and `Z`, as Moyasar and our own books write times."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(body, status, headers, media_type="application/json")


def json_object(raw: bytes) -> dict[str, object]:
    """The JSON object in `raw`.

    Raises:
        BadOrder: when the body is not UTF-8 JSON or not an object.
    """
    try:
        value = json.loads(raw or b"{}")
    except ValueError as error:
        raise BadOrder(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadOrder("the body is not a JSON object")
    return value
