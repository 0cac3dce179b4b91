"""Periodic work that one process at a time does for a database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from prometheus_client import Counter, Gauge

from kursi_chassis import idempotency
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.db.leadership import leadership
from kursi_chassis.dependencies import missing_dependency
from kursi_chassis.errors import Unavailable
from kursi_chassis.events import inbox, outbox
from kursi_chassis.logging import get_logger
from kursi_chassis.roles import pause

log = get_logger()

_RUNS = Counter("kursi_job_runs_total", "Runs of periodic jobs", ["job", "outcome"])
_LAST_SUCCESS = Gauge("kursi_job_last_success_timestamp_seconds", "When a job last succeeded", ["job"])
_MAX_BACKOFF_SECONDS = 300.0
_SECONDS_BETWEEN_LOCK_CHECKS = 1.0


@dataclass(frozen=True, slots=True)
class Job:
    """Work to do every `interval`, counted from the end of the last run, so that runs never overlap.

    `run` must be able to stop halfway and to run twice: the process may die, and leadership may move.
    """

    name: str
    interval: timedelta
    run: Callable[[], Awaitable[object]]


class JobRunner:
    """Runs the jobs of one database in whichever process leads. A failing job backs off, alone.

    It is logged with its traceback (`job_failed`), or in one line when it only missed somebody (`job_postponed`).
    """

    def __init__(self, database: Database, jobs: Sequence[Job], *, duty: str = "kursi.jobs") -> None:
        self._database = database
        self._jobs = jobs
        self._duty = duty

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping` is set; a job that is at work then is finished first."""
        while not stopping.is_set():
            try:
                await self._lead(stopping)
            except (psycopg.Error, Unavailable) as error:
                log.warning("jobs_wait", error=type(error).__name__)
                await pause(stopping, 1)

    async def _lead(self, stopping: asyncio.Event) -> None:
        async with leadership(self._database, self._duty, stopping) as connection:
            if connection is None:
                return
            abdicating = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(_repeat(job, abdicating)) for job in self._jobs]
                lost = await _watch(connection, stopping)
                abdicating.set()
                if lost:
                    # Somebody else may lead already: what runs here must not go on.
                    for task in running:
                        task.cancel()
        if lost:
            raise lost


async def _watch(connection: Connection, stopping: asyncio.Event) -> psycopg.Error | None:
    """Come back when `stopping` is set (None), or with the error that tells that the lock is lost."""
    try:
        while not stopping.is_set():
            await connection.execute("SELECT 1")
            await pause(stopping, _SECONDS_BETWEEN_LOCK_CHECKS)
    except psycopg.Error as error:
        return error
    return None


async def _repeat(job: Job, stopping: asyncio.Event) -> None:
    interval = job.interval.total_seconds()
    failures = 0
    while not stopping.is_set():
        failures = 0 if await _succeeds(job) else failures + 1
        backoff = min(interval * 2**failures, max(interval, _MAX_BACKOFF_SECONDS))
        await pause(stopping, backoff if failures else interval)


async def _succeeds(job: Job) -> bool:
    try:
        await job.run()
    except Exception as error:  # noqa: BLE001 -- a job's bug must not end the other jobs; told right below
        _RUNS.labels(job.name, "failed").inc()
        _tell(job, error)
        return False
    _RUNS.labels(job.name, "ok").inc()
    _LAST_SUCCESS.labels(job.name).set(time.time())
    return True


def _tell(job: Job, error: Exception) -> None:
    """One line where something is merely away, which passes; a traceback where the job has a bug."""
    dependency = missing_dependency(error)
    if dependency is None:
        log.error("job_failed", job=job.name, error=type(error).__name__, exc_info=error)
    else:
        kind = type(error.__cause__ or error).__name__
        log.warning("job_postponed", job=job.name, dependency=dependency, error=kind)


def retention_jobs(database: Database, *tables: str) -> list[Job]:
    """Jobs that delete what has been kept long enough; `tables` out of outbox, inbox and replies."""
    prune = {"outbox": outbox.prune, "inbox": inbox.prune, "replies": idempotency.prune}
    return [pruning_job(f"prune_{table}", timedelta(minutes=5), database, prune[table]) for table in tables]


def pruning_job(
    name: str, interval: timedelta, database: Database, prune: Callable[[Connection], Awaitable[int]]
) -> Job:
    """A job that calls `prune`, each time in a transaction of its own, until it says that it deleted no row."""

    async def run() -> None:
        deleted = 1
        while deleted:
            async with database.transaction() as connection:
                deleted = await prune(connection)

    return Job(name, interval, run)
