"""What the payer's browser meets, and the same by control request: challenges without an API key."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from kursi_simulators.control import order_route
from kursi_simulators.moyasar import pages
from kursi_simulators.moyasar.api import read_body, refusals
from kursi_simulators.moyasar.model import Payment, Refusal, Token, invalid, written
from kursi_simulators.moyasar.simulator import Decision, MoyasarSimulator
from kursi_simulators.wire import BadOrder, JsonObject, json_response


class PayerPages:
    """The 3-D Secure and STC Pay challenges of one simulator."""

    def __init__(self, simulator: MoyasarSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        challenge, proceed = "/v1/card_auth/{id}/prepare", "/v1/stc_pays/{id}/proceed"
        return [
            Route(challenge, refusals(self.show_challenge), methods=["GET"]),
            Route(challenge, refusals(self.take_decision), methods=["POST"]),
            Route(proceed, refusals(self.show_code_form), methods=["GET"]),
            Route(proceed, refusals(self.take_code), methods=["POST"]),
            order_route("/_control/decide", self.decide),
        ]

    async def show_challenge(self, request: Request) -> Response:
        subject = self._subject(request.path_params["id"])
        if isinstance(subject, Payment):
            return pages.decision_page(f"Pay {written(subject.amount, subject.currency)}?")
        return pages.decision_page(f"Keep the card ending in {subject.card.last_four}?")

    async def take_decision(self, request: Request) -> Response:
        """A form post goes back to the merchant by redirect; a JSON post is answered with the object."""
        subject = self._subject(request.path_params["id"])
        fields = await _fields(request)
        self._carry_out(subject, fields.get("decision"))
        return _back_to_merchant(request, subject)

    async def show_code_form(self, request: Request) -> Response:
        payment = self._payment(request.path_params["id"])
        return pages.code_page(f"Pay {written(payment.amount, payment.currency)} with STC Pay")

    async def take_code(self, request: Request) -> Response:
        payment = self._payment(request.path_params["id"])
        self._simulator.enter_otp(payment, str((await _fields(request)).get("otp_value", "")))
        return _back_to_merchant(request, payment)

    def decide(self, order: JsonObject) -> JsonObject:
        """`{"id": <payment or token id>, "decision": "approve" | "decline"}` or `{"id": …, "otp": …}`."""
        try:
            subject = self._subject(str(order.get("id")))
            if "otp" in order:
                self._simulator.enter_otp(self._payment(str(order.get("id"))), str(order["otp"]))
            else:
                self._carry_out(subject, order.get("decision"))
        except Refusal as refusal:
            raise BadOrder(refusal.message) from refusal
        return {"id": subject.id, "status": subject.status, "redirect_url": return_url(subject)}

    def _carry_out(self, subject: Payment | Token, wanted: object) -> None:
        if wanted not in ("approve", "decline"):
            raise invalid("decision must be approve or decline")
        decision: Decision = "approve" if wanted == "approve" else "decline"
        if isinstance(subject, Payment):
            self._simulator.decide_payment(subject, decision)
        else:
            self._simulator.decide_token(subject, decision)

    def _subject(self, subject_id: str) -> Payment | Token:
        subject = self._simulator.payments.get(subject_id) or self._simulator.tokens.get(subject_id)
        if subject is None:
            raise Refusal(404, "invalid_request_error", "Object not found")
        return subject

    def _payment(self, payment_id: str) -> Payment:
        payment = self._simulator.payments.get(payment_id)
        if payment is None:
            raise Refusal(404, "invalid_request_error", "Object not found")
        return payment


def return_url(subject: Payment | Token) -> str | None:
    """Where the payer's browser goes next: the callback URL with id, status and message added."""
    if subject.callback_url is None:
        return None
    message = subject.source.message if isinstance(subject, Payment) else subject.message
    outcome = {"id": subject.id, "status": subject.status, "message": message or ""}
    parts = urlsplit(subject.callback_url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *outcome.items()])
    return urlunsplit(parts._replace(query=query))


def _back_to_merchant(request: Request, subject: Payment | Token) -> Response:
    if _is_json(request):
        return json_response(subject.to_json())
    destination = return_url(subject)
    if destination is None:
        return pages.done_page(f"Done: {subject.status}")
    return RedirectResponse(destination, status_code=302)


async def _fields(request: Request) -> JsonObject:
    if _is_json(request):
        return await read_body(request)
    return dict(parse_qsl((await request.body()).decode(errors="replace")))


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")
