"""How delivery reports move a message: only ever forwards, however often and in whatever order they come.

Forwards is counted for what the provider has under one id. A message that was given up, because no answer told
whether the provider has it or because another try of it failed, is not given up any more when the provider
reports to have it under an id that we did not know to have failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from kursi_messaging.domain.words import Status

_RANK: Final[Mapping[Status, int]] = MappingProxyType({
    Status.SENDING: 0,
    Status.SENT: 1,
    Status.DELIVERED: 2,
    Status.FAILED: 2,
    Status.BOUNCED: 2,
    Status.OPENED: 3,
    Status.CLICKED: 4,
})  # fmt: skip


def predecessors(reported: Status) -> tuple[Status, ...]:
    """The states that a report of `reported` moves a message out of; in all others it changes nothing.

    Failed ranks with delivered: whichever is told first stands. A bounce after a delivery is the exception,
    because mail servers take a message first and may send it back later. What failed never comes to life under
    the id that it failed under; see `shows_that_it_was_sent`.
    """
    lower = tuple(
        status
        for status, rank in _RANK.items()
        if rank < _RANK[reported] and status not in {Status.FAILED, Status.BOUNCED}
    )
    return (*lower, Status.DELIVERED) if reported is Status.BOUNCED else lower


def shows_that_it_was_sent(reported: Status) -> bool:
    """Whether a report of `reported` says that the provider has a message that we gave up."""
    return reported in {Status.SENT, Status.DELIVERED, Status.OPENED, Status.CLICKED}
