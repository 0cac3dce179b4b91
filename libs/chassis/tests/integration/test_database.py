"""What a connection and a transaction promise."""

# ruff: noqa: PT012 - what is refused is a whole transaction

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from kursi_chassis.db.database import Database, RolledBack
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.db.violations import constraint_errors
from kursi_chassis.errors import AlreadyExists, RetryLater, Unavailable
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.servers import PostgresServer
from locks import waiting_for_a_lock


async def count(database: Database, table: str = "notes") -> int:
    async with database.snapshot() as connection:
        cursor = await connection.execute(f"SELECT count(*) FROM {table}".encode())
        (rows,) = await cursor.fetchone() or (0,)
        return rows


async def write(connection, word: str) -> None:
    await connection.execute("INSERT INTO notes (id, word) VALUES (%s, %s)", [new_id(), word])


async def test_a_clean_exit_commits(database):
    async with database.transaction() as connection:
        await write(connection, "kept")

    assert await count(database) == 1


async def test_an_exception_rolls_back_and_goes_on(database):
    with pytest.raises(KeyError):
        async with database.transaction() as connection:
            await write(connection, "lost")
            raise KeyError

    assert await count(database) == 0


async def test_a_commit_that_is_refused_is_an_error(database):
    async with database.transaction() as connection:
        await write(connection, "taken")

    with pytest.raises(psycopg.errors.UniqueViolation):
        async with database.transaction() as connection:
            await write(connection, "taken")

    assert await count(database) == 1


async def test_a_swallowed_error_cannot_pass_for_a_commit(database):
    with pytest.raises(RolledBack):
        async with database.transaction() as connection:
            await write(connection, "lost")
            with pytest.raises(psycopg.errors.UndefinedTable):
                await connection.execute("SELECT * FROM nowhere")

    assert await count(database) == 0


async def test_a_commit_on_a_lost_connection_is_unavailable(database):
    with pytest.raises(Unavailable):
        async with database.transaction() as connection:
            await write(connection, "unknown")
            async with database.session() as other:
                await other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])

    assert await count(database) == 0


@pytest.mark.parametrize("state", ["53100", "53200", "57014"])
async def test_a_server_that_can_not_now_is_unavailable(database, state):
    with pytest.raises(Unavailable):
        async with database.transaction() as connection:
            await connection.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")


async def test_a_transaction_that_the_server_found_idle_is_unavailable(database):
    """So ends one whose process, or whose server, stood still for ten seconds."""
    with pytest.raises(Unavailable):
        async with database.transaction() as connection:
            await connection.execute("SET LOCAL idle_in_transaction_session_timeout = '20ms'")
            await eventually(lambda: has_ended(database, connection.info.backend_pid))
            await connection.execute("SELECT 1")
    await database.ping()


async def has_ended(database: Database, pid: int) -> bool:
    async with database.reading() as connection:
        cursor = await connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid])
        return await cursor.fetchone() is None


async def test_a_snapshot_cannot_write(database):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with database.snapshot() as connection:
            await write(connection, "never")


async def test_a_repeatable_snapshot_does_not_see_what_is_committed_later(database):
    async with database.repeatable_snapshot() as connection:
        await connection.execute("SELECT count(*) FROM notes")
        async with database.transaction() as writer:
            await write(writer, "later")
        cursor = await connection.execute("SELECT count(*) FROM notes")
        seen = await cursor.fetchone()

    assert seen == (0,)
    assert await count(database) == 1


async def test_what_is_read_together_is_of_one_instant(database):
    """Between the two counts it waits until a note was written."""
    counted = "SELECT count(*) FROM notes"

    async def waits():
        async with database.reading() as connection:
            return await waiting_for_a_lock(connection)

    async with database.transaction() as writer:
        await writer.execute("SELECT pg_advisory_xact_lock(7)")
        reading = asyncio.create_task(
            database.read_together([counted, "SELECT pg_advisory_xact_lock(%(key)s)", counted], {"key": 7})
        )
        await eventually(waits)
        await write(writer, "later")

    before, _, after = await reading
    assert before == after == [{"count": 0}]
    assert await count(database) == 1


