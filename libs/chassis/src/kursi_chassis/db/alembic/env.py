"""Alembic's environment for every service: the connection comes from `kursi_chassis.db.migrate`.

No metadata: migrations are SQL that somebody wrote, and nothing is compared or generated.
"""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
