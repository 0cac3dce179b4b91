"""The checks of a request that its contract alone decides: required fields are there, texts hold no NUL.

What is required (`google.api.field_behavior`) is compiled per message type when the server starts, so a call
pays for a few attribute reads only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.grpc.fieldmask import field_behaviors

_MOST_NAMED = 100
_MASK = "google.protobuf.FieldMask"


@dataclass(slots=True)
class _Plan:
    """What to look at in one message type."""

    present: list[str] = field(default_factory=list)
    """Required fields that know whether they are set."""
    filled: list[str] = field(default_factory=list)
    """Required fields whose zero value means that nothing was sent."""
    nested: list[tuple[str, "_Plan"]] = field(default_factory=list)
    listed: list[tuple[str, "_Plan"]] = field(default_factory=list)


class RequiredFields:
    """Checks messages of one type."""

    def __init__(self, descriptor: Descriptor) -> None:
        self._plan = _compile(descriptor, {})

    def check(self, request: Message, raw: bytes) -> None:
        """Raises: Invalid naming the required fields that are missing (REQUIRED) and the texts with a NUL.

        No more than 100 of either: a list of a million empty entries would name as many, for seconds.

        `raw` is the request as it came in: a NUL in a text is a zero byte in there, so almost every request
        is cleared without looking at its texts one by one.
        """
        violations = list(islice(_missing(self._plan, request, ""), _MOST_NAMED))
        if b"\x00" in raw:
            texts = islice(_texts_with_nul(request, ""), _MOST_NAMED)
            violations += [Violation(path, "CONTROL_CHARACTERS") for path in texts]
        if violations:
            raise Invalid(*violations)


def _compile(descriptor: Descriptor, known: dict[str, _Plan]) -> _Plan:
    if descriptor.full_name in known:
        return known[descriptor.full_name]
    plan = known[descriptor.full_name] = _Plan()
    # A partial change sends only what it changes: the resource beside an update mask may lack anything.
    is_update = any(_type_name(part) == _MASK for part in descriptor.fields)
    for part in descriptor.fields:
        if field_behavior_pb2.REQUIRED in field_behaviors(part):
            (plan.present if part.has_presence else plan.filled).append(part.name)
        message = part.message_type
        if message is None or is_update or message.GetOptions().map_entry:
            continue
        if _demands_something(message, set()):
            nested = _compile(message, known)
            (plan.listed if part.is_repeated else plan.nested).append((part.name, nested))
    return plan


def _demands_something(descriptor: Descriptor, seen: set[str]) -> bool:
    if descriptor.full_name in seen:
        return False
    seen.add(descriptor.full_name)
    return any(
        field_behavior_pb2.REQUIRED in field_behaviors(part)
        or (part.message_type is not None and _demands_something(part.message_type, seen))
        for part in descriptor.fields
    )


def _missing(plan: _Plan, message: Message, prefix: str) -> Iterator[Violation]:
    absent = [name for name in plan.present if not message.HasField(name)]
    absent += [name for name in plan.filled if not getattr(message, name)]
    for name in absent:
        yield Violation(prefix + name, "REQUIRED")
    for name, nested in plan.nested:
        if message.HasField(name):
            yield from _missing(nested, getattr(message, name), f"{prefix}{name}.")
    for name, nested in plan.listed:
        for position, member in enumerate(getattr(message, name)):
            yield from _missing(nested, member, f"{prefix}{name}[{position}].")


def _texts_with_nul(message: Message, prefix: str) -> Iterator[str]:
    for part, value in message.ListFields():
        path = prefix + part.name
        if part.message_type is not None and part.message_type.GetOptions().map_entry:
            yield from _map_texts_with_nul(value, path)
        elif part.is_repeated:
            for position, member in enumerate(value):
                yield from _value_with_nul(member, f"{path}[{position}]")
        else:
            yield from _value_with_nul(value, path)


def _map_texts_with_nul(entries: dict[object, object], path: str) -> Iterator[str]:
    for key, value in entries.items():
        if isinstance(key, str) and "\x00" in key:
            yield path
        yield from _value_with_nul(value, f"{path}[{key}]".replace("\x00", ""))


def _value_with_nul(value: object, path: str) -> Iterator[str]:
    if isinstance(value, str) and "\x00" in value:
        yield path
    elif isinstance(value, Message):
        yield from _texts_with_nul(value, f"{path}.")


def _type_name(part: FieldDescriptor) -> str:
    return part.message_type.full_name if part.message_type is not None else ""
