"""How to reach people, asked of identity at the last moment: no address is kept here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import grpc
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi.identity.v1.identity_service_pb2_grpc import IdentityInternalServiceStub
from kursi_chassis.errors import Unavailable
from kursi_chassis.grpc.status import RemoteError

from kursi_messaging.ports import Contact

REPEATABLE = ("kursi.identity.v1.IdentityInternalService/BatchGetContacts",)
_MOST = 500
_SECONDS = 3.0


class ContactsUnavailable(Unavailable):
    """Identity answered, with an error."""

    reason = "CONTACTS_UNAVAILABLE"


class IdentityContacts:
    """Asks identity, one call for a whole batch."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._identity = IdentityInternalServiceStub(channel)

    async def find(self, user_ids: Collection[UUID]) -> Mapping[UUID, Contact]:
        """Those of these people that exist. Raises: Unavailable when identity does not answer."""
        ids = sorted({str(user_id) for user_id in user_ids})
        found: dict[UUID, Contact] = {}
        for part in range(0, len(ids), _MOST):
            found.update(await self._ask(ids[part : part + _MOST]))
        return found

    async def _ask(self, ids: Sequence[str]) -> dict[UUID, Contact]:
        request = pb2.BatchGetContactsRequest(user_ids=ids)
        try:
            answer = await self._identity.BatchGetContacts(request, timeout=_SECONDS)
        except (RemoteError, grpc.aio.AioRpcError) as error:
            # Whatever is wrong over there, it is not the messages' fault: they wait.
            raise ContactsUnavailable from error
        return {
            UUID(contact.user_id): Contact(
                phone_number=contact.phone_number,
                email=contact.email,
                display_name=contact.display_name,
                language=contact.language_code,
                time_zone=contact.time_zone,
            )
            for contact in answer.contacts
        }
