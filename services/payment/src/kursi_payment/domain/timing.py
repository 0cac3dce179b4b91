"""When to look at a payment again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kursi_payment.domain.movement import Movement
from kursi_payment.domain.payment import Payment, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what; the numbers and their reasons stand in the settings."""

    outcome_settles_after: timedelta
    recheck_created_after: timedelta
    recheck_pending_after: timedelta
    action_limit: timedelta
    ask_every: timedelta

    def next_look(self, payment: Payment, now: datetime, pending: Sequence[Movement]) -> datetime | None:
        """When to ask the provider next, given the movements that wait; None when nothing is open.

        Soon where an answer was lost: asking moves nothing, and the manager who captured is told "in progress"
        until it is known what became of it.
        """
        is_unknown = any(movement.may_be_at_work(now, self.outcome_settles_after) for movement in pending)
        if payment.state is State.CREATED or is_unknown:
            return now + self.recheck_created_after
        if pending or payment.state is State.PENDING_ACTION:
            return now + self.recheck_pending_after
        return None

    def is_over(self, payment: Payment, asked_at: datetime) -> bool:
        """Whether the customer had had all the time that there is when the provider was asked."""
        return payment.state is State.PENDING_ACTION and asked_at >= payment.created_at + self.action_limit

    def is_too_late_to_send(self, written_at: datetime | None, now: datetime) -> bool:
        """Whether so long ago was written down that a request leaves now that it has to stay.

        Who stood still in between (a frozen process, a moved machine) has lost the conversation with its
        connection, and somebody else may soon take the request for one that never arrived, and repeat it.
        """
        return written_at is not None and now >= written_at + self.outcome_settles_after / 2

    def is_settled(self, payment: Payment, asked_at: datetime) -> bool:
        """Whether a request of ours could not arrive at the provider any more when it was asked.

        One that was never sent could not either: sending starts with writing `sent_at` into a payment that is
        still `created`, and whoever asks this has locked its row.
        """
        return payment.sent_at is None or asked_at >= payment.sent_at + self.outcome_settles_after
