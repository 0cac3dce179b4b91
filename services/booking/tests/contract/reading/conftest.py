"""Bookings by the thousand, written straight into the tables, that a test can count again in Python."""

import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from kursi_chassis.ids import new_id
from psycopg.types.json import Jsonb

STATES = ["held", "pending", "confirmed", "checked_in", "completed", "no_show", "cancelled", "expired"]
POLICY = {
    "cancellation_window_seconds": 0,
    "reschedule_window_seconds": 0,
    "hold_seconds": 600,
    "auto_confirm": True,
    "prepayment": "none",
    "deposit_basis_points": 0,
    "late_cancellation_basis_points": 0,
    "no_show_basis_points": 0,
    "text": {},
}


@dataclass(frozen=True)
class Subject:
    """A service or a staff member under one name."""

    id: UUID
    names: dict


@dataclass(frozen=True)
class Part:
    service: Subject
    staff: Subject
    start: datetime
    end: datetime
    price: int


@dataclass(frozen=True)
class Visit:
    salon_id: UUID
    customer_id: UUID
    state: str
    parts: tuple
    created: datetime
    note: str = ""
    fee: int = 0
    currency: str = "SAR"
    id: UUID = field(default_factory=new_id)

    @property
    def start(self):
        return self.parts[0].start

    @property
    def end(self):
        return self.parts[-1].end

    @property
    def price(self):
        return sum(part.price for part in self.parts)


def subject(**names):
    return Subject(new_id(), names)


def parts(start, *wanted):
    """Back to back: (service, staff, minutes, price) each."""
    made = []
    for service, staff, minutes, price in wanted:
        end = start + timedelta(minutes=minutes)
        made.append(Part(service, staff, start, end, price))
        start = end
    return tuple(made)


_BOOKING = """
INSERT INTO bookings (id, salon_id, customer_id, state, payment_state, revision, start_at, end_at, hold_expire_at,
    salon_names, time_zone, territory_code, currency_code, total_minor, paid_minor, fee_minor, refund_due_minor, payments,
    policy, channel, note, cancellation_reason, created_at, updated_at)
VALUES (%s, %s, %s, %s, 'not_required', 1, %s, %s, %s, '{}', 'Asia/Riyadh', 'SA', %s, %s, 0, %s, 0, '{}', %s, 'customer',
    %s, '', %s, %s)
"""
_ITEM = """
INSERT INTO booking_items (booking_id, position, id, service_id, service_names, staff_id, staff_names, staff_user_id,
    add_on_ids, start_at, end_at, price_minor, visit_start_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, NULL, '{}', %s, %s, %s, %s)
"""


def _booking_row(visit):
    return (
        *(visit.id, visit.salon_id, visit.customer_id, visit.state, visit.start, visit.end),
        *(visit.created if visit.state == "held" else None, visit.currency, visit.price, visit.fee),
        *(Jsonb(POLICY), visit.note, visit.created, visit.created),
    )


def _item_rows(visit):
    for position, part in enumerate(visit.parts):
        yield (
            *(visit.id, position, new_id(), part.service.id, Jsonb(part.service.names), part.staff.id),
            *(Jsonb(part.staff.names), part.start, part.end, part.price, visit.start),
        )


@pytest.fixture
def write(database):
    """Writes visits: `await write(visits)`."""

    async def written(visits):
        async with database.transaction() as connection, connection.cursor() as cursor:
            await cursor.executemany(_BOOKING, [_booking_row(visit) for visit in visits])
            await cursor.executemany(_ITEM, [row for visit in visits for row in _item_rows(visit)])

    return written


@dataclass
class Trade:
    """A salon with services, people and customers, and random visits of theirs."""

    salon_id: UUID
    services: list
    people: list
    customers: list
    chance: random.Random

    def visit(self, start, **more):
        picks = [
            (
                self.chance.choice(self.services),
                self.chance.choice(self.people),
                self.chance.choice([15, 30, 45, 90]),
                self.chance.randrange(0, 50_000, 50),
            )
            for _ in range(self.chance.choice([1, 1, 1, 2, 3]))
        ]
        usual = {
            "salon_id": self.salon_id,
            "customer_id": self.chance.choice(self.customers),
            "state": self.chance.choice(STATES),
            "parts": parts(start, *picks),
            "created": start - timedelta(minutes=self.chance.randrange(-60, 60 * 24 * 30)),
            "note": self.chance.choice(["", "", "", "Door 5, please", "window SEAT", "10% off_er"]),
        }
        return Visit(**{**usual, **more})

    def plain(self, start, service=0, staff=0, minutes=30, price=10_000, **more):
        """One service, confirmed, unless told otherwise."""
        wanted = (self.services[service], self.people[staff], minutes, price)
        return self.visit(start, parts=parts(start, wanted), **{"state": "confirmed", "note": "", **more})

    def visits(self, count, first=datetime(2026, 1, 1, tzinfo=UTC), days=120):
        """Many start at the same quarter of an hour as others do."""
        return [
            self.visit(first + timedelta(minutes=15 * self.chance.randrange(days * 24 * 4)))
            for _ in range(count)
        ]


@pytest.fixture
def trade():
    """`trade(salon_id)`: the same on every run, but for the ids."""

    def made(salon_id, seed=16):
        return Trade(
            salon_id,
            services=[
                subject(en="Haircut", ar="قصّ الشَّعر"),
                subject(en="Colour", ar="صبغة"),
                subject(en="Hair wash"),
            ],
            people=[subject(en="Sara", ar="سارة"), subject(en="Mona"), subject(en="Zoë", ar="زُوِي")],
            customers=[new_id() for _ in range(12)],
            chance=random.Random(seed),
        )

    return made


@pytest.fixture
def owned(database_urls):
    """Runs statements as the owner of the database: `await owned("ANALYZE")`."""

    async def run(statement):
        async with await psycopg.AsyncConnection.connect(database_urls.owner, autocommit=True) as connection:
            await connection.execute(statement)

    return run


@pytest.fixture
def statements(monkeypatch):
    """What is asked of the database while a block runs; BEGIN and COMMIT are not questions."""

    @contextmanager
    def recording():
        seen = []
        execute = psycopg.AsyncCursor.execute

        async def remembered(self, query, *args, **kwargs):
            seen.append(query)
            return await execute(self, query, *args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.AsyncCursor, "execute", remembered)
            yield (questions := [])
            questions.extend(query for query in seen if not str(query).startswith(("BEGIN", "COMMIT")))

    return recording
