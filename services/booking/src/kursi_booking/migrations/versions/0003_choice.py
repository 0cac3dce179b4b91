"""Services that need several people at once, and the turn of who chooses among people or may fill a day."""

from alembic import op

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

# Waits until nobody else chooses in this place, but not for long: to choose among people without being alone is less
# fair, and harms nobody. Claims lock by one whole number, not by two halves, so the two never meet.
TURN = """
CREATE FUNCTION choose_alone(place text) RETURNS void LANGUAGE plpgsql SET lock_timeout = '1s' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7, hashtext(place));
EXCEPTION WHEN lock_not_available THEN
    NULL;
END $$;
"""


def upgrade() -> None:
    for statement in (ASSISTANTS, TURN):
        op.execute(statement)
