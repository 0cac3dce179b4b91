"""A person's own account: read it, change it."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Unauthenticated
from kursi_chassis.grpc.etag import check_etag

from kursi_identity.domain.action import Action
from kursi_identity.domain.user import Profile, User
from kursi_identity.store import events, users


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """The fields named by `paths` get the values of `profile`; `etag` as the person saw it, or empty."""

    profile: Profile
    paths: AbstractSet[str]
    etag: str


class Profiles:
    """Accounts, seen by those whom they belong to."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, caller: Caller) -> User:
        """The caller's account."""
        if caller.user_id is None:
            raise Unauthenticated
        async with self._database.autocommit() as connection:
            return await users.get(connection, caller.user_id)

    async def change(self, caller: Caller, command: ChangeProfile) -> User:
        """The account as it is now. A change that changes nothing makes no new revision.

        Raises:
            StaleEtag: somebody changed the account in the meantime.
        """
        return await run_with_retries(lambda: self._change(caller, command))

    async def _change(self, caller: Caller, command: ChangeProfile) -> User:
        if caller.user_id is None:
            raise Unauthenticated
        async with self._database.transaction() as connection:
            present = await users.get_for_update(connection, caller.user_id)
            check_etag(command.etag, present.revision)
            before = Profile(present.display_name, present.language_code, present.time_zone)
            after = replace(before, **{path: getattr(command.profile, path) for path in command.paths})
            if after == before:
                return present
            now = self._clock.now()
            user = await users.set_profile(connection, present.id, after, now)
            entry = Entry(Action.USER_UPDATED, "user", str(user.id), after={"fields": sorted(command.paths)})
            await audit.append(connection, caller, entry, at=now)
            await events.user_updated(connection, user)
            return user
