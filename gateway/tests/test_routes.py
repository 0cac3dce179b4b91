"""What can be reached, and what cannot."""

import re

import grpc
import pytest
from kursi.options.v1.options_pb2 import Access
from kursi_gateway import openapi
from kursi_gateway.contract import Method, methods, public_methods
from kursi_gateway.routes import bound_fields

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
INTERNAL = [method for method in methods() if not method.is_public]


def url(method: Method) -> str:
    return re.sub(r"\{[^}]+\}", ID, method.path)


def body(method: Method) -> dict[str, object]:
    return {"json": {}} if method.body else {}


@pytest.mark.covers("G1")
@pytest.mark.parametrize("method", public_methods(), ids=lambda method: method.name)
async def test_each_public_method_is_reached_by_its_rest_path(method, gateway, upstream, token):
    answer = await gateway.client.request(method.verb.upper(), url(method), headers=token, **body(method))
    assert answer.status_code == 200, answer.text
    assert upstream.seen[-1].method == method.grpc_path


def query_parameters() -> list[tuple[str, str]]:
    """Each path of the document with each parameter of its query."""
    return [
        (path, parameter["name"])
        for path, operations in openapi.document()["paths"].items()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    ]


@pytest.mark.covers("G1")
def test_no_parameter_of_a_query_is_taken_for_a_field_of_its_path():
    fields = bound_fields()
    assert fields["salonId"] == ("/memberships/", "/salons/")
    taken = [
        (path, name)
        for path, name in query_parameters()
        if any(collection in path for collection in fields.get(name, ()))
    ]
    assert taken == []


@pytest.mark.covers("G1")
async def test_what_a_path_could_say_elsewhere_a_query_says(gateway, upstream, token):
    answer = await gateway.client.get("/v1/bookings", params={"salonId": ID, "staff_id": ID}, headers=token)
    assert answer.status_code == 200, answer.text
    assert ID.encode() in upstream.seen[-1].body


@pytest.mark.covers("G1")
async def test_a_query_is_read_as_forms_write_it(gateway, upstream):
    await gateway.client.get("/v1/salons:search?query=Sara+%26%2BSalon")
    assert b"Sara &+Salon" in upstream.seen[-1].body


@pytest.mark.covers("G1")
async def test_what_is_empty_stands_in_an_answer_too(gateway, token):
    salon = (await gateway.client.get(f"/v1/salons/{ID}")).json()
    assert (salon["id"], salon["status"]) == ("", "STATUS_UNSPECIFIED")
    assert (await gateway.client.get("/v1/bookings", headers=token)).json()["nextPageToken"] == ""


@pytest.mark.covers("G1")
async def test_words_of_a_query_are_not_taken_for_its_path(gateway, upstream, token):
    answer = await gateway.client.get(f"/v1/bookings?salonId={ID}&pageToken=/salons/", headers=token)
    assert answer.status_code == 200, answer.text
    assert b"/salons/" in upstream.seen[-1].body


@pytest.mark.covers("G1")
@pytest.mark.parametrize("method", public_methods()[:3], ids=lambda method: method.name)
async def test_grpc_is_served_on_the_same_port(method, gateway, upstream, token):
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        call = channel.unary_unary(method.grpc_path)
        assert await call(b"", metadata=tuple(token.items()), timeout=60) == b""
    assert upstream.seen[-1].method == method.grpc_path


@pytest.mark.covers("G1")
@pytest.mark.parametrize("method", INTERNAL, ids=lambda method: method.name)
async def test_internal_methods_do_not_exist_outside(method, gateway, upstream, token):
    before = len(upstream.seen)
    answer = await gateway.client.post(method.grpc_path, headers=token, json={})
    assert answer.status_code == 404
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary(method.grpc_path)(b"", metadata=tuple(token.items()), timeout=60)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert upstream.seen[before:] == []


@pytest.mark.covers("G1")
def test_what_only_services_may_call_has_no_path_and_everything_else_has_one():
    services_only = {method.grpc_path for method in methods() if method.access.who == Access.SERVICE}
    assert services_only
    assert not {method.grpc_path for method in public_methods()} & services_only
    hidden = {method.grpc_path for method in INTERNAL} - services_only
    assert hidden == {"/kursi.identity.v1.IdentityInternalService/IssueServiceToken"}


@pytest.mark.covers("G1")
async def test_health_is_served_and_readiness_needs_the_services(gateway):
    assert (await gateway.client.get("/healthz")).status_code == 200
    assert (await gateway.client.get("/readyz")).status_code == 200
