"""The OpenAPI document says of each method what that method says."""

import pytest
from kursi_gateway.contract import Method, public_methods
from kursi_gateway.openapi import HTTP_BODY, PARAMETER, document
from kursi_gateway.schemas import Schemas, lower_camel

SCHEMAS = Schemas()
WITH_FIELDS = [
    method
    for method in public_methods()
    if method.output_type != HTTP_BODY and method.output_type.startswith("kursi.")
]


@pytest.fixture(scope="module")
def openapi():
    return document()


def answer(openapi: dict, method: Method) -> dict:
    operation = openapi["paths"][PARAMETER.sub(r"{\1}", method.path)][method.verb]
    return operation["responses"]["200"]["content"]["application/json"]["schema"]


def resolved(openapi: dict, schema: dict) -> dict:
    return openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


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
