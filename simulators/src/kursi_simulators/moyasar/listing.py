"""`GET /v1/payments`: filters and pages. A filter we do not know is refused, never ignored."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from kursi_simulators.moyasar.model import Payment, invalid

PAGE_SIZE = 40


def payments_page(payments: Iterable[Payment], query: Mapping[str, str]) -> dict[str, object]:
    """The wanted page, newest first.

    Raises:
        Refusal: 400 for an unknown filter or a value that cannot be read.
    """
    filters = {name: value for name, value in query.items() if name != "page"}
    chosen = [payment for payment in payments if all(_passes(payment, *item) for item in filters.items())]
    chosen.sort(key=lambda payment: payment.created_at, reverse=True)
    page = _page_number(query.get("page", "1"))
    pages = max(1, -(-len(chosen) // PAGE_SIZE))
    return {
        "payments": [payment.to_json() for payment in chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]],
        "meta": {
            "current_page": page,
            "next_page": page + 1 if page < pages else None,
            "prev_page": page - 1 if page > 1 else None,
            "total_pages": pages,
            "total_count": len(chosen),
        },
    }


def _passes(payment: Payment, name: str, value: str) -> bool:
    if name in ("id", "status"):
        return value == (payment.id if name == "id" else payment.status)
    if name.startswith("metadata[") and name.endswith("]"):
        return payment.metadata.get(name.removeprefix("metadata[").removesuffix("]")) == value
    field, _, relation = name.removesuffix("]").partition("[")
    moments = {"created": payment.created_at, "updated": payment.updated_at}
    if field not in moments or relation not in ("gt", "lt"):
        raise invalid(f"Unknown filter {name}")
    limit = _moment(value)
    return moments[field] > limit if relation == "gt" else moments[field] < limit


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid(f"{value} is not a time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _page_number(value: str) -> int:
    if not (value.isdigit() and int(value) >= 1):
        raise invalid(f"{value} is not a page")
    return int(value)
