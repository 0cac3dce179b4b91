"""Databases and migrations at the start of a platform."""

import psycopg
import pytest
from kursi_local.schema import newest_revision
from kursi_local.testing import started_platform

MIGRATED_BY_CHASSIS = """
[[process]]
name = "postgres"
unprivileged = true
command = ["{postgres}", "-D", "{postgres_data}", "-p", "{port:postgres}", "-c", "listen_addresses={host}",
           "-c", "unix_socket_directories=", "-c", "fsync=off"]
ready = "command:{pg_isready} -q -h {host} -p {port:postgres} -d postgres -U postgres"
stop_signal = "SIGINT"

[[process]]
name = "messaging"
service = "messaging"
command = ["sleep", "1000"]
after = ["postgres"]

[service.messaging]
migrate = ["{python}", "-c", '''
import os
from kursi_chassis.db.migrate import migrate
migrate(os.environ["KURSI_MESSAGING_DATABASE_OWNER_URL"], "kursi_messaging.migrations")
print("migrated")
''']
"""


def test_a_schema_is_migrated_once_and_left_alone_when_it_is_at_head(home, table):
    written = table(MIGRATED_BY_CHASSIS)
    for _ in range(2):
        with started_platform(home / "data", written, None, ("--any-ports",), 100) as platform:
            with psycopg.connect(platform.database_url("messaging", "owner")) as connection:
                found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
            assert found == [(newest_revision("kursi_messaging"),)]
    assert platform.log("messaging-migrate").read_text().count("migrated\n") == 1


def test_a_failing_migration_ends_the_start_with_its_own_words(home, table, postgres):
    broken = postgres.replace(
        "[service.shop]", '[service.shop]\nmigrate = ["sh", "-c", "echo no column; exit 4"]'
    )
    with pytest.raises(RuntimeError, match="no column"):  # noqa: SIM117 - the start is what fails
        with started_platform(home / "data", table(broken), None, ("--any-ports",), 100):
            pass


def test_a_service_may_enter_its_own_database_only(home, table, postgres):
    two = postgres + "\n[service.bank]\n"
    with started_platform(home / "data", table(two), None, ("--any-ports",), 100) as platform:
        own = platform.database_url("shop")
        with psycopg.connect(own) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("shop_app",)
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(own.removesuffix("/shop") + "/bank")
