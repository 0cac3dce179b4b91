"""What has to be done now and then: rotate keys, forget what nobody looks at any more."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.jobs import Job, retention_jobs

from kursi_identity.store import client_secrets, otp, sessions
from kursi_identity.usecases.signing_keys import SigningKeys

OTP_REQUESTS_KEPT = timedelta(days=2)
ENDED_SESSIONS_KEPT = timedelta(days=7)
EXPIRED_TOKENS_KEPT = timedelta(days=1)
WRONG_SECRETS_KEPT = timedelta(hours=1)

Prune = Callable[[Connection, datetime], Awaitable[int]]


def housekeeping(database: Database, clock: Clock, keys: SigningKeys) -> list[Job]:
    """The jobs of this service."""
    hourly = timedelta(hours=1)
    return [
        Job("rotate_signing_keys", timedelta(minutes=1), keys.rotate_if_due),
        Job("prune_otp_requests", hourly, _pruning(database, clock, otp.prune, OTP_REQUESTS_KEPT)),
        Job("prune_sessions", hourly, _pruning(database, clock, sessions.prune, ENDED_SESSIONS_KEPT)),
        Job(
            "prune_refresh_tokens",
            hourly,
            _pruning(database, clock, sessions.prune_refresh_tokens, EXPIRED_TOKENS_KEPT),
        ),
        Job(
            "prune_wrong_client_secrets",
            hourly,
            _pruning(database, clock, client_secrets.prune, WRONG_SECRETS_KEPT),
        ),
        *retention_jobs(database, "outbox", "replies"),
    ]


def _pruning(
    database: Database, clock: Clock, prune: Prune, kept: timedelta
) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        deleted = 1
        while deleted:
            async with database.transaction() as connection:
                deleted = await prune(connection, clock.now() - kept)

    return run
