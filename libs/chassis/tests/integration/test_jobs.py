"""Periodic work: one process at a time, one run at a time, failures stay alone."""

import asyncio
import contextlib
import json
from datetime import timedelta

import nats.errors
import psycopg
import pytest
from kursi_chassis.db.database import Database
from kursi_chassis.errors import Unavailable
from kursi_chassis.events import outbox
from kursi_chassis.grpc.client import DependencyUnavailable
from kursi_chassis.grpc.tokens import KeysUnavailable
from kursi_chassis.jobs import Job, JobRunner, retention_jobs
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.logs import logged
from kursi_chassis.testing.servers import free_port
from psycopg_pool import PoolTimeout

OFTEN = timedelta(milliseconds=10)


@contextlib.asynccontextmanager
async def running(database, *jobs):
    stopping = asyncio.Event()
    task = asyncio.create_task(JobRunner(database, jobs).run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, 60)


class Work:
    def __init__(self) -> None:
        self.runs = 0
        self.now = 0
        self.most_at_once = 0

    async def __call__(self) -> None:
        self.now += 1
        self.most_at_once = max(self.now, self.most_at_once)
        await asyncio.sleep(0.02)
        self.runs += 1
        self.now -= 1


async def test_one_process_leads_and_runs_do_not_overlap(database, urls):
    other = await Database.open(urls.app, pool_size=1, application_name="other")
    work = Work()
    async with running(database, Job("work", OFTEN, work)), running(other, Job("work", OFTEN, work)):
        await eventually(lambda: work.runs > 5)
    await other.close()

    assert work.most_at_once == 1


async def test_another_process_takes_over_when_the_leader_loses_its_connection(database, urls):
    other = await Database.open(urls.app, pool_size=1, application_name="other")
    first, second = Work(), Work()
    async with running(database, Job("work", OFTEN, first)):
        await eventually(lambda: first.runs)
        async with running(other, Job("work", OFTEN, second)):
            await eventually(lambda: second.runs or terminated(database))
    await other.close()


async def test_a_job_at_work_is_ended_when_the_leader_loses_its_connection(database):
    """Somebody else may do it by then."""
    begun, ended = [], []

    async def work() -> None:
        begun.append(None)
        try:
            if len(begun) == 1:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(None)
            raise

    async with running(database, Job("work", OFTEN, work)):
        await eventually(lambda: begun)
        await eventually(lambda: ended or terminated(database), timeout=60)
        await eventually(lambda: len(begun) > 1)


async def terminated(database):
    async with database.snapshot() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND granted AND application_name = 'test' AND datname = current_database()"
        )


async def test_a_failing_job_does_not_stop_the_others_and_is_tried_again(database):
    work = Work()
    failures = []

    async def fail() -> None:
        failures.append(None)
        raise KeyError

    async with running(database, Job("broken", OFTEN, fail), Job("work", OFTEN, work)):
        await eventually(lambda: work.runs > 5 and len(failures) > 1)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "dependency"),
    [
        (psycopg.OperationalError(), "postgresql"),
        (PoolTimeout(), "postgresql"),
        (caused(Unavailable(), psycopg.errors.IdleInTransactionSessionTimeout()), "postgresql"),
        (caused(Unavailable(), psycopg.InternalError()), "postgresql"),
        (nats.errors.TimeoutError(), "nats"),
        (Unavailable(dependency="nats"), "nats"),
        (DependencyUnavailable(dependency="catalog"), "catalog"),
        (caused(Unavailable(), DependencyUnavailable(dependency="identity")), "identity"),
        (KeysUnavailable(), "TOKEN_KEYS_UNAVAILABLE"),
    ],
)
async def test_a_job_that_misses_somebody_says_whom_in_one_line(database, error, dependency):
    runs = []

    async def miss() -> None:
        runs.append(None)
        raise error

    with logged() as output:
        async with running(database, Job("missing", OFTEN, miss)):
            await eventually(lambda: len(runs) > 1)

    told = [json.loads(line) for line in output.getvalue().splitlines()]
    assert {(line["event"], line["level"], line["job"], line["dependency"]) for line in told} == {
        ("job_postponed", "warning", "missing", dependency)
    }
    assert not any("exception" in line for line in told)


async def test_a_job_whose_database_is_away_says_so(database):
    away = await Database.open(f"postgresql://nobody@127.0.0.1:{free_port()}/none", application_name="away")
    try:
        with logged() as output:
            async with running(database, Job("ping", OFTEN, away.ping)):
                await eventually(lambda: "job_postponed" in output.getvalue())
    finally:
        await away.close()

    assert '"dependency": "postgresql"' in output.getvalue()
    assert "Traceback" not in output.getvalue()


@pytest.mark.parametrize(
    "error", [KeyError("bug"), psycopg.errors.UndefinedTable("bug"), TimeoutError("bug")]
)
async def test_a_bug_in_a_job_is_logged_with_its_traceback(database, error):
    async def fail() -> None:
        raise error

    with logged() as output:
        async with running(database, Job("broken", OFTEN, fail)):
            await eventually(lambda: "job_failed" in output.getvalue())

    first = json.loads(output.getvalue().splitlines()[0])
    assert (first["event"], first["level"], first["job"]) == ("job_failed", "error", "broken")
    assert "Traceback" in first["exception"]


async def test_a_job_at_work_is_finished_before_the_runner_stops(database):
    work = Work()
    async with running(database, Job("work", OFTEN, work)):
        await eventually(lambda: work.now)

    assert work.now == 0
    assert work.runs >= 1


@pytest.mark.parametrize("table", ["outbox", "inbox", "replies"])
async def test_retention_jobs_may_delete_what_they_are_for(database, table):
    (job,) = retention_jobs(database, table)

    await job.run()


async def test_the_outbox_job_deletes_everything_that_is_due(database, an_event):
    async with database.transaction() as connection:
        await outbox.append(connection, *(an_event() for _ in range(5100)))
        await connection.execute(
            "UPDATE outbox SET stream_seq = id, published_at = now() - interval '8 days'"
        )
    (job,) = retention_jobs(database, "outbox")

    await job.run()

    async with database.snapshot() as connection:
        assert await (await connection.execute("SELECT count(*) FROM outbox")).fetchone() == (0,)
