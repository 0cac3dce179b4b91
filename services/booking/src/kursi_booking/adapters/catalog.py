"""The catalog, asked as rarely as the truth allows.

What it said is kept per salon and services, for whole weeks, and used again until the salon's version is known to
have grown or `fresh_for` is over. When the catalog does not answer, what is kept is given, marked as stale.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

import grpc
from google.protobuf.message import Message
from kursi.catalog.v1 import catalog_service_pb2
from kursi_chassis.clock import Clock
from kursi_chassis.errors import DomainError, Unavailable
from kursi_chassis.grpc.status import RemoteError
from kursi_chassis.grpc.times import EARLIEST, LATEST, timestamp
from kursi_chassis.intervals import Interval
from prometheus_client import Counter

from kursi_booking.adapters.catalog_context import read_context
from kursi_booking.adapters.catalog_explanation import explanation_request, read_explanation
from kursi_booking.domain.errors import CatalogUnavailable, SalonNotFound, ServiceNotFound, StaffNotFound
from kursi_booking.domain.salon import SalonContext
from kursi_booking.ports.explaining import CatalogWord, UnitSpan

if TYPE_CHECKING:  # the name exists for type checkers only
    from kursi.catalog.v1.catalog_service_pb2_grpc import CatalogInternalServiceAsyncStub

_SERVICE = "kursi.catalog.v1.CatalogInternalService"
REPEATABLE = (f"{_SERVICE}/GetBookingContext", f"{_SERVICE}/ExplainWorkingTime")

A = TypeVar("A")

_HOUR, _DAY, _WEEK = 3_600, 86_400, 7 * 86_400
_LONGEST = 64 * _DAY
"""What the catalog resolves in one call: 62 days, and a day on either side."""
_USUAL = 5 * _WEEK
"""Who looks at a week looks at the next one too: a month comes for little more than a day."""
_FIRST_MONDAY = 4 * _DAY
_WINDOWS_PER_KEY = 4
_BOUNDS = int(EARLIEST.timestamp()), int(LATEST.timestamp()) - 1
"""The first instant and the last that can be asked about. Nobody works beyond them."""
_MOST_VERSIONS = 50_000
_REFUSALS: dict[str, type[DomainError]] = {
    error.reason: error for error in (SalonNotFound, ServiceNotFound, StaffNotFound)
}

ANSWERS = Counter("kursi_booking_catalog_answers_total", "Where a salon's context came from", ["source"])


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How long and how much is kept.

    `fresh_for` bounds the age of what is used while no change is heard of; it matters only when events are lost.
    After a call without an answer nobody asks again for `quiet_for`, so that a catalog that hangs costs one caller
    its deadline and not all of them.
    """

    fresh_for: timedelta = timedelta(seconds=60)
    quiet_for: timedelta = timedelta(seconds=2)
    entries: int = 500
    deadline_seconds: float = 2.0


class _Key(NamedTuple):
    salon_id: UUID
    service_ids: frozenset[UUID]


