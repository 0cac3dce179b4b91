"""Indexes of calendars, lists, search and reports.

Every list walks one of these in the order in which it is shown, from where the page before ended, and stops when the page is
full: by salon and by customer (0001), and by state, staff member and service (here). What else was asked for is
checked on the way, for a bounded number of rows.
"""

from alembic import op
from kursi_chassis.db import ddl

revision = "0006"
down_revision = "0005"

# A salon asks for what waits for an answer far more often than for what is over, and finds a handful among all that it
# ever had. The state changes with nearly every update, but held bookings have an index on it already, so no update in
# place is lost by this one.
STATES = """
CREATE INDEX bookings_by_state ON bookings (salon_id, state, start_at DESC, id DESC);
"""

# A day's calendar shows whatever overlaps it. Nearly all visits start less than a day before they end, so the index on
# the start finds them; the others, which hardly exist, have this one.
LONG_VISITS = """
CREATE INDEX bookings_longer_than_a_day ON bookings (salon_id, end_at)
    WHERE end_at - start_at > interval '24 hours';
"""

# Bookings are sorted by the start of the visit, and their items know the start of their own service only. With the
# visit's start beside them, the bookings of one person or of one service are a range of an index, in order. Neither
# needs the salon: both belong to one. The index on a person's own starts has no more use.
VISIT_STARTS = """
ALTER TABLE booking_items ADD COLUMN visit_start_at timestamptz;
UPDATE booking_items AS i SET visit_start_at = b.start_at FROM bookings AS b WHERE b.id = i.booking_id;
ALTER TABLE booking_items ALTER COLUMN visit_start_at SET NOT NULL;
DROP INDEX booking_items_by_staff;
CREATE INDEX booking_items_by_staff_visit ON booking_items (staff_id, visit_start_at DESC, booking_id DESC);
CREATE INDEX booking_items_by_service_visit ON booking_items (service_id, visit_start_at DESC, booking_id DESC);
"""

# What people write into a booking, folded for search. Few bookings have any, and only those are in the two indexes: the
# one by words finds what is rare, the one in order finds what is frequent, and the planner knows which is which. The
# salon stands in the first one too, so that a word costs what it costs in this salon and not in all.
WORDS = """
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
ALTER TABLE bookings ADD COLUMN words text NOT NULL
    GENERATED ALWAYS AS (CASE WHEN note = '' THEN '' ELSE search_key(note) END) STORED;
CREATE INDEX bookings_by_words ON bookings USING gin (salon_id, words gin_trgm_ops) WHERE words <> '';
CREATE INDEX bookings_with_words ON bookings (salon_id, start_at DESC, id DESC) WHERE words <> '';
"""

# The names under which a salon's services and people were ever booked: some dozens, where the same names in an index over
# bookings would be there ten million times. A word becomes the services and people that have it in their name, and
# those have an index. `spelling` tells names apart that differ; `words` are all of them, folded.
BOOKED_NAMES = """
CREATE TABLE booked_names (
    salon_id   uuid   NOT NULL,
    subject_id uuid   NOT NULL,
    kind       text   NOT NULL,
    spelling   bigint NOT NULL,
    words      text   NOT NULL,
    CONSTRAINT booked_names_pkey PRIMARY KEY (salon_id, subject_id, kind, spelling),
    CONSTRAINT booked_names_kind CHECK (kind IN ('service', 'staff'))
);
"""

REMEMBER = """
INSERT INTO booked_names (salon_id, subject_id, kind, spelling, words)
SELECT DISTINCT b.salon_id, named.subject_id, named.kind, named.spelling,
       (SELECT search_key(string_agg(value, ' ' ORDER BY key)) FROM jsonb_each_text(named.names))
FROM {items} AS i JOIN bookings AS b ON b.id = i.booking_id
CROSS JOIN LATERAL (
    VALUES (i.service_id, 'service', i.service_names, jsonb_hash_extended(i.service_names, 0)),
           (i.staff_id, 'staff', i.staff_names, jsonb_hash_extended(i.staff_names, 0))
) AS named (subject_id, kind, names, spelling)
WHERE named.names <> '{{}}' AND NOT EXISTS (
    SELECT FROM booked_names AS known
    WHERE known.salon_id = b.salon_id AND known.subject_id = named.subject_id AND known.kind = named.kind
        AND known.spelling = named.spelling)
ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING
"""

# A trigger, so that nobody who writes a booking can forget it. Nearly always both names are known, which two looks into
# the index tell; the whole query would cost as much as the rest of the booking. Two who meet a new name at once wait for
# each other once in its life.
TRIGGER = f"""
CREATE FUNCTION booked_names_remember() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    salon uuid := (SELECT salon_id FROM bookings WHERE id = NEW.booking_id);
BEGIN
    IF NOT EXISTS (
        SELECT FROM booked_names WHERE salon_id = salon AND subject_id = NEW.service_id AND kind = 'service'
            AND spelling = jsonb_hash_extended(NEW.service_names, 0)
    ) OR NOT EXISTS (
        SELECT FROM booked_names WHERE salon_id = salon AND subject_id = NEW.staff_id AND kind = 'staff'
            AND spelling = jsonb_hash_extended(NEW.staff_names, 0)
    ) THEN
        {REMEMBER.format(items="(SELECT NEW.*)")};
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER booked_names_remember AFTER INSERT ON booking_items
    FOR EACH ROW EXECUTE FUNCTION booked_names_remember();
"""  # noqa: S608 -- put together from constants


def upgrade() -> None:
    for statement in (
        *(ddl.FOLD_TEXT_V1, ddl.SEARCH_KEY_V1, STATES, LONG_VISITS, VISIT_STARTS, WORDS),
        *(BOOKED_NAMES, REMEMBER.format(items="booking_items"), TRIGGER),
        ddl.grants("booking_app", append_only=["booked_names"]),
    ):
        op.execute(statement)
