"""Which trace a message belongs to, and which one each try was part of.

A constant default changes no row that is there: nothing is rewritten, however many there are.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_TRACES = """
-- The W3C header of what called for the message; empty when that was no part of any trace.
ALTER TABLE notifications ADD COLUMN traceparent text NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN trace_id text NOT NULL DEFAULT '';
"""


def upgrade() -> None:
    op.execute(_TRACES)
