"""ListBookings: every filter with every other, page by page, in either order, and what a page costs."""

import random
from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.booking.v1 import booking_service_pb2 as pb
from kursi_booking.domain.state import State
from kursi_booking.ports.listing import BookingFilter, ListOrder
from kursi_booking.store.listing import _Listing, find_page
from kursi_booking.store.words import read_words
from kursi_chassis.ids import new_id

Request = pb.ListBookingsRequest
TEXTS = ["sara", "HAIR", "hair mona", "door", "wash seat", "zoe colour please", "nothing", "% off_", "o"]


def moment(instant):
    return Timestamp(seconds=int(instant.timestamp()))


def words_of(visit):
    names = [
        name for part in visit.parts for one in (part.service, part.staff) for name in one.names.values()
    ]
    return " ".join([*names, visit.note]).lower().replace("ë", "e")


def fits(visit, wanted):
    text = words_of(visit)
    return all([
        visit.salon_id == wanted.salon_id,
        wanted.customer_id in (None, visit.customer_id),
        wanted.staff_id is None or wanted.staff_id in [part.staff.id for part in visit.parts],
        wanted.service_id is None or wanted.service_id in [part.service.id for part in visit.parts],
        not wanted.states or State(visit.state) in wanted.states,
        wanted.start_min is None or visit.start >= wanted.start_min,
        wanted.start_max is None or visit.start < wanted.start_max,
        all(word in text for word in wanted.text.lower().split()),
    ])  # fmt: skip


def expected(visits, wanted):
    found = sorted((visit.start, visit.id) for visit in visits if fits(visit, wanted))
    return [one for _, one in (found if wanted.order is ListOrder.OLDEST else reversed(found))]


def random_filter(trade, visits, chance):
    def sometimes(value):
        return value if chance.random() < 0.3 else None

    first, last = sorted(chance.choice(visits).start for _ in range(2))
    return BookingFilter(
        salon_id=trade.salon_id,
        customer_id=sometimes(chance.choice(trade.customers)),
        staff_id=sometimes(chance.choice(trade.people).id),
        service_id=sometimes(chance.choice(trade.services).id),
        states=frozenset(chance.sample(list(State), chance.choice([0, 0, 1, 3]))),
        start_min=sometimes(first),
        start_max=sometimes(chance.choice([first + timedelta(days=1), last])),
        text=chance.choice(["", *TEXTS]) if chance.random() < 0.5 else "",
        order=chance.choice(list(ListOrder)),
    )


async def whole_list(database, wanted, size, most):
    """All pages after each other, however short, and how many there were."""
    ids, after, pages = [], None, 0
    async with database.reading() as connection:
        words = await read_words(connection, wanted.salon_id, wanted.text)
        while pages == 0 or after is not None:
            found = await find_page(connection, wanted, words, after, size, most=most)
            assert len(found.ids) <= size
            ids += found.ids
            after = found.rest
            pages += 1
    return ids


@pytest.mark.covers("B16")
@pytest.mark.parametrize("most", [1, 30, 4_000])
async def test_every_combination_of_filters_lists_what_looking_at_each_booking_finds(
    database, trade, write, most
):
    """`most` makes pages end early; what is listed stays the same."""
    ours, theirs = trade(new_id()), trade(new_id(), seed=17)
    theirs.people, theirs.customers = ours.people, ours.customers
    visits = [*ours.visits(400), *theirs.visits(100)]
    await write(visits)
    chance = random.Random(most)
    for _ in range(60):
        wanted = random_filter(ours, visits, chance)
        found = await whole_list(database, wanted, chance.choice([1, 7, 25]), most)
        assert found == expected(visits, wanted), wanted


