"""Entries of the waiting list change hands, and are forgotten."""

from alembic import op

revision = "0012"
down_revision = "0011"

# A guest who joins keeps waiting in the same state, as the customer with the account.
LIFECYCLE = """
CREATE OR REPLACE FUNCTION waitlist_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.revision <> OLD.revision + 1 THEN
        RAISE EXCEPTION 'revision % cannot follow %', NEW.revision, OLD.revision
            USING ERRCODE = 'check_violation', CONSTRAINT = 'waitlist_entries_revision_follows',
                TABLE = 'waitlist_entries';
    END IF;
    IF NOT (NEW.state = OLD.state AND NEW.customer_id <> OLD.customer_id) AND (OLD.state || ' ' || NEW.state) NOT IN (
        'waiting offered', 'waiting cancelled', 'waiting expired',
        'offered waiting', 'offered booked', 'offered cancelled', 'offered expired'
    ) THEN
        RAISE EXCEPTION 'an entry that is % cannot become %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'waitlist_lifecycle', TABLE = 'waitlist_entries';
    END IF;
    RETURN NEW;
END $$;
"""

# The service may add to the history and read it; what it may forget is what this function forgets, and nothing else.
FORGET = """
CREATE INDEX waitlist_entries_ended ON waitlist_entries (updated_at) WHERE state IN ('booked', 'cancelled', 'expired');
CREATE FUNCTION forget_waitlist(before timestamptz, most integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone uuid[] := ARRAY(
        SELECT id FROM waitlist_entries WHERE state IN ('booked', 'cancelled', 'expired') AND updated_at < before
        ORDER BY updated_at LIMIT most FOR UPDATE SKIP LOCKED);
BEGIN
    DELETE FROM claims WHERE offer_id IN (SELECT id FROM waitlist_offers WHERE entry_id = ANY (gone));
    DELETE FROM waitlist_offers WHERE entry_id = ANY (gone);
    DELETE FROM waitlist_history WHERE entry_id = ANY (gone);
    DELETE FROM waitlist_entries WHERE id = ANY (gone);
    RETURN cardinality(gone);
END $$;
REVOKE ALL ON FUNCTION forget_waitlist FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_waitlist TO booking_app;
"""


def upgrade() -> None:
    op.execute(LIFECYCLE)
    op.execute(FORGET)
