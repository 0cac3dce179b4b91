"""What an error looks like on the wire: decided here, once, for every method.

A domain error becomes a google.rpc.Status with ErrorInfo (reason, domain, metadata), LocalizedMessage in the
caller's language, and, where they apply, BadRequest, PreconditionFailure and RetryInfo. Anything else becomes
INTERNAL with a fixed sentence and the request's id: what went wrong inside is for the log, not for strangers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import grpc
import psycopg
import psycopg_pool
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details_pb2
from google.rpc.status_pb2 import Status

from kursi_chassis import errors
from kursi_chassis.errors import DomainError, Invalid, RetryLater, Unavailable, Violation
from kursi_chassis.wording import plain, render, violation_text

DETAILS_KEY = "grpc-status-details-bin"
# Clients accept 8 KiB of trailers by default; base64 and the other trailers need their share.
_DETAILS_BYTES = 5_000
_MESSAGE_CHARACTERS = 500
_KEY_OR_NEXT_WORD = re.compile(r"\[[^\]]*\]|_([a-z0-9])")

_CODES: Mapping[type[DomainError], grpc.StatusCode] = {
    errors.Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Denied: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Conflict: grpc.StatusCode.ABORTED,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
}


class DatabaseUnavailable(Unavailable):
    """The service's database does not answer, or has no connection to spare."""

    reason = "DATABASE_UNAVAILABLE"


class InternalError(DomainError):
    """Stands for every error that is nobody's business but ours."""

    reason = "INTERNAL"
    en = "Something went wrong on our side."
    ar = "حدث خطأ من جهتنا."


class RemoteError(DomainError):
    """An error that another service reported, kept as it is: it leaves with the same code, reason and
    metadata.
    """

    def __init__(self, code: grpc.StatusCode, info: details_pb2.ErrorInfo, text: str, arabic: str) -> None:
        super().__init__(**dict(info.metadata))
        self.code = code
        self.reason = info.reason
        self.domain = info.domain
        self.message = text
        self.arabic = arabic
        self.violations: Mapping[str, str] = {}
        """What it found wrong with which field, by the field's path in its own request; read by who translates."""

    def text(self, language: str) -> str:
        """The other service's sentence, in Arabic if that is what it sent."""
        return self.arabic if language == "ar" and self.arabic else self.message


Translation = Callable[[BaseException], DomainError]

# The most specific class wins.
_TRANSLATIONS: Mapping[type[BaseException], Translation] = {
    psycopg.OperationalError: lambda _: DatabaseUnavailable(),
    psycopg.errors.ReadOnlySqlTransaction: lambda _: DatabaseUnavailable(),  # a primary that became a replica
    psycopg_pool.PoolTimeout: lambda _: DatabaseUnavailable(),
    psycopg_pool.PoolClosed: lambda _: DatabaseUnavailable(),
    psycopg_pool.TooManyRequests: lambda _: DatabaseUnavailable(),
    psycopg.errors.LockNotAvailable: lambda _: RetryLater(),
    psycopg.errors.DeadlockDetected: lambda _: RetryLater(),
    psycopg.errors.SerializationFailure: lambda _: RetryLater(),
    psycopg.errors.QueryCanceled: lambda _: RetryLater(),
}


def as_domain_error(error: BaseException) -> DomainError | None:
    """The domain error that this is or stands for; None for a mistake of ours."""
    if isinstance(error, DomainError):
        return error
    known = next((_TRANSLATIONS[kind] for kind in type(error).__mro__ if kind in _TRANSLATIONS), None)
    return known(error) if known else None


def code_of(error: DomainError) -> grpc.StatusCode:
    """The status code of an error, by the base class it derives from."""
    if isinstance(error, RemoteError):
        return error.code
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), grpc.StatusCode.INTERNAL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as it goes out: code, developer text, and the serialized google.rpc.Status."""

    code: grpc.StatusCode
    message: str
    details: bytes

    @property
    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """The trailing metadata that carries the details."""
        return ((DETAILS_KEY, self.details),)


def refusal(error: DomainError, *, language: str, domain: str) -> Refusal:
    """Write an error down for a caller who reads `language`; `domain` names the service (`booking.kursi`)."""
    code = code_of(error)
    number: int = code.value[0]
    message = error.message[:_MESSAGE_CHARACTERS]
    status = Status(code=number, message=message)
    _pack(status, _error_info(error, domain))
    _pack(status, details_pb2.LocalizedMessage(locale=language, message=error.text(language)))
    if error.retry_after is not None:
        _pack(status, _retry_info(error.retry_after))
    if isinstance(error, errors.FailedPrecondition):
        broken = details_pb2.PreconditionFailure.Violation(
            type=error.reason, description=error.text(language)
        )
        _pack(status, details_pb2.PreconditionFailure(violations=[broken]))
    if isinstance(error, Invalid) and error.violations:
        _pack(status, _bad_request(error, language, _DETAILS_BYTES - status.ByteSize()))
    return Refusal(code, message, status.SerializeToString())


def field_path(path: str) -> str:
    """A field's path as REST clients spell it: `items[0].service_id` is `items[0].serviceId`. Keys that they made
    up stay as they are.
    """
    return _KEY_OR_NEXT_WORD.sub(lambda found: (found[1] or "").upper() or found[0], path)


def _error_info(error: DomainError, domain: str) -> details_pb2.ErrorInfo:
    return details_pb2.ErrorInfo(
        reason=error.reason,
        domain=error.domain if isinstance(error, RemoteError) else domain,
        metadata={_camel(name): plain(value) for name, value in error.metadata.items()},
    )


def _retry_info(after: timedelta) -> details_pb2.RetryInfo:
    info = details_pb2.RetryInfo()
    info.retry_delay.FromTimedelta(after)
    return info


def _bad_request(error: Invalid, language: str, most_bytes: int) -> details_pb2.BadRequest:
    """As many violations as fit into the trailers; a client that fixes those is told the rest."""
    request = details_pb2.BadRequest()
    left = most_bytes
    for violation in error.violations:
        # Where what is wrong with a field is the whole error, the error's sentence says it.
        is_all = violation.reason == error.reason
        text = error.text(language) if is_all else _describe(violation, language)
        text = text[:_MESSAGE_CHARACTERS]  # it may quote the caller, who may have sent a book
        shown = request.field_violations.add(
            field=field_path(violation.field),
            description=text,
            reason=violation.reason,
            localized_message=details_pb2.LocalizedMessage(locale=language, message=text),
        )
        left -= shown.ByteSize()
        if left < 0:
            request.field_violations.pop()
            break
    return request


def _describe(violation: Violation, language: str) -> str:
    if violation.en:
        return render(violation.ar if language == "ar" else violation.en, violation.params, language)
    return violation_text(violation.reason, violation.params, language)


def _pack(status: Status, detail: Message) -> None:
    packed = AnyMessage()
    packed.Pack(detail)
    status.details.append(packed)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