@pytest.mark.covers("B16")
async def test_lists_are_asked_for_over_the_wire(world, trade, write):
    salon = trade(world.salon.id)
    visits = salon.visits(120)
    await write(visits)
    wanted = BookingFilter(
        salon.salon_id, None, None, frozenset(), None, None, salon.services[0].id, "sara", ListOrder.OLDEST
    )
    request = Request(
        salon_id=str(salon.salon_id),
        service_id=str(salon.services[0].id),
        text="  SARA ",
        order=Request.OLDEST_START,
        page_size=4,
    )
    found = []
    while not found or request.page_token:
        page = await world.stub.ListBookings(request, metadata=world.member())
        found += [UUID(one.id) for one in page.bookings]
        request.page_token = page.next_page_token
    assert found == expected(visits, wanted)
    assert len(found) > 8


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    "change", [{"text": "mona"}, {"order": 1}, {"service_id": str(new_id())}, {"states": [3]}]
)
async def test_a_page_token_is_good_for_its_list_only(world, trade, write, refusal, change):
    await write(trade(world.salon.id).visits(60))
    usual = {"salon_id": str(world.salon.id), "text": "sara", "order": 2, "page_size": 1}
    first = await world.stub.ListBookings(Request(**usual), metadata=world.member())
    other = Request(**{**usual, **change}, page_token=first.next_page_token)
    answer = await refusal(world.stub.ListBookings(other, metadata=world.member()))
    assert answer.violations == {"pageToken": "MALFORMED"}


@pytest.mark.covers("B16")
@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("سارة", ""),
        ("ساره", ""),
        ("سَارَة", ""),
        ("القهوه", "أحبّ القهوة"),
        ("احب", "أحبّ القهوة"),
        ("cafe", "a Café, please"),
        ("50%", "50% off"),
        ("a_b", "a_b"),
    ],
)
async def test_spelling_does_not_hide_a_booking(world, trade, write, text, note):
    salon = trade(world.salon.id)
    start = world.salon.at(3, 9)
    asked = salon.plain(start, note=note)
    other = salon.plain(start, service=1, staff=1, note="5 axb of coffee")
    await write([asked, other])
    found = await world.stub.ListBookings(
        Request(salon_id=str(world.salon.id), text=text), metadata=world.member()
    )
    assert [one.id for one in found.bookings] == [str(asked.id)]


@pytest.mark.covers("B16")
async def test_a_booking_is_found_by_the_beginning_of_its_id(world, trade, write):
    visits = trade(world.salon.id).visits(5)
    await write(visits)
    whole = str(visits[2].id)

    async def found_by(text):
        request = Request(salon_id=str(world.salon.id), text=text)
        return [one.id for one in (await world.stub.ListBookings(request, metadata=world.member())).bookings]

    assert await found_by(whole.upper()) == [whole]
    assert await found_by(whole.replace("-", "")) == [whole]
    assert whole in await found_by(whole[:8])
    assert await found_by(whole[:7]) == []


@pytest.mark.covers("B16")
async def test_names_are_found_as_they_were_booked_whoever_wrote_the_booking(world):
    booked = await world.book(world.salon.at(16, 10))
    found = await world.stub.ListBookings(
        Request(salon_id=str(world.salon.id), text="service 1"), metadata=world.member()
    )
    assert [one.id for one in found.bookings] == [booked.id]


@pytest.mark.parametrize(
    ("asked", "violations"),
    [
        ({"text": "x"}, {"salonId": "REQUIRED"}),
        ({"salon_id": str(new_id()), "text": "x" * 101}, {"text": "TOO_LONG"}),
        ({"salon_id": str(new_id()), "text": "a b c d e f g h i"}, {"text": "TOO_MANY"}),
        ({"order": 7}, {"order": "UNKNOWN_VALUE"}),
        ({"service_id": "7"}, {"serviceId": "NOT_AN_ID"}),
    ],
)
async def test_what_cannot_be_listed_is_refused_by_field(world, refusal, asked, violations):
    answer = await refusal(world.stub.ListBookings(Request(**asked), metadata=world.admin()))
    assert answer.violations == violations


