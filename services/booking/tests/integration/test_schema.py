"""What the database refuses by itself, whatever the code does."""

import psycopg
import pytest

STATES = ["held", "pending", "confirmed", "checked_in", "completed", "no_show", "cancelled", "expired"]
LEGAL = {
    ("held", "pending"),
    ("held", "confirmed"),
    ("held", "cancelled"),
    ("held", "expired"),
    ("pending", "confirmed"),
    ("pending", "cancelled"),
    ("pending", "expired"),
    ("confirmed", "checked_in"),
    ("confirmed", "cancelled"),
    ("confirmed", "no_show"),
    ("checked_in", "completed"),
    ("checked_in", "no_show"),
    ("expired", "pending"),
    ("expired", "confirmed"),
}
BOOKING = """
INSERT INTO bookings (id, salon_id, customer_id, state, payment_state, revision, start_at, end_at, hold_expire_at,
    salon_names, time_zone, territory_code, currency_code, total_minor, paid_minor, fee_minor, refund_due_minor, payments,
    policy, channel, note, cancellation_reason, created_at, updated_at)
VALUES (uuidv7(), uuidv7(), uuidv7(), %(state)s, 'not_required', 1, now(), now() + interval '1 hour',
    CASE WHEN %(state)s = 'held' THEN now() END, '{}', 'UTC', 'SA', 'SAR', 0, 0, 0, 0, '{}', '{}', 'customer', '', '',
    now(), now())
RETURNING id
"""
MOVE = """
UPDATE bookings SET state = %(to)s, revision = revision + %(step)s,
    hold_expire_at = CASE WHEN %(to)s = 'held' THEN now() END WHERE id = %(id)s
"""
CLAIM = "INSERT INTO claims (resource_id, during, state) VALUES ('00000000-0000-7000-8000-000000000001', %s, 'blocked')"


@pytest.fixture
def connection(databases):
    with (
        databases.borrow("booking") as urls,
        psycopg.connect(urls.app, autocommit=True) as connected,
    ):
        yield connected


def refused_by(connection, statement, parameters):
    """The constraint that refuses the statement; None when nothing does. Nothing stays either way."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement, parameters)
    except psycopg.IntegrityError as error:
        return error.diag.constraint_name
    return None


def made_in(connection, state):
    return connection.execute(BOOKING, {"state": state}).fetchone()[0]


@pytest.mark.covers("B8")
@pytest.mark.parametrize("state", STATES)
def test_the_database_knows_the_lifecycle(connection, state):
    booking_id = made_in(connection, state)
    found = {to: refused_by(connection, MOVE, {"id": booking_id, "to": to, "step": 1}) for to in STATES}
    assert found == {
        to: None if to == state or (state, to) in LEGAL else "bookings_lifecycle" for to in STATES
    }


@pytest.mark.parametrize("step", [0, 2, -1])
def test_a_revision_follows_the_one_before(connection, step):
    booking_id = made_in(connection, "pending")
    parameters = {"id": booking_id, "to": "confirmed", "step": step}
    assert refused_by(connection, MOVE, parameters) == "bookings_revision_follows"


@pytest.mark.covers("1")
@pytest.mark.parametrize(
    ("during", "constraint"),
    [
        ("[2026-06-01 10:30+00, 2026-06-01 11:30+00)", "claims_no_overlap"),
        ("[2026-06-01 10:59:59+00, 2026-06-01 12:00+00)", "claims_no_overlap"),
        ("[2026-06-01 11:00+00, 2026-06-01 12:00+00)", None),
        ("[2026-06-01 12:00+00, 2026-06-01 12:00+00)", "claims_during"),
        ("[2026-06-01 12:00+00, 2026-06-01 13:00+00]", "claims_during"),
        ("[2026-06-01 12:00+00,)", "claims_during"),
    ],
)
def test_claims_are_half_open_and_exclude_each_other(connection, during, constraint):
    connection.execute(CLAIM, ["[2026-06-01 10:00+00, 2026-06-01 11:00+00)"])
    assert refused_by(connection, CLAIM, [during]) == constraint


@pytest.mark.covers("7")
@pytest.mark.parametrize("change", ["UPDATE booking_history SET actor = 'me'", "DELETE FROM booking_history"])
def test_the_running_service_cannot_rewrite_history(connection, change):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(change)
