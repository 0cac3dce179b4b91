"""Role by method: who may call what, as the contract says, for every method there is.

The expectation is computed from the contract's options alone, so a method that is added tomorrow is in the
matrix tomorrow. Only the two calls at the bottom know identity's service names.
"""

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from kursi.identity.v1 import identity_service_pb2, membership_service_pb2  # noqa: F401 -- registers the contract
from kursi.options.v1 import options_pb2
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer

SERVICES = tuple(
    f"kursi.identity.v1.{name}"
    for name in ("IdentityService", "MembershipService", "IdentityInternalService")
)
SALON, OTHER_SALON = new_id(), new_id()
REFUSALS = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
PEOPLE: dict[str, dict[str, object]] = {
    "customer": {},
    "staff": {"salons": {SALON: Role.STAFF}},
    "manager": {"salons": {SALON: Role.MANAGER}},
    "owner": {"salons": {SALON: Role.OWNER}},
    "owner of another salon": {"salons": {OTHER_SALON: Role.OWNER}},
    "admin": {"is_admin": True},
}
OTHER_SERVICES = ("catalog", "booking", "payment", "messaging")
ACTORS = ("anonymous", *PEOPLE, *(f"service {name}" for name in OTHER_SERVICES))

_WHO = options_pb2.Access


def methods_of(names: tuple[str, ...]) -> list[MethodDescriptor]:
    pool = descriptor_pool.Default()
    return [method for name in names for method in pool.FindServiceByName(name).methods]


def expected(access: options_pb2.Access, actor: str) -> grpc.StatusCode | None:
    """The refusal that the contract promises an actor; None when they may call."""
    kind, _, name = actor.partition(" ")
    if access.who == _WHO.PUBLIC or (kind == "service" and name in access.services):
        return None
    if actor == "anonymous":
        return grpc.StatusCode.UNAUTHENTICATED
    allowed = {
        _WHO.USER: kind != "service",
        _WHO.ADMIN: actor == "admin",
        _WHO.SALON: actor == "admin" or standing(actor) >= access.role,
    }
    return None if allowed.get(access.who, False) else grpc.StatusCode.PERMISSION_DENIED


def standing(actor: str) -> int:
    salons = PEOPLE.get(actor, {}).get("salons", {})
    return int(salons.get(SALON, Role.CUSTOMER))


def request_in(method: MethodDescriptor, salon_field: str) -> Message:
    """The emptiest request that names the salon."""
    request = message_factory.GetMessageClass(method.input_type)()
    *path, last = salon_field.split(".")
    target = request
    for name in path:
        target = getattr(target, name)
    if last:
        setattr(target, last, str(SALON))
    return request


async def outcome(channel, method: MethodDescriptor, request: Message, metadata) -> grpc.StatusCode | None:
    call = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    try:
        await call(request, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        return error.code() if error.code() in REFUSALS else None
    return None


async def metadata_of(identity, actor: str):
    if actor == "anonymous":
        return ()
    kind, _, name = actor.partition(" ")
    if kind == "service":
        return bearer(await identity.service_token(name))
    return bearer(await identity.token(**PEOPLE[actor]))


@pytest.mark.covers("I12")
async def test_every_method_refuses_exactly_whom_the_contract_refuses(identity):
    promised, seen = {}, {}
    for method in methods_of(SERVICES):
        access = method.GetOptions().Extensions[options_pb2.access]
        for actor in ACTORS:
            cell = (method.name, actor)
            promised[cell] = expected(access, actor)
            request = request_in(method, access.salon_field)
            seen[cell] = await outcome(identity.channel, method, request, await metadata_of(identity, actor))
    assert seen == promised


@pytest.mark.covers("I12")
def test_the_matrix_holds_every_kind_of_refusal_and_every_method():
    methods = methods_of(SERVICES)
    cells = {
        expected(m.GetOptions().Extensions[options_pb2.access], actor) for m in methods for actor in ACTORS
    }
    assert cells == {None, *REFUSALS}
    assert len(methods) == 26
