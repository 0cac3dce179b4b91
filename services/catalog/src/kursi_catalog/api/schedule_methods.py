"""Methods about opening hours, availability, absences and policies."""

from datetime import datetime
from uuid import UUID

from google.protobuf.empty_pb2 import Empty
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as service_pb
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.paging import PageTokens, Position, page_size
from kursi_chassis.grpc.times import instant
from kursi_chassis.ids import new_id
from kursi_chassis.validation import Violations

from kursi_catalog.api import parse_hours, parse_policy, render
from kursi_catalog.api.reading import page_of, read_fields, request_key, salon_id_of, texts, writable
from kursi_catalog.domain.absence import LONGEST, Closure, TimeOff
from kursi_catalog.usecases.policies import Policies
from kursi_catalog.usecases.schedules import Schedules


class ScheduleMethods:
    def __init__(self, schedules: Schedules, page_token_key: str) -> None:
        self._schedules = schedules
        self._away = PageTokens(page_token_key, "catalog.time_off")
        self._closed = PageTokens(page_token_key, "catalog.closures")

    async def GetOpeningHours(
        self, request: service_pb.GetOpeningHoursRequest, _context: Context
    ) -> pb.OpeningHours:
        salon_id = salon_id_of(request.salon_id)
        return render.opening_hours(salon_id, await self._schedules.hours(current_caller(), salon_id))

    async def ReplaceOpeningHours(
        self, request: service_pb.ReplaceOpeningHoursRequest, _context: Context
    ) -> pb.OpeningHours:
        hours = request.opening_hours
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            opening = parse_hours.opening_hours(check, hours)
        kept = await self._schedules.replace_hours(current_caller(), salon_id, opening, etag=hours.etag)
        return render.opening_hours(salon_id, kept)

    async def GetAvailability(
        self, request: service_pb.GetAvailabilityRequest, _context: Context
    ) -> pb.Availability:
        salon_id, staff_id = _staff_of(request.salon_id, request.staff_id)
        kept = await self._schedules.availability(current_caller(), salon_id, staff_id)
        return render.availability(salon_id, staff_id, kept)

    async def ReplaceAvailability(
        self, request: service_pb.ReplaceAvailabilityRequest, _context: Context
    ) -> pb.Availability:
        salon_id, staff_id = _staff_of(request.salon_id, request.staff_id)
        with Violations() as check:
            wanted = parse_hours.availability(check, request.availability)
        kept = await self._schedules.replace_availability(
            current_caller(), salon_id, staff_id, wanted, etag=request.availability.etag
        )
        return render.availability(salon_id, staff_id, kept)

    async def CreateTimeOff(self, request: service_pb.CreateTimeOffRequest, _context: Context) -> pb.TimeOff:
        answer = await self._schedules.add_time_off(
            current_caller(),
            _time_off(request),
            key=request_key(request, request.request_id),
            render=lambda absence: render.time_off(absence).SerializeToString(deterministic=True),
        )
        return pb.TimeOff.FromString(answer)

    async def ListTimeOff(
        self, request: service_pb.ListTimeOffRequest, _context: Context
    ) -> service_pb.ListTimeOffResponse:
        salon_id, staff_id = _staff_of(request.salon_id, request.staff_id)
        limit, filters = page_size(request.page_size), {"salon_id": salon_id, "staff_id": staff_id}
        after = _after(self._away.decode(request.page_token, filters))
        found = await self._schedules.time_off(
            current_caller(), salon_id, staff_id, after=after, limit=limit + 1
        )
        rows, last = page_of(found, limit)
        return service_pb.ListTimeOffResponse(
            time_off=map(render.time_off, rows),
            next_page_token=self._away.encode(_position(last), filters) if last else "",
        )

    async def DeleteTimeOff(self, request: service_pb.DeleteTimeOffRequest, _context: Context) -> Empty:
        salon_id, staff_id = _staff_of(request.salon_id, request.staff_id)
        with Violations() as check:
            time_off_id = check.id("time_off_id", request.time_off_id)
        await self._schedules.remove_time_off(current_caller(), salon_id, staff_id, time_off_id)
        return Empty()

    async def CreateClosure(self, request: service_pb.CreateClosureRequest, _context: Context) -> pb.Closure:
        answer = await self._schedules.close(
            current_caller(),
            _closure(request),
            key=request_key(request, request.request_id),
            render=lambda closure: render.closure(closure).SerializeToString(deterministic=True),
        )
        return pb.Closure.FromString(answer)

    async def ListClosures(
        self, request: service_pb.ListClosuresRequest, _context: Context
    ) -> service_pb.ListClosuresResponse:
        salon_id = salon_id_of(request.salon_id)
        limit, filters = page_size(request.page_size), {"salon_id": salon_id}
        after = _after(self._closed.decode(request.page_token, filters))
        found = await self._schedules.closures(current_caller(), salon_id, after=after, limit=limit + 1)
        rows, last = page_of(found, limit)
        return service_pb.ListClosuresResponse(
            closures=map(render.closure, rows),
            next_page_token=self._closed.encode(_position(last), filters) if last else "",
        )

    async def DeleteClosure(self, request: service_pb.DeleteClosureRequest, _context: Context) -> Empty:
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            closure_id = check.id("closure_id", request.closure_id)
        await self._schedules.reopen(current_caller(), salon_id, closure_id)
        return Empty()


