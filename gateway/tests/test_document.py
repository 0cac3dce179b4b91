"""The OpenAPI document says of each method what that method says."""

from collections import Counter

import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto
from kursi_gateway.contract import Method, public_methods
from kursi_gateway.openapi import HTTP_BODY, PARAMETER, document
from kursi_gateway.schemas import Schemas, lower_camel

SCHEMAS = Schemas()
WITH_FIELDS = [
    method
    for method in public_methods()
    if method.output_type != HTTP_BODY and method.output_type.startswith("kursi.")
]
PATCHED = [method for method in public_methods() if method.verb == "patch" and method.body != "*"]
ALWAYS_TOLD_FROM_NOTHING = {
    FieldDescriptorProto.TYPE_STRING,  # the empty text is cleared by the mask
    FieldDescriptorProto.TYPE_MESSAGE,
}


@pytest.fixture(scope="module")
def openapi():
    return document()


def answer(openapi: dict, method: Method) -> dict:
    operation = operations(openapi)[f"{method.service.rpartition('.')[2]}_{method.name}"]
    return operation["responses"]["200"]["content"]["application/json"]["schema"]


def operations(openapi: dict) -> dict[str, dict]:
    return {
        operation["operationId"]: operation
        for verbs in openapi["paths"].values()
        for operation in verbs.values()
    }


def path_parameters(operation: dict) -> list[str]:
    return [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]


def resolved(openapi: dict, schema: dict) -> dict:
    return openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


@pytest.mark.covers("G9")
def test_every_field_of_ours_is_described_by_its_own_comment(openapi):
    schemas = openapi["components"]["schemas"]
    silent = {
        name
        for name, schema in schemas.items()
        if any("description" not in field for field in schema.get("properties", {}).values())
    }
    assert silent == {"LatLng"}  # Google's
    assert schemas["Salon"]["properties"]["slug"]["description"].startswith("Short name in web addresses")
    (salon_id, *_) = openapi["paths"]["/v1/salons/{salon_id}/slots:next"]["get"]["parameters"]
    assert salon_id["description"] == "The salon."


@pytest.mark.covers("G9")
def test_no_two_paths_differ_in_the_names_of_their_parameters_alone(openapi):
    shapes = Counter(PARAMETER.sub("{}", path) for path in openapi["paths"])
    assert [shape for shape, times in shapes.items() if times > 1] == []


@pytest.mark.covers("G9")
def test_a_path_says_each_of_its_parameters(openapi):
    unsaid = [
        operation["operationId"]
        for path, verbs in openapi["paths"].items()
        for operation in verbs.values()
        if path_parameters(operation) != PARAMETER.findall(path)
    ]
    assert unsaid == []


@pytest.mark.covers("G9")
@pytest.mark.parametrize("method", WITH_FIELDS, ids=lambda method: f"{method.upstream}.{method.name}")
def test_an_answer_is_described_by_its_own_message(method, openapi):
    described = resolved(openapi, answer(openapi, method))
    fields = {lower_camel(field.name) for field in SCHEMAS.message(method.output_type).field}
    assert described["properties"].keys() == fields


@pytest.mark.covers("G9")
def test_a_device_and_a_class_are_two_kinds_of_session(openapi):
    listings = [method for method in WITH_FIELDS if method.name == "ListSessions"]
    described = {
        method.upstream: resolved(
            openapi, resolved(openapi, answer(openapi, method))["properties"]["sessions"]["items"]
        )
        for method in listings
    }
    assert "deviceLabel" in described["identity"]["properties"]
    assert "deviceLabel" not in described["booking"]["properties"]


def patched(method: Method) -> DescriptorProto:
    [field] = [field for field in SCHEMAS.message(method.input_type).field if field.name == method.body]
    return SCHEMAS.message(field.type_name.lstrip("."))


def is_lost_at_zero(field: FieldDescriptorProto) -> bool:
    """Whether `false`, 0 or the first word of its list, sent without a mask, would change nothing."""
    if field.type in ALWAYS_TOLD_FROM_NOTHING or field.proto3_optional:
        return False
    behaviors = field.options.Extensions[field_behavior_pb2.field_behavior]
    is_ours = field_behavior_pb2.OUTPUT_ONLY in behaviors
    return field.label != FieldDescriptorProto.LABEL_REPEATED and not is_ours


@pytest.mark.covers("G9")
@pytest.mark.parametrize("method", PATCHED, ids=lambda method: f"{method.upstream}.{method.name}")
def test_a_patch_writes_false_and_zero_without_a_mask(method):
    lost = {field.name for field in patched(method).field if is_lost_at_zero(field)}
    # Of these the first word of the list is no choice, only another way to say nothing.
    assert lost <= {"serves", "status", "place", "prepayment", "start_mode"}
