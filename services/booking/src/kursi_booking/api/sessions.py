"""`kursi.booking.v1.SessionService`: parse, call, render."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from kursi.booking.v1 import booking_pb2 as pb
from kursi.booking.v1 import session_service_pb2 as session_pb
from kursi.booking.v1 import session_service_pb2_grpc
from kursi.type.v1 import money_pb2
from kursi_chassis.caller import current_caller
from kursi_chassis.clock import Clock
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.etag import etag_of
from kursi_chassis.grpc.money import to_proto
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.validation import Violations

from kursi_booking.api import positions, requests
from kursi_booking.api.rendering import booking_message
from kursi_booking.domain.session import MOST_SEATS, MOST_SEATS_AT_ONCE, Session, SessionState
from kursi_booking.ports.listing import Position
from kursi_booking.ports.sessions import SessionFilter
from kursi_booking.usecases.change_session import CancelSession, ResizeSession, SessionOrder
from kursi_booking.usecases.create_session import CreateSession, WantedSession
from kursi_booking.usecases.join_session import JoinSession, WantedSeats
from kursi_booking.usecases.read_sessions import ReadSessions

NAME = "kursi.booking.v1.SessionService"

_STATES = {state: session_pb.Session.State.Value(state.name) for state in SessionState}


@dataclass(frozen=True, slots=True)
class SessionUseCases:
    """What people can do with group sessions."""

    create: CreateSession
    resize: ResizeSession
    cancel: CancelSession
    join: JoinSession
    reading: ReadSessions


class SessionServicer(session_service_pb2_grpc.SessionServiceServicer):
    """Group sessions and their seats."""

    def __init__(self, use_cases: SessionUseCases, page_token_key: str, clock: Clock) -> None:
        self._do = use_cases
        self._clock = clock
        self._tokens = PageTokens(page_token_key, "sessions")
        self._seat_tokens = PageTokens(page_token_key, "session bookings")

    async def CreateSession(
        self, request: session_pb.CreateSessionRequest, context: Context
    ) -> session_pb.Session:
        caller = current_caller()
        with Violations() as check:
            wanted = WantedSession(
                salon_id=check.id("salon_id", request.salon_id),
                service_id=check.id("service_id", request.service_id),
                staff_id=check.optional_id("staff_id", request.staff_id),
                start=requests.start(check, request.start_time),
                capacity=check.integer("capacity", request.capacity, 1, MOST_SEATS),
            )
        keyed = requests.keyed_request(request, "CreateSession", caller)
        return session_pb.Session.FromString(await self._do.create(wanted, keyed, caller))

    async def GetSession(self, request: session_pb.GetSessionRequest, context: Context) -> session_pb.Session:
        with Violations() as check:
            session_id = check.id("session_id", request.session_id)
        return _message(await self._do.reading.one(session_id, current_caller()))

    async def ListSessions(
        self, request: session_pb.ListSessionsRequest, context: Context
    ) -> session_pb.ListSessionsResponse:
        wanted = self._filter(request)
        filters: dict[str, object] = {
            "salon": wanted.salon_id,
            "service": wanted.service_id,
            # Without a beginning each page begins now: what has started meanwhile is left out, and the list goes on.
            "min": wanted.start_min if request.HasField("start_time_min") else None,
            "max": wanted.start_max,
        }
        position = positions.from_token(self._tokens.decode(request.page_token, filters))
        size = page_size(request.page_size)
        found = await self._do.reading.page(wanted, position, size + 1, current_caller())
        return session_pb.ListSessionsResponse(
            sessions=[_message(session) for session in found[:size]],
            next_page_token=self._tokens.encode(positions.to_token(_position(found[size - 1])), filters)
            if len(found) > size
            else "",
        )

    async def UpdateSession(
        self, request: session_pb.UpdateSessionRequest, context: Context
    ) -> session_pb.Session:
        with Violations() as check:
            order = SessionOrder(check.id("session_id", request.session_id), request.etag)
            capacity = check.integer("capacity", request.capacity, 1, MOST_SEATS)
        return _message(await self._do.resize(order, capacity, current_caller()))

    async def CancelSession(
        self, request: session_pb.CancelSessionRequest, context: Context
    ) -> session_pb.Session:
        caller = current_caller()
        with Violations() as check:
            order = SessionOrder(
                session_id=check.id("session_id", request.session_id),
                etag=request.etag,
                reason=check.text("reason", request.reason, requests.LONGEST_TEXT, lines=True),
            )
        keyed = requests.keyed_request(request, "CancelSession", caller)
        return session_pb.Session.FromString(await self._do.cancel(order, keyed, caller))

    async def ListSessionBookings(
        self, request: session_pb.ListSessionBookingsRequest, context: Context
    ) -> session_pb.ListSessionBookingsResponse:
        with Violations() as check:
            session_id = check.id("session_id", request.session_id)
        filters = {"session": session_id}
        token, size = self._seat_tokens.decode(request.page_token, filters), page_size(request.page_size)
        after = UUID(str(token[0])) if token else None
        found = await self._do.reading.bookings(session_id, after, size + 1, current_caller())
        return session_pb.ListSessionBookingsResponse(
            bookings=[booking_message(booking, booking.settlement) for booking in found[:size]],
            next_page_token=self._seat_tokens.encode([str(found[size - 1].booking_id)], filters)
            if len(found) > size
            else "",
        )

    async def JoinSession(self, request: session_pb.JoinSessionRequest, context: Context) -> pb.Booking:
        caller = current_caller()
        with Violations() as check:
            wanted = WantedSeats(
                session_id=check.id("session_id", request.session_id),
                seats=check.integer("seats", request.seats or 1, 1, MOST_SEATS_AT_ONCE),
                note=check.text("note", request.note, requests.LONGEST_TEXT, lines=True),
                customer_id=check.optional_id("customer_id", request.customer_id),
            )
        keyed = requests.keyed_request(request, "JoinSession", caller)
        return pb.Booking.FromString(await self._do.join(wanted, keyed, caller))

    def _filter(self, request: session_pb.ListSessionsRequest) -> SessionFilter:
        with Violations() as check:
            start_min = requests.optional_instant(check, request, "start_time_min")
            return SessionFilter(
                salon_id=check.id("salon_id", request.salon_id),
                service_id=check.optional_id("service_id", request.service_id),
                start_min=start_min or self._clock.now(),
                start_max=requests.optional_instant(check, request, "start_time_max"),
            )


def session_answer(session: Session) -> bytes:
    """A session as it is kept for repetitions."""
    return _message(session).SerializeToString()


def _position(session: Session) -> Position:
    return session.during.start, session.session_id


def _message(session: Session) -> session_pb.Session:
    start = session.during.start
    return session_pb.Session(
        id=str(session.session_id),
        salon_id=str(session.salon_id),
        salon_names=session.salon.names,
        service_id=str(session.service_id),
        service_names=session.service_names,
        staff_id=str(session.staff_id),
        staff_names=session.staff_names,
        start_time=timestamp(start),
        end_time=timestamp(session.during.end),
        time_zone=session.salon.time_zone,
        local_start=start.astimezone(ZoneInfo(session.salon.time_zone)).isoformat(),
        state=_STATES[session.state],
        capacity=session.capacity,
        seats_left=session.seats_left,
        price=to_proto(session.price, money_pb2.Money),
        prepayment=to_proto(session.policy.due_now(session.price), money_pb2.Money),
        cancellation_reason=session.cancellation_reason,
        revision=session.revision,
        etag=etag_of(session.revision),
        create_time=timestamp(session.created_at),
        update_time=timestamp(session.updated_at),
    )
