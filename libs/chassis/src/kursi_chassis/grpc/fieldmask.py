"""Update masks (AIP-134): which fields of a resource a change writes."""

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from kursi_chassis.errors import Invalid, Violation

_SET_BY_US = frozenset({field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IDENTIFIER})
_SET_ONCE = field_behavior_pb2.IMMUTABLE
MOST_PATHS = 100
"""More than any resource has fields; a body of 4 MiB holds a million, a second of work each time."""


def paths_to_write(resource: Message, mask: FieldMask) -> frozenset[str]:
    """The fields to write, as snake_case paths.

    No mask: the fields that the resource has set. `*`: every field, so that what is not set is cleared.
    Fields that only the service sets (OUTPUT_ONLY, IDENTIFIER) and `etag` are left out silently, so a client
    may send back what it read; immutable ones only when they are not named. Raises: Invalid for a path that
    does not exist (UNKNOWN_FIELD) or that cannot change (IMMUTABLE), naming `update_mask`; or for more than
    100 paths (TOO_MANY).
    """
    descriptor: Descriptor = resource.DESCRIPTOR  # type: ignore[assignment]  # the C implementation is the same
    if not mask.paths:
        return frozenset(field.name for field, _ in resource.ListFields() if _is_writable(field))
    if len(mask.paths) > MOST_PATHS:
        raise Invalid(Violation("update_mask", "TOO_MANY", {"max": MOST_PATHS}))
    if list(mask.paths) == ["*"]:
        return frozenset(field.name for field in descriptor.fields if _is_writable(field))
    return _named(descriptor, mask)


def field_behaviors(field: FieldDescriptor) -> list[int]:
    """What the contract says about a field: REQUIRED, OUTPUT_ONLY, …"""
    return list(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def _is_writable(field: FieldDescriptor) -> bool:
    behaviors = field_behaviors(field)
    return field.name != "etag" and _SET_ONCE not in behaviors and not _SET_BY_US.intersection(behaviors)


def _resolve(descriptor: Descriptor, path: str) -> list[FieldDescriptor] | None:
    """The fields along a path; None when it leads nowhere, or through a list or a map."""
    chain: list[FieldDescriptor] = []
    current: Descriptor | None = descriptor
    for name in path.split("."):
        if current is None or (chain and chain[-1].is_repeated):
            return None
        field = current.fields_by_name.get(name)
        if field is None:
            return None
        chain.append(field)
        current = field.message_type
    return chain


def _named(descriptor: Descriptor, mask: FieldMask) -> frozenset[str]:
    violations = []
    named = set()
    for path in mask.paths:
        chain = _resolve(descriptor, path)
        if chain is None:
            violations.append(Violation("update_mask", "UNKNOWN_FIELD", {"path": path}))
        elif any(_SET_ONCE in field_behaviors(field) for field in chain):
            violations.append(Violation("update_mask", "IMMUTABLE", {"path": path}))
        elif all(_is_writable(field) for field in chain):
            named.add(path)
    if violations:
        raise Invalid(*violations)
    return frozenset(named)
