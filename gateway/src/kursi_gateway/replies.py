"""The errors that Envoy itself gives, in the one shape of all errors, in English and Arabic."""

from typing import Any  # Envoy's configuration is untyped JSON

# HTTP status: gRPC code, its name, our reason, English, Arabic.
REPLIES: dict[int, tuple[int, str, str, str, str]] = {
    400: (
        3,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
        "The request could not be read. %LOCAL_REPLY_BODY%",
        # Which field it is, and what of it, is told in English only: the names of fields are English.
        "تعذرت قراءة الطلب. %LOCAL_REPLY_BODY%",
    ),
    401: (
        16,
        "UNAUTHENTICATED",
        "TOKEN_INVALID",
        "The access token is not valid or has expired.",
        "رمز الدخول غير صالح أو منتهي الصلاحية.",
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
        "استغرق وصول الطلب وقتًا طويلًا.",
    ),
    413: (3, "INVALID_ARGUMENT", "BODY_TOO_LARGE", "The request body is too large.", "محتوى الطلب كبير جدًا."),
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
        "طلبات كثيرة جدًا من هذا العنوان.",
    ),
    431: (
        3,
        "INVALID_ARGUMENT",
        "HEADERS_TOO_LARGE",
        "The request headers are too large.",
        "ترويسات الطلب كبيرة جدًا.",
    ),
    500: (13, "INTERNAL", "INTERNAL", "Something went wrong on our side.", "حدث خطأ من جهتنا."),
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
        "This took too long.",
        "استغرق التنفيذ وقتًا أطول من المسموح.",
    ),
}
# Services say the same of a call without a token.
SIGN_IN = (16, "UNAUTHENTICATED", "UNAUTHENTICATED", "Sign in to continue.", "سجّل الدخول للمتابعة.")

# Who reads Arabic rather than English: the header weighs it more, or the same and names it first. Services compare the whole
# weights, this their tenths; nobody's browser tells two languages closer than that apart. `*` is English, which is what is left.
# What is neither is passed over: `arn` and `eng` are other languages.
_OTHER_LANGUAGE = (
    r"(?:[b-df-z][a-z]*|a(?:[a-qs-z][a-z]*)?|ar[a-z]+|e(?:[a-mo-z][a-z]*)?|en[a-z]+)(?:-[a-z0-9-]*)?"
)
_OTHERS_FIRST = rf"(?i)[\s,]*(?:{_OTHER_LANGUAGE}\s*(?:;[^,]*)?,[\s,]*)*"
_ARABIC, _ENGLISH = r"ar(?:-[a-z0-9-]*)?", r"(?:en(?:-[a-z0-9-]*)?|\*)"
_WEIGHT = r"\s*;\s*q\s*="
_SOME_WEIGHT = rf"(?:{_WEIGHT}\s*(?:1|0?\.0*[1-9])[0-9.]*)?\s*"
_NO_WEIGHT = rf"{_WEIGHT}\s*0(?:\.0*)?\s*"
_FULL_WEIGHT = rf"(?:{_WEIGHT}\s*1[0-9.]*)?\s*"


def _tenths(least: int, most: int) -> str:
    """A weight of so many tenths, cut off; ten are said by no weight, too."""
    below = rf"{_WEIGHT}\s*(?:{'0|' if least == 0 else ''}0?\.[{least}-{min(most, 9)}][0-9]*)\s*"
    if least == 10:
        return _FULL_WEIGHT
    return below if most < 10 else rf"(?:{below}|{_FULL_WEIGHT})"


def _more_later(first: str, later: str) -> str:
    """The first of our languages weighs less than the other one, which comes later."""
    lighter = "|".join(
        rf"{_tenths(tenths, tenths)},(?:.*,)?\s*{later}{_tenths(tenths + 1, 10)}" for tenths in range(10)
    )
    return rf"{_OTHERS_FIRST}{first}(?:{lighter})(?:,.*)?"


ARABIC_FIRST = rf"{_OTHERS_FIRST}{_ARABIC}{_SOME_WEIGHT}(?:,.*)?"
ENGLISH_MORE = _more_later(_ARABIC, _ENGLISH)
ARABIC_MORE = _more_later(_ENGLISH, _ARABIC)
NO_ENGLISH = rf"{_OTHERS_FIRST}{_ENGLISH}{_NO_WEIGHT}(?:,.*)?"


def _languages(regex: str, *, invert: bool = False) -> dict[str, Any]:
    match = {"safe_regex": {"regex": regex}}
    header = {"name": "accept-language", "string_match": match, "invert_match": invert}
    return {"header_filter": {"header": header}}


_ARABIC_AT_LEAST = {
    "and_filter": {"filters": [_languages(ARABIC_FIRST), _languages(ENGLISH_MORE, invert=True)]}
}
READS_ARABIC = {"or_filter": {"filters": [_ARABIC_AT_LEAST, _languages(ARABIC_MORE), _languages(NO_ENGLISH)]}}
WITHOUT_TOKEN = {
    "header_filter": {"header": {"name": "authorization", "present_match": True, "invert_match": True}}
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
    no_token = _mappers(401, SIGN_IN, WITHOUT_TOKEN)
    others = [mapper for status, reply in REPLIES.items() for mapper in _mappers(status, reply)]
    return {"mappers": [native, *refused_upgrade, *no_token, *others]}


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
