"""A contract made up for these tests, compiled when they run, with every kind of method that the chassis knows."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import google.api
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from grpc_tools import protoc
from kursi.options.v1 import options_pb2
from kursi_chassis.caller import current_caller
from kursi_chassis.clock import FixedClock
from kursi_chassis.grpc.call import remaining_seconds
from kursi_chassis.grpc.chain import Context
from kursi_chassis.telemetry import current_traceparent
from kursi_chassis.testing.rpc import TokenMint, serving

PARLOUR = "chassis.test.v1.Parlour"
PROTO = """
syntax = "proto3";
package chassis.test.v1;
import "google/api/field_behavior.proto";
import "google/api/httpbody.proto";
import "google/protobuf/field_mask.proto";
import "kursi/options/v1/options.proto";

message Chair {
  string id = 1 [(google.api.field_behavior) = OUTPUT_ONLY];
  string name = 2 [(google.api.field_behavior) = REQUIRED];
  string note = 3;
  string brand = 4 [(google.api.field_behavior) = IMMUTABLE];
  Size size = 5;
  string etag = 6;
  repeated Size sizes = 7;
}
message Size { int32 height = 1; string unit = 2 [(google.api.field_behavior) = REQUIRED]; }
message Item {
  string service_id = 1 [(google.api.field_behavior) = REQUIRED];
  map<string, string> labels = 2;
}
message EchoRequest { string text = 1; int32 count = 2; }
message EchoReply {
  string text = 1; string caller = 2; string service = 3; string language = 4; string address = 5;
  string request_id = 6; double remaining = 7; string traceparent = 8; bool has_user_token = 9;
}
message SalonRequest { string salon_id = 1; }
message BookRequest {
  string request_id = 1;
  Size size = 2 [(google.api.field_behavior) = REQUIRED];
  repeated Item items = 3 [(google.api.field_behavior) = REQUIRED];
  optional int32 priority = 4 [(google.api.field_behavior) = REQUIRED];
}
message UpdateChairRequest { Chair chair = 1; google.protobuf.FieldMask update_mask = 2; }

service Parlour {
  rpc Open(EchoRequest) returns (EchoReply) { option (kursi.options.v1.access) = {who: PUBLIC}; }
  rpc Whoami(EchoRequest) returns (EchoReply) { option (kursi.options.v1.access) = {who: USER, services: "booking"}; }
  rpc Manage(SalonRequest) returns (EchoReply) {
    option (kursi.options.v1.access) = {who: SALON, role: MANAGER, salon_field: "salon_id"};
  }
  rpc Audit(EchoRequest) returns (EchoReply) { option (kursi.options.v1.access) = {who: ADMIN}; }
  rpc Lookup(EchoRequest) returns (EchoReply) {
    option (kursi.options.v1.access) = {who: SERVICE, services: "booking"};
  }
  rpc Book(BookRequest) returns (EchoReply) {
    option (kursi.options.v1.access) = {who: PUBLIC};
    option (kursi.options.v1.idempotent) = true;
  }
  rpc UpdateChair(UpdateChairRequest) returns (Chair) { option (kursi.options.v1.access) = {who: PUBLIC}; }
  rpc Count(EchoRequest) returns (stream EchoReply) { option (kursi.options.v1.access) = {who: USER}; }
}
service Undeclared { rpc Open(EchoRequest) returns (EchoReply); }
service Homeless {
  rpc Open(SalonRequest) returns (EchoReply) {
    option (kursi.options.v1.access) = {who: SALON, role: STAFF, salon_field: "salon.id"};
  }
}
service Nameless {
  rpc Open(EchoRequest) returns (google.api.HttpBody) { option (kursi.options.v1.access) = {who: PUBLIC}; }
}
service Keyless {
  rpc Open(EchoRequest) returns (EchoReply) {
    option (kursi.options.v1.access) = {who: PUBLIC};
    option (kursi.options.v1.idempotent) = true;
  }
}
"""


class Parlour:
    """Echoes its caller; `Open` does whatever `on_open` says first."""

    def __init__(self, pb2: ModuleType) -> None:
        self.pb2 = pb2
        self.on_open: Callable[[], Awaitable[None]] | None = None
        self.seen: list[Message] = []
        self.finished = asyncio.Event()

    async def _echo(self, request: Message, context: Context) -> Message:
        self.seen.append(request)
        caller = current_caller()
        return self.pb2.EchoReply(
            text=getattr(request, "text", ""),
            caller=caller.actor,
            service=caller.service or "",
            language=caller.language,
            address=caller.address,
            request_id=caller.request_id,
            remaining=remaining_seconds() or 0,
            traceparent=current_traceparent() or "",
            has_user_token=caller.user_token is not None,
        )

    Whoami = Manage = Audit = Lookup = Book = _echo

    async def Open(self, request: Message, context: Context) -> Message:  # noqa: N802
        if self.on_open is not None:
            await self.on_open()
        return await self._echo(request, context)

    async def UpdateChair(self, request: Message, context: Context) -> Message:  # noqa: N802
        return request.chair

    async def Count(self, request: Message, context: Context) -> AsyncIterator[Message]:  # noqa: N802
        try:
            for number in range(request.count):
                yield self.pb2.EchoReply(text=str(number))
            await asyncio.Event().wait()
        finally:
            self.finished.set()


class Contract(NamedTuple):
    """The generated modules."""

    pb2: ModuleType
    stubs: ModuleType


@pytest.fixture(scope="session")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """Compile the contract and import what comes out."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "parlour.proto").write_text(PROTO, encoding="utf-8")
    common = Path(next(iter(google.api.__path__))).parent.parent
    ours = Path(__file__).parents[4] / "protos"
    builtin = Path(str(protoc.__file__)).parent / "_proto"
    arguments = [f"-I{path}" for path in (folder, common, ours, builtin)]
    assert (
        protoc.main(
            ["protoc", *arguments, f"--python_out={folder}", f"--grpc_python_out={folder}", "parlour.proto"]
        )
        == 0
    )
    assert options_pb2.access is not None
    sys.path.insert(0, str(folder))
    try:
        import parlour_pb2
        import parlour_pb2_grpc
    finally:
        sys.path.remove(str(folder))
    return Contract(parlour_pb2, parlour_pb2_grpc)


@pytest.fixture
def mint(fixed_clock: FixedClock) -> TokenMint:
    """Signs tokens under the test's clock."""
    return TokenMint(fixed_clock)


@pytest.fixture
def parlour(contract: Contract) -> Parlour:
    """The servicer."""
    return Parlour(contract.pb2)


@pytest_asyncio.fixture
async def stub(contract: Contract, parlour: Parlour, mint: TokenMint) -> AsyncIterator[object]:
    """A client of a server with the whole chain."""
    async with serving([(parlour, PARLOUR)], mint) as channel:
        yield contract.stubs.ParlourStub(channel)
