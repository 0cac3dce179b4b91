"""Who may call what, read off the contract: every method, every kind of caller."""

from uuid import UUID

import grpc
import pytest
from google.protobuf import message_factory
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.options.v1 import options_pb2
from kursi_chassis.caller import Role

WHO = options_pb2.Access.Who
SERVICES = api.DESCRIPTOR.services_by_name
METHODS = [
    method for name in ("CatalogService", "CatalogInternalService") for method in SERVICES[name].methods
]
DENIED, UNKNOWN = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED


@pytest.fixture
def world(shared_world):
    return shared_world


def access_of(method):
    return method.GetOptions().Extensions[options_pb2.access]


def request_for(method, salon_id):
    """A request that names the salon and is wrong or empty otherwise."""
    request = message_factory.GetMessageClass(method.input_type)()
    target, *rest = (access_of(method).salon_field or "salon_id").split(".")
    if rest:
        setattr(getattr(request, target), rest[0], salon_id)
    elif target in method.input_type.fields_by_name:
        setattr(request, target, salon_id)
    return request


def refused_callers(method, salon_id, mint):
    """Everybody whom the contract keeps out, and how."""
    access = access_of(method)
    other = "00000000-0000-7000-8000-000000000000"
    member = {role: mint.user(salons={UUID(salon_id): role}) for role in Role if role}
    elsewhere = mint.user(salons={UUID(other): Role.OWNER})
    if access.who == WHO.PUBLIC:
        return []
    refused = [(None, UNKNOWN), ("not a token", UNKNOWN)]
    if access.who == WHO.USER:
        return [*refused, (mint.service("booking"), DENIED)]
    if access.who == WHO.SERVICE:
        strangers = [mint.service("payment"), mint.user(is_admin=True), *member.values()]
        return [*refused, *((token, DENIED) for token in strangers)]
    too_weak = [token for role, token in member.items() if role < access.role]
    return [*refused, *((token, DENIED) for token in (elsewhere, mint.service("booking"), *too_weak))]


@pytest.mark.covers("C9")
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_only_whom_the_contract_names_gets_in(world, shared_salon, method):
    request = request_for(method, shared_salon)
    for token, code in refused_callers(method, shared_salon, world.mint):
        assert (await world.refusal(method.name, request, token)).code == code


@pytest.mark.covers("C9")
@pytest.mark.parametrize(
    "method", [one for one in METHODS if access_of(one).who == WHO.SALON], ids=lambda method: method.name
)
async def test_the_named_role_and_admins_get_in(world, shared_salon, method):
    """In, and as far as the checks of what they sent."""
    request = request_for(method, shared_salon)
    member = world.mint.user(salons={UUID(shared_salon): Role(access_of(method).role)})
    for token in (member, world.mint.user(is_admin=True)):
        assert await code_of(world, method, request, token) not in (DENIED, UNKNOWN)


async def code_of(world, method, request, token):
    try:
        await world.call(method.name, request, token)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.covers("C9")
async def test_a_manager_of_one_salon_changes_nothing_in_another(world):
    mine, theirs = await world.salon(), await world.salon()
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=theirs.id, city="Mine"))
    refusal = await world.refusal("UpdateSalon", patch, world.token(mine.id, Role.MANAGER))
    assert (refusal.code, refusal.reason) == (DENIED, "ROLE_REQUIRED")
    kept = await world.call("GetSalon", api.GetSalonRequest(salon_id=theirs.id))
    assert kept == theirs