async def test_a_connection_works_on_after_what_was_read_together_failed(urls, caplog):
    database = await Database.open(urls.app, pool_size=1, application_name="test")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await database.read_together(["SELECT 1", "SELECT 1 / %(by)s", "SELECT 2"], {"by": 0})
    assert await database.read_together(["SELECT 1 AS one"], {}) == [[{"one": 1}]]
    assert "psycopg.pool" not in {record.name for record in caplog.records}  # it had nothing to clean up
    async with database.transaction() as connection:
        await write(connection, "kept")
    assert await count(database) == 1
    await database.close()


@pytest.mark.usefixtures("shipped_settings")
async def test_every_connection_has_its_limits_and_speaks_utc(database):
    async with database.snapshot() as connection:
        cursor = await connection.execute(
            "SELECT current_setting('lock_timeout'), current_setting('statement_timeout'), "
            "current_setting('idle_in_transaction_session_timeout'), current_setting('application_name'), "
            "now(), %s::uuid",
            [identifier := new_id()],
        )
        lock, statement, idle, name, now, returned = await cursor.fetchone()

    assert (lock, statement, idle, name) == ("2s", "5s", "10s", "test")
    assert now.utcoffset() == timedelta(0)
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)
    assert returned == identifier


async def test_on_commit_is_called_after_commits_only(database):
    calls = []
    database.on_commit(lambda: calls.append(None))

    async with database.snapshot():
        pass
    with pytest.raises(KeyError):
        async with database.transaction():
            raise KeyError
    assert calls == []
    async with database.transaction() as connection:
        await write(connection, "said")
    assert len(calls) == 1


async def test_the_pool_outlives_a_killed_server_without_failing_a_later_request(
    own_postgres: PostgresServer,
):
    database = await Database.open(own_postgres.url(), pool_size=4, application_name="test")
    await asyncio.gather(*(database.ping() for _ in range(8)))
    own_postgres.kill()

    await eventually(lambda: is_gone(database))
    own_postgres.start()
    await eventually(lambda: answers(database))
    await asyncio.gather(*(database.ping() for _ in range(8)))

    own_postgres.kill()
    own_postgres.start()
    await asyncio.gather(*(database.ping() for _ in range(8)))
    await database.close()


async def is_gone(database: Database) -> bool:
    # The backends outlive their killed postmaster for a moment, and answer.
    return not await answers(database)


async def answers(database: Database) -> bool:
    try:
        await database.ping()
    except Unavailable:
        return False
    return True


async def test_a_deadlock_is_tried_again(database):
    tries = []

    async def attempt() -> int:
        tries.append(None)
        if len(tries) < 3:
            raise psycopg.errors.DeadlockDetected
        return len(tries)

    assert await run_with_retries(attempt) == 3


async def test_the_third_lock_timeout_is_told_to_the_caller(database):
    async def attempt() -> None:
        raise psycopg.errors.LockNotAvailable

    with pytest.raises(RetryLater):
        await run_with_retries(attempt)


class WordTaken(AlreadyExists):
    reason = "WORD_TAKEN"


async def test_a_named_constraint_becomes_its_domain_error(database):
    identifier = new_id()
    insert = "INSERT INTO notes (id, word) VALUES (%s, 'x')"
    with pytest.raises(WordTaken), constraint_errors({"notes_pkey": lambda _: WordTaken()}):
        async with database.transaction() as connection:
            await connection.execute(insert, [identifier])
            await connection.execute(insert, [identifier])


async def test_an_unnamed_constraint_stays_a_bug(database):
    with pytest.raises(psycopg.errors.NotNullViolation), constraint_errors({}):
        async with database.transaction() as connection:
            await connection.execute("INSERT INTO notes (id, word) VALUES (NULL, 'x')")


async def test_the_running_role_cannot_rewrite_the_audit_trail(database):
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO audit (actor, action, target_type, target_id) VALUES ('user:1', 'did', 'note', '1')"
        )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction() as connection:
            await connection.execute("UPDATE audit SET actor = 'nobody'")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with database.transaction() as connection:
            await connection.execute("DELETE FROM audit")


