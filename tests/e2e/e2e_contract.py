"""Requests made from the contract alone: harmless ones that pass the door, and bad ones of every kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto
from kursi.options.v1 import options_pb2
from kursi_chassis.ids import new_id
from kursi_gateway.contract import Method, public_methods
from kursi_gateway.schemas import Schemas, lower_camel

ACCESS = options_pb2.Access
SCHEMAS = Schemas()
METHODS = {f"{method.upstream}.{method.name}": method for method in public_methods()}
_PLACE = re.compile(r"\{([\w.]+)\}")
_STRING, _INTEGERS = FieldDescriptorProto.TYPE_STRING, (FieldDescriptorProto.TYPE_INT32,)
_REPEATED = FieldDescriptorProto.LABEL_REPEATED
_BYTES_BODY = "google.api.HttpBody"
_STALE = "stale"
_DEEPEST = 2
"""Fields three objects deep are checked by the same code as those two objects deep."""


@dataclass(frozen=True)
class Request:
    """One call as a client would make it; `content` is a body that is not JSON."""

    verb: str
    path: str
    query: Mapping[str, object] = field(default_factory=dict)
    body: object = None
    content: bytes | None = None

    def arguments(self) -> dict[str, object]:
        """Keyword arguments for an HTTP client."""
        arguments: dict[str, object] = {"params": dict(self.query)}
        if self.content is not None:
            arguments["content"] = self.content
            arguments["headers"] = {"content-type": "application/json"}
        elif self.body is not None:
            arguments["json"] = self.body
        return arguments


def harmless(method: Method, ids: Mapping[str, str]) -> Request:
    """A call that gets as far as access is decided and then changes nothing.

    It names the given things (`salon_id`, `booking_id`, …; others do not exist) and carries an outdated etag wherever
    there is room for one. What else is required is left out, unless access is decided by the object, later.
    """
    path = _PLACE.sub(lambda place: _id(place[1], ids), method.path)
    bound = {place[1] for place in _PLACE.finditer(method.path)}
    loose = _text_fields(method.input_type)
    values: dict[str, object] = {name: _STALE for name in loose if name == "etag"}
    salon = method.access.salon_field
    if salon and salon not in bound:
        values[salon] = ids["salon_id"]
    if method.access.object_customer or method.access.object_role:
        aside = {*bound, method.body}
        values |= {name: value for name, value in _required(method.input_type).items() if name not in aside}
    if not method.body:
        return Request(method.verb.upper(), path, {_camel(name): value for name, value in values.items()})
    if method.body == "*":
        return Request(
            method.verb.upper(), path, body={_camel(name): value for name, value in values.items()}
        )
    inner = SCHEMAS.field_at(method.input_type, method.body).type_name.lstrip(".")
    body = {"etag": _STALE} if inner != _BYTES_BODY and "etag" in _text_fields(inner) else {}
    if method.access.object_customer or method.access.object_role:
        body |= {name: "x" for name, kind in _writable(inner) if kind.type == _STRING and name != "etag"}
    return Request(method.verb.upper(), path, {_camel(name): v for name, v in values.items()}, body)


def _required(message: str) -> dict[str, object]:
    """Plausible values of what must be there; ids are of things that do not exist."""
    values: dict[str, object] = {}
    for one in SCHEMAS.message(message).field:
        if field_behavior_pb2.REQUIRED not in one.options.Extensions[field_behavior_pb2.field_behavior]:
            continue
        inner = one.type_name.lstrip(".")
        if one.type == _STRING:
            value: object = str(new_id())
        elif one.type in _INTEGERS:
            value = 1
        elif inner == "google.protobuf.Timestamp":
            days = 31 if one.name.startswith("end") else 30
            value = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:00:00Z")
        else:
            value = {_camel(name): deeper for name, deeper in _required(inner).items()}
        values[one.name] = [value] if _is_list(one) else value
    return values


def bad_requests(method: Method, ids: Mapping[str, str]) -> Iterator[tuple[str, Request]]:
    """Every kind of bad request for this method, each with a name."""
    usual = harmless(method, ids)
    if method.body:
        yield "garbage", replace(usual, body=None, content=b'{"a": [1, {{{ \xff\xfe')
        yield "a list for an object", replace(usual, body=[1, 2, 3])
    if _is_json(method):
        yield from _bad_fields(method, usual)
    yield "an unknown parameter", replace(usual, query={**usual.query, "nobodyKnowsThis": "1"})
    yield from _bad_places(method, ids)
    yield from _bad_pages(method, usual)
    yield from _bad_parameters(method, usual)


def _bad_fields(method: Method, usual: Request) -> Iterator[tuple[str, Request]]:
    """One field is bad and nothing else is there, so that only its own check can refuse the call."""
    base = {key: value for key, value in _object(usual.body).items() if key != "etag"}
    for spot in _spots(_body_type(method)):
        if spot.name in _bound(method):
            continue
        flaws = _deep_flaws if spot.above else _flaws
        for flaw, value in flaws(spot.kind):
            yield f"{spot.name}: {flaw}", replace(usual, body={**base, **spot.filled_with(value)})


@dataclass(frozen=True)
class Spot:
    """A field somewhere in a body."""

    name: str
    kind: FieldDescriptorProto
    above: tuple[FieldDescriptorProto, ...] = ()

    def filled_with(self, value: object) -> dict[str, object]:
        """A body that has this value there and nothing else."""
        for kind in (self.kind, *reversed(self.above)):
            value = {lower_camel(kind.name): [value] if _is_list(kind) else value}
        return _object(value)


def _spots(message: str, above: tuple[FieldDescriptorProto, ...] = ()) -> Iterator[Spot]:
    for name, kind in _writable(message):
        path = ".".join((*(one.name for one in above), name))
        yield Spot(path, kind, above)
        inner = kind.type_name.lstrip(".")
        is_ours = kind.type == FieldDescriptorProto.TYPE_MESSAGE and inner.startswith("kursi.")
        if is_ours and len(above) < _DEEPEST:
            yield from _spots_below(inner, (*above, kind))


def _spots_below(inner: str, above: tuple[FieldDescriptorProto, ...]) -> Iterator[Spot]:
    """Of a map, the value; it is spelled as an object whose key is a language."""
    if not SCHEMAS.message(inner).options.map_entry:
        yield from _spots(inner, above)


def _flaws(kind: FieldDescriptorProto) -> Iterator[tuple[str, object]]:
    if _is_map(kind):
        yield "a wrong type", "text"
        yield "far too long", {"en": "x" * 20_000}
        yield "a control character", {"en": "a\u0007b"}
        yield "an unknown language", {"x" * 500: "text"}
        return
    if kind.type == FieldDescriptorProto.TYPE_MESSAGE:
        yield "text for an object", "text"  # an object with strange fields is one of a newer client
        return
    yield "a wrong type", {"wrong": ["type"]}
    if kind.type == _STRING:
        yield "far too long", "x" * 20_000
        yield "a control character", "a\u0007b"
        yield "a NUL", "a\u0000b"
    elif kind.type in _INTEGERS:
        yield "past its type", 99_999_999_999
    elif kind.type == FieldDescriptorProto.TYPE_ENUM:
        yield "an unknown value", "NOBODY_KNOWS_THIS"


def _deep_flaws(kind: FieldDescriptorProto) -> Iterator[tuple[str, object]]:
    """Inside objects only what the services check themselves; types are the gateway's business at any depth."""
    for flaw, value in _flaws(kind):
        if flaw in ("far too long", "a control character"):
            yield flaw, value


