"""What can be refused about group sessions and their seats."""

from datetime import datetime

from kursi_chassis.errors import Conflict, FailedPrecondition, NotFound

from kursi_booking.domain.errors import IllegalTransition


class SessionNotFound(NotFound):
    """There is no such session."""

    reason = "SESSION_NOT_FOUND"
    en = "This group session was not found."
    ar = "لم يُعثر على هذه الجلسة الجماعية."


class SessionFull(Conflict):
    """There are fewer seats left than are wanted."""

    reason = "SESSION_FULL"
    en = "Seats left in this session: {left}."
    ar = "عدد المقاعد المتبقية في هذه الجلسة: {left}."

    def __init__(self, left: int) -> None:
        super().__init__(left=left)


class SessionIsClosed(IllegalTransition):
    """The state of a session does not allow what was asked."""

    en = "A session that is {state} cannot do this: {action}."
    ar = "لا يمكن تنفيذ الإجراء {action} على جلسة حالتها {state}."


class SessionStarted(FailedPrecondition):
    """It has begun."""

    reason = "SESSION_STARTED"
    en = "This session began at {start}."
    ar = "بدأت هذه الجلسة في {start}."

    def __init__(self, start: datetime) -> None:
        super().__init__(start=start)


class SeatsTaken(FailedPrecondition):
    """More seats are taken than the session would have."""

    reason = "SEATS_TAKEN"
    en = "Seats that are taken already: {taken}."
    ar = "عدد المقاعد المحجوزة بالفعل: {taken}."

    def __init__(self, taken: int) -> None:
        super().__init__(taken=taken)


class SeatCannotMove(FailedPrecondition):
    """The time and the service of a seat are the session's."""

    reason = "SEAT_CANNOT_MOVE"
    en = "A seat in a group session cannot be moved or changed. Cancel it and join another session."
    ar = "لا يمكن نقل مقعد في جلسة جماعية أو تغييره. ألغِ الحجز وانضم إلى جلسة أخرى."
