import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import httpx
import pytest
from kursi_simulators import credentials
from kursi_simulators.http_server import HttpServer, listen
from kursi_simulators.testing import Simulators, running_simulators
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@pytest.fixture(scope="session")
async def running() -> AsyncIterator[Simulators]:
    async with running_simulators() as simulators:
        yield simulators


@pytest.fixture
def simulators(running: Simulators) -> Simulators:
    running.reset()
    return running


class Receiver:
    """A platform's webhook endpoint that remembers what it got; `statuses` are its next answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[tuple[httpx.Headers, bytes]] = []
        self.statuses: list[int] = []

    async def take(self, request: Request) -> Response:
        self.got.append((httpx.Headers(request.headers.raw), await request.body()))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    listener = listen("127.0.0.1", 0)
    receiver = Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/hook?salon=riyadh-1")
    server = HttpServer(Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])]), listener)
    serving = asyncio.create_task(server.run_until_stopped())
    yield receiver
    server.stop()
    await serving


@pytest.fixture
async def merchant(simulators: Simulators) -> AsyncIterator[httpx.AsyncClient]:
    auth = (credentials.MOYASAR_SECRET_KEY, "")
    async with httpx.AsyncClient(base_url=simulators.moyasar.base_url, auth=auth, timeout=30) as client:
        yield client


@pytest.fixture
async def payer(simulators: Simulators) -> AsyncIterator[httpx.AsyncClient]:
    auth = (credentials.MOYASAR_PUBLISHABLE_KEY, "")
    async with httpx.AsyncClient(base_url=simulators.moyasar.base_url, auth=auth, timeout=30) as client:
        yield client


@pytest.fixture
async def sender(simulators: Simulators) -> AsyncIterator[httpx.AsyncClient]:
    auth = (credentials.TWILIO_ACCOUNT_SID, credentials.TWILIO_AUTH_TOKEN)
    account = f"{simulators.twilio.base_url}/2010-04-01/Accounts/{credentials.TWILIO_ACCOUNT_SID}"
    async with httpx.AsyncClient(base_url=account, auth=auth, timeout=30) as client:
        yield client


@pytest.fixture
def tokenize(payer: httpx.AsyncClient) -> Callable[[str], Awaitable[str]]:
    """Makes a fresh token from a sandbox card."""

    async def fresh_token(number: str = "4201320111111010") -> str:
        card = {"name": "Sara A", "number": number, "month": "12", "year": "2030", "cvc": "123"}
        answer = await payer.post("/tokens", json={**card, "callback_url": "https://salon.test/back"})
        return str(answer.json()["id"])

    return fresh_token


@pytest.fixture
def active_token(simulators: Simulators, tokenize) -> Callable[[str], Awaitable[str]]:
    """Makes a token whose holder passed the bank's challenge."""

    async def verified_token(number: str = "4201320111111010") -> str:
        token_id = await tokenize(number)
        simulators.moyasar.decide(token_id, "approve")
        return token_id

    return verified_token


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits until a statement is true, half a minute at most."""

    async def wait(statement: Callable[[], bool]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                while not statement():  # noqa: ASYNC110  # the statement is about somebody else's state
                    await asyncio.sleep(0.005)
        assert statement()

    return wait
