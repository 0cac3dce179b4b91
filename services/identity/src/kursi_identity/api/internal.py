"""For the other services: tokens of their own, contacts, members."""

from dataclasses import replace

from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1 import identity_service_pb2_grpc as pb2_grpc
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context, client_address

from kursi_identity.api import reading, writing
from kursi_identity.queries.contacts import Contacts
from kursi_identity.queries.roster import Roster
from kursi_identity.usecases.guests import Guests
from kursi_identity.usecases.members import Members
from kursi_identity.usecases.service_tokens import ServiceTokens

NAME = "kursi.identity.v1.IdentityInternalService"


class IdentityInternalServicer(pb2_grpc.IdentityInternalServiceServicer):
    """Reads, calls, writes."""

    def __init__(
        self,
        *,
        service_tokens: ServiceTokens,
        contacts: Contacts,
        roster: Roster,
        members: Members,
        guests: Guests,
        default_region: str,
    ) -> None:
        self._service_tokens = service_tokens
        self._contacts = contacts
        self._roster = roster
        self._members = members
        self._guests = guests
        self._region = default_region

    async def IssueServiceToken(
        self, request: pb2.IssueServiceTokenRequest, context: Context
    ) -> pb2.ServiceToken:
        # A header that names another address is for calls made for somebody; whoever guesses would make one up each time.
        caller = replace(current_caller(), address=client_address(None, context.peer()))
        return writing.service_token(
            await self._service_tokens(caller, request.client_id, request.client_secret)
        )

    async def BatchGetContacts(
        self, request: pb2.BatchGetContactsRequest, context: Context
    ) -> pb2.BatchGetContactsResponse:
        found = await self._contacts.of(reading.user_ids(request))
        return pb2.BatchGetContactsResponse(contacts=[writing.contact(contact) for contact in found])

    async def GetUser(self, request: pb2.GetUserRequest, context: Context) -> identity_pb2.User:
        return writing.user(await self._contacts.one(reading.user_id(request)))

    async def ListSalonMembers(
        self, request: pb2.ListSalonMembersRequest, context: Context
    ) -> pb2.ListMembersResponse:
        salon_id, least = reading.salon_members(request)
        views = await self._roster.active(salon_id, least)
        return pb2.ListMembersResponse(members=[writing.member(view) for view in views])

    async def EnsureGuest(self, request: pb2.EnsureGuestRequest, context: Context) -> pb2.Guest:
        caller = current_caller()
        command = reading.whom_to_book(request, self._region, caller.language)
        return pb2.Guest(customer_id=str(await self._guests.ensure(caller, command)))

    async def GrantMembership(
        self, request: pb2.GrantMembershipRequest, context: Context
    ) -> identity_pb2.Member:
        salon_id, user_id, role = reading.grant(request)
        return writing.member(await self._members.grant(current_caller(), salon_id, user_id, role))
