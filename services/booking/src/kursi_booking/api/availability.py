"""`kursi.booking.v1.AvailabilityService`: the first free time, the days of a month, and why a time is not offered."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from kursi.booking.v1 import availability_service_pb2 as pb
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import Caller, current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.times import instant, timestamp
from kursi_chassis.validation import Violations
from kursi_chassis.wording import register_violation_texts

from kursi_booking.api.closings import closing_message
from kursi_booking.api.local_texts import local_text
from kursi_booking.api.slots import few_free_times, visit_of
from kursi_booking.domain.month import BookableDay, Month
from kursi_booking.domain.policy import Party
from kursi_booking.usecases.explain_slot import ExplainedSlot, ExplainSlot
from kursi_booking.usecases.find_next_slot import FindNextSlot
from kursi_booking.usecases.list_bookable_days import ListBookableDays

NAME = "kursi.booking.v1.AvailabilityService"

_MONTH = re.compile(r"(19[7-9][0-9]|2[01][0-9]{2})-(0[1-9]|1[0-2])")
_SECOND = timedelta(seconds=1)

register_violation_texts({"NOT_A_MONTH": ("Use a month as YYYY-MM.", "استخدم شهرًا بصيغة YYYY-MM.")})


@dataclass(frozen=True, slots=True)
class AvailabilityUseCases:
    """What can be asked about free times."""

    find_next: FindNextSlot
    list_days: ListBookableDays
    explain: ExplainSlot


class AvailabilityServicer:
    """Questions about free times."""

    def __init__(self, use_cases: AvailabilityUseCases) -> None:
        self._do = use_cases

    async def FindNextSlot(
        self, request: pb.FindNextSlotRequest, context: Context
    ) -> pb.FindNextSlotResponse:
        """The first free time."""
        with Violations() as check:
            ask = visit_of(check, request, current_caller())
            first = (
                instant(check, "start_time", request.start_time) if request.HasField("start_time") else None
            )
        answer = await self._do.find_next(ask, first)
        found = few_free_times(answer.found)
        return pb.FindNextSlotResponse(
            slot=found.slots[0] if found.slots else None,
            searched_until=timestamp(answer.searched_until),
            complete=answer.is_complete,
            time_zone=found.time_zone,
            total=found.total,
            as_of=found.as_of,
            stale=found.stale,
        )

    async def ListBookableDays(
        self, request: pb.ListBookableDaysRequest, context: Context
    ) -> pb.ListBookableDaysResponse:
        """The days of a month."""
        with Violations() as check:
            ask = visit_of(check, request, current_caller())
            month = _month(check, request.month)
        view = await self._do.list_days(ask, month)
        told = view.context
        return pb.ListBookableDaysResponse(
            days=[_day(one, ZoneInfo(told.time_zone)) for one in view.days],
            time_zone=told.time_zone,
            total=to_proto(told.total, money_pb2.Money),
            as_of=timestamp(told.as_of),
            stale=told.stale,
        )

    async def ExplainSlot(self, request: pb.ExplainSlotRequest, context: Context) -> pb.ExplainSlotResponse:
        """Why a start is not offered."""
        caller = current_caller()
        with Violations() as check:
            ask = visit_of(check, request, caller)
            start = instant(check, "start_time", request.start_time)
            if request.start_time.nanos:
                check.add("start_time", "MALFORMED")
        ask = replace(ask, first=start, last=start + _SECOND)
        return _explained(await self._do.explain(ask), caller, ask.party)


def _month(check: Violations, value: str) -> Month:
    found = _MONTH.fullmatch(value)
    if found is None:
        check.add("month", "NOT_A_MONTH")
        return Month(2000, 1)
    return Month(int(found[1]), int(found[2]))


def _day(it: BookableDay, zone: ZoneInfo) -> pb.BookableDay:
    message = pb.BookableDay(date=it.day.isoformat(), starts=it.starts)
    if it.first_start is not None:
        message.first_start_time.seconds = it.first_start
        message.first_local_start = local_text(it.first_start, zone)
    return message


def _explained(it: ExplainedSlot, caller: Caller, party: Party) -> pb.ExplainSlotResponse:
    found = few_free_times(it.found)
    service_ids = it.found.service_ids
    return pb.ExplainSlotResponse(
        offered=bool(found.slots),
        slot=found.slots[0] if found.slots else None,
        closing=closing_message(it.closing, caller.language, party) if it.closing else None,
        candidates=[
            pb.SlotCandidate(
                service_index=one.service_index,
                service_id=str(service_ids[one.service_index]),
                staff_id=str(one.staff_id),
                closing=closing_message(one.closing, caller.language, party) if one.closing else None,
            )
            for one in it.people
        ],
        placeable=it.is_placeable,
        time_zone=found.time_zone,
        local_start=local_text(it.start, ZoneInfo(found.time_zone)),
        as_of=found.as_of,
        stale=found.stale,
    )