class CatalogClient:
    """The catalog behind its cache. One per process."""

    def __init__(
        self, stub: "CatalogInternalServiceAsyncStub", clock: Clock, limits: CacheLimits = CacheLimits()
    ) -> None:
        self._stub = stub
        self._clock = clock
        self._limits = limits
        self._kept: OrderedDict[_Key, list[SalonContext]] = OrderedDict()
        self._versions: OrderedDict[UUID, int] = OrderedDict()
        self._asking: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()
        self._trusted_from = self._quiet_until = datetime.min.replace(tzinfo=UTC)

    async def context(
        self, salon_id: UUID, service_ids: frozenset[UUID], start: int, end: int
    ) -> SalonContext:
        """The salon with these services, everybody who performs them, and their working time in the range.

        The range may be up to 63 days long. Callers that want the same wait for one call together.

        Raises: SalonNotFound, ServiceNotFound; CatalogUnavailable without an answer and nothing kept.
        """
        key = _Key(salon_id, service_ids)
        kept = self._find(key, start, end)
        if kept is not None and self._is_fresh(kept):
            ANSWERS.labels("cache").inc()
            return kept
        async with self._asking.setdefault(key, asyncio.Lock()):
            kept = self._find(key, start, end)
            if kept is not None and self._is_fresh(kept):
                ANSWERS.labels("cache").inc()
                return kept
            return await self._refreshed(key, (start, end), kept)

    async def expect_staff(self, salon_id: UUID, staff_id: UUID, start: int, end: int) -> None:
        """Ask whether the salon has this staff member. Raises: StaffNotFound, CatalogUnavailable."""
        answer = await self._ask(
            catalog_service_pb2.GetBookingContextRequest(salon_id=str(salon_id), staff_ids=[str(staff_id)]),
            (start, end),
        )
        if not answer.workers:
            raise StaffNotFound

    async def explain_working_time(
        self, salon_id: UUID, spans: Sequence[UnitSpan], service_ids: Sequence[UUID]
    ) -> CatalogWord:
        """Which rule closes each span now, and where policies come from: never kept, as it is seldom asked.

        Raises: CatalogUnavailable, SalonNotFound, ServiceNotFound, StaffNotFound.
        """
        request = explanation_request(salon_id, spans, service_ids)
        return read_explanation(await self._call(self._stub.ExplainWorkingTime, request))

    def heard_of(self, salon_id: UUID, version: int) -> None:
        """The salon has reached this version: what is kept of older ones has to be asked for again."""
        if version > self._versions.get(salon_id, 0):
            self._note(salon_id, version)

    def heard_nothing(self) -> None:
        """Changes may have been missed: nothing that was kept until now is taken for fresh."""
        self._trusted_from = self._clock.now()

    def _find(self, key: _Key, start: int, end: int) -> SalonContext | None:
        """The newest that covers the range."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return next((context for context in kept if context.covers(start, end)), None)

    def _is_fresh(self, context: SalonContext) -> bool:
        return (
            context.version >= self._versions.get(context.salon_id, 0)
            and context.as_of >= self._trusted_from
            and self._clock.now() - context.as_of < self._limits.fresh_for
        )

    async def _refreshed(self, key: _Key, wanted: Interval, kept: SalonContext | None) -> SalonContext:
        try:
            return await self._fetch(key, wanted)
        except CatalogUnavailable:
            if kept is None:
                raise
            ANSWERS.labels("stale").inc()
            return replace(kept, stale=True)
        except (SalonNotFound, ServiceNotFound):
            self._kept.pop(key, None)
            raise

    async def _fetch(self, key: _Key, wanted: Interval) -> SalonContext:
        window, as_of = _window(*wanted), self._clock.now()
        expected = self._versions.get(key.salon_id, 0)
        request = catalog_service_pb2.GetBookingContextRequest(
            salon_id=str(key.salon_id), service_ids=sorted(map(str, key.service_ids))
        )
        context = read_context(await self._ask(request, window), window, as_of)
        if self._versions.get(key.salon_id, 0) == expected:
            # An older version than was announced is a catalog that was restored: its word counts. What was announced
            # while it answered counts more.
            self._note(key.salon_id, context.version)
        self._keep(key, context)
        ANSWERS.labels("catalog").inc()
        return context

    async def _ask(
        self, request: catalog_service_pb2.GetBookingContextRequest, window: Interval
    ) -> catalog_service_pb2.BookingContext:
        start, end = max(window[0], _BOUNDS[0]), min(window[1], _BOUNDS[1])
        request.start_time.CopyFrom(timestamp(datetime.fromtimestamp(start, UTC)))
        request.end_time.CopyFrom(timestamp(datetime.fromtimestamp(end, UTC)))
        return await self._call(self._stub.GetBookingContext, request)

    async def _call(self, method: Callable[..., Awaitable[A]], request: Message) -> A:
        if self._clock.now() < self._quiet_until:
            raise CatalogUnavailable
        try:
            return await method(request, timeout=self._limits.deadline_seconds)
        except RemoteError as error:
            raise _refused(error) from error
        except (Unavailable, grpc.aio.AioRpcError) as error:
            self._quiet_until = self._clock.now() + self._limits.quiet_for
            raise CatalogUnavailable from error

    def _keep(self, key: _Key, context: SalonContext) -> None:
        """Put it first, in place of what it covers; the least recently used key goes when there are too many."""
        others = [old for old in self._kept.pop(key, []) if not context.covers(*old.window)]
        self._kept[key] = [context, *others][:_WINDOWS_PER_KEY]
        if len(self._kept) > self._limits.entries:
            self._kept.popitem(last=False)

    def _note(self, salon_id: UUID, version: int) -> None:
        self._versions[salon_id] = version
        self._versions.move_to_end(salon_id)
        if len(self._versions) > _MOST_VERSIONS:
            self._versions.popitem(last=False)


def _window(start: int, end: int) -> Interval:
    """Whole weeks around the range, five at least; from its first day on where the catalog would refuse so many, or from
    its first hour where even that would not reach the end.
    """
    first = start - (start - _FIRST_MONDAY) % _WEEK
    last = max(end + (_FIRST_MONDAY - end) % _WEEK, first + _USUAL)
    if last - first <= _LONGEST:
        return first, last
    day, hour = start - start % _DAY, start - start % _HOUR
    begin = day if end <= day + _LONGEST else hour
    return begin, begin + _LONGEST


def _refused(error: RemoteError) -> DomainError:
    """What the catalog does not know is unknown here as well; any other refusal leaves as it came."""
    refusal = _REFUSALS.get(error.reason)
    return refusal() if refusal else error
