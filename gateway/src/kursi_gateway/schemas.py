"""Messages of the contract as JSON schemas, as the transcoder reads and writes them."""

from collections import Counter
from typing import Any  # JSON schemas are untyped JSON

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from kursi_gateway.contract import comment_at, descriptor_set

Kind = FieldDescriptorProto
SCALARS: dict[int, dict[str, Any]] = {
    Kind.TYPE_STRING: {"type": "string"},
    Kind.TYPE_BOOL: {"type": "boolean"},
    Kind.TYPE_INT32: {"type": "integer", "format": "int32"},
    Kind.TYPE_DOUBLE: {"type": "number", "format": "double"},
    # JSON numbers are not exact past 2^53, so 64-bit integers are strings.
    Kind.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"},
    Kind.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
WELL_KNOWN: dict[str, dict[str, Any]] = {
    "google.protobuf.Timestamp": {
        "type": "string",
        "format": "date-time",
        "examples": ["2026-11-21T13:00:00Z"],
    },
    "google.protobuf.Duration": {
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]+)?s$",
        "examples": ["2700s"],
    },
    "google.protobuf.FieldMask": {"type": "string", "examples": ["names,city"]},
    "google.protobuf.Empty": {"type": "object"},
}
EXAMPLES = {
    "phone_number": "+966512345678",
    "email": "sara@example.com",
    "time_zone": "Asia/Riyadh",
    "currency_code": "SAR",
    "language_code": "ar",
    "territory_code": "SA",
    "amount_minor": "15000",
    "code": "123456",
    "etag": '"3"',
}


def lower_camel(name: str) -> str:
    """A field's name in JSON."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


class Schemas:
    """Looks messages up by full name, and remembers which ones a document refers to."""

    def __init__(self) -> None:
        self._messages: dict[str, DescriptorProto] = {}
        self._enums: dict[str, EnumDescriptorProto] = {}
        # With each comment its element: protobuf forgets the object of a field that nobody holds, and its id goes to another.
        self._comments: dict[int, tuple[DescriptorProto | FieldDescriptorProto, str]] = {}
        self._used: dict[str, dict[str, Any]] = {}
        for file in descriptor_set().file:
            for index, message in enumerate(file.message_type):
                self._add(file, message, file.package, (4, index))
            for enum in file.enum_type:
                self._enums[f"{file.package}.{enum.name}"] = enum
        self._names = Counter(_own_name(name) for name in self._messages)

    def _add(
        self, file: FileDescriptorProto, message: DescriptorProto, prefix: str, path: tuple[int, ...]
    ) -> None:
        name = f"{prefix}.{message.name}"
        self._messages[name] = message
        if file.package.startswith("kursi."):
            self._comments[id(message)] = message, comment_at(file, *path)
            for index, field in enumerate(message.field):
                self._comments[id(field)] = field, comment_at(file, *path, 2, index)
        for index, nested in enumerate(message.nested_type):
            self._add(file, nested, name, (*path, 3, index))
        for enum in message.enum_type:
            self._enums[f"{name}.{enum.name}"] = enum

    def message(self, name: str) -> DescriptorProto:
        """A message by full name."""
        return self._messages[name]

    def enum(self, name: str) -> EnumDescriptorProto:
        """An enum by full name."""
        return self._enums[name]

    def comment(self, element: DescriptorProto | FieldDescriptorProto) -> str:
        """The comment above a message or a field."""
        _, comment = self._comments.get(id(element), (element, ""))
        return comment.replace("\n", " ")

    def field_at(self, message: str, path: str) -> FieldDescriptorProto:
        """The field at a dotted path of a message."""
        head, _, rest = path.partition(".")
        field = next(field for field in self.message(message).field if field.name == head)
        return self.field_at(field.type_name.lstrip("."), rest) if rest else field

    def is_structured(self, field: FieldDescriptorProto) -> bool:
        """Whether a field is one message of several fields, which a query string spells field by field."""
        return (
            field.type == Kind.TYPE_MESSAGE
            and field.label != Kind.LABEL_REPEATED
            and field.type_name.lstrip(".") not in WELL_KNOWN
        )

    def reference(self, name: str) -> dict[str, Any]:
        """A reference to a message's schema, which thereby becomes part of the document."""
        if name in WELL_KNOWN:
            return WELL_KNOWN[name]
        short = self._short(name)
        if short not in self._used:
            self._used[short] = {}
            self._used[short] = self.inline(name)
        return {"$ref": f"#/components/schemas/{short}"}

    def inline(self, name: str, left_out: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
        """A message's schema, without some of its fields."""
        message = self.message(name)
        fields = [field for field in message.field if field.name not in left_out]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {lower_camel(field.name): self._property(field) for field in fields},
        }
        if comment := self.comment(message):
            schema["description"] = comment
        required = [lower_camel(field.name) for field in fields if _behaves(field, "REQUIRED")]
        if required:
            schema["required"] = required
        return schema

    def components(self) -> dict[str, Any]:
        """Everything that was referred to."""
        return dict(sorted(self._used.items()))

    def _short(self, name: str) -> str:
        """A message's name within its domain; where two domains use it, the domain's name comes first."""
        own = _own_name(name)
        return own if self._names[own] == 1 else f"{name.split('.')[1].capitalize()}{own}"

    def _property(self, field: FieldDescriptorProto) -> dict[str, Any]:
        schema = dict(field_schema(field, self))
        if comment := self.comment(field):
            schema["description"] = comment
        if _behaves(field, "OUTPUT_ONLY"):
            schema["readOnly"] = True
        if _behaves(field, "INPUT_ONLY"):
            schema["writeOnly"] = True
        return schema


def _own_name(message: str) -> str:
    """Without its package: `Booking_Item`."""
    if message.startswith("kursi."):
        return message.rpartition(".v1.")[2].replace(".", "_")
    return message.rpartition(".")[2]


def field_schema(field: FieldDescriptorProto, schemas: Schemas) -> dict[str, Any]:
    """The schema of a field's value."""
    if field.type == Kind.TYPE_MESSAGE:
        name = field.type_name.lstrip(".")
        if name not in WELL_KNOWN and schemas.message(name).options.map_entry:
            return {
                "type": "object",
                "additionalProperties": field_schema(schemas.message(name).field[1], schemas),
            }
        value = schemas.reference(name)
    elif field.type == Kind.TYPE_ENUM:
        value = {
            "type": "string",
            "enum": [entry.name for entry in schemas.enum(field.type_name.lstrip(".")).value],
        }
    else:
        value = dict(SCALARS[field.type])
        example = EXAMPLES.get(field.name) or (
            "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
            if field.name == "id" or field.name.endswith("_id")
            else None
        )
        if example and field.type in (Kind.TYPE_STRING, Kind.TYPE_INT64):
            value["examples"] = [example]
    if field.label == Kind.LABEL_REPEATED:
        return {"type": "array", "items": value}
    return value


def _behaves(field: FieldDescriptorProto, behaviour: str) -> bool:
    return (
        field_behavior_pb2.FieldBehavior.Value(behaviour)
        in field.options.Extensions[field_behavior_pb2.field_behavior]
    )
