"""Periodic work: one process at a time, one run at a time, failures stay alone."""

import asyncio
import contextlib
from datetime import timedelta

import pytest
from kursi_chassis.db.database import Database
from kursi_chassis.events import outbox
from kursi_chassis.jobs import Job, JobRunner, retention_jobs
from kursi_chassis.testing.eventually import eventually

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
