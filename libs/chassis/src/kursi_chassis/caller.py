"""Who is calling: known once at the edge of a service and the same for everything below it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal
from uuid import UUID

from kursi_chassis.errors import RoleRequired


class Role(IntEnum):
    """What somebody is in a salon, weakest first."""

    CUSTOMER = 0
    STAFF = 1
    MANAGER = 2
    OWNER = 3


@dataclass(frozen=True, slots=True)
class Caller:
    """The party on whose behalf a request is worked on.

    A user who comes through another service has `service` set beside `user_id`. `address` is the client's
    network address as the gateway saw it. `user_token` is what a call to another service passes on; it is
    never shown.
    """

    kind: Literal["anonymous", "user", "service"]
    user_id: UUID | None = None
    service: str | None = None
    session_id: UUID | None = None
    is_admin: bool = False
    salons: Mapping[UUID, Role] = field(default_factory=dict)
    language: str = "en"
    address: str = ""
    request_id: str = ""
    user_token: str | None = field(default=None, repr=False)
    auth_time: int = 0

    def role_in(self, salon_id: UUID) -> Role:
        """The caller's role in a salon; everybody is at least a customer."""
        return self.salons.get(salon_id, Role.CUSTOMER)

    def require_role(self, salon_id: UUID, role: Role) -> None:
        """Let members with at least `role` pass, and admins.

        Raises: RoleRequired (ROLE_REQUIRED) for others.
        """
        if not self.is_admin and self.role_in(salon_id) < role:
            raise RoleRequired(role=role.name.lower())

    @property
    def key(self) -> str:
        """A stable name for this caller, under which request keys and limits are counted."""
        return f"anonymous:{self.address}" if self.kind == "anonymous" else self.actor

    @property
    def actor(self) -> str:
        """How histories and audits name the caller: `user:<id>`, `service:<name>` or `anonymous`."""
        if self.user_id is not None:
            return f"user:{self.user_id}"
        return f"service:{self.service}" if self.service else "anonymous"


_current: ContextVar[Caller] = ContextVar("kursi_caller")


def current_caller() -> Caller:
    """Who the work at hand is done for. Raises: LookupError outside of a request or of `acting_as`."""
    return _current.get()


def set_caller(caller: Caller) -> None:
    """Name the caller for the rest of the running task: what the server does, as each call is a task of its
    own.
    """
    _current.set(caller)


@contextmanager
def acting_as(caller: Caller) -> Iterator[Caller]:
    """Do the work inside on behalf of `caller`: what the server does per request, and consumers, jobs and
    tests too.
    """
    token = _current.set(caller)
    try:
        yield caller
    finally:
        _current.reset(token)
