"""Staff members, and whose account theirs is."""

from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Invalid, Violation

from kursi_catalog.domain.staff import StaffMember
from kursi_catalog.ports import Identity
from kursi_catalog.usecases.collection import Collection
from kursi_catalog.usecases.kinds import STAFF_MEMBER, Fields
from kursi_catalog.usecases.once import Render, RequestKey


class Staff(Collection[StaffMember]):
    """The staff of a salon.

    Identity is asked whether a linked account exists before anything is written. The person need not be a
    member of the salon: a freelancer has a calendar without running anything.
    """

    def __init__(self, database: Database, clock: Clock, identity: Identity) -> None:
        super().__init__(database, clock, STAFF_MEMBER)
        self._identity = identity

    async def create(
        self, caller: Caller, salon_id: UUID, fields: Fields, *, key: RequestKey, render: Render[StaffMember]
    ) -> bytes:
        """Raises: also Invalid (UNKNOWN_USER), and Unavailable when identity does not answer."""
        await self._expect_user(fields.get("user_id"))
        return await super().create(caller, salon_id, fields, key=key, render=render)

    async def update(
        self, caller: Caller, salon_id: UUID, thing_id: UUID, *, etag: str, fields: Fields
    ) -> StaffMember:
        """Raises: also Invalid (UNKNOWN_USER), and Unavailable when identity does not answer."""
        await self._expect_user(fields.get("user_id"))
        return await super().update(caller, salon_id, thing_id, etag=etag, fields=fields)

    async def _expect_user(self, user_id: UUID | None) -> None:
        if user_id is not None and not await self._identity.user_exists(user_id):
            raise Invalid(Violation("staff_member.user_id", "UNKNOWN_USER"))