class PolicyMethods:
    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    async def GetPolicy(self, request: service_pb.GetPolicyRequest, _context: Context) -> pb.EffectivePolicy:
        salon_id, service_id = _level_of(request.salon_id, request.service_id)
        return render.effective_policy(await self._policies.get(current_caller(), salon_id, service_id))

    async def UpdatePolicy(
        self, request: service_pb.UpdatePolicyRequest, _context: Context
    ) -> pb.EffectivePolicy:
        salon_id, service_id = _level_of(request.salon_id, request.service_id)
        paths = writable("policy", request.policy, request.update_mask)
        fields = read_fields("policy", request.policy, parse_policy.POLICY, paths)
        return render.effective_policy(
            await self._policies.update(
                current_caller(), salon_id, service_id, etag=request.etag, fields=fields
            )
        )


def _staff_of(salon_id: str, staff_id: str) -> tuple[UUID, UUID]:
    with Violations() as check:
        return check.id("salon_id", salon_id), check.id("staff_id", staff_id)


def _level_of(salon_id: str, service_id: str) -> tuple[UUID, UUID | None]:
    with Violations() as check:
        return check.id("salon_id", salon_id), check.optional_id("service_id", service_id)


def _time_off(request: service_pb.CreateTimeOffRequest) -> TimeOff:
    asked = request.time_off
    with Violations() as check:
        start = instant(check, "time_off.start_time", asked.start_time)
        end = instant(check, "time_off.end_time", asked.end_time)
        check.period("time_off.end_time", start, end, LONGEST)
        return TimeOff(
            id=new_id(),
            salon_id=check.id("salon_id", request.salon_id),
            staff_id=check.id("staff_id", request.staff_id),
            start_time=start,
            end_time=end,
            reason=check.text("time_off.reason", asked.reason, 200),
        )


def _closure(request: service_pb.CreateClosureRequest) -> Closure:
    asked = request.closure
    with Violations() as check:
        start = instant(check, "closure.start_time", asked.start_time)
        end = instant(check, "closure.end_time", asked.end_time)
        check.period("closure.end_time", start, end, LONGEST)
        return Closure(
            id=new_id(),
            salon_id=check.id("salon_id", request.salon_id),
            start_time=start,
            end_time=end,
            reasons=texts(check, "closure.reasons", asked.reasons, 200),
        )


def _after(position: list[str | int | None] | None) -> tuple[datetime, UUID] | None:
    return (datetime.fromisoformat(str(position[0])), UUID(str(position[1]))) if position else None


def _position(last: TimeOff | Closure) -> Position:
    return [last.start_time.isoformat(), str(last.id)]
