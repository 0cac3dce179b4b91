"""The caller's own memberships: the contract's side."""

from google.protobuf import empty_pb2
from kursi.identity.v1 import membership_service_pb2 as pb2
from kursi.identity.v1 import membership_service_pb2_grpc as pb2_grpc
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context

from kursi_identity.api import reading, writing
from kursi_identity.usecases.my_memberships import MyMemberships

NAME = "kursi.identity.v1.MembershipService"


class MembershipServicer(pb2_grpc.MembershipServiceServicer):
    """Reads, calls, writes."""

    def __init__(self, mine: MyMemberships) -> None:
        self._mine = mine

    async def ListMyMemberships(
        self, request: pb2.ListMyMembershipsRequest, context: Context
    ) -> pb2.ListMyMembershipsResponse:
        found = await self._mine.memberships(current_caller())
        return pb2.ListMyMembershipsResponse(memberships=[writing.membership(member) for member in found])

    async def LeaveSalon(self, request: pb2.LeaveSalonRequest, context: Context) -> empty_pb2.Empty:
        await self._mine.leave(current_caller(), reading.salon_id(request))
        return empty_pb2.Empty()

    async def ListMyInvitations(
        self, request: pb2.ListMyInvitationsRequest, context: Context
    ) -> pb2.ListMyInvitationsResponse:
        found = await self._mine.invitations(current_caller())
        return pb2.ListMyInvitationsResponse(invitations=[writing.invitation(member) for member in found])

    async def AcceptInvitation(
        self, request: pb2.AcceptInvitationRequest, context: Context
    ) -> pb2.Membership:
        invitation_id = reading.invitation_id(request)
        return writing.membership(await self._mine.accept(current_caller(), invitation_id))

    async def DeclineInvitation(
        self, request: pb2.DeclineInvitationRequest, context: Context
    ) -> empty_pb2.Empty:
        await self._mine.decline(current_caller(), reading.invitation_id(request))
        return empty_pb2.Empty()
