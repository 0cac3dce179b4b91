"""The public half of the contract: parse, call, render."""

from dataclasses import dataclass

from kursi.booking.v1 import booking_pb2 as pb
from kursi.booking.v1 import booking_service_pb2 as service_pb
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.paging import PageTokens, page_size

from kursi_booking.api import positions, requests
from kursi_booking.api.rendering import booking_message, history_message
from kursi_booking.api.slots import ask_of, free_times, new_times
from kursi_booking.ports.listing import BookingFilter
from kursi_booking.usecases.cancel_booking import CancelBooking, CancelWithoutFee
from kursi_booking.usecases.change_services import ChangeServices
from kursi_booking.usecases.check_in_booking import CheckInBooking
from kursi_booking.usecases.complete_booking import CompleteBooking
from kursi_booking.usecases.confirm_booking import ConfirmBooking
from kursi_booking.usecases.create_booking import CreateBooking
from kursi_booking.usecases.list_reschedule_slots import ListRescheduleSlots
from kursi_booking.usecases.list_slots import ListSlots
from kursi_booking.usecases.mark_no_show import MarkNoShow
from kursi_booking.usecases.read_bookings import ReadBookings
from kursi_booking.usecases.reschedule_booking import RescheduleBooking

NAME = "kursi.booking.v1.BookingService"


@dataclass(frozen=True, slots=True)
class UseCases:
    """What people can do."""

    list_slots: ListSlots
    list_reschedule_slots: ListRescheduleSlots
    create: CreateBooking
    confirm: ConfirmBooking
    cancel: CancelBooking
    cancel_without_fee: CancelWithoutFee
    reschedule: RescheduleBooking
    change_services: ChangeServices
    check_in: CheckInBooking
    complete: CompleteBooking
    mark_no_show: MarkNoShow
    reading: ReadBookings


class BookingServicer:
    """Bookings through their life."""

    def __init__(self, use_cases: UseCases, page_token_key: str) -> None:
        self._do = use_cases
        self._tokens = PageTokens(page_token_key, "bookings")

    async def ListSlots(self, request: service_pb.ListSlotsRequest, context: Context) -> bytes:
        found = await self._do.list_slots(ask_of(request, current_caller()))
        return free_times(found, request.staff_limit)

    async def ListRescheduleSlots(
        self, request: service_pb.ListRescheduleSlotsRequest, context: Context
    ) -> bytes:
        found = await self._do.list_reschedule_slots(new_times(request), current_caller())
        return free_times(found, request.staff_limit)

    async def CreateBooking(self, request: service_pb.CreateBookingRequest, context: Context) -> bytes:
        caller, wanted = current_caller(), requests.wanted_visit(request)
        keyed = requests.keyed_request(request, "CreateBooking", caller)
        return await self._do.create(wanted, keyed, caller)

    async def GetBooking(self, request: service_pb.GetBookingRequest, context: Context) -> pb.Booking:
        booking = await self._do.reading.one(requests.booking_id(request), current_caller())
        return booking_message(booking, booking.settlement)

    async def ListBookings(
        self, request: service_pb.ListBookingsRequest, context: Context
    ) -> service_pb.ListBookingsResponse:
        caller, wanted = current_caller(), requests.booking_filter(request)
        size, filters = page_size(request.page_size), _filters(wanted, caller.key)
        position = positions.from_token(self._tokens.decode(request.page_token, filters))
        page = await self._do.reading.page(wanted, position, size, caller)
        return service_pb.ListBookingsResponse(
            bookings=[booking_message(booking, booking.settlement) for booking in page.bookings],
            next_page_token=self._tokens.encode(positions.to_token(page.rest), filters) if page.rest else "",
        )

    async def ListBookingHistory(
        self, request: service_pb.ListBookingHistoryRequest, context: Context
    ) -> service_pb.ListBookingHistoryResponse:
        entries = await self._do.reading.history(requests.booking_id(request), current_caller())
        return service_pb.ListBookingHistoryResponse(entries=[history_message(entry) for entry in entries])

    async def ConfirmBooking(self, request: service_pb.ConfirmBookingRequest, context: Context) -> bytes:
        caller, order = current_caller(), requests.order(request)
        keyed = requests.keyed_request(request, "ConfirmBooking", caller)
        return await self._do.confirm(order, keyed, caller)

    async def CancelBooking(self, request: service_pb.CancelBookingRequest, context: Context) -> bytes:
        caller, order = current_caller(), requests.order(request, request.reason)
        cancel = self._do.cancel_without_fee if request.waive_fee else self._do.cancel
        if request.dry_run:
            return await cancel.foresee(order, caller)
        keyed = requests.keyed_request(request, "CancelBooking", caller)
        return await cancel(order, keyed, caller)

    async def RescheduleBooking(
        self, request: service_pb.RescheduleBookingRequest, context: Context
    ) -> bytes:
        caller, order = current_caller(), requests.order(request, request.reason)
        wanted = requests.new_time(request)
        if request.dry_run:
            return await self._do.reschedule.foresee(order, wanted, caller)
        keyed = requests.keyed_request(request, "RescheduleBooking", caller)
        return await self._do.reschedule(order, wanted, keyed, caller)

    async def CheckInBooking(self, request: service_pb.CheckInBookingRequest, context: Context) -> bytes:
        caller, order = current_caller(), requests.order(request)
        keyed = requests.keyed_request(request, "CheckInBooking", caller)
        return await self._do.check_in(order, keyed, caller)

    async def CompleteBooking(self, request: service_pb.CompleteBookingRequest, context: Context) -> bytes:
        caller, order = current_caller(), requests.order(request)
        keyed = requests.keyed_request(request, "CompleteBooking", caller)
        return await self._do.complete(order, keyed, caller)

    async def MarkNoShow(self, request: service_pb.MarkNoShowRequest, context: Context) -> bytes:
        caller, order = current_caller(), requests.order(request)
        if request.dry_run:
            return await self._do.mark_no_show.foresee(order, caller)
        keyed = requests.keyed_request(request, "MarkNoShow", caller)
        return await self._do.mark_no_show(order, keyed, caller)

    async def ChangeServices(self, request: service_pb.ChangeServicesRequest, context: Context) -> bytes:
        caller, order = current_caller(), requests.order(request)
        wanted = requests.wanted_services(request)
        if request.dry_run:
            return await self._do.change_services.foresee(order, wanted, caller)
        keyed = requests.keyed_request(request, "ChangeServices", caller)
        return await self._do.change_services(order, wanted, keyed, caller)


def _filters(wanted: BookingFilter, caller: str) -> dict[str, object]:
    return {
        "caller": caller,
        "salon": wanted.salon_id,
        "customer": wanted.customer_id,
        "staff": wanted.staff_id,
        "states": ",".join(sorted(state.value for state in wanted.states)),
        "min": wanted.start_min,
        "max": wanted.start_max,
        "service": wanted.service_id,
        "text": wanted.text,
        "order": wanted.order,
    }
