"""The trail: who changed what about a payment."""

from kursi_chassis.caller import Caller, current_caller
from kursi_chassis.db import audit
from kursi_chassis.db.audit import Entry
from kursi_chassis.db.database import Connection

from kursi_payment.domain.payment import Payment


async def record(connection: Connection, before: Payment, after: Payment, actor: str) -> None:
    """Write down one step of a payment."""
    await write(connection, after, str(after.state), _shown(after), actor, before=_shown(before))


async def write(
    connection: Connection,
    payment: Payment,
    action: str,
    after: dict[str, object],
    actor: str,
    *,
    before: dict[str, object] | None = None,
) -> None:
    """Write down anything else about it."""
    entry = Entry(
        f"payment_{action}", "payment", payment.id, payment.salon_id, before=before, after=after, actor=actor
    )
    await audit.append(connection, _caller(), entry)


def _shown(payment: Payment) -> dict[str, object]:
    return {
        "state": str(payment.state),
        "currency_code": payment.amount.currency_code,
        "authorized_minor": payment.authorized.amount_minor,
        "captured_minor": payment.captured.amount_minor,
        "refunded_minor": payment.refunded.amount_minor,
        "refunding_minor": payment.refunding.amount_minor,
        "failure_reason": payment.failure_reason,
        "revision": payment.revision,
    }


def _caller() -> Caller | None:
    try:
        return current_caller()
    except LookupError:  # a job or a consumer
        return None
