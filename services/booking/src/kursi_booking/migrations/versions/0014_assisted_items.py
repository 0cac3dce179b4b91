"""What somebody assists with, by time: a plan made while there was nothing yet would read all items instead."""

from alembic import op

revision = "0014"
down_revision = "0013"

ASSISTED = """
CREATE INDEX booking_items_assisted ON booking_items (visit_start_at) WHERE assistants <> '[]'
"""


def upgrade() -> None:
    op.execute(ASSISTED)
