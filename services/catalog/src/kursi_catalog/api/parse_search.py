"""Searches as callers send them."""

from collections.abc import Mapping

from kursi.catalog.v1 import catalog_service_pb2 as service_pb
from kursi_chassis.errors import Violation
from kursi_chassis.grpc.times import instant
from kursi_chassis.validation import Violations

from kursi_catalog.api.parse_things import SERVES
from kursi_catalog.api.reading import choice, location
from kursi_catalog.domain.salon import Location
from kursi_catalog.queries.search import Order, Search

_LARGEST_RADIUS, _USUAL_RADIUS = 100_000, 10_000
_LARGEST_PRICE = 2**62
_NO_PRICE = "The highest price is below the lowest.", "أعلى سعر أقل من أدنى سعر."
_ORDER: Mapping[int, Order] = {
    service_pb.SearchSalonsRequest.RELEVANCE: Order.RELEVANCE,
    service_pb.SearchSalonsRequest.DISTANCE: Order.DISTANCE,
    service_pb.SearchSalonsRequest.RATING: Order.RATING,
    service_pb.SearchSalonsRequest.PRICE: Order.PRICE,
}


def read_search(request: service_pb.SearchSalonsRequest) -> Search:
    """What is searched for. Raises: Invalid with everything that is wrong."""
    with Violations() as check:
        radius = check.integer("radius_meters", request.radius_meters, 0, _LARGEST_RADIUS)
        lowest, highest = _prices(check, request)
        return Search(
            order=_order(check, request),
            words=check.text("query", request.query, 100),
            city=check.text("city", request.city, 80),
            near=_near(check, request),
            radius_meters=radius or _USUAL_RADIUS,
            category=check.text("category", request.category, 40),
            serves=choice(check, "serves", request.serves, SERVES) if request.serves else None,
            lowest_price=lowest,
            highest_price=highest,
            currency_code=check.currency("currency_code", request.currency_code)
            if request.currency_code
            else "",
            minimum_rating=check.integer(
                "minimum_rating_hundredths", request.minimum_rating_hundredths, 0, 500
            ),
            open_now=_open_now(check, request),
            open_at=instant(check, "open_time", request.open_time) if request.HasField("open_time") else None,
        )


def _prices(check: Violations, request: service_pb.SearchSalonsRequest) -> tuple[int | None, int | None]:
    lowest, highest = (
        check.integer(field, getattr(request, field), 0, _LARGEST_PRICE) if request.HasField(field) else None
        for field in ("minimum_price_minor", "maximum_price_minor")
    )
    if lowest is not None and highest is not None and highest < lowest:
        check.extend([Violation("maximum_price_minor", "EMPTY_RANGE", en=_NO_PRICE[0], ar=_NO_PRICE[1])])
    return lowest, highest


def _order(check: Violations, request: service_pb.SearchSalonsRequest) -> Order:
    """What the order cannot do without is required; no order is the best that the rest allows."""
    if not request.order:
        if request.query.strip():
            return Order.RELEVANCE
        return Order.DISTANCE if request.HasField("near") else Order.OPENED
    order = choice(check, "order", request.order, _ORDER)
    if order is Order.RELEVANCE and request.order in _ORDER:
        check.require("query", request.query.strip())
    return order


def _near(check: Violations, request: service_pb.SearchSalonsRequest) -> Location | None:
    if request.HasField("near"):
        return location(check, "near", request.near)
    if request.radius_meters or request.order == service_pb.SearchSalonsRequest.DISTANCE:
        check.add("near", "REQUIRED")
    return None


def _open_now(check: Violations, request: service_pb.SearchSalonsRequest) -> bool:
    if request.open_now and request.HasField("open_time"):
        check.add("open_time", "NOT_TOGETHER")
    return request.open_now
