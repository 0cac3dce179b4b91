"""The provider's HTTP API: `/v1/...` for merchants."""

import hmac
from base64 import b64decode
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kursi_simulators import credentials
from kursi_simulators.moyasar import requests
from kursi_simulators.moyasar.listing import payments_page
from kursi_simulators.moyasar.model import EVENT_TYPES, Payment, Refusal, Token, Webhook, invalid
from kursi_simulators.moyasar.simulator import MoyasarSimulator
from kursi_simulators.wire import BadOrder, json_object, json_response, utc_now

Endpoint = Callable[[Request], Awaitable[Response]]
_Found = TypeVar("_Found")


class MoyasarApi:
    """Endpoints over one simulator. Publishable keys may create payments and tokens, and nothing else."""

    def __init__(self, simulator: MoyasarSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        return [
            Route("/v1/payments", refusals(self.create_payment), methods=["POST"]),
            Route("/v1/payments", refusals(self.list_payments), methods=["GET"]),
            Route("/v1/payments/{id}", refusals(self.get_payment), methods=["GET"]),
            Route("/v1/payments/{id}", refusals(self.update_payment), methods=["PUT"]),
            Route("/v1/payments/{id}/capture", refusals(self.capture), methods=["POST"]),
            Route("/v1/payments/{id}/refund", refusals(self.refund), methods=["POST"]),
            Route("/v1/payments/{id}/void", refusals(self.void), methods=["POST"]),
            Route("/v1/tokens", refusals(self.create_token), methods=["POST"]),
            Route("/v1/tokens/{id}", refusals(self.get_token), methods=["GET"]),
            Route("/v1/tokens/{id}", refusals(self.delete_token), methods=["DELETE"]),
            Route("/v1/webhooks", refusals(self.register_webhook), methods=["POST"]),
            Route("/v1/webhooks", refusals(self.list_webhooks), methods=["GET"]),
            Route("/v1/webhooks/available_events", refusals(self.list_events), methods=["GET"]),
            Route("/v1/webhooks/{id}", refusals(self.get_webhook), methods=["GET"]),
            Route("/v1/webhooks/{id}", refusals(self.delete_webhook), methods=["DELETE"]),
        ]

    async def create_payment(self, request: Request) -> Response:
        key = _key(request)
        body = await read_body(request)
        wanted = requests.read_payment(body, from_payer=key == "publishable")
        return json_response(self._simulator.create_payment(wanted).to_json(), 201)

    async def list_payments(self, request: Request) -> Response:
        _require_secret_key(request)
        return json_response(payments_page(self._simulator.payments.values(), request.query_params))

    async def get_payment(self, request: Request) -> Response:
        _require_secret_key(request)
        return json_response(self._payment(request).to_json())

    async def update_payment(self, request: Request) -> Response:
        _require_secret_key(request)
        payment = self._payment(request)
        body = await read_body(request)
        if not body.keys() <= {"description", "metadata"}:
            raise invalid("Only description and metadata can be changed")
        if "description" in body:
            payment.description = str(body["description"])
        if "metadata" in body:
            payment.metadata = requests.read_metadata(body)
        payment.updated_at = utc_now()
        return json_response(payment.to_json())

    async def capture(self, request: Request) -> Response:
        payment, amount = await self._payment_and_amount(request)
        self._simulator.capture(payment, amount)
        return json_response(payment.to_json())

    async def refund(self, request: Request) -> Response:
        payment, amount = await self._payment_and_amount(request)
        self._simulator.refund(payment, amount)
        return json_response(payment.to_json())

    async def void(self, request: Request) -> Response:
        _require_secret_key(request)
        payment = self._payment(request)
        self._simulator.void(payment)
        return json_response(payment.to_json())

    async def create_token(self, request: Request) -> Response:
        if _key(request) == "secret":
            raise invalid("Card data is accepted from the payer's device only")
        body = await read_body(request)
        callback_url = requests.read_url(body, "callback_url", required=True)
        token = self._simulator.create_token(
            requests.read_card(body), callback_url, requests.read_metadata(body)
        )
        return json_response(token.to_json(), 201)

    async def get_token(self, request: Request) -> Response:
        _require_secret_key(request)
        return json_response(self._token(request).to_json())

    async def delete_token(self, request: Request) -> Response:
        _require_secret_key(request)
        del self._simulator.tokens[self._token(request).id]
        return Response(status_code=204)

    async def register_webhook(self, request: Request) -> Response:
        _require_secret_key(request)
        url, shared_secret, events = requests.read_webhook(await read_body(request))
        return json_response(self._simulator.register_webhook(url, shared_secret, events).to_json(), 201)

    async def list_webhooks(self, request: Request) -> Response:
        _require_secret_key(request)
        return json_response({"webhooks": [hook.to_json() for hook in self._simulator.webhooks.values()]})

    async def list_events(self, request: Request) -> Response:
        _require_secret_key(request)
        return json_response({"events": list(EVENT_TYPES)})

    async def get_webhook(self, request: Request) -> Response:
        _require_secret_key(request)
        return json_response(self._webhook(request).to_json())

    async def delete_webhook(self, request: Request) -> Response:
        _require_secret_key(request)
        webhook = self._simulator.webhooks.pop(self._webhook(request).id)
        return json_response(webhook.to_json())

    async def _payment_and_amount(self, request: Request) -> tuple[Payment, int | None]:
        _require_secret_key(request)
        payment = self._payment(request)
        body = await read_body(request)
        amount = requests.read_amount(body, minimum=1) if body.get("amount") is not None else None
        return payment, amount

    def _payment(self, request: Request) -> Payment:
        return _found(self._simulator.payments.get(request.path_params["id"]))

    def _token(self, request: Request) -> Token:
        return _found(self._simulator.tokens.get(request.path_params["id"]))

    def _webhook(self, request: Request) -> Webhook:
        return _found(self._simulator.webhooks.get(request.path_params["id"]))


def refusals(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its refusals in the provider's error shape."""

    async def answering(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            return json_response(refusal.to_json(), refusal.status)

    return answering


async def read_body(request: Request) -> dict[str, object]:
    try:
        return json_object(await request.body())
    except BadOrder as error:
        raise invalid(str(error)) from error


def _found(value: _Found | None) -> _Found:
    if value is None:
        raise Refusal(404, "invalid_request_error", "Object not found")
    return value


def _key(request: Request) -> Literal["secret", "publishable"]:
    """Which key the caller showed: HTTP Basic, the key as user name, the password empty."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        shown = b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        shown = b""
    if hmac.compare_digest(shown, f"{credentials.MOYASAR_SECRET_KEY}:".encode()):
        return "secret"
    if hmac.compare_digest(shown, f"{credentials.MOYASAR_PUBLISHABLE_KEY}:".encode()):
        return "publishable"
    raise Refusal(401, "authentication_error", "Invalid authorization credentials")


def _require_secret_key(request: Request) -> None:
    if _key(request) == "publishable":
        raise Refusal(401, "authentication_error", "This needs the secret key")
