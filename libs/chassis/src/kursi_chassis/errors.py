"""What can go wrong in terms a caller understands.

A domain error carries a `reason` for programs (UPPER_SNAKE, part of the contract, never renamed), a sentence
in English and Arabic for people, and metadata: every changing word of the sentence. How an error looks on the
wire is decided in one place, `kursi_chassis.grpc.status`; nothing here knows about gRPC.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from kursi_chassis.wording import render


class DomainError(Exception):
    """Base of everything that a caller is told about by reason.

    Subclasses set `reason`, `en` and `ar`; the two sentences are `str.format` templates over the metadata
    that the error is made with. A template that names something the metadata lacks fails where the error is
    raised, with a KeyError, so the first test that reaches the line finds it.
    """

    reason: str = "UNKNOWN"
    en: ClassVar[str] = "The request failed."
    ar: ClassVar[str] = "تعذّر تنفيذ الطلب."
    retry_after: timedelta | None = None

    def __init__(self, **metadata: object) -> None:
        self.metadata: Mapping[str, object] = metadata
        self.message = render(self.en, metadata)
        super().__init__(f"{self.reason}: {self.message}")

    def text(self, language: str) -> str:
        """The sentence for people in `language` (`ar`, otherwise English)."""
        return render(self.ar, self.metadata, language) if language == "ar" else self.message


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with one field.

    `field` is the path as the contract spells it (`items[0].service_id`). The sentence comes from the
    catalogue in `kursi_chassis.wording` by `reason`, unless `en` and `ar` are given here; both are templates
    over `params`.
    """

    field: str
    reason: str
    params: Mapping[str, object] = dataclasses.field(default_factory=dict)
    en: str = ""
    ar: str = ""


_NAMED_IN_MESSAGE = 8


class Invalid(DomainError):
    """The request is wrong whatever the state of the world."""

    reason = "INVALID_ARGUMENT"
    en = "The request has invalid fields."
    ar = "يحتوي الطلب على حقول غير صالحة."

    def __init__(self, *violations: Violation, **metadata: object) -> None:
        super().__init__(**metadata)
        self.violations = violations
        if violations:
            named = [f"{violation.field} {violation.reason}" for violation in violations[:_NAMED_IN_MESSAGE]]
            more = ["…"] if len(violations) > _NAMED_IN_MESSAGE else []
            self.message = f"{self.message} ({', '.join([*named, *more])})"

    def text(self, language: str) -> str:
        """The sentence without the list of fields, which travels beside it."""
        return render(self.ar if language == "ar" else self.en, self.metadata, language)


class Unauthenticated(DomainError):
    """Nobody knows who is calling: no token, or one that does not count."""

    reason = "UNAUTHENTICATED"
    en = "Sign in to continue."
    ar = "سجّل الدخول للمتابعة."


class Denied(DomainError):
    """The caller is known and may not do this."""

    reason = "PERMISSION_DENIED"
    en = "You may not do this."
    ar = "لا تملك صلاحية تنفيذ هذا الإجراء."


class RoleRequired(Denied):
    """The caller lacks the role. Says nothing about whether the salon exists."""

    reason = "ROLE_REQUIRED"
    en = "This needs the role {role}."
    ar = "يتطلب هذا الإجراء الدور {role}."


class NotFound(DomainError):
    """What the request names does not exist, or not for this caller."""

    reason = "NOT_FOUND"
    en = "Not found."
    ar = "غير موجود."


class AlreadyExists(DomainError):
    """What the request wants to make is already there."""

    reason = "ALREADY_EXISTS"
    en = "It already exists."
    ar = "موجود مسبقًا."


class Conflict(DomainError):
    """Somebody else was first; read again and decide again."""

    reason = "CONFLICT"
    en = "It was changed in the meantime. Read it again and retry."
    ar = "تم تغييره في هذه الأثناء. حدّث البيانات ثم حاول مجددًا."


class StaleEtag(Conflict):
    """The caller changed a revision that is no longer the newest."""

    reason = "STALE_ETAG"


class FailedPrecondition(DomainError):
    """The world is not in the state that the request needs; retrying unchanged is pointless."""

    reason = "FAILED_PRECONDITION"
    en = "This is not possible now."
    ar = "لا يمكن تنفيذ ذلك الآن."


class Exhausted(DomainError):
    """A limit was reached; it can be tried again after `retry_after`."""

    reason = "LIMIT_REACHED"
    en = "Too many requests. Try again later."
    ar = "عدد كبير من الطلبات. حاول لاحقًا."

    def __init__(self, retry_after: timedelta, **metadata: object) -> None:
        super().__init__(**metadata)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """Something this depends on does not answer; the same request may succeed later."""

    reason = "UNAVAILABLE"
    en = "The service is temporarily unavailable. Try again shortly."
    ar = "الخدمة غير متاحة مؤقتًا. حاول بعد قليل."

    def __init__(self, retry_after: timedelta = timedelta(seconds=1), **metadata: object) -> None:
        super().__init__(**metadata)
        self.retry_after = retry_after


class RetryLater(Unavailable):
    """Too many changed the same thing at once; nothing was done and a repetition is likely to succeed."""

    reason = "RETRY_LATER"


class DeadlineExceeded(DomainError):
    """The time that the caller gave, or the server's own limit, ran out.

    Whether something was done is unknown.
    """

    reason = "DEADLINE_EXCEEDED"
    en = "This took too long."
    ar = "استغرق التنفيذ وقتًا أطول من المسموح."
