"""Methods about services, staff members and resources."""

from dataclasses import replace

from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as service_pb
from kursi_chassis.caller import Caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.paging import PageTokens

from kursi_catalog.api import parse_things, render
from kursi_catalog.api.things import Things
from kursi_catalog.domain.resource import Resource
from kursi_catalog.domain.service import Service
from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.queries.visibility import is_insider
from kursi_catalog.usecases.collection import Collection


class ServiceMethods:
    def __init__(self, services: Collection[Service], page_token_key: str) -> None:
        self._services: Things[Service, pb.Service] = Things(
            services, "service", "service_id", parse_things.SERVICE, lambda it, _: render.service(it), pb.Service,
            PageTokens(page_token_key, "catalog.services"),
        )  # fmt: skip

    async def CreateService(self, request: service_pb.CreateServiceRequest, _context: Context) -> pb.Service:
        return await self._services.create(request.salon_id, request.service, request, request.request_id)

    async def GetService(self, request: service_pb.GetServiceRequest, _context: Context) -> pb.Service:
        return await self._services.get(request.salon_id, request.service_id)

    async def ListServices(
        self, request: service_pb.ListServicesRequest, _context: Context
    ) -> service_pb.ListServicesResponse:
        page, following = await self._services.page(
            request.salon_id, request.page_size, request.page_token, show_archived=request.show_archived
        )
        return service_pb.ListServicesResponse(services=page, next_page_token=following)

    async def UpdateService(self, request: service_pb.UpdateServiceRequest, _context: Context) -> pb.Service:
        it = request.service
        return await self._services.update(request.salon_id, it, it.id, it.etag, request.update_mask)

    async def ArchiveService(
        self, request: service_pb.ArchiveServiceRequest, _context: Context
    ) -> pb.Service:
        return await self._services.archive(request.salon_id, request.service_id, request.etag)

    async def RestoreService(
        self, request: service_pb.RestoreServiceRequest, _context: Context
    ) -> pb.Service:
        return await self._services.restore(request.salon_id, request.service_id, request.etag)


def _staff_member(it: StaffMember, caller: Caller) -> pb.StaffMember:
    """Whose account a staff member's is concerns the salon, not its customers."""
    return render.staff_member(it if is_insider(caller, it.salon_id) else replace(it, user_id=None))


class StaffMethods:
    def __init__(self, staff: Collection[StaffMember], page_token_key: str) -> None:
        self._staff: Things[StaffMember, pb.StaffMember] = Things(
            staff, "staff_member", "staff_id", parse_things.STAFF_MEMBER, _staff_member, pb.StaffMember,
            PageTokens(page_token_key, "catalog.staff"),
        )  # fmt: skip

    async def CreateStaffMember(
        self, request: service_pb.CreateStaffMemberRequest, _context: Context
    ) -> pb.StaffMember:
        return await self._staff.create(request.salon_id, request.staff_member, request, request.request_id)

    async def GetStaffMember(
        self, request: service_pb.GetStaffMemberRequest, _context: Context
    ) -> pb.StaffMember:
        return await self._staff.get(request.salon_id, request.staff_id)

    async def ListStaffMembers(
        self, request: service_pb.ListStaffMembersRequest, _context: Context
    ) -> service_pb.ListStaffMembersResponse:
        page, following = await self._staff.page(
            request.salon_id, request.page_size, request.page_token, show_archived=request.show_archived
        )
        return service_pb.ListStaffMembersResponse(staff_members=page, next_page_token=following)

    async def UpdateStaffMember(
        self, request: service_pb.UpdateStaffMemberRequest, _context: Context
    ) -> pb.StaffMember:
        it = request.staff_member
        return await self._staff.update(request.salon_id, it, it.id, it.etag, request.update_mask)

    async def ArchiveStaffMember(
        self, request: service_pb.ArchiveStaffMemberRequest, _context: Context
    ) -> pb.StaffMember:
        return await self._staff.archive(request.salon_id, request.staff_id, request.etag)

    async def RestoreStaffMember(
        self, request: service_pb.RestoreStaffMemberRequest, _context: Context
    ) -> pb.StaffMember:
        return await self._staff.restore(request.salon_id, request.staff_id, request.etag)


class ResourceMethods:
    def __init__(self, resources: Collection[Resource], page_token_key: str) -> None:
        self._resources: Things[Resource, pb.Resource] = Things(
            resources, "resource", "resource_id", parse_things.RESOURCE, lambda it, _: render.resource(it),
            pb.Resource, PageTokens(page_token_key, "catalog.resources"),
        )  # fmt: skip

    async def CreateResource(
        self, request: service_pb.CreateResourceRequest, _context: Context
    ) -> pb.Resource:
        return await self._resources.create(request.salon_id, request.resource, request, request.request_id)

    async def GetResource(self, request: service_pb.GetResourceRequest, _context: Context) -> pb.Resource:
        return await self._resources.get(request.salon_id, request.resource_id)

    async def ListResources(
        self, request: service_pb.ListResourcesRequest, _context: Context
    ) -> service_pb.ListResourcesResponse:
        page, following = await self._resources.page(
            request.salon_id, request.page_size, request.page_token, show_archived=request.show_archived
        )
        return service_pb.ListResourcesResponse(resources=page, next_page_token=following)

    async def UpdateResource(
        self, request: service_pb.UpdateResourceRequest, _context: Context
    ) -> pb.Resource:
        it = request.resource
        return await self._resources.update(request.salon_id, it, it.id, it.etag, request.update_mask)

    async def ArchiveResource(
        self, request: service_pb.ArchiveResourceRequest, _context: Context
    ) -> pb.Resource:
        return await self._resources.archive(request.salon_id, request.resource_id, request.etag)

    async def RestoreResource(
        self, request: service_pb.RestoreResourceRequest, _context: Context
    ) -> pb.Resource:
        return await self._resources.restore(request.salon_id, request.resource_id, request.etag)
