"""What search reads."""

from alembic import op

revision = "0003"
down_revision = "0002"

# Written with every review (0005), in its transaction; the average is their quotient.
_REVIEW_COUNTS = """
ALTER TABLE salons
    ADD COLUMN review_count integer NOT NULL DEFAULT 0,
    ADD COLUMN rating_sum   integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT salons_review_counts
        CHECK (review_count >= 0 AND rating_sum BETWEEN review_count AND 5 * review_count)
"""


def upgrade() -> None:
    op.execute(_REVIEW_COUNTS)
