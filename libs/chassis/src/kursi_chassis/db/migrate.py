"""Bringing a service's schema up to date.

A service owns nothing but `migrations/versions/*.py`; how Alembic is run is the same for all and stands in
`db/alembic/env.py`. Alembic and SQLAlchemy are imported only when a migration runs: every service has its command,
and their import is a third of a service's start and a sixth of its memory.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    import sqlalchemy
    from alembic.config import Config

_DUTY = "kursi.migrate"
_SETTINGS = {
    "timezone": "UTC",
    # Waiting for a lock blocks everybody who comes after us, so a migration gives up soon and is tried again.
    "lock_timeout": "5s",
    "statement_timeout": "5min",
}
_SECONDS_FOR_THE_OTHERS = 120


class SchemaUnknown(Exception):
    """The database is at a revision that the package does not have: a newer version, or another branch, migrated it."""

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is at revision {revision}, which this version does not have: a newer one, or another branch, "
            "migrated it. There is no way back; whoever runs an older release on it leaves its migrations out."
        )
        self.revision = revision


def migrate(owner_url: str, package: str, to: str = "head") -> None:
    """Apply the migrations of `package` (`kursi_booking.migrations`) as the owner role, up to `to`. Blocks.

    Each migration is one transaction. A second caller waits for the first one, up to two minutes, and then
    finds nothing to do.

    Raises:
        SchemaUnknown: nothing was changed.
        psycopg.Error, sqlalchemy.exc.SQLAlchemyError: the database refused; migrations before it stay.
    """
    import sqlalchemy
    from alembic import command

    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: _connect(owner_url), poolclass=sqlalchemy.NullPool
    )
    with psycopg.connect(owner_url, autocommit=True, application_name=_DUTY) as guard:
        _wait_for_our_turn(guard)
        with engine.connect() as connection:
            config = _config(package, connection)
            _must_be_known(config, connection)
            command.upgrade(config, to)


def _connect(owner_url: str) -> psycopg.Connection[TupleRow]:
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    return psycopg.connect(owner_url, options=options, application_name=_DUTY)


def _wait_for_our_turn(guard: psycopg.Connection[TupleRow]) -> None:
    """Hold the lock in the session `guard`, which keeps it until it closes."""
    guard.execute("SELECT set_config('lock_timeout', %s, false)", [f"{_SECONDS_FOR_THE_OTHERS}s"])
    guard.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [_DUTY])


def _must_be_known(config: Config, connection: sqlalchemy.Connection) -> None:
    """Raises: SchemaUnknown. Alembic itself would say so by a trace of ten frames."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    with connection.begin():
        present = MigrationContext.configure(connection).get_current_heads()
    for revision in present:
        if revision not in known:
            raise SchemaUnknown(revision)


def _config(package: str, connection: sqlalchemy.Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(_versions(package)))
    config.attributes["connection"] = connection
    return config


def _versions(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        msg = f"{package} is not a package with migrations"
        raise ModuleNotFoundError(msg)
    return Path(next(iter(spec.submodule_search_locations))) / "versions"
