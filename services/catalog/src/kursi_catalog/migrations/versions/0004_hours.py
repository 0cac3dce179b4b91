"""Hours of a season, and breaks at prayer times."""

from alembic import op

revision = "0004"
down_revision = "0003"

# Documents on the salon's row, as its hours are. Prayer times are computed from the location: whoever takes it away, or
# switches the breaks on without it, is refused here, whichever comes first.
_HOURS = """
ALTER TABLE salons
    ADD COLUMN seasonal_hours jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN prayer_breaks  jsonb,
    ADD CONSTRAINT salons_seasonal_hours
        CHECK (jsonb_typeof(seasonal_hours) = 'array' AND jsonb_array_length(seasonal_hours) <= 10),
    ADD CONSTRAINT salons_prayer_breaks CHECK (jsonb_typeof(prayer_breaks) = 'object'),
    ADD CONSTRAINT salons_prayer_place CHECK (prayer_breaks IS NULL OR latitude IS NOT NULL)
"""


def upgrade() -> None:
    op.execute(_HOURS)
