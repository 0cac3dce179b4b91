"""What managers do with single messages: write one, take one back, move one, try one again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kursi_chassis.caller import Caller
from kursi_chassis.clock import Clock
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection, Database
from kursi_chassis.errors import Invalid, Violation
from kursi_chassis.ids import new_id
from kursi_chassis.telemetry import current_traceparent

from kursi_messaging.domain.notification import NotACustomer, Notification
from kursi_messaging.domain.words import OPEN, Channel, Status
from kursi_messaging.store import notifications
from kursi_messaging.store.notifications import Letter
from kursi_messaging.usecases.once import Request, once


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteLetter:
    """What a member of a salon wants to be sent. Without `schedule_at`: now."""

    salon_id: UUID
    recipient_id: UUID
    booking_id: UUID | None
    channel: Channel
    subject: str
    body: str
    schedule_at: datetime | None


class Letters:
    """Single messages and their fate. Every change is in the audit trail."""

    def __init__(self, database: Database, clock: Clock, *, max_retries: int) -> None:
        self._database = database
        self._clock = clock
        self._max_retries = max_retries

    async def write(self, command: WriteLetter, caller: Caller, request: Request) -> bytes:
        """Write to a customer of the salon; role and fields are checked before.

        Raises:
            Invalid: IN_THE_PAST on `schedule_time`.
            NotACustomer: the person never booked at the salon, or the booking is not theirs there.
        """

        async def work(connection: Connection) -> Notification:
            now = self._clock.now()
            if command.schedule_at is not None:
                _require_future(command.schedule_at, now)
            facts = await notifications.facts_of_customer(
                connection, command.salon_id, command.recipient_id, command.booking_id
            )
            if facts is None:
                raise NotACustomer
            letter = Letter(
                id=new_id(),
                salon_id=command.salon_id,
                booking_id=command.booking_id,
                recipient_id=command.recipient_id,
                channel=command.channel,
                facts={**facts, "subject": command.subject, "body": command.body},
                due_at=command.schedule_at or now,
                traceparent=current_traceparent() or "",
            )
            written = await notifications.add_letter(
                connection, letter, max_retries=self._max_retries, now=now
            )
            await _note(connection, caller, now, "notification_written", before=None, after=written)
            return written

        return await once(self._database, caller, request, work)

    async def cancel(self, notification_id: UUID, caller: Caller, request: Request) -> bytes:
        """Take a message back that is not on its way yet.

        Raises:
            NotificationNotFound: there is none, or the caller does not manage its salon.
            IllegalTransition: it is being sent, or has found its outcome.
        """

        async def work(connection: Connection) -> Notification:
            # The row lock decides between this and a dispatcher that claims the message at the same moment.
            message = await notifications.lock(connection, notification_id)
            message.change_for(caller, *OPEN)
            now = self._clock.now()
            cancelled = await notifications.cancel(connection, notification_id, now)
            await _note(connection, caller, now, "notification_cancelled", before=message, after=cancelled)
            return cancelled

        return await once(self._database, caller, request, work)

    async def move(self, notification_id: UUID, due_at: datetime, caller: Caller, request: Request) -> bytes:
        """Send a message at another time that is not on its way yet.

        Raises:
            Invalid: IN_THE_PAST on `schedule_time`.
            NotificationNotFound: there is none, or the caller does not manage its salon.
            IllegalTransition: it is being sent, or has found its outcome.
        """

        async def work(connection: Connection) -> Notification:
            now = self._clock.now()
            message = await notifications.lock(connection, notification_id)
            message.change_for(caller, *OPEN)
            _require_future(due_at, now)
            moved = await notifications.move(connection, notification_id, due_at, now)
            await _note(connection, caller, now, "notification_moved", before=message, after=moved)
            return moved

        return await once(self._database, caller, request, work)

    async def retry(self, notification_id: UUID, caller: Caller, request: Request) -> bytes:
        """Try a message again that was given up: the same record, one more attempt.

        Raises:
            NotificationNotFound: there is none, or the caller does not manage its salon.
            IllegalTransition: it has not failed.
        """

        async def work(connection: Connection) -> Notification:
            message = await notifications.lock(connection, notification_id)
            message.change_for(caller, Status.FAILED, Status.DEAD)
            now = self._clock.now()
            revived = await notifications.revive(connection, notification_id, self._max_retries, now)
            await _note(connection, caller, now, "notification_retried", before=message, after=revived)
            return revived

        return await once(self._database, caller, request, work)


def _require_future(moment: datetime, now: datetime) -> None:
    if moment <= now:
        raise Invalid(Violation("schedule_time", "IN_THE_PAST"))


async def _note(
    connection: Connection,
    caller: Caller,
    at: datetime,
    action: str,
    *,
    before: Notification | None,
    after: Notification,
) -> None:
    entry = Entry(
        action,
        "notification",
        after.id,
        salon_id=after.salon_id,
        before=_state(before) if before else None,
        after=_state(after),
    )
    await audit.append(connection, caller, entry, at=at)


def _state(message: Notification) -> dict[str, object]:
    return {"status": message.status, "due_at": message.due_at.isoformat()}
