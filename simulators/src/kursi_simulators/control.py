"""The control API that every simulator offers to tests under `/_control/`."""

from collections.abc import Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kursi_simulators.callbacks import CallbackSender
from kursi_simulators.faults import Fault, FaultQueue
from kursi_simulators.wire import BadOrder, JsonObject, json_object, json_response


class Controlled(Protocol):
    """What the control API needs of a simulator."""

    faults: FaultQueue

    def books(self) -> JsonObject: ...

    def reset(self) -> None: ...


def control_routes(simulator: Controlled) -> list[Route]:
    """`GET books`, `POST faults` and `POST reset`."""

    def take_fault(order: JsonObject) -> JsonObject:
        simulator.faults.add(Fault.from_json(order))
        return {}

    def reset(_order: JsonObject) -> JsonObject:
        simulator.reset()
        return {}

    async def books(_request: Request) -> Response:
        return json_response(simulator.books())

    return [
        Route("/_control/books", books, methods=["GET"]),
        order_route("/_control/faults", take_fault),
        order_route("/_control/reset", reset),
    ]


def callback_routes(callbacks: CallbackSender) -> list[Route]:
    """`POST callbacks`."""

    def take_order(order: JsonObject) -> JsonObject:
        callbacks.order(order)
        return {}

    return [order_route("/_control/callbacks", take_order)]


def order_route(path: str, carry_out: Callable[[JsonObject], JsonObject]) -> Route:
    """A POST route that hands the JSON body to `carry_out`; a BadOrder is answered 400."""

    async def endpoint(request: Request) -> Response:
        try:
            return json_response(carry_out(json_object(await request.body())))
        except BadOrder as error:
            return json_response({"message": str(error)}, 400)

    return Route(path, endpoint, methods=["POST"])
