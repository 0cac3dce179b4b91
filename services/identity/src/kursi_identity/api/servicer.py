"""Login, sessions, profile and memberships: the public half of the contract."""

from google.api import httpbody_pb2
from google.protobuf import empty_pb2
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1 import identity_service_pb2_grpc as pb2_grpc
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context

from kursi_identity.api import reading, writing
from kursi_identity.api.paging import RosterPages
from kursi_identity.usecases.members import Members
from kursi_identity.usecases.profile import Profiles
from kursi_identity.usecases.request_otp import RequestOtp
from kursi_identity.usecases.sessions import Sessions
from kursi_identity.usecases.signing_keys import SigningKeys
from kursi_identity.usecases.verify_otp import VerifyOtp

NAME = "kursi.identity.v1.IdentityService"
# Caches may keep the keys for five minutes; a key is published an hour before it signs.
_CACHED = (("cache-control", "public, max-age=300"),)


class IdentityServicer(pb2_grpc.IdentityServiceServicer):
    """Reads, calls, writes."""

    def __init__(
        self,
        *,
        request_otp: RequestOtp,
        verify_otp: VerifyOtp,
        sessions: Sessions,
        profiles: Profiles,
        members: Members,
        roster: RosterPages,
        keys: SigningKeys,
        issuer: str,
        default_region: str,
    ) -> None:
        self._request_otp = request_otp
        self._verify_otp = verify_otp
        self._sessions = sessions
        self._profiles = profiles
        self._members = members
        self._roster = roster
        self._keys = keys
        self._discovery = writing.discovery(issuer)
        self._region = default_region

    async def RequestOtp(self, request: pb2.RequestOtpRequest, context: Context) -> pb2.RequestOtpResponse:
        command = reading.ask_for_code(request, self._region)
        return writing.ticket(await self._request_otp(current_caller(), command))

    async def VerifyOtp(self, request: pb2.VerifyOtpRequest, context: Context) -> pb2.TokenPair:
        command = reading.use_code(request)
        return writing.tokens(await self._verify_otp(current_caller(), command))

    async def RefreshToken(self, request: pb2.RefreshTokenRequest, context: Context) -> pb2.TokenPair:
        token = reading.refresh_token(request.refresh_token)
        return writing.tokens(await self._sessions.refresh(current_caller(), token))

    async def RevokeToken(self, request: pb2.RevokeTokenRequest, context: Context) -> empty_pb2.Empty:
        await self._sessions.log_out(current_caller(), reading.refresh_token(request.refresh_token))
        return empty_pb2.Empty()

    async def GetJwks(self, request: pb2.GetJwksRequest, context: Context) -> httpbody_pb2.HttpBody:
        document = await self._keys.jwks()
        await context.send_initial_metadata(_CACHED)
        return writing.json_body(document)

    async def GetDiscoveryDocument(
        self, request: pb2.GetDiscoveryDocumentRequest, context: Context
    ) -> httpbody_pb2.HttpBody:
        await context.send_initial_metadata(_CACHED)
        return writing.json_body(self._discovery)

    async def GetMe(self, request: pb2.GetMeRequest, context: Context) -> identity_pb2.User:
        return writing.user(await self._profiles.get(current_caller()))

    async def UpdateMe(self, request: pb2.UpdateMeRequest, context: Context) -> identity_pb2.User:
        command = reading.change_profile(request)
        return writing.user(await self._profiles.change(current_caller(), command))

    async def ListSessions(
        self, request: pb2.ListSessionsRequest, context: Context
    ) -> pb2.ListSessionsResponse:
        caller = current_caller()
        return writing.session_list(await self._sessions.of(caller), caller)

    async def RevokeSession(self, request: pb2.RevokeSessionRequest, context: Context) -> empty_pb2.Empty:
        await self._sessions.revoke(current_caller(), reading.session_id(request))
        return empty_pb2.Empty()

    async def RevokeAllSessions(
        self, request: pb2.RevokeAllSessionsRequest, context: Context
    ) -> empty_pb2.Empty:
        await self._sessions.revoke_all(current_caller())
        return empty_pb2.Empty()

    async def InviteMember(self, request: pb2.InviteMemberRequest, context: Context) -> identity_pb2.Member:
        command = reading.invite(request, self._region)
        answer = await self._members.invite(current_caller(), command, writing.member_bytes)
        return identity_pb2.Member.FromString(answer)

    async def ListMembers(self, request: pb2.ListMembersRequest, context: Context) -> pb2.ListMembersResponse:
        salon_id = reading.salon_id(request)
        views, next_page = await self._roster.page(salon_id, request.page_size, request.page_token)
        return pb2.ListMembersResponse(
            members=[writing.member(view) for view in views], next_page_token=next_page
        )

    async def UpdateMember(self, request: pb2.UpdateMemberRequest, context: Context) -> identity_pb2.Member:
        salon_id, member_id, role = reading.change_role(request)
        return writing.member(await self._members.change_role(current_caller(), salon_id, member_id, role))

    async def RemoveMember(self, request: pb2.RemoveMemberRequest, context: Context) -> empty_pb2.Empty:
        salon_id, member_id = reading.remove_member(request)
        await self._members.remove(current_caller(), salon_id, member_id)
        return empty_pb2.Empty()
