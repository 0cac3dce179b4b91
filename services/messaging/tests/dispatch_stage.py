"""The stage for dispatching: an identity on the wire, due messages, a dispatcher that runs in the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from kursi.identity.v1 import identity_service_pb2 as identity_pb2
from kursi.identity.v1.identity_service_pb2_grpc import (
    IdentityInternalServiceServicer,
    add_IdentityInternalServiceServicer_to_server,
)
from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.grpc.client import connect
from kursi_chassis.ids import new_id
from kursi_chassis.testing.databases import DatabaseUrls
from kursi_chassis.testing.eventually import eventually
from kursi_messaging.adapters.contacts import IdentityContacts
from kursi_messaging.dispatch.dispatcher import Dispatcher
from kursi_messaging.dispatch.wiring import delivery_reports, dispatcher
from kursi_messaging.ports import IncomingReport
from kursi_messaging.settings import MessagingSettings
from kursi_messaging.usecases.apply_delivery_report import DeliveryReports
from kursi_simulators import credentials
from kursi_simulators.callbacks import Callback
from kursi_simulators.testing import Simulators
from psycopg.rows import dict_row

PUBLIC_URL = "https://api.kursi.example"
SALON = UUID("018f3a5e-0000-7000-8000-0000000000a1")


class Directory(IdentityInternalServiceServicer):
    """Identity, as far as messaging asks it: who has which number and address."""

    def __init__(self) -> None:
        self.people: dict[UUID, Mapping[str, str]] = {}
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.questions: list[list[str]] = []

    def knows(self, **contact: str) -> UUID:
        user_id = new_id()
        usual = {"phone_number": "+966512345678", "email": "sara@example.com", "language_code": "en"}
        self.people[user_id] = {**usual, **contact}
        return user_id

    async def BatchGetContacts(self, request, context):  # noqa: N802 - the contract's name
        self.questions.append(list(request.user_ids))
        await self.answers.wait()
        if self.is_down:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "down")
        known = [UUID(user_id) for user_id in request.user_ids if UUID(user_id) in self.people]
        return identity_pb2.BatchGetContactsResponse(
            contacts=[identity_pb2.Contact(user_id=str(key), **self.people[key]) for key in known]
        )

    async def IssueServiceToken(self, request, context):  # noqa: N802 - the contract's name
        expires = Timestamp()
        expires.FromDatetime(datetime.now(UTC) + timedelta(minutes=10))
        return identity_pb2.ServiceToken(access_token="a token of the test", expires_at=expires)


@asynccontextmanager
async def served(directory: Directory) -> AsyncIterator[str]:
    """Serve identity on a free port; yields its address."""
    server = grpc.aio.server()
    add_IdentityInternalServiceServicer_to_server(directory, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


@dataclass
class Stage:
    """Everything around the dispatcher, and the dispatcher itself while `dispatching`."""

    urls: DatabaseUrls
    database: Database
    directory: Directory
    identity_address: str
    simulators: Simulators
    clock: Clock
    settings: MessagingSettings
    sara: UUID = field(init=False)

    def __post_init__(self) -> None:
        self.sara = self.directory.knows()

    @property
    def twilio(self):
        return self.simulators.twilio

    @property
    def smtp(self):
        return self.simulators.smtp

    async def deliver(self, callback: Callback) -> None:
        """Bring a report of the provider to messaging, as the gateway would."""
        path = callback.url.removeprefix(PUBLIC_URL)
        await self.reports.receive(
            IncomingReport(
                provider="twilio",
                notification_id=dict(parse_qsl(urlsplit(path).query)).get("notificationId", ""),
                body=callback.body,
                content_type=callback.headers["content-type"],
                headers={"x-envoy-original-path": path, **callback.headers},
            )
        )

    async def reported(self, word: str) -> Callback:
        """The provider's report with this word, once it has made it."""
        return await eventually(
            lambda: next((sent for sent in self.twilio.callbacks.sent if sent.kind == word), None)
        )

    @property
    def reports(self) -> DeliveryReports:
        return delivery_reports(self.settings, self.database, self.clock)

    def configured(self, **changes: object) -> None:
        self.settings = self.settings.model_copy(update=changes)

    def impatient(self) -> None:
        """For a provider that does not answer: give it up soon."""
        self.configured(provider_timeout_seconds=2.5, lease_seconds=6)

    @asynccontextmanager
    async def dispatching(self, jitter=lambda: 0.0) -> AsyncIterator[Dispatcher]:
        """Dispatch while the block runs; leaving it stops as a process would."""
        stopping = asyncio.Event()
        database = await Database.open(self.urls.app, pool_size=6, application_name="dispatch")
        async with (
            connect(self.identity_address, dependency="identity") as channel,
            dispatcher(self.settings, database, IdentityContacts(channel), self.clock, jitter) as role,
        ):
            running = asyncio.create_task(role.run(stopping))
            try:
                yield role
            finally:
                stopping.set()
                await running
                await database.close()

    async def due(self, **changes: object) -> UUID:
        """A message that is due: by default one that a salon wrote to Sara."""
        now = self.clock.now()
        row = {
            "id": new_id(),
            "salon_id": SALON,
            "booking_id": None,
            "recipient_id": self.sara,
            "audience": "customer",
            "event": "manual",
            "occurrence": str(new_id()),
            "channel": "sms",
            "status": "pending",
            "priority": 0,
            "due_at": now,
            "facts": {"subject": "Hello", "body": "See you soon"},
            "created_at": now,
            "updated_at": now,
            **changes,
        }
        await self.insert("notifications", row)
        return row["id"]

    async def booking(self, state: str = "confirmed", revision: int = 1, **changes: object) -> UUID:
        """A booking as messaging knows it, three days ahead."""
        start = self.clock.now() + timedelta(days=3)
        row = {
            "booking_id": new_id(),
            "salon_id": SALON,
            "customer_id": self.sara,
            "staff_user_ids": [],
            "state": state,
            "last_revision": revision,
            "start_at": start,
            "end_at": start + timedelta(hours=1),
            "time_zone": "Asia/Riyadh",
            "facts": {},
            "changed_at": self.clock.now(),
            **changes,
        }
        await self.insert("booking_view", row)
        return row["booking_id"]

    async def insert(self, table: str, row: Mapping[str, object]) -> None:
        values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
        names, places = ", ".join(row), ", ".join(["%s"] * len(row))
        await self.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", *values)

    async def row(self, notification_id: UUID) -> dict:
        return (await self.select("SELECT * FROM notifications WHERE id = %s", notification_id))[0]

    async def rows(self) -> list[dict]:
        return await self.select("SELECT * FROM notifications ORDER BY id")

    async def attempts(self, notification_id: UUID) -> list[dict]:
        return await self.select(
            "SELECT * FROM attempts WHERE notification_id = %s ORDER BY number", notification_id
        )

    async def events(self) -> list[str]:
        """The last words of the subjects in the outbox, in order."""
        rows = await self.select("SELECT subject FROM outbox ORDER BY id")
        return [row["subject"].rpartition(".")[2] for row in rows]

    async def select(self, statement: str, *parameters: object) -> list[dict]:
        async with self.database.autocommit() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(statement, parameters)
            return await cursor.fetchall()

    async def execute(self, statement: str, *parameters: object) -> None:
        async with self.database.autocommit() as connection:
            await connection.execute(statement, parameters)

    async def has(self, notification_id: UUID, status: str) -> bool:
        return (await self.row(notification_id))["status"] == status


def stage_settings(simulators: Simulators, address: str, urls: DatabaseUrls) -> MessagingSettings:
    """Everything goes to the simulators; a provider has time to answer on a busy machine, too. See `impatient`."""
    return MessagingSettings(
        database_url=urls.app,
        client_secret="a secret of the test",
        token_issuer="https://identity.test",
        page_token_key="a key of the test",
        default_language="en",
        identity_address=address,
        email_provider="smtp",
        sms_provider="twilio",
        whatsapp_provider="twilio",
        twilio_base_url=simulators.twilio.base_url,
        twilio_account_sid=credentials.TWILIO_ACCOUNT_SID,
        twilio_auth_token=credentials.TWILIO_AUTH_TOKEN,
        twilio_sms_sender="KURSI",
        twilio_whatsapp_sender="+14155238886",
        public_url=PUBLIC_URL,
        smtp_host=simulators.smtp.host,
        smtp_port=simulators.smtp.port,
        smtp_security="none",
        smtp_sender="Kursi <no-reply@kursi.example>",
        provider_timeout_seconds=10,
        lease_seconds=30,
        report_wait_seconds=0.3,
        dispatch_idle_seconds=0.03,
        dispatch_sweep_seconds=0.05,
    )
