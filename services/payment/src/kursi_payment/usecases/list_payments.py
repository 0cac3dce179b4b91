"""Somebody looks through their payments, or a manager through a salon's."""

from collections.abc import Sequence
from dataclasses import dataclass

from kursi_chassis.caller import Caller, Role

from kursi_payment.domain.movement import Movement
from kursi_payment.domain.payment import Payment
from kursi_payment.ports import Begin, Selection


@dataclass(frozen=True, slots=True)
class ListPayments:
    """Answers from our books alone."""

    begin: Begin

    async def __call__(
        self, selection: Selection, caller: Caller
    ) -> Sequence[tuple[Payment, Sequence[Movement]]]:
        """Newest first, each with its refunds. Raises: RoleRequired for a salon that one does not manage."""
        if selection.salon_id is not None:
            caller.require_role(selection.salon_id, Role.MANAGER)
        async with self.begin() as work:
            payments = await work.select(selection)
            refunds = await work.refunds_of([payment.id for payment in payments])
        return [
            (payment, [refund for refund in refunds if refund.payment_id == payment.id])
            for payment in payments
        ]
