"""Identity over gRPC."""

from uuid import UUID

import grpc
from kursi.identity.v1 import identity_pb2, identity_service_pb2, identity_service_pb2_grpc
from kursi_chassis.grpc.status import RemoteError

_SERVICE = "kursi.identity.v1.IdentityInternalService"
REPEATABLE = (f"{_SERVICE}/GrantMembership", f"{_SERVICE}/GetUser")
"""Methods that change nothing when they are repeated."""


class GrpcIdentity:
    """Answers what the use cases ask of identity."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = identity_service_pb2_grpc.IdentityInternalServiceStub(channel)

    async def grant_owner(self, salon_id: UUID, user_id: UUID) -> None:
        await self._stub.GrantMembership(
            identity_service_pb2.GrantMembershipRequest(
                salon_id=str(salon_id), user_id=str(user_id), role=identity_pb2.Member.OWNER
            )
        )

    async def user_exists(self, user_id: UUID) -> bool:
        try:
            await self._stub.GetUser(identity_service_pb2.GetUserRequest(user_id=str(user_id)))
        except RemoteError as error:
            if error.reason == "USER_NOT_FOUND":
                return False
            raise
        return True
