"""How much of each payment its booking has taken into account.

Payments tell their totals, in any order and more than once; what was counted makes the difference.
"""

from alembic import op
from kursi_chassis.db import ddl

revision = "0002"
down_revision = "0001"

COUNTED_PAYMENTS = """
CREATE TABLE counted_payments (
    payment_id     uuid   NOT NULL,
    booking_id     uuid   NOT NULL,
    captured_minor bigint NOT NULL,
    refunded_minor bigint NOT NULL,
    CONSTRAINT counted_payments_pkey PRIMARY KEY (payment_id),
    CONSTRAINT counted_payments_booking FOREIGN KEY (booking_id) REFERENCES bookings (id),
    CONSTRAINT counted_payments_money CHECK (refunded_minor BETWEEN 0 AND captured_minor)
);
CREATE INDEX counted_payments_by_booking ON counted_payments (booking_id);
"""


def upgrade() -> None:
    op.execute(COUNTED_PAYMENTS)
    op.execute(ddl.grants("booking_app", read_write=["counted_payments"]))
