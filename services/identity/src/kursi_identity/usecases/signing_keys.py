"""Keep a key to sign with, and the next one ready."""

import asyncio
from datetime import datetime, timedelta

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.errors import Unavailable

from kursi_identity.domain.action import Action
from kursi_identity.domain.keys import (
    KeyPolicy,
    KeyRing,
    KeyState,
    KeyVault,
    SigningKey,
    SuccessorUnknown,
)
from kursi_identity.store import keys

_KEPT = timedelta(seconds=30)
_SELF = Caller(kind="service", service="identity")


class SigningKeys:
    """The keys of this platform, read again every half minute, so that all replicas follow a rotation."""

    def __init__(self, database: Database, vault: KeyVault, clock: Clock, policy: KeyPolicy) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._policy = policy
        self._reading = asyncio.Lock()
        self._ring: KeyRing | None = None
        self._read_at: datetime | None = None

    async def ring(self) -> KeyRing:
        """The keys to sign and verify with. The first call makes them.

        Raises:
            Unavailable: the database does not answer and the keys were never read.
            cryptography.exceptions.InvalidTag: the keys were encrypted with another key.
        """
        async with self._reading:
            now = self._clock.now()
            # A clock that was set back must not make the keys look fresh for as long as it was ahead.
            if self._ring is None or self._read_at is None or not timedelta() <= now - self._read_at < _KEPT:
                self._ring = await self._read(now)
                self._read_at = now
            return self._ring

    async def jwks(self) -> bytes:
        """The public keys as a JSON web key set."""
        return (await self.ring()).jwks

    async def rotate_if_due(self) -> None:
        """The rotation job: make the keys that are missing, and hand over to the next key when it is time."""
        async with self._database.transaction() as connection:
            await keys.lock(connection)
            now = self._clock.now()
            present = {key.state: key for key in await keys.usable(connection, now)}
            if KeyState.NEXT not in present:
                await keys.insert(connection, self._vault.generate(now))
            active, successor = present.get(KeyState.ACTIVE), present.get(KeyState.NEXT)
            if active is None or (successor is not None and self._is_due(active, successor, now)):
                await self._hand_over(connection, now)
            await keys.prune(connection, now)

    async def rotate_now(self) -> None:
        """Hand over to the next key at once: for a key that may have leaked, or to rehearse it.

        Raises:
            SuccessorUnknown: the last hand-over was minutes ago, and verifiers may not know the next key yet.
        """
        async with self._database.transaction() as connection:
            await keys.lock(connection)
            now = self._clock.now()
            present = {key.state: key for key in await keys.usable(connection, now)}
            if KeyState.ACTIVE in present and KeyState.NEXT in present:
                known_at = self._policy.known_at(present[KeyState.NEXT], present[KeyState.ACTIVE])
                if now < known_at:
                    raise SuccessorUnknown(known_at)
            await self._hand_over(connection, now)

    async def _read(self, now: datetime) -> KeyRing:
        try:
            present = await self._usable(now)
            if not _has(present, KeyState.ACTIVE):
                await self.rotate_if_due()
                present = await self._usable(now)
        except Unavailable:
            if self._ring is None:
                raise
            return self._ring
        return KeyRing(present, self._vault)

    async def _usable(self, now: datetime) -> list[SigningKey]:
        async with self._database.autocommit() as connection:
            return await keys.usable(connection, now)

    def _is_due(self, active: SigningKey, successor: SigningKey, now: datetime) -> bool:
        since = active.activated_at or active.created_at
        return self._policy.is_due(since, successor.created_at, now)

    async def _hand_over(self, connection: Connection, now: datetime) -> None:
        await keys.retire_active(connection, now + self._policy.verified_after)
        await keys.activate_next(connection, now)
        successor = self._vault.generate(now)
        await keys.insert(connection, successor)
        await audit.append(
            connection, _SELF, Entry(Action.SIGNING_KEY_ROTATED, "signing_key", successor.kid), at=now
        )


def _has(present: list[SigningKey], state: KeyState) -> bool:
    return any(key.state is state for key in present)