GENERIC = "SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT word FROM notes%'"


async def read_word(connection) -> None:
    await connection.execute("SELECT word FROM notes WHERE id = %s", [new_id()], prepare=True)


async def test_prepared_statements_outlive_a_rollback(urls):
    database = await Database.open(urls.app, pool_size=1, application_name="test")
    for _ in range(6):  # PostgreSQL keeps the sixth plan
        with pytest.raises(KeyError):
            async with database.transaction() as connection:
                await read_word(connection)
                raise KeyError
    async with database.reading() as connection:
        assert await (await connection.execute(GENERIC)).fetchall() == [(1,)]
    await database.close()


COUNT_AND_DIVIDE = ["SELECT 1 / %(by)s AS share", "SELECT count(*) FROM notes"]
SHARED_OUT = [[{"share": 1}], [{"count": 0}]]


@pytest.fixture
async def about_to_prepare(urls):
    """One connection, which prepares the statements when it is next asked for both."""
    database = await Database.open(urls.app, pool_size=1, application_name="test")
    async with database.reading() as connection:
        runs = connection.prepare_threshold or 0
    for _ in range(runs):
        assert await database.read_together(COUNT_AND_DIVIDE, {"by": 1}) == SHARED_OUT
    yield database
    await database.close()


async def test_what_a_failed_pipeline_skipped_does_not_count_as_prepared(about_to_prepare):
    """PostgreSQL skips all that follows the failed division, and with it the preparing of the count."""
    with pytest.raises(psycopg.errors.DivisionByZero):
        await about_to_prepare.read_together(COUNT_AND_DIVIDE, {"by": 0})
    for _ in range(2):
        assert await about_to_prepare.read_together(COUNT_AND_DIVIDE, {"by": 1}) == SHARED_OUT


async def test_what_was_refused_while_it_was_prepared_stays_prepared(about_to_prepare):
    with pytest.raises(psycopg.errors.DivisionByZero):
        await about_to_prepare.read_together(COUNT_AND_DIVIDE, {"by": 0})
    assert await about_to_prepare.read_together(COUNT_AND_DIVIDE, {"by": 1}) == SHARED_OUT
    async with about_to_prepare.reading() as connection:
        prepared = await connection.execute(
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT 1 / %'"
        )
        assert await prepared.fetchall() == [(1,)]


async def test_a_prepared_statement_whose_columns_changed_is_prepared_anew(urls):
    database = await Database.open(urls.app, pool_size=1, application_name="test")
    async with database.reading() as connection:
        await read_word(connection)
    with psycopg.connect(urls.owner) as migration:
        migration.execute("ALTER TABLE notes ALTER COLUMN word TYPE varchar")
    with pytest.raises(Unavailable):
        async with database.reading() as connection:
            await read_word(connection)
    async with database.reading() as connection:
        await read_word(connection)
    await database.close()


async def test_every_connection_rehearses_and_leaves_nothing_behind(urls):
    rehearsed = []

    async def rehearse(connection):
        await write(connection, "rehearsed")
        rehearsed.append(connection.info.backend_pid)

    database = await Database.open(urls.app, pool_size=4, application_name="test", rehearse=rehearse)
    await eventually(lambda: len(set(rehearsed)) == 4)
    async with database.reading() as connection:
        assert connection.info.backend_pid in rehearsed
    assert await count(database) == 0
    await database.close()


@pytest.mark.parametrize("trouble", [KeyError(), psycopg.errors.UndefinedTable()], ids=["ours", "theirs"])
async def test_a_rehearsal_that_fails_keeps_nobody_from_working(urls, trouble):
    async def rehearse(connection):
        await write(connection, "lost")
        raise trouble

    database = await Database.open(urls.app, pool_size=2, application_name="test", rehearse=rehearse)
    async with database.transaction() as connection:
        await write(connection, "kept")
    assert await count(database) == 1
    await database.close()
