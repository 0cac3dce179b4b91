"""Count the wrong secrets that come for a service, so that they can be limited."""

from alembic import op
from kursi_chassis.db.ddl import grants

revision = "0004"
down_revision = "0003"

WRONG_CLIENT_SECRETS = """
CREATE TABLE wrong_client_secrets (
    client       text        NOT NULL,
    address      text        NOT NULL,
    window_start timestamptz NOT NULL,
    attempts     smallint    NOT NULL,
    CONSTRAINT wrong_client_secrets_pkey PRIMARY KEY (client, address, window_start)
) WITH (fillfactor = 50);
"""


def upgrade() -> None:
    op.execute(WRONG_CLIENT_SECRETS)
    op.execute(grants("identity_app", read_write=["wrong_client_secrets"]))
