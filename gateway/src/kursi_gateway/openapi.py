"""The REST surface as an OpenAPI 3.1 document, made from the contract: its comments are the descriptions."""

import re
from typing import Any  # an OpenAPI document is untyped JSON

from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from kursi_gateway.contract import Method, public_methods
from kursi_gateway.schemas import Schemas, field_schema, lower_camel

HTTP_BODY = "google.api.HttpBody"
PARAMETER = re.compile(r"\{([a-z_.]+)(?:=[^}]*)?\}")
# HTTP statuses that a caller meets, and the gRPC status behind each.
ERRORS = {
    "400": "The request is malformed (INVALID_ARGUMENT) or does not fit the state (FAILED_PRECONDITION).",
    "401": "The access token is missing or not valid (UNAUTHENTICATED).",
    "403": "The caller may not do this (PERMISSION_DENIED).",
    "404": "There is no such thing, or it is not the caller's to see (NOT_FOUND).",
    "409": "Somebody else was faster, or it exists already (ABORTED, ALREADY_EXISTS).",
    "413": "The body is too large.",
    "429": "Too many requests; see Retry-After (RESOURCE_EXHAUSTED).",
    "431": "The headers are too large.",
    "500": "Something went wrong on our side (INTERNAL).",
    "503": "A part that is needed cannot be reached right now (UNAVAILABLE).",
    "504": "No answer in time (DEADLINE_EXCEEDED).",
}


def document() -> dict[str, Any]:
    """The whole document."""
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    spellings: dict[str, str] = {}
    for method in public_methods():
        # Paths that differ in the names of their parameters alone are one path; its first method names them.
        path = spellings.setdefault(PARAMETER.sub("{}", method.path), PARAMETER.sub(r"{\1}", method.path))
        paths.setdefault(path, {})[method.verb] = _operation(path, method, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kursi",
            "version": "1",
            "summary": "Appointments for salons, barbershops and any business that sells time.",
            "description": "Times are RFC 3339; ranges are half-open. Money is an integer of the currency's smallest unit. "
            "Errors have one shape: branch on `reason`, show `message`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(method.upstream for method in public_methods())],
        "paths": paths,
        "components": {
            "schemas": {**schemas.components(), "Error": _error_schema()},
            "responses": {status: _error_response(text) for status, text in ERRORS.items()},
            "securitySchemes": {"accessToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(path: str, method: Method, schemas: Schemas) -> dict[str, Any]:
    summary, _, rest = method.comment.replace("\n", " ").partition(". ")
    operation: dict[str, Any] = {
        # Services may name methods alike; generators of clients take this for the name of a function.
        "operationId": f"{method.service.rpartition('.')[2]}_{method.name}",
        "tags": [method.upstream],
        "summary": summary.rstrip("."),
        "parameters": _parameters(path, method, schemas),
        "responses": {
            "200": {"description": "Done.", "content": _content(method, schemas)},
            **{status: {"$ref": f"#/components/responses/{status}"} for status in ERRORS},
        },
        "security": [{"accessToken": []}] if method.needs_token else [],
    }
    if rest:
        operation["description"] = rest
    if method.body:
        operation["requestBody"] = _request_body(method, schemas)
    return operation


def _parameters(path: str, method: Method, schemas: Schemas) -> list[dict[str, Any]]:
    """Parameters of a method; those of its path by the names that `path` gives them."""
    in_path = PARAMETER.findall(method.path)
    parameters = [
        _parameter(name, "path", schemas.field_at(method.input_type, field), schemas)
        for name, field in zip(PARAMETER.findall(path), in_path, strict=True)
    ]
    if method.body != "*":
        for field in schemas.message(method.input_type).field:
            if field.name not in {method.body, *in_path} and not (
                method.idempotent and field.name == "request_id"
            ):
                parameters += _query(field, "", schemas)
    if method.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key gives the first answer again for 24 hours; another request under it is refused.",
                "schema": {"type": "string", "maxLength": 255},
            }
        )
    return parameters


def _query(field: FieldDescriptorProto, prefix: str, schemas: Schemas) -> list[dict[str, Any]]:
    """Query parameters of a field; a message of ours becomes one for each of its fields."""
    if schemas.is_structured(field):
        inner = schemas.message(field.type_name.lstrip("."))
        return [
            entry
            for child in inner.field
            for entry in _query(child, f"{prefix}{lower_camel(field.name)}.", schemas)
        ]
    return [_parameter(prefix + lower_camel(field.name), "query", field, schemas)]


def _parameter(name: str, place: str, field: FieldDescriptorProto, schemas: Schemas) -> dict[str, Any]:
    behaviours = field.options.Extensions[field_behavior_pb2.field_behavior]
    required = place == "path" or field_behavior_pb2.FieldBehavior.REQUIRED in behaviours
    return {
        "name": name,
        "in": place,
        "required": required,
        "description": schemas.comment(field),
        "schema": field_schema(field, schemas),
    }


def _request_body(method: Method, schemas: Schemas) -> dict[str, Any]:
    if method.body == "*":
        left_out = set(PARAMETER.findall(method.path)) | ({"request_id"} if method.idempotent else set())
        schema = schemas.inline(method.input_type, left_out)
        return {"required": bool(schema.get("required")), "content": {"application/json": {"schema": schema}}}
    field = schemas.field_at(method.input_type, method.body)
    if field.type_name.lstrip(".") == HTTP_BODY:
        return {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
    return {"required": True, "content": {"application/json": {"schema": field_schema(field, schemas)}}}


def _content(method: Method, schemas: Schemas) -> dict[str, Any]:
    if method.output_type == HTTP_BODY:
        return {kind: {"schema": _file(kind)} for kind in method.media_types}
    return {"application/json": {"schema": schemas.reference(method.output_type)}}


def _file(kind: str) -> dict[str, Any]:
    """A file's schema; what is in it is said by its media type and the method's description."""
    if kind == "application/json":
        return {"type": "object"}
    return {"type": "string"} if kind.startswith("text/") else {"type": "string", "format": "binary"}


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "The one shape of every error.",
        "required": ["code", "status", "reason", "message", "details", "requestId"],
        "properties": {
            "code": {"type": "integer", "description": "gRPC status code.", "examples": [10]},
            "status": {**text, "description": "Its name.", "examples": ["ABORTED"]},
            "reason": {
                **text,
                "description": "What went wrong, for programs; stable.",
                "examples": ["SLOT_TAKEN"],
            },
            "message": {
                **text,
                "description": "What went wrong, for people, in the language of Accept-Language.",
            },
            "details": {
                "type": "array",
                "items": {"type": "object"},
                "description": "google.rpc error details: fields, times to wait, …",
            },
            "requestId": {
                "type": ["string", "null"],
                "description": "Name it when you ask for help; also in the x-request-id header. Null for a request that could "
                "not be read.",
            },
        },
    }


def _error_response(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
