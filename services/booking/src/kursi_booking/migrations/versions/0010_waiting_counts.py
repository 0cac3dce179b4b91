"""Offers to those who wait count against the limits of a day."""

from alembic import op

revision = "0010"
down_revision = "0009"

# A salon has a handful of open offers among all who ever waited there.
OFFERED = """
CREATE INDEX waitlist_entries_offered ON waitlist_entries (salon_id) WHERE state = 'offered';
"""


def upgrade() -> None:
    op.execute(OFFERED)
