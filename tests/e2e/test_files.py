"""Files through the gateway: each is of the kind that the OpenAPI document says, and one that is too large is refused readably."""

import io

import pytest
from e2e_contract import METHODS
from PIL import Image

FILES = {name: method for name, method in METHODS.items() if method.media_types}


@pytest.fixture(scope="module")
def picture():
    """The bytes of a small picture."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def addresses(world, picture):
    """Where each file is, and who may read it; a method may have several."""
    owner, customer = world["owner"], world["customer"]
    booking = world.book(customer, world.slots()[-90])
    feed = customer.post("/v1/calendar-feeds")
    photo = owner.call("POST", world.salon.path("/photos"), content=picture)
    report = world.salon.path("/reports/revenue/csv?firstDate=2026-01-01&lastDate=2026-01-31")
    catalogue = world.salon.path("/catalogue")
    return {
        "identity.GetJwks": [(customer, "/.well-known/jwks.json")],
        "identity.GetDiscoveryDocument": [(customer, "/.well-known/openid-configuration")],
        "booking.GetBookingCalendar": [(customer, f"/v1/bookings/{booking['id']}/ics")],
        "booking.GetCalendarFeed": [(customer, feed["path"])],
        "booking.ExportReport": [(owner, report)],
        "catalog.GetPhotoImage": [(customer, photo["paths"]["small"])],
        "catalog.ExportCatalogue": [(owner, f"{catalogue}?format={kind}") for kind in ("JSON", "CSV")],
    }


@pytest.mark.covers("G9")
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_of_the_kinds_that_the_document_says(name, world, addresses):
    method = FILES[name]
    document = world["customer"].get("/openapi.json")
    described = document["paths"][method.path][method.verb]["responses"]["200"]["content"]
    answers = [reader.raw("GET", address) for reader, address in addresses[name]]
    assert [answer.status_code for answer in answers] == [200] * len(answers), answers[0].text
    assert {answer.headers["content-type"] for answer in answers} == described.keys()


@pytest.mark.covers("C8")
def test_a_photo_that_is_too_large_is_refused_in_the_one_shape_to_who_writes_it_to_its_end(world, picture):
    answer = world["owner"].raw(
        "POST", world.salon.path("/photos"), content=picture + bytes(11 * 1024 * 1024)
    )
    error = answer.json()
    assert (answer.status_code, error["status"], error["reason"]) == (
        413,
        "INVALID_ARGUMENT",
        "BODY_TOO_LARGE",
    )
    assert error.keys() == {"code", "status", "reason", "message", "details", "requestId"}
