"""ReceiveDeliveryReport on the wire: no token, but a signature."""

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from kursi.messaging.v1.messaging_service_pb2 import ReceiveDeliveryReportRequest
from kursi_chassis.testing.rpc import refused
from kursi_simulators import credentials
from kursi_simulators.twilio.signature import sign
from pydantic import SecretStr

PATH = "/v1/webhooks/messaging/twilio"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def open_stub(messaging):
    """The service with an account at the provider."""
    messaging.settings = messaging.settings.model_copy(
        update={
            "twilio_auth_token": SecretStr(credentials.TWILIO_AUTH_TOKEN),
            "public_url": "https://api.kursi.example",
        }
    )
    async with messaging.served() as stub:
        yield stub


async def report(stub, body: str, signature: str, path: str = PATH) -> None:
    await stub.ReceiveDeliveryReport(
        ReceiveDeliveryReportRequest(provider="twilio", body=HttpBody(content_type=FORM, data=body.encode())),
        metadata=(("x-twilio-signature", signature), ("x-envoy-original-path", path)),
    )


def signed(**fields: str) -> tuple[str, str]:
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    return body, sign(f"https://api.kursi.example{PATH}", fields.items(), credentials.TWILIO_AUTH_TOKEN)


@pytest.mark.covers("V8")
async def test_a_signed_report_is_taken_and_kept(messaging, open_stub):
    await report(open_stub, *signed(MessageSid="SM1", MessageStatus="delivered"))
    assert await messaging.execute("SELECT external_id, state FROM delivery_reports") == [("SM1", "parked")]


@pytest.mark.covers("V8")
async def test_an_unsigned_report_is_refused_and_not_kept(messaging, open_stub):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await report(open_stub, "MessageSid=SM1&MessageStatus=delivered", "forged")
    answer = refused(error.value)
    assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "WEBHOOK_REFUSED")
    assert await messaging.execute("SELECT 1 FROM delivery_reports") == []


@pytest.mark.parametrize("path", ["[", ".example.net/", "@example.net/"])
async def test_a_path_that_is_none_is_refused_like_a_wrong_signature(open_stub, path):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await report(open_stub, "MessageSid=SM1&MessageStatus=delivered", "forged", path)
    assert refused(error.value).reason == "WEBHOOK_REFUSED"


async def test_a_signed_report_without_a_message_is_malformed(open_stub):
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await report(open_stub, *signed(Hello="1"))
    answer = refused(error.value)
    assert (answer.code, answer.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "WEBHOOK_MALFORMED")