@pytest.mark.parametrize("text", ["ء", "ﷺ"])
async def test_a_text_that_folds_to_nothing_or_to_many_words_finds_nothing(world, text):
    await world.book(world.salon.at(16, 10))
    request = Request(salon_id=str(world.salon.id), text=" ".join([text] * 4))
    found = await world.stub.ListBookings(request, metadata=world.member())
    assert found == pb.ListBookingsResponse()


# The salon's history ten times as long: the same visits again in the years before.
GROW = """
INSERT INTO bookings (id, salon_id, customer_id, state, payment_state, revision, start_at, end_at, hold_expire_at,
    salon_names, time_zone, territory_code, currency_code, total_minor, paid_minor, fee_minor, refund_due_minor, payments,
    policy, channel, note, cancellation_reason, created_at, updated_at)
SELECT md5(id::text || n)::uuid, salon_id, md5(customer_id::text || n)::uuid, state, payment_state, 1,
    start_at - n * interval '120 days', end_at - n * interval '120 days', hold_expire_at, '{}', time_zone, territory_code,
    currency_code, total_minor, paid_minor, fee_minor, refund_due_minor, payments, policy, channel, note, '', created_at,
    updated_at FROM bookings, generate_series(1, 9) AS n;
INSERT INTO booking_items (booking_id, position, id, service_id, service_names, staff_id, staff_names, add_on_ids, start_at,
    end_at, price_minor, visit_start_at)
SELECT md5(booking_id::text || n)::uuid, position, uuidv7(), service_id, service_names, staff_id, staff_names, add_on_ids,
    start_at - n * interval '120 days', end_at, price_minor, visit_start_at - n * interval '120 days'
FROM booking_items, generate_series(1, 9) AS n
"""
SIZE = 25
MOST = 400


def rows_of(plan):
    """Rows that the scans of a plan touched: all that it costs grows with them."""
    below = sum(rows_of(child) for child in plan.get("Plans", []))
    if "Scan" not in plan["Node Type"] or plan["Node Type"] in ("CTE Scan", "Function Scan", "Subquery Scan"):
        return below
    removed = sum(plan.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck"))
    return below + (plan["Actual Rows"] + removed) * plan["Actual Loops"]


async def rows_read(database, wanted):
    """What a full look for the first page reads."""
    async with database.snapshot() as connection:
        listing = _Listing(wanted, await read_words(connection, wanted.salon_id, wanted.text), None)
        explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
        parameters = {**listing._parameters(), "size": SIZE + 1, "most": MOST}
        cursor = await connection.execute(explain + listing._statement(), parameters)
        ((((plan,)),),) = await cursor.fetchall()
    return rows_of(plan["Plan"])


@pytest.mark.covers("B16")
async def test_a_page_of_any_list_reads_as_much_of_a_long_history_as_of_a_short_one(
    database, owned, trade, write
):
    """All filters that lead, alone and together: what is read is bounded, and ten times the salon is the same."""
    salon = trade(new_id())
    salon.customers = [new_id() for _ in range(300)]
    visits = salon.visits(3_000)
    await write(visits)
    lists = [
        BookingFilter(salon.salon_id, None, staff, states, None, None, service, text, order)
        for staff in (None, salon.people[0].id)
        for service in (None, salon.services[1].id)
        for states in (frozenset(), frozenset({State.PENDING, State.HELD}))
        for text in ("", "sara", "seat", "hair mona door")
        for order in ListOrder
    ]
    lists += [
        BookingFilter(salon.salon_id, salon.customers[0], None, frozenset(), None, None, None, text)
        for text in ("", "sara")
    ]
    await owned("ANALYZE")
    short = [await rows_read(database, wanted) for wanted in lists]
    await owned(GROW)
    await owned("ANALYZE")
    long = [await rows_read(database, wanted) for wanted in lists]
    grown = [
        (wanted, before, after)
        for wanted, before, after in zip(lists, short, long, strict=True)
        if after > 1.3 * before + 100
    ]
    assert grown == []
    assert max(long) <= 8 * MOST
