"""Lists of bookings, page by page along an index.

A page takes two looks. The first walks one index, that of the narrowest filter, in the order of the list, for
*candidates*: starts and ids, just as many as fit on the page, or up to `MOST_CANDIDATES` where other filters have to be
checked for each. The second reads the bookings that fit. So a page costs the same however many bookings there are;
where filters hardly ever meet it may come back short, with a place to go on from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString
from uuid import UUID

from kursi_chassis.db.database import Connection

from kursi_booking.ports.listing import BookingFilter, ListOrder, Position
from kursi_booking.store.words import Word

MOST_CANDIDATES: Final = 4_000
"""Looking at so many takes some ten milliseconds, and is more than most salons book in a year."""

# The parameters of each word of a search; the contract allows eight.
_WORDS: Final[tuple[LiteralString, ...]] = ("w0", "w1", "w2", "w3", "w4", "w5", "w6", "w7")


@dataclass(frozen=True, slots=True)
class Found:
    """Which bookings are on a page, in order, and where the next one begins; None at the end."""

    ids: Sequence[UUID]
    rest: Position | None


@dataclass(frozen=True, slots=True)
class _Source:
    """A statement that walks indexes in the order of the list, and how many ranges of them."""

    sql: LiteralString
    ranges: int = 1


async def find_page(
    connection: Connection,
    wanted: BookingFilter,
    words: Sequence[Word],
    after: Position | None,
    size: int,
    *,
    most: int = MOST_CANDIDATES,
) -> Found:
    """The next `size` bookings that fit, or fewer when `most` candidates have been looked at."""
    listing = _Listing(wanted, words, after)
    found = Found((), None)
    # Most pages are full after a few candidates, whatever else is asked for.
    for some in (4 * size, most):
        found, is_all = await listing.look(connection, size, some)
        if is_all:
            break
    return found


class _Listing:
    """One list: what leads to its candidates, and what they are checked for.

    The first of these filters that was asked for leads, as it usually leaves the fewest: the customer; words that name
    no service and nobody; the staff member; the service; the other words; the states; the salon.
    """

    def __init__(self, wanted: BookingFilter, words: Sequence[Word], after: Position | None) -> None:
        self._wanted = wanted
        self._after = after
        # One sign may fold into several words, so there may be more than were allowed.
        self._words = sorted(words, key=lambda word: word.subjects)[: len(_WORDS)]
        self._down: LiteralString = "DESC" if wanted.order is ListOrder.NEWEST else "ASC"
        self._beyond: LiteralString = "<" if wanted.order is ListOrder.NEWEST else ">"
        self._sources, self._checks = self._plan()

    async def look(self, connection: Connection, size: int, most: int) -> tuple[Found, bool]:
        """A page out of `most` candidates, and whether more of them would make it no fuller."""
        # One more than the page holds, to know whether there is another page.
        limit = size + 1
        if self._checks:
            limit = max(limit, most // sum(source.ranges for source in self._sources))
        cursor = await connection.execute(
            self._statement(),
            {**self._parameters(), "size": size + 1, "most": limit},
            prepare=not self._words,  # how rare a word is decides about the plan
        )
        ((starts, ids, seen, last_start, last_id),) = await cursor.fetchall()
        if len(ids) > size:
            return Found(ids[:size], (starts[size - 1], ids[size - 1])), True
        is_end = seen < limit
        return Found(ids, None if is_end else (last_start, last_id)), is_end

    def _statement(self) -> LiteralString:
        sources: LiteralString = " UNION ALL ".join([f"({source.sql})" for source in self._sources])
        fits: LiteralString = " AND ".join(["b.id = c.id", *self._checks])
        up: LiteralString = "ASC" if self._down == "DESC" else "DESC"
        return f"""
            WITH candidate AS MATERIALIZED (
                SELECT DISTINCT start_at, id FROM ({sources}) AS source
                ORDER BY start_at {self._down}, id {self._down} LIMIT %(most)s
            ), fitting AS MATERIALIZED (
                SELECT c.start_at, c.id FROM candidate AS c
                CROSS JOIN LATERAL (SELECT FROM bookings AS b WHERE {fits} OFFSET 0) AS checked
                ORDER BY c.start_at {self._down}, c.id {self._down} LIMIT %(size)s
            ), last AS (
                SELECT start_at, id FROM candidate ORDER BY start_at {up}, id {up} LIMIT 1
            )
            SELECT array(SELECT start_at FROM fitting ORDER BY start_at {self._down}, id {self._down}),
                   array(SELECT id FROM fitting ORDER BY start_at {self._down}, id {self._down}),
                   (SELECT count(*) FROM candidate), (SELECT start_at FROM last), (SELECT id FROM last)
        """  # noqa: S608 -- put together from constants

    def _plan(self) -> tuple[Sequence[_Source], Sequence[LiteralString]]:
        wanted, words = self._wanted, self._words
        by_words = self._sources_of_words() if words else []
        choices: list[tuple[bool, Sequence[_Source], LiteralString]] = [
            (wanted.customer_id is not None, [self._bookings(_CUSTOMER)], _CUSTOMER),
            (bool(words) and not words[0].subjects, by_words, ""),
            (wanted.staff_id is not None, [self._items("staff_id", "ARRAY[%(staff_id)s::uuid]")], _STAFF),
            (
                wanted.service_id is not None,
                [self._items("service_id", "ARRAY[%(service_id)s::uuid]")],
                _SERVICE,
            ),
            (bool(words), by_words, ""),
            (bool(wanted.states), [self._in_states()], _STATES),
            (wanted.salon_id is not None, [self._bookings(_SALON)], _SALON),
        ]
        leading, *others = [choice for choice in choices if choice[0]]
        sources = leading[1]
        unchecked = words[1:] if sources is by_words else words
        checks = [check for _, _, check in others if check]
        # People and services are in one salon each, but which one nobody has looked at yet.
        if leading[2] == _STATES:
            checks.remove(_SALON)
        return sources, [*checks, *self._checks_of_words(unchecked)]

    def _bookings(self, condition: LiteralString) -> _Source:
        return _Source(f"""
            SELECT b.start_at, b.id FROM bookings AS b WHERE {condition} {self._range("b.start_at", "b.id")}
            ORDER BY b.start_at {self._down}, b.id {self._down} LIMIT %(most)s
        """)  # noqa: S608 -- put together from constants

    def _in_states(self) -> _Source:
        walk = self._bookings("b.salon_id = %(salon_id)s AND b.state = one.state").sql
        return _Source(
            f"SELECT walked.* FROM unnest(%(states)s::text[]) AS one (state) CROSS JOIN LATERAL ({walk}) AS walked",  # noqa: S608
            len(self._wanted.states),
        )

    def _items(self, column: LiteralString, subjects: LiteralString, ranges: int = 1) -> _Source:
        # One visit may have several services by the same person, side by side in the index.
        return _Source(
            f"""
            SELECT walked.* FROM unnest({subjects}) AS subject (id) CROSS JOIN LATERAL (
                SELECT DISTINCT i.visit_start_at AS start_at, i.booking_id AS id FROM booking_items AS i
                WHERE i.{column} = subject.id {self._range("i.visit_start_at", "i.booking_id")}
                ORDER BY i.visit_start_at {self._down}, i.booking_id {self._down} LIMIT %(most)s
            ) AS walked
            """,  # noqa: S608 -- put together from constants
            ranges,
        )

    def _sources_of_words(self) -> list[_Source]:
        """Where the word is found that names the fewest: its services, its people, in what was written, as an id."""
        word, name = self._words[0], _WORDS[0]
        sources = [self._bookings(f"{_SALON} AND b.words <> '' AND b.words LIKE %({name}_like)s")]
        if word.service_ids:
            sources.append(self._items("service_id", f"%({name}_services)s::uuid[]", len(word.service_ids)))
        if word.staff_ids:
            sources.append(self._items("staff_id", f"%({name}_staff)s::uuid[]", len(word.staff_ids)))
        if word.ids:
            sources.append(self._bookings(f"{_SALON} AND b.id BETWEEN %({name}_first)s AND %({name}_last)s"))
        return sources

    def _checks_of_words(self, words: Sequence[Word]) -> Iterator[LiteralString]:
        for word in words:
            name = _WORDS[self._words.index(word)]
            items = (
                f"EXISTS (SELECT FROM booking_items AS i WHERE i.booking_id = b.id AND "
                f"(i.service_id = ANY (%({name}_services)s) OR i.staff_id = ANY (%({name}_staff)s)))"
            )
            an_id = f" OR b.id BETWEEN %({name}_first)s AND %({name}_last)s" if word.ids else ""
            yield f"(b.words LIKE %({name}_like)s OR {items}{an_id})"

    def _range(self, start: LiteralString, booking_id: LiteralString) -> LiteralString:
        beyond: LiteralString = f"AND ({start}, {booking_id}) {self._beyond} (%(after_start)s, %(after_id)s)"
        conditions: list[tuple[bool, LiteralString]] = [
            (self._wanted.start_min is not None, f"AND {start} >= %(start_min)s"),
            (self._wanted.start_max is not None, f"AND {start} < %(start_max)s"),
            (self._after is not None, beyond),
        ]
        return " ".join([condition for is_asked, condition in conditions if is_asked])

    def _parameters(self) -> dict[str, object]:
        wanted, after = self._wanted, self._after or (None, None)
        parameters: dict[str, object] = {
            "salon_id": wanted.salon_id,
            "customer_id": wanted.customer_id,
            "staff_id": wanted.staff_id,
            "service_id": wanted.service_id,
            "states": sorted(state.value for state in wanted.states),
            "start_min": wanted.start_min,
            "start_max": wanted.start_max,
            "after_start": after[0],
            "after_id": after[1],
        }
        for name, word in zip(_WORDS, self._words, strict=False):
            first, last = word.ids or (None, None)
            parameters |= {
                f"{name}_like": word.pattern,
                f"{name}_services": word.service_ids,
                f"{name}_staff": word.staff_ids,
                f"{name}_first": first,
                f"{name}_last": last,
            }
        return parameters


_SALON: Final[LiteralString] = "b.salon_id = %(salon_id)s"
_CUSTOMER: Final[LiteralString] = "b.customer_id = %(customer_id)s"
_STATES: Final[LiteralString] = "b.state = ANY (%(states)s)"
_STAFF: Final[LiteralString] = (
    "EXISTS (SELECT FROM booking_items AS i WHERE i.booking_id = b.id AND i.staff_id = %(staff_id)s)"
)
_SERVICE: Final[LiteralString] = (
    "EXISTS (SELECT FROM booking_items AS i WHERE i.booking_id = b.id AND i.service_id = %(service_id)s)"
)