def _bad_places(method: Method, ids: Mapping[str, str]) -> Iterator[tuple[str, Request]]:
    for place in _bound(method):
        for flaw, value in (
            ("malformed", "not-an-id"),
            ("injected", "'%20OR%201=1--"),
            ("far too long", "9" * 2_000),
            ("a control character", "a%07b"),
        ):
            yield f"{place}: {flaw}", harmless(method, {**ids, place: value})


def _bad_pages(method: Method, usual: Request) -> Iterator[tuple[str, Request]]:
    if any(one.name == "page_size" for one in SCHEMAS.message(method.input_type).field):
        for size in ("-1", "-2147483648", "99999999999", "many"):
            yield f"page_size: {size}", replace(usual, query={**usual.query, "pageSize": size})


def _bad_parameters(method: Method, usual: Request) -> Iterator[tuple[str, Request]]:
    if method.body == "*":
        return
    for name, kind in _writable(method.input_type):
        if name in _bound(method) or name == method.body or kind.type != _STRING:
            continue
        for flaw, value in (("far too long", "x" * 5_000), ("a control character", "a\u0007b")):
            yield f"{name}: {flaw}", replace(usual, query={**usual.query, _camel(name): value})


def _is_map(kind: FieldDescriptorProto) -> bool:
    inner = kind.type_name.lstrip(".")
    return kind.type == FieldDescriptorProto.TYPE_MESSAGE and SCHEMAS.message(inner).options.map_entry


def _is_list(kind: FieldDescriptorProto) -> bool:
    return kind.label == _REPEATED and not _is_map(kind)


def _is_json(method: Method) -> bool:
    return bool(method.body) and _body_type(method) != _BYTES_BODY


def _body_type(method: Method) -> str:
    if method.body == "*":
        return method.input_type
    return SCHEMAS.field_at(method.input_type, method.body).type_name.lstrip(".")


def _bound(method: Method) -> set[str]:
    return {place[1] for place in _PLACE.finditer(method.path)}


def _writable(message: str) -> Iterator[tuple[str, FieldDescriptorProto]]:
    for one in SCHEMAS.message(message).field:
        behaviours = one.options.Extensions[field_behavior_pb2.field_behavior]
        if field_behavior_pb2.OUTPUT_ONLY not in behaviours:
            yield one.name, one


def _text_fields(message: str) -> list[str]:
    return [one.name for one in SCHEMAS.message(message).field if one.type == _STRING]


def _id(place: str, ids: Mapping[str, str]) -> str:
    known = ids.get(place) or ids.get(place.replace(".id", "_id"))
    return known or str(new_id())


def _camel(path: str) -> str:
    return ".".join(lower_camel(part) for part in path.split("."))


def _object(body: object) -> dict[str, object]:
    return dict(body) if isinstance(body, dict) else {}
