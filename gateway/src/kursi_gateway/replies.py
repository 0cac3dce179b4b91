"""The errors that Envoy itself gives, in the one shape of all errors, in English and Arabic."""

from typing import Any  # Envoy's configuration is untyped JSON

# HTTP status: gRPC code, its name, our reason, English, Arabic.
REPLIES: dict[int, tuple[int, str, str, str, str]] = {
    400: (
        3,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
        "The request could not be read. %LOCAL_REPLY_BODY%",
        "تعذرت قراءة الطلب.",
    ),
    401: (
        16,
        "UNAUTHENTICATED",
        "TOKEN_REFUSED",
        "The access token is missing or not valid.",
        "رمز الدخول مفقود أو غير صالح.",
    ),
    403: (
        7,
        "PERMISSION_DENIED",
        "TOKEN_NOT_FOR_THIS",
        "The access token is not meant for this.",
        "رمز الدخول غير مخصص لهذا الغرض.",
    ),
    404: (
        5,
        "NOT_FOUND",
        "PATH_UNKNOWN",
        "There is nothing at this path and method.",
        "لا يوجد شيء في هذا العنوان.",
    ),
    408: (
        4,
        "DEADLINE_EXCEEDED",
        "REQUEST_TOO_SLOW",
        "The request took too long to arrive.",
        "استغرق وصول الطلب وقتاً طويلاً.",
    ),
    413: (3, "INVALID_ARGUMENT", "BODY_TOO_LARGE", "The request body is too large.", "محتوى الطلب كبير جداً."),
    415: (
        3,
        "INVALID_ARGUMENT",
        "CONTENT_TYPE_REFUSED",
        "This kind of content is not accepted here.",
        "نوع المحتوى غير مقبول هنا.",
    ),
    426: (
        3,
        "INVALID_ARGUMENT",
        "PROTOCOL_REFUSED",
        "This protocol is not accepted here.",
        "هذا البروتوكول غير مقبول هنا.",
    ),
    429: (
        8,
        "RESOURCE_EXHAUSTED",
        "ADDRESS_LIMIT",
        "Too many requests from this address.",
        "طلبات كثيرة جداً من هذا العنوان.",
    ),
    431: (
        3,
        "INVALID_ARGUMENT",
        "HEADERS_TOO_LARGE",
        "The request headers are too large.",
        "ترويسات الطلب كبيرة جداً.",
    ),
    500: (13, "INTERNAL", "INTERNAL", "Something went wrong on our side.", "حدث خطأ من جانبنا."),
    501: (
        12,
        "UNIMPLEMENTED",
        "PROTOCOL_REFUSED",
        "This protocol is not accepted here.",
        "هذا البروتوكول غير مقبول هنا.",
    ),
    502: (
        14,
        "UNAVAILABLE",
        "SERVICE_UNAVAILABLE",
        "The service cannot be reached right now.",
        "لا يمكن الوصول إلى الخدمة الآن.",
    ),
    503: (
        14,
        "UNAVAILABLE",
        "SERVICE_UNAVAILABLE",
        "The service cannot be reached right now.",
        "لا يمكن الوصول إلى الخدمة الآن.",
    ),
    504: (
        4,
        "DEADLINE_EXCEEDED",
        "DEADLINE_EXCEEDED",
        "The service did not answer in time.",
        "لم تجب الخدمة في الوقت المحدد.",
    ),
}
# The header names Arabic before English. Services weigh languages, too; browsers name them in the order of their weights.
# What is neither is passed over: `arn` and `eng` are other languages.
_OTHER_LANGUAGE = (
    r"(?:[b-df-z][a-z]*|a(?:[a-qs-z][a-z]*)?|ar[a-z]+|e(?:[a-mo-z][a-z]*)?|en[a-z]+)(?:-[a-z0-9-]*)?"
)
_SOME_WEIGHT = r"(?:;\s*q=(?:1|0?\.0*[1-9])[0-9.]*\s*)?"
ARABIC_FIRST = (
    rf"(?i)[\s,]*(?:{_OTHER_LANGUAGE}\s*(?:;[^,]*)?,[\s,]*)*ar(?:-[a-z0-9-]*)?\s*{_SOME_WEIGHT}(?:,.*)?"
)
READS_ARABIC = {
    "header_filter": {
        "header": {"name": "accept-language", "string_match": {"safe_regex": {"regex": ARABIC_FIRST}}}
    }
}
WANTS_ANOTHER_PROTOCOL = {"header_filter": {"header": {"name": "upgrade", "present_match": True}}}


def local_reply_config() -> dict[str, Any]:
    """Mappers by status and language. Native gRPC keeps its own text: JSON would land inside grpc-message."""
    native = {
        "filter": {
            "and_filter": {
                "filters": [
                    {
                        "header_filter": {
                            "header": {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
                        }
                    },
                    {
                        "header_filter": {
                            "header": {
                                "name": "x-envoy-original-path",
                                "present_match": True,
                                "invert_match": True,
                            }
                        }
                    },
                ]
            }
        },
        "body_format_override": {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}},
    }
    # Envoy refuses WebSockets with the status of a token that is meant for something else.
    refused_upgrade = [
        {**mapper, "status_code": 501} for mapper in _mappers(403, REPLIES[501], WANTS_ANOTHER_PROTOCOL)
    ]
    others = [mapper for status, reply in REPLIES.items() for mapper in _mappers(status, reply)]
    return {"mappers": [native, *refused_upgrade, *others]}


def _mappers(
    status: int, reply: tuple[int, str, str, str, str], *filters: dict[str, Any]
) -> list[dict[str, Any]]:
    code, name, reason, english, arabic = reply
    return [
        _mapper(status, _body(code, name, reason, arabic), *filters, READS_ARABIC),
        _mapper(status, _body(code, name, reason, english), *filters),
    ]


def _body(code: int, name: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "code": code,
        "status": name,
        "reason": reason,
        "message": message,
        "details": [],
        "requestId": "%REQ(X-REQUEST-ID)%",
    }


def _mapper(status: int, body: dict[str, Any], *filters: dict[str, Any]) -> dict[str, Any]:
    is_status = {
        "status_code_filter": {
            "comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": f"reply_{status}"}}
        }
    }
    condition = {"and_filter": {"filters": [is_status, *filters]}} if filters else is_status
    return {"filter": condition, "body_format_override": {"json_format": body}}
