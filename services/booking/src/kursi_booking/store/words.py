"""What somebody typed to find a booking, word by word: the services and people of the salon that each may mean."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection

_SPECIAL: Final = re.compile(r"[%_\\]")
_HEX: Final = 32
_LEAST_HEX: Final = 8
"""Fewer digits of an id are all of the same month: it begins with the time at which it was made."""

# A salon has some dozens of names; all of them are looked at.
_READ: Final[LiteralString] = """
SELECT typed.word,
       array(SELECT DISTINCT n.subject_id FROM booked_names AS n
             WHERE n.salon_id = %(salon_id)s AND n.kind = 'service' AND strpos(n.words, typed.word) > 0),
       array(SELECT DISTINCT n.subject_id FROM booked_names AS n
             WHERE n.salon_id = %(salon_id)s AND n.kind = 'staff' AND strpos(n.words, typed.word) > 0)
FROM (SELECT DISTINCT string_to_table(search_key(%(text)s), ' ')) AS typed (word)
WHERE typed.word <> ''
"""


@dataclass(frozen=True, slots=True)
class Word:
    """One folded word, and the services and people with a name that holds it."""

    folded: str
    service_ids: Sequence[UUID]
    staff_ids: Sequence[UUID]

    @property
    def subjects(self) -> int:
        """How many services and people it may mean."""
        return len(self.service_ids) + len(self.staff_ids)

    @property
    def pattern(self) -> str:
        """What LIKE finds the word with, wherever it stands."""
        escaped = _SPECIAL.sub(r"\\\g<0>", self.folded)
        return f"%{escaped}%"

    @property
    def ids(self) -> tuple[UUID, UUID] | None:
        """The first and the last booking id that begin with the word, if ids begin like that."""
        digits = self.folded.replace("-", "")
        if not _LEAST_HEX <= len(digits) <= _HEX or not re.fullmatch("[0-9a-f]+", digits):
            return None
        return UUID(digits.ljust(_HEX, "0")), UUID(digits.ljust(_HEX, "f"))


async def read_words(connection: Connection, salon_id: UUID, text: str) -> list[Word]:
    """The words of a text, each once; none when nothing is left of it once it is folded."""
    cursor = await connection.execute(_READ, {"salon_id": salon_id, "text": text})
    return [Word(*row) for row in await cursor.fetchall()]
