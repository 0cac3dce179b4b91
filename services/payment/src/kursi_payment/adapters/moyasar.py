"""Moyasar over HTTPS.

Creating a payment is one order however often it is sent, because `given_id` becomes the payment's id; a
repetition is refused with `used_given_id`. Captures, voids and refunds know no key: see `domain/movement.py`.
"""

from typing import Final
from uuid import UUID

from kursi_chassis.http_client import Accepted, Ambiguous, HttpClient, Outcome, Refused
from kursi_chassis.money import Money

from kursi_payment.adapters.moyasar_wire import Unreadable, error_type, is_theirs, order, statement
from kursi_payment.domain.standing import Absent, Answer, Finding, NotDone, Unknown
from kursi_payment.metrics import PROVIDER_ANSWERS
from kursi_payment.ports import Charge

_NOT_FOUND: Final = 404
# Refusals of the request itself, in the provider's own words. 401, 403 and 405 speak of our account, and may be mended.
_FINAL: Final = frozenset({400, 404, 409, 422})
# "Come back later" that does not say whether the request was processed.
_OPEN: Final = frozenset({408, 425, 503})
_USED_HANDLE: Final = "used_given_id"


class Moyasar:
    """See `ports.Provider`."""

    name = "moyasar"

    def __init__(self, http: HttpClient, secret_key: str) -> None:
        self._http = http
        self._account = (secret_key, "")

    async def charge(self, charge: Charge) -> Answer:
        outcome = await self._http.send("POST", "/payments", json=order(charge), auth=self._account)
        if isinstance(outcome, Refused) and error_type(outcome.body) == _USED_HANDLE:
            return self._counted("charge", Unknown("already ordered"))
        return self._counted("charge", _answer(outcome, charge.handle))

    async def find(self, handle: UUID) -> Finding:
        outcome = await self._http.send("GET", f"/payments/{handle}", auth=self._account)
        if isinstance(outcome, Refused) and outcome.status == _NOT_FOUND and is_theirs(outcome.body):
            PROVIDER_ANSWERS.labels("find", "absent").inc()
            return Absent()
        answer = _answer(outcome, handle)
        if isinstance(answer, NotDone):  # the question was not answered, which says nothing of the payment
            answer = Unknown(answer.why, answer.retry_after)
        PROVIDER_ANSWERS.labels("find", type(answer).__name__.lower()).inc()
        return answer

    async def capture(self, handle: UUID, amount: Money) -> Answer:
        return await self._move(handle, "capture", {"amount": amount.amount_minor})

    async def void(self, handle: UUID) -> Answer:
        return await self._move(handle, "void", {})

    async def refund(self, handle: UUID, amount: Money) -> Answer:
        return await self._move(handle, "refund", {"amount": amount.amount_minor})

    async def _move(self, handle: UUID, what: str, body: dict[str, object]) -> Answer:
        path = f"/payments/{handle}/{what}"
        outcome = await self._http.send("POST", path, json=body, auth=self._account)
        return self._counted(what, _answer(outcome, handle))

    def _counted(self, request: str, answer: Answer) -> Answer:
        PROVIDER_ANSWERS.labels(request, type(answer).__name__.lower()).inc()
        return answer


def _answer(outcome: Outcome, handle: UUID) -> Answer:
    match outcome:
        case Accepted(body=body):
            try:
                return statement(body, handle)
            except Unreadable as error:  # it was accepted, so it may have been done
                return Unknown(f"unreadable: {error}")
        case Refused(status=status, body=body, why=why, retry_after=retry_after):
            if status in _OPEN:
                return Unknown(why, retry_after)
            return NotDone(why, status in _FINAL and is_theirs(body), retry_after)
        case Ambiguous(why=why):
            return Unknown(why)
