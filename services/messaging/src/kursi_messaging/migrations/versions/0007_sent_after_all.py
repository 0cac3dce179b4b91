"""A message that was given up and that its provider turns out to have."""

from alembic import op

revision = "0007"
down_revision = "0006"

# Under the id that it failed under a message never comes to life: only another one shows that it was sent.
_TRANSITION = """
DROP TRIGGER notifications_transition ON notifications;
CREATE TRIGGER notifications_transition BEFORE UPDATE OF status ON notifications FOR EACH ROW
    WHEN (old.status <> new.status AND NOT notification_may_become(old.status, new.status)
          AND NOT (old.status IN ('failed', 'dead')
                   AND new.status IN ('sent', 'delivered', 'opened', 'clicked')
                   AND new.external_id <> old.external_id))
    EXECUTE FUNCTION refuse_illegal_notification_transition();
"""

# Those that are still asked about, and that is not many: retries and reports end most doubts.
_IN_DOUBT = """
CREATE INDEX notifications_in_doubt ON notifications (updated_at)
    WHERE status IN ('failed', 'dead') AND error_code = 'outcome_unknown' AND channel <> 'email';
"""


def upgrade() -> None:
    for statement in (_TRANSITION, _IN_DOUBT):
        op.execute(statement)
