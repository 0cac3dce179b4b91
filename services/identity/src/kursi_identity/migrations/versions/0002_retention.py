"""Find what may be forgotten without reading everything: refresh tokens and sessions by their end.

A busy session makes a hundred refresh tokens a day, so they are forgotten when they expire, not with the session.
"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at)")
    op.execute("CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL")
