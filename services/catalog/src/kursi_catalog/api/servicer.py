"""The two services of the contract."""

from datetime import timedelta

from kursi.catalog.v1 import catalog_service_pb2 as service_pb
from kursi_chassis.clock import Clock
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.times import instant
from kursi_chassis.validation import Violations

from kursi_catalog.api import explanation
from kursi_catalog.api.kept_contexts import KeptContexts
from kursi_catalog.api.salon_methods import SalonMethods
from kursi_catalog.api.schedule_methods import PolicyMethods, ScheduleMethods
from kursi_catalog.api.thing_methods import ResourceMethods, ServiceMethods, StaffMethods
from kursi_catalog.domain.resource import Resource
from kursi_catalog.domain.service import Service
from kursi_catalog.queries.context import Question
from kursi_catalog.usecases.collection import Collection
from kursi_catalog.usecases.finding import Finding
from kursi_catalog.usecases.policies import Policies
from kursi_catalog.usecases.salons import Salons
from kursi_catalog.usecases.schedules import Schedules
from kursi_catalog.usecases.staff import Staff

CATALOG = "kursi.catalog.v1.CatalogService"
CATALOG_INTERNAL = "kursi.catalog.v1.CatalogInternalService"

_MOST_IDS = 200
_LONGEST_RANGE = timedelta(days=64)
"""62 days, and a day on either side for callers that think in local dates."""


class CatalogServicer(
    SalonMethods, ServiceMethods, StaffMethods, ResourceMethods, ScheduleMethods, PolicyMethods
):
    """`kursi.catalog.v1.CatalogService`."""

    def __init__(
        self,
        *,
        salons: Salons,
        finding: Finding,
        services: Collection[Service],
        staff: Staff,
        resources: Collection[Resource],
        schedules: Schedules,
        policies: Policies,
        page_token_key: str,
    ) -> None:
        SalonMethods.__init__(self, salons, finding, page_token_key)
        ServiceMethods.__init__(self, services, page_token_key)
        StaffMethods.__init__(self, staff, page_token_key)
        ResourceMethods.__init__(self, resources, page_token_key)
        ScheduleMethods.__init__(self, schedules, page_token_key)
        PolicyMethods.__init__(self, policies)


class CatalogInternalServicer:
    """`kursi.catalog.v1.CatalogInternalService`."""

    def __init__(self, finding: Finding, clock: Clock) -> None:
        self._finding = finding
        self._contexts = KeptContexts(finding, clock)

    async def GetBookingContext(
        self, request: service_pb.GetBookingContextRequest, _context: Context
    ) -> bytes:
        return await self._contexts.answer(_question(request))

    async def ExplainWorkingTime(
        self, request: service_pb.ExplainWorkingTimeRequest, _context: Context
    ) -> service_pb.WorkingTimeExplanation:
        asked = explanation.asked_of(request)
        return explanation.explanation(asked, await self._finding.explain_working_time(*asked))


def _question(request: service_pb.GetBookingContextRequest) -> Question:
    with Violations() as check:
        start = instant(check, "start_time", request.start_time)
        end = instant(check, "end_time", request.end_time)
        check.period("end_time", start, end, _LONGEST_RANGE)
        return Question(
            salon_id=check.id("salon_id", request.salon_id),
            service_ids=frozenset(check.ids("service_ids", request.service_ids, _MOST_IDS)),
            staff_ids=frozenset(check.ids("staff_ids", request.staff_ids, _MOST_IDS)),
            start=start,
            end=end,
        )
