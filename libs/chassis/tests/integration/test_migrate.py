"""Migrations: in order, once, each whole or not at all."""

import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from kursi_chassis.db.migrate import SchemaUnknown, migrate

FIRST = """
from alembic import op
from kursi_chassis.db import ddl
revision = "0001"
down_revision = None
def upgrade() -> None:
    op.execute("CREATE TABLE first (word text DEFAULT '100%', extra jsonb DEFAULT '{}'::jsonb)")
    op.execute(ddl.OUTBOX_V1)
    op.execute(ddl.grants("empty_app", read_write=["first", "outbox"]))
"""
SECOND = """
from alembic import op
revision = "0002"
down_revision = "0001"
def upgrade() -> None:
    op.execute("CREATE TABLE second ()")
    op.execute("INSERT INTO nowhere VALUES (1)")
"""


@pytest.fixture
def empty(databases):
    with databases.borrow("empty", prepare=lambda owner_url: None) as urls:
        yield urls


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `shop.migrations` that has one good migration and a broken one after it."""
    versions = tmp_path / "shop" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "migrations" / "__init__.py").touch()
    (versions / "0001_first.py").write_text(textwrap.dedent(FIRST))
    (versions / "0002_second.py").write_text(textwrap.dedent(SECOND))
    monkeypatch.syspath_prepend(tmp_path)
    yield "shop.migrations"
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def tables(url):
    with psycopg.connect(url) as connection:
        return {
            name
            for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        }


def test_migrations_are_applied_once_and_the_running_role_gets_its_rights(empty, package):
    migrate(empty.owner, package, to="0001")
    migrate(empty.owner, package, to="0001")

    assert tables(empty.app) == {"alembic_version", "first", "outbox"}
    with psycopg.connect(empty.app) as connection:
        connection.execute("INSERT INTO first DEFAULT VALUES")
        assert connection.execute("SELECT word FROM first").fetchone() == ("100%",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine ()")


def test_a_broken_migration_leaves_nothing_of_itself_and_keeps_those_before(empty, package):
    with pytest.raises(Exception, match="nowhere"):
        migrate(empty.owner, package)

    assert tables(empty.app) == {"alembic_version", "first", "outbox"}


def test_a_schema_that_a_newer_version_made_is_left_alone_and_named(empty, package):
    migrate(empty.owner, package, to="0001")
    with psycopg.connect(empty.owner) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0007'")

    with pytest.raises(SchemaUnknown, match="at revision 0007, which this version does not have"):
        migrate(empty.owner, package)


def test_migrators_that_start_together_take_turns(empty, package):
    with ThreadPoolExecutor(3) as pool:
        runs = [pool.submit(migrate, empty.owner, package, "0001") for _ in range(3)]

    assert [run.result() for run in runs] == [None, None, None]
    assert "first" in tables(empty.app)


def test_a_package_without_migrations_is_an_error(empty):
    with pytest.raises(ModuleNotFoundError):
        migrate(empty.owner, "kursi_chassis.clock")
