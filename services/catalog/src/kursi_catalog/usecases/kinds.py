"""Services, staff members and resources: what is the same about changing them, and where they differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic

from kursi_chassis.errors import Invalid, NotFound
from kursi_chassis.ids import new_id

from kursi_catalog.domain import service as service_rules
from kursi_catalog.domain.errors import ResourceNotFound, ServiceNotFound, StaffNotFound
from kursi_catalog.domain.resource import Resource
from kursi_catalog.domain.salon import Salon
from kursi_catalog.domain.service import Service
from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.store.edits import Topic
from kursi_catalog.store.resources import RESOURCES
from kursi_catalog.store.services import SERVICES
from kursi_catalog.store.staff import STAFF
from kursi_catalog.store.table import T, Table

Fields = Mapping[str, Any]
"""New values by field name. Any: they have as many types; whoever read them checked each one."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of thing in a salon.

    `noun` names it in the audit trail. `topic` is the event that tells of it: resources count as a part of the
    salon. `settle` turns the thing as asked for into the thing as kept, given the salon and what was there
    before, or raises Invalid.
    """

    noun: str
    topic: Topic
    table: Table[T]
    missing: type[NotFound]
    make: Callable[..., T]
    settle: Callable[[Salon, T | None, T], T]


def _settled_service(salon: Salon, before: Service | None, service: Service) -> Service:
    asked = service
    if before is not None and service.segments != before.segments and service.duration == before.duration:
        # New segments without a new duration: the old one was the sum of the old ones.
        asked = replace(service, duration=None if service.segments else service.duration)
    violations = tuple(service_rules.violations_of(asked, before, salon.currency_code))
    if violations:
        raise Invalid(*violations)
    return service_rules.settled(asked, new_id)


def _settled_member(_salon: Salon, _before: StaffMember | None, member: StaffMember) -> StaffMember:
    return replace(member, version=member.version + 1)


def _as_asked(_salon: Salon, _before: Resource | None, resource: Resource) -> Resource:
    return resource


SERVICE = Kind("service", "service", SERVICES, ServiceNotFound, Service, _settled_service)
STAFF_MEMBER = Kind("staff_member", "staff", STAFF, StaffNotFound, StaffMember, _settled_member)
RESOURCE = Kind("resource", "salon", RESOURCES, ResourceNotFound, Resource, _as_asked)
