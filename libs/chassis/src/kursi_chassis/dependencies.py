"""What a process needs and cannot reach."""

import nats.errors
import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from kursi_chassis.errors import Unavailable


def missing_dependency(error: BaseException | None) -> str | None:
    """What did not answer, as far as an error and its causes tell; None where it was something else that failed."""
    if isinstance(error, psycopg.OperationalError | PoolTimeout | PoolClosed):
        return "postgresql"
    if isinstance(error, nats.errors.Error):
        return "nats"
    if not isinstance(error, Unavailable):
        return None
    named = error.metadata.get("dependency")
    if named is None and isinstance(error.__cause__, psycopg.Error):
        return "postgresql"  # a lost connection ends what was said on it with errors of many classes
    return str(named or missing_dependency(error.__cause__) or error.reason)
