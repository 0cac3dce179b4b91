"""Methods about salons themselves."""

from datetime import datetime
from uuid import UUID

from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as service_pb
from kursi_chassis.caller import current_caller
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.paging import PageTokens, Position, page_size
from kursi_chassis.validation import Violations

from kursi_catalog.api import render
from kursi_catalog.api.parse_search import read_search
from kursi_catalog.api.parse_things import SALON
from kursi_catalog.api.reading import (
    after_id,
    page_of,
    read_fields,
    request_key,
    salon_id_of,
    writable,
)
from kursi_catalog.domain.salon import SalonStatus
from kursi_catalog.usecases.finding import Finding, Start
from kursi_catalog.usecases.salons import Salons


class SalonMethods:
    def __init__(self, salons: Salons, finding: Finding, page_token_key: str) -> None:
        self._salons = salons
        self._finding = finding
        self._mine = PageTokens(page_token_key, "catalog.salons")
        self._found = PageTokens(page_token_key, "catalog.search")
        self._trail = PageTokens(page_token_key, "catalog.audit")

    async def CreateSalon(self, request: service_pb.CreateSalonRequest, _context: Context) -> pb.Salon:
        fields = read_fields("salon", request.salon, SALON, frozenset(SALON))
        if fields["status"] is not SalonStatus.DRAFT:
            raise Invalid(Violation("salon.status", "STARTS_AS_DRAFT"))
        answer = await self._salons.open(
            current_caller(),
            fields,
            key=request_key(request, request.request_id),
            render=lambda salon: render.salon(salon).SerializeToString(deterministic=True),
        )
        return pb.Salon.FromString(answer)

    async def GetSalon(self, request: service_pb.GetSalonRequest, _context: Context) -> pb.Salon:
        return render.salon(await self._salons.get(current_caller(), salon_id_of(request.salon_id)))

    async def ListSalons(
        self, request: service_pb.ListSalonsRequest, _context: Context
    ) -> service_pb.ListSalonsResponse:
        caller, limit = current_caller(), page_size(request.page_size)
        filters = {"user_id": caller.user_id, "language": caller.language}
        position = self._mine.decode(request.page_token, filters)
        after = (str(position[0]), UUID(str(position[1]))) if position else None
        found = await self._finding.mine(caller, after=after, limit=limit + 1)
        rows, last = page_of(found, limit)
        return service_pb.ListSalonsResponse(
            salons=[render.salon(row.salon) for row in rows],
            next_page_token=self._mine.encode([last.name, str(last.salon.id)], filters) if last else "",
        )

    async def SearchSalons(
        self, request: service_pb.SearchSalonsRequest, _context: Context
    ) -> service_pb.SearchSalonsResponse:
        search, limit = read_search(request), page_size(request.page_size)
        filters = {"search": repr(search)}
        position = self._found.decode(request.page_token, filters)
        start = (
            Start(int(str(position[0])), UUID(str(position[1])), _instant(position[2])) if position else None
        )
        found, begun = await self._finding.search(search, after=start, limit=limit + 1)
        rows, last = page_of(found, limit)
        place: Position = [last.rank, str(last.salon.id), begun.isoformat()] if last else []
        return service_pb.SearchSalonsResponse(
            results=map(render.found, rows),
            next_page_token=self._found.encode(place, filters) if last else "",
        )

    async def UpdateSalon(self, request: service_pb.UpdateSalonRequest, _context: Context) -> pb.Salon:
        with Violations() as check:
            salon_id = check.id("salon.id", request.salon.id)
        paths = writable("salon", request.salon, request.update_mask)
        fields = read_fields("salon", request.salon, SALON, paths)
        etag = request.salon.etag
        return render.salon(await self._salons.update(current_caller(), salon_id, etag=etag, fields=fields))

    async def ArchiveSalon(self, request: service_pb.ArchiveSalonRequest, _context: Context) -> pb.Salon:
        salon_id = salon_id_of(request.salon_id)
        return render.salon(await self._salons.archive(current_caller(), salon_id, etag=request.etag))

    async def RestoreSalon(self, request: service_pb.RestoreSalonRequest, _context: Context) -> pb.Salon:
        salon_id = salon_id_of(request.salon_id)
        return render.salon(await self._salons.restore(current_caller(), salon_id, etag=request.etag))

    async def ListAuditEntries(
        self, request: service_pb.ListAuditEntriesRequest, _context: Context
    ) -> service_pb.ListAuditEntriesResponse:
        salon_id, limit = salon_id_of(request.salon_id), page_size(request.page_size)
        filters = {"salon_id": salon_id}
        before = after_id(self._trail.decode(request.page_token, filters))
        found = await self._finding.audit(current_caller(), salon_id, before=before, limit=limit + 1)
        rows, last = page_of(found, limit)
        return service_pb.ListAuditEntriesResponse(
            entries=map(render.audit_entry, rows),
            next_page_token=self._trail.encode([str(last.id)], filters) if last else "",
        )


def _instant(value: object) -> datetime:
    return datetime.fromisoformat(str(value))
