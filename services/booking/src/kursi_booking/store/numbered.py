"""Statements whose placeholders are numbered once, for paths that run them a thousand times a second.

The driver reads a statement with named placeholders again at every call when it is longer than 4,096 characters; for the
statement that makes a booking that was a quarter of the whole call's processor time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from kursi_chassis.db.database import Connection
from psycopg import AsyncRawCursor

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class NumberedStatement:
    """A statement with `$1`, `$2`, …, and the names of its parameters in that order."""

    text: bytes
    names: tuple[str, ...]

    async def execute(self, connection: Connection, parameters: Mapping[str, object]) -> None:
        """Run it. Raises: KeyError when a parameter is missing."""
        cursor = connection.kept_cursors.get(self.text)
        if cursor is None:
            cursor = connection.kept_cursors[self.text] = AsyncRawCursor(connection)
        await cursor.execute(self.text, [parameters[name] for name in self.names], prepare=True)


def numbered(statement: LiteralString) -> NumberedStatement:
    """The statement with its named placeholders numbered; one name is one number, however often it stands there."""
    names = tuple(dict.fromkeys(_PLACEHOLDER.findall(statement)))
    numbers = {name: f"${number}" for number, name in enumerate(names, start=1)}
    text = _PLACEHOLDER.sub(lambda found: numbers[found[1]], statement)
    return NumberedStatement(text.encode(), names)
