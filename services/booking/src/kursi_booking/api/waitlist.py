"""`kursi.booking.v1.WaitlistService`: parse, call, render."""

from dataclasses import dataclass
from uuid import UUID

from kursi.booking.v1 import booking_pb2
from kursi.booking.v1 import waitlist_service_pb2 as pb
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.validation import Violations

from kursi_booking.api import positions
from kursi_booking.api.requests import keyed_request
from kursi_booking.api.waitlist_messages import entry_message, states_of, wished_visit
from kursi_booking.domain.waitlist import Entry
from kursi_booking.ports.listing import Position
from kursi_booking.ports.waitlist import EntryFilter
from kursi_booking.usecases.accept_offer import AcceptOffer
from kursi_booking.usecases.answer_waitlist import AnswerWaitlist
from kursi_booking.usecases.join_waitlist import JoinWaitlist
from kursi_booking.usecases.read_waitlist import ReadWaitlist

NAME = "kursi.booking.v1.WaitlistService"


@dataclass(frozen=True, slots=True)
class WaitlistUseCases:
    """What people can do."""

    join: JoinWaitlist
    accept: AcceptOffer
    answer: AnswerWaitlist
    reading: ReadWaitlist


class WaitlistServicer:
    """Those who wait, and what is offered to them."""

    def __init__(self, use_cases: WaitlistUseCases, page_token_key: str) -> None:
        self._do = use_cases
        self._tokens = PageTokens(page_token_key, "waitlist")

    async def CreateWaitlistEntry(
        self, request: pb.CreateWaitlistEntryRequest, context: Context
    ) -> pb.WaitlistEntry:
        """Waits for a time."""
        caller, wished = current_caller(), wished_visit(request)
        keyed = keyed_request(request, "CreateWaitlistEntry", caller)
        return pb.WaitlistEntry.FromString(await self._do.join(wished, keyed, caller))

    async def GetWaitlistEntry(
        self, request: pb.GetWaitlistEntryRequest, context: Context
    ) -> pb.WaitlistEntry:
        """One entry."""
        return entry_message(await self._do.reading.one(_entry_id(request), current_caller()))

    async def ListWaitlistEntries(
        self, request: pb.ListWaitlistEntriesRequest, context: Context
    ) -> pb.ListWaitlistEntriesResponse:
        """A page of entries."""
        caller, wanted = current_caller(), _filter(request)
        size, filters = page_size(request.page_size), _filters(wanted, caller.key)
        position = positions.from_token(self._tokens.decode(request.page_token, filters))
        found = await self._do.reading.page(wanted, position, size + 1, caller)
        more = len(found) > size
        return pb.ListWaitlistEntriesResponse(
            entries=[entry_message(entry) for entry in found[:size]],
            next_page_token=self._tokens.encode(positions.to_token(_position(found[size - 1])), filters)
            if more
            else "",
        )

    async def CancelWaitlistEntry(
        self, request: pb.CancelWaitlistEntryRequest, context: Context
    ) -> pb.WaitlistEntry:
        """Waits no longer."""
        caller, entry_id = current_caller(), _entry_id(request)
        keyed = keyed_request(request, "CancelWaitlistEntry", caller)
        return pb.WaitlistEntry.FromString(await self._do.answer.cancel(entry_id, keyed, caller))

    async def AcceptWaitlistOffer(
        self, request: pb.AcceptWaitlistOfferRequest, context: Context
    ) -> booking_pb2.Booking:
        """Takes the offered time."""
        caller, (entry_id, offer_id) = current_caller(), _answered(request)
        keyed = keyed_request(request, "AcceptWaitlistOffer", caller)
        return booking_pb2.Booking.FromString(await self._do.accept(entry_id, offer_id, keyed, caller))

    async def DeclineWaitlistOffer(
        self, request: pb.DeclineWaitlistOfferRequest, context: Context
    ) -> pb.WaitlistEntry:
        """Leaves the offered time to the next."""
        caller, (entry_id, offer_id) = current_caller(), _answered(request)
        keyed = keyed_request(request, "DeclineWaitlistOffer", caller)
        return pb.WaitlistEntry.FromString(await self._do.answer.decline(entry_id, offer_id, keyed, caller))


def _entry_id(request: pb.GetWaitlistEntryRequest | pb.CancelWaitlistEntryRequest) -> UUID:
    with Violations() as check:
        return check.id("waitlist_entry_id", request.waitlist_entry_id)


def _answered(request: pb.AcceptWaitlistOfferRequest | pb.DeclineWaitlistOfferRequest) -> tuple[UUID, UUID]:
    with Violations() as check:
        return (
            check.id("waitlist_entry_id", request.waitlist_entry_id),
            check.id("offer_id", request.offer_id),
        )


def _filter(request: pb.ListWaitlistEntriesRequest) -> EntryFilter:
    with Violations() as check:
        return EntryFilter(
            salon_id=check.optional_id("salon_id", request.salon_id),
            customer_id=check.optional_id("customer_id", request.customer_id),
            states=states_of(check, request.states),
        )


def _filters(wanted: EntryFilter, caller: str) -> dict[str, object]:
    return {
        "caller": caller,
        "salon": wanted.salon_id,
        "customer": wanted.customer_id,
        "states": ",".join(sorted(state.value for state in wanted.states)),
    }


def _position(entry: Entry) -> Position:
    return entry.created_at, entry.entry_id
