"""Lists of payments, page by page."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from kursi.payment.v1 import payment_service_pb2 as pb2
from kursi_chassis.caller import Caller
from kursi_chassis.grpc.paging import PageTokens, page_size
from kursi_chassis.validation import Violations

from kursi_payment.api.rendering import STATE_NAMES, payment_message
from kursi_payment.domain.movement import Movement
from kursi_payment.domain.payment import Payment
from kursi_payment.ports import Selection

_MOST_STATES = 9


def selection(request: pb2.ListPaymentsRequest, caller: Caller, pages: PageTokens) -> Selection:
    """What is asked for, one row more than a page to know whether another page follows. Raises: Invalid."""
    with Violations() as check:
        salon_id = check.optional_id("salon_id", request.salon_id)
        booking_id = check.optional_id("booking_id", request.booking_id)
        check.count("states", request.states, _MOST_STATES)
        for index, state in enumerate(request.states):
            if state not in STATE_NAMES:
                check.add(f"states[{index}]", "UNKNOWN_VALUE")
    wanted = Selection(
        customer_id=None if salon_id else caller.user_id,
        salon_id=salon_id,
        booking_id=booking_id,
        states=tuple(sorted({STATE_NAMES[state] for state in request.states})),
        before=None,
        most=page_size(request.page_size) + 1,
    )
    position = pages.decode(request.page_token, _filters(wanted))
    before = UUID(str(position[0])) if position else None
    return replace(wanted, before=before)


def page(
    found: Sequence[tuple[Payment, Sequence[Movement]]], wanted: Selection, pages: PageTokens
) -> pb2.ListPaymentsResponse:
    """One page, with the token of the next when there is one."""
    size = wanted.most - 1
    shown = found[:size]
    token = pages.encode([str(shown[-1][0].id)], _filters(wanted)) if len(found) > size else ""
    return pb2.ListPaymentsResponse(
        payments=[payment_message(payment, movements) for payment, movements in shown], next_page_token=token
    )


def _filters(wanted: Selection) -> Mapping[str, object]:
    return {
        "customer": str(wanted.customer_id),
        "salon": str(wanted.salon_id),
        "booking": str(wanted.booking_id),
        "states": ",".join(wanted.states),
    }
