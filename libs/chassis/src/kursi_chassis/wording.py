"""Sentences for people: templates, their values, and the catalogue of what can be wrong with a field.

Every sentence exists in English and Arabic. Services add their own with `register_violation_texts`; a
sentence that is needed once can travel with the violation instead.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum

_MICROSECOND = timedelta(microseconds=1)

# A number and the thing that it counts: in English one and more, in Arabic one, two, 3 to 10, 11 to 99, and hundreds.
_UNITS: tuple[tuple[timedelta, tuple[str, str], tuple[str, str, str, str, str]], ...] = (
    (timedelta(days=1), ("day", "days"), ("يوم واحد", "يومين", "أيام", "يومًا", "يوم")),
    (timedelta(hours=1), ("hour", "hours"), ("ساعة واحدة", "ساعتين", "ساعات", "ساعة", "ساعة")),
    (timedelta(minutes=1), ("minute", "minutes"), ("دقيقة واحدة", "دقيقتين", "دقائق", "دقيقة", "دقيقة")),
    (timedelta(seconds=1), ("second", "seconds"), ("ثانية واحدة", "ثانيتين", "ثوانٍ", "ثانية", "ثانية")),
)

_TEXTS: dict[str, tuple[str, str]] = {
    "REQUIRED": ("This field is required.", "هذا الحقل مطلوب."),
    "TOO_LONG": ("Use at most {max} characters.", "الحد الأقصى {max} حرفًا."),
    "TOO_SHORT": ("Use at least {min} characters.", "الحد الأدنى {min} أحرف."),
    "NOT_AN_ID": ("This is not a valid identifier.", "المعرّف غير صالح."),
    "OUT_OF_RANGE": ("Choose a value from {min} to {max}.", "اختر قيمة من {min} إلى {max}."),
    "MALFORMED": ("The format is not valid.", "الصيغة غير صالحة."),
    "UNKNOWN_VALUE": ("This value is not known.", "القيمة غير معروفة."),
    "CONTROL_CHARACTERS": ("Control characters are not allowed.", "لا يُسمح بأحرف التحكم."),
    "BIDI_OVERRIDE": (
        "Characters that change the direction of text are not allowed.",
        "لا يُسمح بالأحرف التي تغيّر اتجاه النص.",
    ),
    "NOT_A_TIME_ZONE": ("This is not an IANA time zone.", "المنطقة الزمنية غير معروفة."),
    "NOT_A_CURRENCY": ("This is not an ISO 4217 currency code.", "رمز العملة غير معروف."),
    "NOT_A_LANGUAGE": ("This is not a language tag.", "رمز اللغة غير صالح."),
    "UNKNOWN_FIELD": ("There is no field {path} to change.", "لا يوجد حقل باسم {path} لتغييره."),
    "IMMUTABLE": ("The field {path} cannot be changed.", "لا يمكن تغيير الحقل {path}."),
    "NEGATIVE": ("Use zero or more.", "استخدم صفرًا أو قيمة أكبر."),
    "IN_THE_PAST": ("Choose a time in the future.", "اختر وقتًا في المستقبل."),
    "TOO_MANY": ("Use at most {max} entries.", "الحد الأقصى {max} عناصر."),
    "DUPLICATE": ("The same entry appears twice.", "العنصر مكرر."),
    "EMPTY_RANGE": ("The end must be after the start.", "يجب أن تكون النهاية بعد البداية."),
    "RANGE_TOO_LONG": ("The range may span at most {max}.", "أقصى مدة مسموح بها {max}."),
    "NOT_POSITIVE": ("Use a value above zero.", "استخدم قيمة أكبر من صفر."),
    "KEY_MISMATCH": (
        "It differs from the Idempotency-Key header.",
        "القيمة تختلف عن ترويسة Idempotency-Key.",
    ),
}


def register_violation_texts(texts: Mapping[str, tuple[str, str]]) -> None:
    """Add sentences, by reason, as (English, Arabic).

    Raises: ValueError for a reason that already says otherwise.
    """
    for reason, pair in texts.items():
        if _TEXTS.setdefault(reason, pair) != pair:
            message = f"the violation {reason} already has another text"
            raise ValueError(message)


def violation_text(reason: str, params: Mapping[str, object], language: str) -> str:
    """The catalogue's sentence; a reason that nobody worded reads as malformed rather than failing."""
    english, arabic = _TEXTS.get(reason, _TEXTS["MALFORMED"])
    return render(arabic if language == "ar" else english, params, language)


def render(template: str, values: Mapping[str, object], language: str = "en") -> str:
    """Fill a template for people. Raises: KeyError when it names a value that is not there."""
    return (
        template.format_map({name: _spoken(value, language) for name, value in values.items()})
        if "{" in template
        else template
    )


def plain(value: object) -> str:
    """A value as text that a program can read back: RFC 3339 in UTC, seconds, enum names, lower-case
    booleans.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return f"{Decimal(value // _MICROSECOND) / 1_000_000:f}s"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, frozenset | set | list | tuple):
        return ",".join(sorted(plain(member) for member in value))
    return str(value)


def _spoken(value: object, language: str) -> str:
    """A value as people say it: spans in the largest unit that measures them, instants to the second."""
    if isinstance(value, timedelta):
        return _span(value, language)
    if isinstance(value, datetime):
        return plain(value.replace(microsecond=0))
    return plain(value)


def _span(span: timedelta, language: str) -> str:
    for unit, english, arabic in _UNITS:
        if span and not span % unit:
            number = span // unit
            return _counted_in_arabic(number, arabic) if language == "ar" else _counted(number, english)
    return plain(span)


def _counted(number: int, words: tuple[str, str]) -> str:
    one, more = words
    return f"{number} {one if number == 1 else more}"


def _counted_in_arabic(number: int, words: tuple[str, str, str, str, str]) -> str:
    one, two, few, many, hundreds = words
    if number in (1, 2):
        return one if number == 1 else two
    last = number % 100
    return f"{number} {few if 3 <= last <= 10 else many if last >= 11 else hundreds}"
