"""Lists of bookings, page by page along an index."""

from typing import LiteralString

from kursi_booking.ports import BookingFilter, Position
from kursi_booking.store.rows import SELECT_BOOKINGS


def list_statement(
    wanted: BookingFilter, after: Position | None, size: int
) -> tuple[LiteralString, dict[str, object]]:
    """The statement of one page, with only the conditions that are asked for, so that each shape has its own plan."""
    conditions: list[tuple[bool, LiteralString]] = [
        (wanted.salon_id is not None, "b.salon_id = %(salon_id)s"),
        (wanted.customer_id is not None, "b.customer_id = %(customer_id)s"),
        (bool(wanted.states), "b.state = ANY (%(states)s)"),
        (wanted.start_min is not None, "b.start_at >= %(start_min)s"),
        (wanted.start_max is not None, "b.start_at < %(start_max)s"),
        (after is not None, "(b.start_at, b.id) < (%(after_start)s, %(after_id)s)"),
        (wanted.staff_id is not None, _WITH_STAFF),
    ]
    where: LiteralString = " AND ".join([condition for is_asked, condition in conditions if is_asked])
    statement = f"{SELECT_BOOKINGS} WHERE {where} ORDER BY b.start_at DESC, b.id DESC LIMIT %(size)s"
    parameters: dict[str, object] = {
        "salon_id": wanted.salon_id,
        "customer_id": wanted.customer_id,
        "staff_id": wanted.staff_id,
        "states": sorted(state.value for state in wanted.states),
        "start_min": wanted.start_min,
        "start_max": wanted.start_max,
        "after_start": after[0] if after else None,
        "after_id": after[1] if after else None,
        "size": size,
    }
    return statement, parameters


_WITH_STAFF: LiteralString = (
    "EXISTS (SELECT FROM booking_items AS i WHERE i.booking_id = b.id AND i.staff_id = %(staff_id)s)"
)
