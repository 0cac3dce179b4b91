"""What the audit trail says about a change: the values that differ, before and after, as JSON."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TypeAlias

from kursi_chassis.wording import plain

from kursi_catalog.domain.schedule import LocalRange, clock

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
_BOOKKEEPING = frozenset(
    {"id", "salon_id", "revision", "version", "create_time", "update_time", "service_ids", "rating"}
)


def document(thing: object) -> dict[str, Json]:
    """All values of a thing but those that count its changes."""
    if not is_dataclass(thing):
        message = f"{type(thing).__name__} is not a record"
        raise TypeError(message)
    names = [field.name for field in fields(thing)]
    return {name: _json(getattr(thing, name)) for name in names if name not in _BOOKKEEPING}


def difference(before: object, after: object) -> tuple[dict[str, Json], dict[str, Json]]:
    """The values that changed: what they were, and what they became."""
    old, new = document(before), document(after)
    changed = [name for name in new if old.get(name) != new[name]]
    return {name: old.get(name) for name in changed}, {name: new[name] for name in changed}


def _json(value: object) -> Json:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, LocalRange):
        return f"{clock(value.start)}-{clock(value.end)}"
    if isinstance(value, Mapping):
        return {str(key): _json(member) for key, member in value.items()}
    if isinstance(value, tuple | list):
        return [_json(member) for member in value]
    if is_dataclass(value):
        return {field.name: _json(getattr(value, field.name)) for field in fields(value)}
    return plain(value)
