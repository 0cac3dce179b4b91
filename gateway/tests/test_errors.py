"""Every error, Envoy's own included, has one shape and speaks the caller's language."""

import asyncio
import json
import re

import httpx
import pytest
from kursi_chassis import errors
from kursi_chassis.grpc.chain import BodyTooLarge, MalformedRequest
from kursi_chassis.grpc.language import negotiate
from kursi_chassis.grpc.status import InternalError
from kursi_chassis.grpc.tokens import TokenInvalid
from kursi_gateway.replies import READS_ARABIC, REPLIES, SIGN_IN

ID = "01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"
SHAPE = {"code", "status", "reason", "message", "details", "requestId"}
ARABIC = "تم حجز هذا الوقت للتو."


def failing(status: str, reason: str) -> dict[str, str]:
    return {"x-test-fail": f'{status}|{reason}|He said "no" \\ twice.|{ARABIC.encode().hex()}'}


# Method, path, further arguments of the call, HTTP status, gRPC status, reason.
BAD_REQUESTS = [
    ("GET", "/nothing", {}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("GET", "/v1/nothing", {}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("GET", "/v2/salons", {}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("PUT", "/v1/bookings", {"json": {}}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("DELETE", "/v1/salons", {}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("HEAD", "/v1/nothing", {}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("POST", f"/v1/bookings/{ID}:explode", {"json": {}}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("GET", f"/v1/salons/{ID}:explode", {}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    ("POST", f"/v1/bookings/{ID}:CANCEL", {"json": {}}, 404, "NOT_FOUND", "PATH_UNKNOWN"),
    (
        "POST",
        "/kursi.identity.v1.IdentityInternalService/GetUser",
        {"json": {}},
        404,
        "NOT_FOUND",
        "PATH_UNKNOWN",
    ),
    ("GET", "/v1/salons/a%2Fb", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", f"/v1/salons/{ID}?nonsense=1", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", f"/v1/salons/{ID}?salonId={ID}", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", f"/v1/salons/{ID}?salon_id={ID}", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", f"/v1/salons/{ID}/staff?pageSize=5&salonId=", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    # The transcoder reads names with their letters spelled in hexadecimal, too.
    ("GET", f"/v1/salons/{ID}?salon%49d={ID}", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    (
        "GET",
        f"/v1/salons/{ID}/staff?pageSize=5&%73alon%5fid=",
        {},
        400,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
    ),
    ("GET", f"/v1/s%61lons/{ID}?salonId={ID}", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    (
        "POST",
        f"/v1/bookings/{ID}:cancel?bookingId={ID}",
        {"json": {}},
        400,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
    ),
    ("PATCH", f"/v1/salons/{ID}?salon.id={ID}", {"json": {}}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", "/v1/salons:search?radius_meters=far", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", "/v1/salons:search?serves=ROBOTS", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", "/v1/salons:search?near.latitude=north", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", f"/v1/salons/{ID}/slots?startTime=tomorrow", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    (
        "GET",
        f"/v1/salons/{ID}/slots?startTime=2026-13-01T00:00:00Z",
        {},
        400,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
    ),
    ("POST", "/v1/auth/otp:request", {"content": "{"}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("POST", "/v1/auth/otp:request", {"content": "[]"}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("POST", "/v1/auth/otp:request", {"content": '"text"'}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    (
        "POST",
        "/v1/auth/otp:request",
        {"content": '{"phoneNumber": 5}'},
        400,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
    ),
    (
        "POST",
        "/v1/auth/otp:request",
        {"content": '{"phoneNumber": {}}'},
        400,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
    ),
    (
        "POST",
        "/v1/auth/otp:request",
        {"content": '{"channel": "PIGEON"}'},
        400,
        "INVALID_ARGUMENT",
        "REQUEST_MALFORMED",
    ),
    ("POST", "/v1/auth/otp:request", {"content": b"\xff\xfe"}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("POST", "/v1/auth/otp:request", {"content": "a" * 300_000}, 413, "INVALID_ARGUMENT", "BODY_TOO_LARGE"),
    (
        "POST",
        "/v1/webhooks/payments/moyasar",
        {"content": b"a" * 300_000},
        413,
        "INVALID_ARGUMENT",
        "BODY_TOO_LARGE",
    ),
    (
        "GET",
        "/healthz",
        {"headers": {f"x-h{number}": "v" for number in range(90)}},
        431,
        "INVALID_ARGUMENT",
        "HEADERS_TOO_LARGE",
    ),
    ("GET", "/healthz", {"headers": {"x-big": "v" * 70_000}}, 431, "INVALID_ARGUMENT", "HEADERS_TOO_LARGE"),
    # With what is added here, more than a service's gRPC library reads, which would refuse it as a limit that is over soon.
    ("GET", f"/v1/salons:search?query={'a' * 12 * 1024}", {}, 431, "INVALID_ARGUMENT", "HEADERS_TOO_LARGE"),
    (
        "GET",
        "/v1/users/me",
        {"headers": {"connection": "upgrade", "upgrade": "websocket"}},
        501,
        "UNIMPLEMENTED",
        "PROTOCOL_REFUSED",
    ),
    ("GET", "/healthz", {"headers": {"a_b": "1"}}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    ("GET", "/v1/users/me", {}, 401, "UNAUTHENTICATED", "UNAUTHENTICATED"),
    (
        "GET",
        "/v1/users/me",
        {"headers": {"authorization": "Bearer x"}},
        401,
        "UNAUTHENTICATED",
        "TOKEN_INVALID",
    ),
    ("GET", "/v1/users/me?access_token=x", {}, 400, "INVALID_ARGUMENT", "REQUEST_MALFORMED"),
    (
        "GET",
        f"/v1/salons/{ID}",
        {"headers": failing("NOT_FOUND", "SALON_NOT_FOUND")},
        404,
        "NOT_FOUND",
        "SALON_NOT_FOUND",
    ),
    (
        "GET",
        f"/v1/salons/{ID}",
        {"headers": failing("INVALID_ARGUMENT", "INVALID_ARGUMENT")},
        400,
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
    ),
    (
        "GET",
        f"/v1/salons/{ID}",
        {"headers": failing("FAILED_PRECONDITION", "NOT_BOOKABLE")},
        400,
        "FAILED_PRECONDITION",
        "NOT_BOOKABLE",
    ),
    ("GET", f"/v1/salons/{ID}", {"headers": failing("ABORTED", "SLOT_TAKEN")}, 409, "ABORTED", "SLOT_TAKEN"),
    (
        "GET",
        f"/v1/salons/{ID}",
        {"headers": failing("ALREADY_EXISTS", "SLUG_TAKEN")},
        409,
        "ALREADY_EXISTS",
        "SLUG_TAKEN",
    ),
    (
        "GET",
        f"/v1/salons/{ID}",
        {"headers": failing("PERMISSION_DENIED", "ROLE_REQUIRED")},
        403,
        "PERMISSION_DENIED",
        "ROLE_REQUIRED",
    ),
    (
        "GET",
        f"/v1/salons/{ID}",
        {"headers": failing("UNAUTHENTICATED", "TOKEN_EXPIRED")},
        401,
        "UNAUTHENTICATED",
        "TOKEN_EXPIRED",
    ),
    (
        "GET",
        f"/v1/salons/{ID}",
        {"headers": failing("RESOURCE_EXHAUSTED", "OTP_LIMIT")},
        429,
        "RESOURCE_EXHAUSTED",
        "OTP_LIMIT",
    ),
    (
        "POST",
        "/v1/auth/otp:request",
        {"json": {}, "headers": failing("UNAVAILABLE", "OTP_NOT_SENT")},
        503,
        "UNAVAILABLE",
        "OTP_NOT_SENT",
    ),
    ("GET", f"/v1/salons/{ID}", {"headers": failing("INTERNAL", "INTERNAL")}, 500, "INTERNAL", "INTERNAL"),
]


@pytest.mark.covers("G2")
@pytest.mark.parametrize(("verb", "path", "arguments", "http_status", "status", "reason"), BAD_REQUESTS)
async def test_every_error_has_the_one_shape(verb, path, arguments, http_status, status, reason, gateway):
    answer = await gateway.client.request(verb, path, **arguments)
    assert answer.status_code == http_status, answer.text
    if verb == "HEAD":
        return
    assert answer.headers["content-type"].startswith("application/json")
    error = answer.json()
    assert error.keys() == SHAPE
    assert (error["status"], error["reason"]) == (status, reason)
    assert isinstance(error["message"], str)
    assert isinstance(error["details"], list)


@pytest.mark.covers("G2")
async def test_a_service_error_keeps_its_details_and_names_the_request(gateway):
    answer = await gateway.client.get(f"/v1/salons/{ID}", headers=failing("ABORTED", "SLOT_TAKEN"))
    error = answer.json()
    assert error["code"] == 10
    assert error["message"] == 'He said "no" \\ twice.'
    assert error["details"][0]["metadata"] == {"a": "b", "requestId": "the service's"}
    assert error["requestId"] == answer.headers["x-request-id"]
    assert "grpc-status" not in answer.headers


@pytest.mark.covers("G2")
async def test_a_service_error_is_told_in_the_language_asked_for(gateway):
    answer = await gateway.client.get(
        f"/v1/salons/{ID}", headers={**failing("ABORTED", "SLOT_TAKEN"), "accept-language": "ar-SA,ar;q=0.9"}
    )
    assert answer.json()["message"] == ARABIC


@pytest.mark.covers("G2")
@pytest.mark.parametrize(
    "header", ["ar", "AR-sa", "fr-FR, fr;q=0.9, ar;q=0.8, en;q=0.7", "en;q=0.1, ar;q=0.9", "en;q=0"]
)
async def test_the_gateways_own_errors_are_told_in_arabic_too(gateway, header):
    answer = await gateway.client.get("/nothing", headers={"accept-language": header})
    assert answer.json()["message"] == REPLIES[404][4]


@pytest.mark.covers("G2")
@pytest.mark.parametrize("header", ["en", "ar;q=0.5, en;q=0.8", "ar;q=0"])
async def test_the_gateways_own_errors_are_told_in_english_otherwise(gateway, header):
    answer = await gateway.client.get("/nothing", headers={"accept-language": header})
    assert answer.json()["message"] == REPLIES[404][3]


@pytest.mark.covers("G2")
async def test_what_cannot_be_read_is_named_in_arabic_too(gateway):
    answer = await gateway.client.get(
        f"/v1/salons/{ID}/slots?startTime=tomorrow", headers={"accept-language": "ar"}
    )
    assert answer.json()["message"].startswith("تعذرت قراءة الطلب. ")
    assert "start_time" in answer.json()["message"]


def reads_arabic(condition, header):
    """What Envoy makes of one of its filters."""
    match condition:
        case {"or_filter": {"filters": filters}}:
            return any(reads_arabic(one, header) for one in filters)
        case {"and_filter": {"filters": filters}}:
            return all(reads_arabic(one, header) for one in filters)
        case {"header_filter": {"header": one}}:
            fits = bool(re.fullmatch(one["string_match"]["safe_regex"]["regex"], header))
            return fits is not one["invert_match"]


@pytest.mark.covers("G2")
@pytest.mark.parametrize(
    "header",
    [
        *("", "ar", "AR-sa", "ar;q=0.5", "ar , en", "fr,ar", ",ar", "e,a,ar", "ar-SA-u-nu-latn,en;q=0.1"),
        *(
            "en",
            "en,ar",
            "en-GB;q=0.9, ar;q=0.8",
            "arn",
            "arc,en",
            "eng,ar",
            "*",
            "*,ar",
            "ar;q=0",
            "ar;q=0.000,en",
        ),
        *("fr-FR, fr;q=0.9, ar;q=0.8, en;q=0.7", "fr, en;q=0.8, ar;q=0.7", "de", "zh-Hant-TW,ur;q=0.3"),
        *(
            "en;q=0.8, ar;q=0.9",
            "ar;q=0.8, en;q=0.9",
            "ar;q=0.1,en",
            "en;q=0.1,ar",
            "en-US,en;q=0.9,ar;q=0.8",
        ),
        *("fr,ar-SA;q=0.3,de;q=0.2,en-GB;q=0.4,*;q=0.1", "en;q=.2 , fr , AR ; q=0.35;x=1", "*;q=0.5,ar"),
        *(
            "en;q=0",
            "en;q=0.0,fr",
            "ar;q=0,en;q=0",
            "en;q=0,ar;q=0.5",
            "ar;q=1.0,en;q=1",
            "en;q=1,ar;q=1.000",
        ),
        *(
            "ar;q=0.5,en;q=0.5",
            "en;q=0.5,ar;q=0.5",
            "ar;q=0.3,fr;q=0.9,en;q=0.2",
            "en;q=0.3,fr;q=0.9,ar;q=0.2",
        ),
    ],
)
def test_the_gateway_and_the_services_answer_in_the_same_language(header):
    assert reads_arabic(READS_ARABIC, header) is (negotiate(header) == "ar")


@pytest.mark.covers("G2")
@pytest.mark.parametrize("arabic", range(11))
@pytest.mark.parametrize("english", range(11))
@pytest.mark.parametrize("header", ["ar;q={ar},fr,en;q={en}", "en-GB;q={en}, ar;q={ar}"])
def test_the_heavier_language_wins_wherever_it_stands(header, english, arabic):
    weighed = header.format(ar=arabic / 10, en=english / 10)
    assert reads_arabic(READS_ARABIC, weighed) is (negotiate(weighed) == "ar")


@pytest.mark.covers("G2")
@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (SIGN_IN, errors.Unauthenticated),
        (REPLIES[400], MalformedRequest),
        (REPLIES[401], TokenInvalid),
        (REPLIES[413], BodyTooLarge),
        (REPLIES[500], InternalError),
        (REPLIES[504], errors.DeadlineExceeded),
    ],
)
def test_the_gateway_and_the_services_say_the_same_of_the_same(reply, error):
    _, _, reason, english, arabic = reply
    said = (english.partition(" %")[0], arabic.partition(" %")[0])
    assert (reason, *said) == (error.reason, error.en, error.ar)


@pytest.mark.covers("G2")
async def test_a_wait_is_a_retry_after_header_rounded_up(gateway):
    answer = await gateway.client.get(f"/v1/salons/{ID}", headers=failing("RESOURCE_EXHAUSTED", "OTP_LIMIT"))
    assert answer.headers["retry-after"] == "37"


@pytest.mark.covers("G2")
async def test_a_dead_service_is_unavailable_in_the_one_shape(run_gateway, upstream, keys):
    lonely = type(upstream)(keys)
    lonely.start()
    gateway = await run_gateway([lonely.port])
    lonely.stop()
    answer: httpx.Response = await gateway.client.get(f"/v1/salons/{ID}")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "SERVICE_UNAVAILABLE"


@pytest.mark.covers("G2")
async def test_a_request_in_an_unknown_encoding_is_refused_in_the_one_shape(gateway):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.settings.listen.port)
    writer.write(
        b"POST /v1/bookings HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    error = json.loads(await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1])))
    writer.close()
    assert head.startswith(b"HTTP/1.1 501 ")
    assert error.keys() == SHAPE
    assert error["reason"] == "PROTOCOL_REFUSED"
