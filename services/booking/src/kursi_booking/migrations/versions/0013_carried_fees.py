"""What cancelling a visit costs at least, because its customer changed it when that was no longer free."""

from alembic import op

revision = "0013"
down_revision = "0012"

CARRIED = """
ALTER TABLE bookings ADD COLUMN carried_fee_minor bigint,
    ADD CONSTRAINT bookings_carried_fee CHECK (carried_fee_minor > 0) NOT VALID;
ALTER TABLE bookings VALIDATE CONSTRAINT bookings_carried_fee;
"""


def upgrade() -> None:
    op.execute(CARRIED)
