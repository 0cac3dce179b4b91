"""From facts and a template to the exact text that a provider is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.words import Audience, Channel, Event
from kursi_messaging.rendering.bidi import as_html, isolate, plain, without_isolates
from kursi_messaging.rendering.language import HTML, TEXT
from kursi_messaging.rendering.values import Reader, lines, variables, visit_times

VERSION: Final = 1
"""Of the bundled templates. It grows with every change of one of their files, so that a recorded message
always names the words that made it."""

_LABELS: Final = {
    "en": (
        ("service_names", "Service"), ("staff_names", "With"), ("when", "When"), ("duration", "Duration"),
        ("total_price", "Price"), ("refund", "Refund"), ("fee", "Fee"), ("reference", "Reference"),
    ),
    "ar": (
        ("service_names", "الخدمة"), ("staff_names", "مع"), ("when", "الموعد"), ("duration", "المدة"),
        ("total_price", "السعر"), ("refund", "المبلغ المسترد"), ("fee", "الرسوم"), ("reference", "رقم المرجع"),
    ),
}  # fmt: skip
_CODES: Final = frozenset({"state"})
"""Variables for conditions; they are never shown, so nothing is fenced in."""
_MARKS: Final = ("handed_over", "keeps_booking")
"""Facts that are there or not; `yes` and nothing for conditions."""


class TemplateFailed(Exception):
    """A text could not be made; `code` is what the notification records. Trying again changes nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class TemplateKey:
    """What a template is for."""

    event: Event
    audience: Audience
    channel: Channel

    @property
    def name(self) -> str:
        """Name and version as notifications record it."""
        return f"{self.event}.{self.audience}.{self.channel}@{VERSION}"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The exact text. `subject` and `html_body` are empty except for e-mail."""

    template: str
    language: str
    subject: str
    body: str
    html_body: str


def render(facts: Facts, key: TemplateKey, language: str, zone: ZoneInfo) -> Rendered:
    """Write the message. `language` is one of `people.LANGUAGES`, `zone` the recipient's.

    Raises:
        TemplateFailed: `template_missing` when there is none for the key, `template_missing_var` when it
            names a variable that nothing fills, `template_failed` when it breaks a limit.
    """
    reader, right_to_left = Reader(language, zone), language == "ar"
    values = {
        name: value if name in _CODES else isolate(value, right_to_left=right_to_left)
        for name, value in variables(facts, reader, _names(key, language)).items()
    }
    # Each line by itself: a fence does not reach past the end of its line.
    visits = [isolate(when, right_to_left=right_to_left) for when in visit_times(facts, reader)]
    values.update({name: "yes" if facts.get(name) else "" for name in _MARKS})
    values["body"] = _written_by_hand(facts)
    if key.channel is Channel.EMAIL:
        return _mail(key, language, values, visits)
    return Rendered(key.name, language, "", _fill(_template(key, "text", language), values).strip(), "")


def _mail(key: TemplateKey, language: str, values: Mapping[str, str], visits: Sequence[str]) -> Rendered:
    template = _template(key, "email", language)
    subject, _, text = _fill(template, {**values, "visits": visits}).partition("\n")
    paragraphs = [part.strip() for part in text.split("\n\n") if part.strip()]
    details = [] if key.event is Event.MANUAL else lines(values, _LABELS[language])
    plain_details = "\n".join(f"{label}: {value}" for label, value in details)
    html = _fill(
        _layout(),
        {
            "language": language,
            "direction": "rtl" if language == "ar" else "ltr",
            "title": plain(subject),
            "salon_name": as_html(values["salon_name"]),
            "paragraphs": [as_html(paragraph) for paragraph in paragraphs],
            "details": [{"label": label, "value": as_html(value)} for label, value in details],
        },
    )
    return Rendered(
        template=key.name,
        language=language,
        subject=plain(without_isolates(subject)),
        body="\n\n".join(filter(None, [*paragraphs, plain_details, values["salon_name"]])),
        html_body=html,
    )


def _written_by_hand(facts: Facts) -> str:
    """A manager's words, with their lines as they wrote them."""
    body = facts.get("body")
    return "\n".join(plain(line) for line in body.splitlines()) if isinstance(body, str) else ""


def _fill(template: BoundTemplate, values: Mapping[str, object]) -> str:
    try:
        return template.render(values)
    except LiquidError as error:
        missing = type(error).__name__ == "UndefinedError"
        raise TemplateFailed("template_missing_var" if missing else "template_failed") from error


@cache
def _template(key: TemplateKey, kind: str, language: str) -> BoundTemplate:
    file = (
        resources.files(__package__)
        / "templates"
        / f"{key.event}.{key.audience}"
        / f"{kind}.{language}.liquid"
    )
    if not file.is_file():
        raise TemplateFailed("template_missing")
    return TEXT.parse_message(file.read_text(encoding="utf-8"))


@cache
def _names(key: TemplateKey, language: str) -> frozenset[str]:
    """What a message needs to know: what its template names, and for a mail what stands below the text."""
    if key.channel is not Channel.EMAIL:
        return frozenset(_template(key, "text", language).global_variables())
    below = {name for name, _ in _LABELS[language]}
    return frozenset(below).union(_template(key, "email", language).global_variables(), {"salon_name"})


@cache
def _layout() -> BoundTemplate:
    file = resources.files(__package__) / "templates" / "layout.html.liquid"
    return HTML.parse_message(file.read_text(encoding="utf-8"))
