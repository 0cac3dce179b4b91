"""Limits per day, the minutes that fair choice counts, and services that need several people at once."""

from alembic import op
from kursi_chassis.db import ddl

revision = "0003"
down_revision = "0002"

# Who works beside the item's own performer: [{"staff_id", "names", "user_id"}], in the order of their rank.
ASSISTANTS = """
ALTER TABLE booking_items
    ADD COLUMN assistants jsonb NOT NULL DEFAULT '[]',
    ADD CONSTRAINT booking_items_assistants CHECK (jsonb_typeof(assistants) = 'array');
CREATE INDEX booking_items_by_assistant ON booking_items USING gin (assistants jsonb_path_ops)
    WHERE assistants <> '[]';
"""

# What is booked of each staff member on each local day: visits that they have a part in, their minutes of them, and
# visits that they begin (the sum over the staff is the salon's number of visits). A visit counts on the day on which it
# starts, unless it was cancelled or has expired. Counted are visits that keep a time of their own; a seat in a group
# session does not.
STAFF_DAYS = """
CREATE TABLE staff_days (
    staff_id       uuid        NOT NULL,
    day            date        NOT NULL,
    salon_id       uuid        NOT NULL,
    visits         integer     NOT NULL,
    visits_begun   integer     NOT NULL,
    minutes        integer     NOT NULL,
    last_booked_at timestamptz NOT NULL,
    CONSTRAINT staff_days_pkey PRIMARY KEY (staff_id, day),
    CONSTRAINT staff_days_counts CHECK (visits_begun BETWEEN 0 AND visits AND minutes >= 0)
) WITH (fillfactor = 70);
CREATE INDEX staff_days_by_salon ON staff_days (salon_id, day);
"""


def shares(items: str, bookings: str) -> str:
    """What items of bookings add to the days of their staff, one row per staff member and day."""
    return f"""
        SELECT share.staff_id, share.day, share.salon_id, count(DISTINCT share.booking_id) AS visits,
               count(*) FILTER (WHERE share.begins) AS visits_begun, sum(share.minutes) AS minutes,
               max(share.created_at) AS last_booked_at
        FROM (SELECT worker.staff_id, b.salon_id, i.booking_id, b.created_at, i.position = 0 AND worker.leads AS begins,
                     (min(i.start_at) OVER (PARTITION BY i.booking_id) AT TIME ZONE b.time_zone)::date AS day,
                     round(extract(epoch FROM i.end_at - i.start_at) / 60) AS minutes
              FROM {items} AS i JOIN {bookings} AS b ON b.id = i.booking_id
              CROSS JOIN LATERAL (
                  SELECT i.staff_id, true AS leads
                  UNION ALL
                  SELECT (assistant ->> 'staff_id')::uuid, false FROM jsonb_array_elements(i.assistants) AS assistant
              ) AS worker
              WHERE b.state NOT IN ('cancelled', 'expired')
                  AND EXISTS (SELECT FROM claims AS c WHERE c.booking_id = i.booking_id)) AS share
        GROUP BY share.staff_id, share.day, share.salon_id
    """  # noqa: S608 -- put together from constants


def count(items: str, bookings: str, sign: str) -> str:
    """Adds the shares to the counters, or takes them off. In one order, so that two such never wait in a circle."""
    return f"""
        INSERT INTO staff_days AS kept (staff_id, day, salon_id, visits, visits_begun, minutes, last_booked_at)
        {shares(items, bookings)} ORDER BY share.staff_id, share.day
        ON CONFLICT (staff_id, day) DO UPDATE SET
            visits = kept.visits {sign} excluded.visits,
            visits_begun = kept.visits_begun {sign} excluded.visits_begun,
            minutes = kept.minutes {sign} excluded.minutes,
            last_booked_at = greatest(kept.last_booked_at, excluded.last_booked_at);
    """


# Rows whose state begins to count or ceases to; with the old state where it counted, as the shares leave out others.
_BEGAN = (
    "(SELECT n.* FROM new_rows AS n JOIN old_rows AS o USING (id) WHERE o.state IN ('cancelled', 'expired'))"
)
_CEASED = (
    "(SELECT o.* FROM old_rows AS o JOIN new_rows AS n USING (id) WHERE n.state IN ('cancelled', 'expired'))"
)

# The database counts, whoever writes: a booking, a move, a batch of expired holds, a series. The counters come last in
# every statement, after the claims, so nobody waits for a claim with a counter in hand.
COUNTING = f"""
CREATE FUNCTION items_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {count("new_items", "bookings", "+")}
    RETURN NULL;
END $$;
CREATE FUNCTION items_discounted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {count("old_items", "bookings", "-")}
    RETURN NULL;
END $$;
CREATE FUNCTION bookings_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM {_CEASED} AS b) THEN
        {count("booking_items", _CEASED, "-")}
    END IF;
    IF EXISTS (SELECT FROM {_BEGAN} AS b) THEN
        {count("booking_items", _BEGAN, "+")}
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER items_counted AFTER INSERT ON booking_items
    REFERENCING NEW TABLE AS new_items FOR EACH STATEMENT EXECUTE FUNCTION items_counted();
CREATE TRIGGER items_discounted AFTER DELETE ON booking_items
    REFERENCING OLD TABLE AS old_items FOR EACH STATEMENT EXECUTE FUNCTION items_discounted();
CREATE TRIGGER bookings_counted AFTER UPDATE ON bookings
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION bookings_counted();
"""  # noqa: S608 -- put together from constants

BACKFILL = """
INSERT INTO staff_days (staff_id, day, salon_id, visits, visits_begun, minutes, last_booked_at)
"""


def upgrade() -> None:
    for statement in (
        *(ASSISTANTS, STAFF_DAYS, COUNTING, BACKFILL + shares("booking_items", "bookings")),
        ddl.grants("booking_app", read_write=["staff_days"]),
    ):
        op.execute(statement)
