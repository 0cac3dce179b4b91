"""A way to write down what is no change of the salon: its version stays as it is."""

from dataclasses import dataclass
from datetime import datetime

from kursi_chassis.caller import Caller
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection


@dataclass(frozen=True, slots=True)
class Scribe:
    """Writes down what a caller does in a transaction."""

    connection: Connection
    caller: Caller
    now: datetime

    async def write(self, entry: Entry) -> None:
        """Add one line."""
        await audit.append(self.connection, self.caller, entry, at=self.now)
