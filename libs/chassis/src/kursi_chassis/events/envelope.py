"""What travels with an event: CloudEvents attributes as headers, a protobuf message as the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from google.protobuf.message import DecodeError
from nats.aio.msg import Msg

from kursi_chassis.ids import new_id
from kursi_chassis.telemetry import current_traceparent

MAX_PAYLOAD_BYTES = 512 * 1024
"""Half of NATS' default limit for a message: an event that cannot be published would block its aggregate."""

MESSAGE_ID = "Nats-Msg-Id"


Parameters = ParamSpec("Parameters")
Read = TypeVar("Read")


class Poison(Exception):
    """Raised by decoders and handlers: this event can never be handled, its bytes or meaning are broken."""


def unreadable_is_poison(decode: Callable[Parameters, Read]) -> Callable[Parameters, Read]:
    """For functions that read a payload: bytes, ids and instants that are none raise `Poison`."""

    @wraps(decode)
    def decode_or_poison(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Read:
        try:
            return decode(*args, **kwargs)
        except (DecodeError, ValueError, OverflowError) as error:
            raise Poison(str(error)) from error

    return decode_or_poison


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact about one aggregate, to be published once the transaction that made it true has committed.

    `type` is dotted and lower case with its version (`kursi.booking.v1.confirmed`), `schema` the full name of
    the protobuf message in `payload`. `revision` counts the aggregate's changes: consumers use it to drop
    what arrives late. `headers` are extra ones; the usual ones are added.
    """

    type: str
    subject: str
    aggregate_id: UUID
    revision: int
    payload: bytes
    occurred_at: datetime
    schema: str = ""
    event_id: UUID = field(default_factory=new_id)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.payload) > MAX_PAYLOAD_BYTES:
            msg = f"{self.type} has {len(self.payload)} bytes; {MAX_PAYLOAD_BYTES} is the limit"
            raise ValueError(msg)

    def wire_headers(self) -> dict[str, str]:
        """All headers but the message id, `traceparent` included when a trace is being recorded."""
        headers = {
            "ce-specversion": "1.0",
            "ce-id": str(self.event_id),
            "ce-type": self.type,
            "ce-source": _source(self.type),
            "ce-subject": str(self.aggregate_id),
            "ce-time": self.occurred_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce-datacontenttype": "application/protobuf",
            "kursi-revision": str(self.revision),
            "kursi-aggregate": str(self.aggregate_id),
        }
        if self.schema:
            headers["ce-dataschema"] = self.schema
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        return {**headers, **self.headers}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedEvent:
    """An event as a consumer sees it. `deliveries` is 1 the first time."""

    event_id: UUID
    type: str
    subject: str
    aggregate_id: UUID
    revision: int
    payload: bytes
    occurred_at: datetime
    headers: Mapping[str, str]
    stream_seq: int
    deliveries: int


def received(message: Msg) -> ReceivedEvent:
    """Read a JetStream delivery.

    Raises:
        Poison: a header that every event of ours has is missing or unreadable.
    """
    metadata = message.metadata
    return read(
        subject=message.subject, headers=message.headers or {}, payload=message.data,
        stream_seq=metadata.sequence.stream, deliveries=metadata.num_delivered,
    )  # fmt: skip


def read(
    *, subject: str, headers: Mapping[str, str], payload: bytes, stream_seq: int, deliveries: int
) -> ReceivedEvent:
    """Put an event together from its parts.

    Raises:
        Poison: a header that every event of ours has is missing or unreadable.
    """
    try:
        return ReceivedEvent(
            event_id=UUID(headers["ce-id"]),
            type=headers["ce-type"],
            subject=subject,
            aggregate_id=UUID(headers["kursi-aggregate"]),
            revision=int(headers["kursi-revision"]),
            payload=payload,
            occurred_at=_instant(headers["ce-time"]),
            headers=headers,
            stream_seq=stream_seq,
            deliveries=deliveries,
        )
    except (KeyError, ValueError, OverflowError) as error:
        raise Poison(str(error)) from error


def _source(event_type: str) -> str:
    owner, _, rest = event_type.partition(".")
    return f"/{owner}/{rest.partition('.')[0]}"


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        msg = f"ce-time {text} has no offset"
        raise ValueError(msg)
    return instant.astimezone(UTC)
