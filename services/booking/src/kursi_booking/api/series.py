"""`kursi.booking.v1.SeriesService`: parse, call, render."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi.booking.v1 import series_service_pb2 as series_pb
from kursi.booking.v1 import series_service_pb2_grpc
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.grpc.times import optional_timestamp, timestamp
from kursi_chassis.money import Money
from kursi_chassis.validation import Violations

from kursi_booking.api import requests
from kursi_booking.api.rendering import booking_message
from kursi_booking.domain.booking import Booking
from kursi_booking.domain.policy import CancellationOutcome
from kursi_booking.domain.recurrence import LEAST_VISITS, MOST_VISITS, MOST_WEEKS, Recurrence
from kursi_booking.domain.series import LeftOut, Mode, Series, Upcoming, upcoming
from kursi_booking.ports.series import SeriesFilter, SeriesView
from kursi_booking.usecases.cancel_series import CancelSeries, Withdrawal
from kursi_booking.usecases.confirm_series import ConfirmSeries
from kursi_booking.usecases.create_series import CreateSeries, WantedSeries
from kursi_booking.usecases.read_series import ReadSeries
from kursi_booking.usecases.series_acting import Part

NAME = "kursi.booking.v1.SeriesService"

_MODES = {mode: series_pb.Series.Mode.Value(mode.name) for mode in Mode}
_MODES_BY_NUMBER = {number: mode for mode, number in _MODES.items()}


@dataclass(frozen=True, slots=True)
class SeriesUseCases:
    """What people can do with series."""

    create: CreateSeries
    confirm: ConfirmSeries
    cancel: CancelSeries
    reading: ReadSeries


class SeriesServicer(series_service_pb2_grpc.SeriesServiceServicer):
    """Recurring visits."""

    def __init__(self, use_cases: SeriesUseCases, page_token_key: str) -> None:
        self._do = use_cases
        self._tokens = PageTokens(page_token_key, "series")

    async def CreateSeries(
        self, request: series_pb.CreateSeriesRequest, context: Context
    ) -> series_pb.Series:
        caller, wanted = current_caller(), _wanted(request)
        keyed = requests.keyed_request(request, "CreateSeries", caller)
        if request.dry_run:
            return series_pb.Series.FromString(await self._do.create.foresee(wanted, keyed, caller))
        return series_pb.Series.FromString(await self._do.create(wanted, keyed, caller))

    async def GetSeries(self, request: series_pb.GetSeriesRequest, context: Context) -> series_pb.Series:
        with Violations() as check:
            series_id = check.id("series_id", request.series_id)
        return _message(await self._do.reading.one(series_id, current_caller()))

    async def ListSeries(
        self, request: series_pb.ListSeriesRequest, context: Context
    ) -> series_pb.ListSeriesResponse:
        caller = current_caller()
        with Violations() as check:
            wanted = SeriesFilter(
                salon_id=check.optional_id("salon_id", request.salon_id),
                customer_id=check.optional_id("customer_id", request.customer_id),
            )
        filters = {"caller": caller.key, "salon": wanted.salon_id, "customer": wanted.customer_id}
        token = self._tokens.decode(request.page_token, filters)
        after, size = UUID(str(token[0])) if token else None, page_size(request.page_size)
        found = await self._do.reading.page(wanted, after, size + 1, caller)
        return series_pb.ListSeriesResponse(
            series=[_outline(series, coming) for series, coming in found[:size]],
            next_page_token=self._tokens.encode([str(found[size - 1][0].series_id)], filters)
            if len(found) > size
            else "",
        )

    async def ConfirmSeries(
        self, request: series_pb.ConfirmSeriesRequest, context: Context
    ) -> series_pb.ConfirmSeriesResponse:
        caller = current_caller()
        with Violations() as check:
            part = _part(check, request)
        keyed = requests.keyed_request(request, "ConfirmSeries", caller)
        return series_pb.ConfirmSeriesResponse.FromString(await self._do.confirm(part, keyed, caller))

    async def CancelSeries(
        self, request: series_pb.CancelSeriesRequest, context: Context
    ) -> series_pb.CancelSeriesResponse:
        caller, withdrawal = current_caller(), _withdrawal(request)
        if request.dry_run:
            return _cancelled(await self._do.cancel.foresee(withdrawal, caller))
        keyed = requests.keyed_request(request, "CancelSeries", caller)
        return series_pb.CancelSeriesResponse.FromString(await self._do.cancel(withdrawal, keyed, caller))


def series_answer(view: SeriesView) -> bytes:
    """A series as it is kept for repetitions."""
    return _message(view).SerializeToString()


def confirmed_answer(bookings: Sequence[Booking]) -> bytes:
    """What was confirmed, as it is kept for repetitions."""
    return series_pb.ConfirmSeriesResponse(
        bookings=[booking_message(one, None) for one in bookings]
    ).SerializeToString()


def cancelled_answer(bookings: Sequence[Booking]) -> bytes:
    """What was taken back, as it is kept for repetitions."""
    settled = [(one, one.settlement) for one in bookings]
    return _cancelled([(one, outcome) for one, outcome in settled if outcome]).SerializeToString()


def _wanted(request: series_pb.CreateSeriesRequest) -> WantedSeries:
    with Violations() as check:
        mode = _MODES_BY_NUMBER.get(request.mode)
        if mode is None:
            check.add("mode", "UNKNOWN_VALUE" if request.mode else "REQUIRED")
        return WantedSeries(
            salon_id=check.id("salon_id", request.salon_id),
            services=requests.wanted_items(check, request.items),
            recurrence=Recurrence(
                first=requests.start(check, request.start_time),
                every_weeks=check.integer("every_weeks", request.every_weeks, 1, MOST_WEEKS),
                count=_count(check, request),
                until=_until(check, request),
            ),
            mode=mode or Mode.ALL,
            note=check.text("note", request.note, requests.LONGEST_TEXT, lines=True),
            customer_id=check.optional_id("customer_id", request.customer_id),
        )


def _count(check: Violations, request: series_pb.CreateSeriesRequest) -> int | None:
    if request.HasField("until"):
        return None
    if not request.HasField("count"):
        check.add("count", "REQUIRED")
    elif not LEAST_VISITS <= request.count <= MOST_VISITS:
        check.add("count", "OUT_OF_RANGE", min=LEAST_VISITS, max=MOST_VISITS)
    return request.count


def _until(check: Violations, request: series_pb.CreateSeriesRequest) -> date | None:
    if not request.HasField("until"):
        return None
    try:
        return datetime.strptime(request.until, "%Y-%m-%d").date()  # noqa: DTZ007 -- a date of the salon's calendar
    except ValueError:
        check.add("until", "MALFORMED")
        return None


def _part(check: Violations, request: series_pb.ConfirmSeriesRequest | series_pb.CancelSeriesRequest) -> Part:
    return Part(
        series_id=check.id("series_id", request.series_id),
        from_booking=check.optional_id("from_booking_id", request.from_booking_id),
    )


def _withdrawal(request: series_pb.CancelSeriesRequest) -> Withdrawal:
    with Violations() as check:
        return Withdrawal(
            part=_part(check, request),
            reason=check.text("reason", request.reason, requests.LONGEST_TEXT, lines=True),
            waives_fee=request.waive_fee,
        )


def _message(view: SeriesView) -> series_pb.Series:
    zone = ZoneInfo(view.series.time_zone)
    visits = [
        *(_booked(one, zone, is_foreseen=view.is_foreseen) for one in view.bookings),
        *(_refused(one, zone) for one in view.series.left_out),
    ]
    to_come = upcoming(view.bookings, view.now)
    coming = Upcoming(len(to_come), to_come[0].during.start if to_come else None)
    message = _outline(view.series, coming)
    message.visits.extend(sorted(visits, key=lambda visit: visit.start_time.seconds))
    if view.is_foreseen:
        message.id = ""
    return message


def _outline(series: Series, coming: Upcoming) -> series_pb.Series:
    return series_pb.Series(
        id=str(series.series_id),
        salon_id=str(series.salon_id),
        customer_id=str(series.customer_id),
        time_zone=series.time_zone,
        local_start=_local(series.first_start, ZoneInfo(series.time_zone)),
        every_weeks=series.every_weeks,
        mode=_MODES[series.mode],
        upcoming_count=coming.count,
        next_start_time=optional_timestamp(coming.next_start),
        create_time=timestamp(series.created_at),
    )


def _booked(booking: Booking, zone: ZoneInfo, *, is_foreseen: bool) -> series_pb.Series.Visit:
    start = booking.during.start
    made = None if is_foreseen else booking_message(booking, booking.settlement)
    return series_pb.Series.Visit(
        start_time=timestamp(start), local_start=_local(start, zone), booking=made, fits=True
    )


def _refused(left_out: LeftOut, zone: ZoneInfo) -> series_pb.Series.Visit:
    return series_pb.Series.Visit(
        start_time=timestamp(left_out.start),
        local_start=_local(left_out.start, zone),
        reason=left_out.reason,
        rule=left_out.rule,
        alternatives=[timestamp(start) for start in left_out.alternatives],
    )


def _cancelled(
    settled: Sequence[tuple[Booking, CancellationOutcome]],
) -> series_pb.CancelSeriesResponse:
    message = series_pb.CancelSeriesResponse(
        bookings=[booking_message(booking, outcome) for booking, outcome in settled]
    )
    if settled:
        message.fee.CopyFrom(_sum([outcome.fee for _, outcome in settled]))
        message.refund.CopyFrom(_sum([outcome.refund for _, outcome in settled]))
    return message


def _sum(amounts: Sequence[Money]) -> money_pb2.Money:
    result = Money.zero(amounts[0].currency_code)
    for amount in amounts:
        result += amount
    return to_proto(result, money_pb2.Money)


def _local(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat()
