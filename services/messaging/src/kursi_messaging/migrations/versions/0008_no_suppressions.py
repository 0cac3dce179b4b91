"""Nothing reads or writes a list of addresses that are to be left alone."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute("DROP TABLE suppressions")
