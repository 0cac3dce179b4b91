"""What has to be done now and then: rotate keys, forget what nobody looks at any more."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.jobs import Job, pruning_job, retention_jobs

from kursi_identity.store import client_secrets, otp, sessions
from kursi_identity.usecases.signing_keys import SigningKeys

OTP_REQUESTS_KEPT = timedelta(days=2)
ENDED_SESSIONS_KEPT = timedelta(days=7)
EXPIRED_TOKENS_KEPT = timedelta(days=1)
WRONG_SECRETS_KEPT = timedelta(hours=1)

Prune = Callable[[Connection, datetime], Awaitable[int]]


def housekeeping(database: Database, clock: Clock, keys: SigningKeys) -> list[Job]:
    """The jobs of this service."""

    def pruning(name: str, prune: Prune, kept: timedelta) -> Job:
        return pruning_job(
            name, timedelta(hours=1), database, lambda connection: prune(connection, clock.now() - kept)
        )

    return [
        Job("rotate_signing_keys", timedelta(minutes=1), keys.rotate_if_due),
        pruning("prune_otp_requests", otp.prune, OTP_REQUESTS_KEPT),
        pruning("prune_sessions", sessions.prune, ENDED_SESSIONS_KEPT),
        pruning("prune_refresh_tokens", sessions.prune_refresh_tokens, EXPIRED_TOKENS_KEPT),
        pruning("prune_wrong_client_secrets", client_secrets.prune, WRONG_SECRETS_KEPT),
        *retention_jobs(database, "outbox", "replies"),
    ]
