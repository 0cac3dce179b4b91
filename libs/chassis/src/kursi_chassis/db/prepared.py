"""Which statements a connection has prepared."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg._preparing import Key, Prepare, PrepareManager
from psycopg._queries import PostgresQuery
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult


class KeptStatements(PrepareManager):
    """Prepared statements that outlive a rollback, as they do in PostgreSQL.

    The driver throws all of them away, because a change of the schema might have been rolled back; a service's connection
    changes no schema. Refusals are rolled back, so under contention every statement would be planned anew every time.
    For the same reason a statement that is refused while it is prepared stays so, but for one that PostgreSQL skipped
    because another one in its pipeline had failed: that was never prepared.
    The driver has no setting for this: tests with "prepared" in their names fail when an upgrade changes it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._unheard: set[Key] = set()

    def clear(self) -> bool:
        return False

    def forget_unheard(self) -> None:
        """Nobody will hear of them any more: whether PostgreSQL prepared them, or was ever asked to, is not known."""
        for key in self._unheard:
            self._names.pop(key, None)
        self._unheard.clear()

    def maybe_add_to_cache(self, query: PostgresQuery, prep: Prepare, name: bytes) -> Key | None:
        """The driver would not look at what became of a statement that it has run before without preparing it."""
        added = super().maybe_add_to_cache(query, prep, name)
        if prep is not Prepare.SHOULD:
            return added
        self._unheard.add(key := self.key(query))
        return key

    def validate(self, key: Key, prep: Prepare, name: bytes, results: Sequence[PGresult]) -> None:
        self._unheard.discard(key)
        if prep is Prepare.SHOULD and all(result.status == ExecStatus.FATAL_ERROR for result in results):
            return
        super().validate(key, prep, name, results)
