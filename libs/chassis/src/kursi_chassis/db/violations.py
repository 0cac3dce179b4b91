"""Names of constraints, turned into errors that callers understand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg

from kursi_chassis.errors import DomainError

ErrorFactory = Callable[[psycopg.errors.IntegrityError], DomainError]


@contextmanager
def constraint_errors(errors: Mapping[str, ErrorFactory]) -> Iterator[None]:
    """Raise the domain error of the constraint that refused a statement.

    A constraint that is not named goes through unchanged: it is a bug, not a caller's mistake. The
    transaction has failed by then; the error must leave it. Constraints that are checked at COMMIT are
    caught only around the transaction.

    Example:
        with constraint_errors({"salons_slug_key": lambda _: SlugTaken(slug=slug)}):
            await connection.execute(...)
    """
    try:
        yield
    except psycopg.errors.IntegrityError as error:
        factory = errors.get(error.diag.constraint_name or "")
        if factory is None:
            raise
        raise factory(error) from error
