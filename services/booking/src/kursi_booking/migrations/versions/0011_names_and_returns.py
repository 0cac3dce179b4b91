"""Names that nobody waits for, and returning customers from the salon's own visits."""

from alembic import op

revision = "0011"
down_revision = "0010"

# Whoever meets a name first writes it, and while the name was unique everybody else who met it waited, with claims in hand:
# two visits with the same new names in another order, or a series beside a single visit, could wait in a circle. Nobody
# waits for what need not be unique. The same name twice, from one instant of its life, is read as one.
NAMES = """
ALTER TABLE booked_names DROP CONSTRAINT booked_names_pkey;
CREATE INDEX booked_names_known ON booked_names (salon_id, subject_id, kind, spelling);
"""

# The first completed visit of each customer, found in this salon alone: whatever they do elsewhere, its report is as fast
# and reads nothing of it. A visit is completed once.
RETURNS = """
CREATE INDEX bookings_completed ON bookings (salon_id, customer_id, start_at) WHERE state = 'completed';
"""


def upgrade() -> None:
    op.execute(NAMES)
    op.execute(RETURNS)
