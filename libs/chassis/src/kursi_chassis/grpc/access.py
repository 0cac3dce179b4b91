"""Who may call a method, as its contract declares it.

The rule is read from the method's `kursi.options.v1.access` option when the server starts and is a plain
object afterwards. What a caller may see or change of one particular object stays with the use case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from kursi.options.v1 import options_pb2

from kursi_chassis.caller import Caller, Role
from kursi_chassis.errors import Denied, Unauthenticated
from kursi_chassis.ids import is_id
from kursi_chassis.validation import NIL

_PUBLIC, _SALON = options_pb2.Access.PUBLIC, options_pb2.Access.SALON
_ADMIN, _SERVICE = options_pb2.Access.ADMIN, options_pb2.Access.SERVICE


class ContractError(Exception):
    """The contract and the code do not fit; the server refuses to start. The text names the method."""


class ServiceOnly(Denied):
    """The method is for other services, not for people."""

    reason = "SERVICE_ONLY"


class AdminOnly(Denied):
    """The method is for the platform's admins."""

    reason = "ADMIN_REQUIRED"


class ServiceNotAllowed(Denied):
    """The calling service is not among those that may call this as themselves."""

    reason = "SERVICE_NOT_ALLOWED"
    en = "The service {service} may call this only for a user."
    ar = "لا يمكن للخدمة {service} تنفيذ هذا الإجراء إلا نيابة عن مستخدم."


@dataclass(frozen=True, slots=True)
class AccessRule:
    """One method's rule, ready to be applied."""

    who: int
    services: frozenset[str]
    role: Role = Role.CUSTOMER
    salon_of: Callable[[Message], str] | None = None
    ignores_token: bool = False

    @property
    def is_public(self) -> bool:
        """Whether a call without a token may pass."""
        return self.who == _PUBLIC

    def check(self, caller: Caller, request: Message) -> None:
        """Let the caller pass.

        Raises: Unauthenticated or Denied, the same whether or not the salon exists.
        """
        if self.is_public or (caller.service is not None and caller.service in self.services):
            return
        if caller.kind == "anonymous":
            raise Unauthenticated
        if self.who == _SERVICE:
            raise ServiceOnly
        if caller.user_id is None:
            raise ServiceNotAllowed(service=caller.service)
        if self.who == _ADMIN and not caller.is_admin:
            raise AdminOnly
        if self.salon_of is not None:
            caller.require_role(_salon_id(self.salon_of(request)), self.role)


def access_rule(method: MethodDescriptor) -> AccessRule:
    """Read a method's rule. Raises: ContractError when it declares none, or one that makes no sense."""
    options = method.GetOptions()
    access = options.Extensions[options_pb2.access]
    who = access.who
    if who == options_pb2.Access.WHO_UNSPECIFIED:
        raise ContractError(f"{method.full_name} does not declare who may call it (kursi.options.v1.access)")
    services = frozenset(access.services)
    if who == _SERVICE and not services:
        raise ContractError(f"{method.full_name} is for services but names none")
    if access.ignores_token and who != _PUBLIC:
        raise ContractError(f"{method.full_name} ignores tokens but is not public")
    if who != _SALON:
        return AccessRule(who, services, ignores_token=access.ignores_token)
    if access.role == options_pb2.Access.Role.ROLE_UNSPECIFIED:
        raise ContractError(f"{method.full_name} does not declare the role it needs in the salon")
    _expect_text_field(method, access.salon_field)
    return AccessRule(who, services, Role(access.role), attrgetter(access.salon_field))


def _expect_text_field(method: MethodDescriptor, path: str) -> None:
    descriptor: Descriptor | None = method.input_type
    field: FieldDescriptor | None = None
    for name in path.split("."):
        field = descriptor.fields_by_name.get(name) if descriptor is not None else None
        if field is None:
            raise ContractError(f"{method.full_name} has no request field {path!r} to find the salon by")
        descriptor = field.message_type
    if field is None or field.type != FieldDescriptor.TYPE_STRING or field.is_repeated:
        raise ContractError(f"{method.full_name}: {path!r} must be a single string to find the salon by")


def _salon_id(text: str) -> UUID:
    """A malformed id names no salon, in which nobody has a role; admins pass on to validation."""
    return UUID(text) if is_id(text) else NIL
