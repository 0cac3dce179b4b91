"""A provider tells what became of a message."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from kursi_chassis.clock import Clock
from kursi_chassis.db.database import Database
from kursi_chassis.db.retries import run_with_retries
from kursi_chassis.errors import Denied, Invalid, NotFound
from prometheus_client import Counter

from kursi_messaging.ports import IncomingReport, Report, ReportMalformed, ReportReader, ReportRefused
from kursi_messaging.store import reports
from kursi_messaging.store.reports import Moved, StoredReport

_AT_ONCE = 200

REPORTS = Counter(
    "kursi_messaging_reports_total",
    "Delivery reports by provider and what they were: new, repeated, refused, malformed, asked for.",
    ("provider", "kind"),
)
SENT_AFTER_ALL = Counter(
    "kursi_messaging_sent_after_all_total",
    "Messages that were recorded as failed and that their provider turned out to have, by channel and provider.",
    ("channel", "provider"),
)


class WebhookRefused(Denied):
    """The report's signature is not the provider's."""

    reason = "WEBHOOK_REFUSED"
    en = "The signature does not match."
    ar = "التوقيع غير مطابق."


class WebhookMalformed(Invalid):
    """The report says nothing that could be understood."""

    reason = "WEBHOOK_MALFORMED"
    en = "The report cannot be read."
    ar = "تعذّرت قراءة التقرير."


class ProviderUnknown(NotFound):
    """No provider of this name reports here."""

    reason = "PROVIDER_UNKNOWN"
    en = "There is no provider {provider}."
    ar = "لا يوجد مزوّد باسم {provider}."


class DeliveryReports:
    """Takes reports and moves messages forward by them."""

    def __init__(
        self, database: Database, clock: Clock, readers: Mapping[str, ReportReader], parking: timedelta
    ) -> None:
        self._database = database
        self._clock = clock
        self._readers = readers
        self._parking = parking

    async def receive(self, incoming: IncomingReport) -> None:
        """Take a report. The same one again, or one that says less than what is known, changes nothing.

        It is written down before it is used: should that fail, the provider has been told that it arrived,
        and `settle_parked` uses it.

        Raises:
            ProviderUnknown, WebhookRefused, WebhookMalformed: nothing was written down.
        """
        reader = self._readers.get(incoming.provider)
        if reader is None:
            raise ProviderUnknown(provider=incoming.provider)
        try:
            report = reader.read(incoming)
        except ReportRefused as error:
            REPORTS.labels(incoming.provider, "refused").inc()
            raise WebhookRefused from error
        except ReportMalformed as error:
            REPORTS.labels(incoming.provider, "malformed").inc()
            raise WebhookMalformed from error
        is_new = await self._take(report, incoming.notification_id, incoming.body)
        REPORTS.labels(incoming.provider, "new" if is_new else "repeated").inc()

    async def learn(self, report: Report) -> None:
        """Take what a provider said when it was asked: the same as if it had reported it."""
        address = f"asked {report.notification_id} {report.external_id}"
        if await self._take(report, address, report.reported_status.encode()):
            REPORTS.labels(report.provider, "asked").inc()

    async def settle_parked(self) -> None:
        """Apply the reports whose message is known by now, and give up on those that waited too long.

        All are looked at: many may wait for messages that are to be tried again, and keep nobody else's back.
        """
        last: StoredReport | None = None
        while True:
            waiting, moved = await run_with_retries(partial(self._settle, last))
            _count(moved)
            if len(waiting) < _AT_ONCE:
                break
            last = waiting[-1]
        async with self._database.autocommit() as connection:
            await reports.drop_older(connection, self._parking, self._clock.now())

    async def _take(self, report: Report, address: str, body: bytes) -> bool:
        """Keep the report and apply it; False for the same bytes to the same address again."""
        fingerprint = hashlib.sha256(f"{address}\n".encode() + body).digest()
        async with self._database.autocommit() as connection:
            is_new = await reports.keep(
                connection, report, fingerprint=fingerprint, payload=body, now=self._clock.now()
            )
        if is_new:
            _count(await run_with_retries(lambda: self._apply(fingerprint)))
        return is_new

    async def _apply(self, fingerprint: bytes) -> Sequence[Moved]:
        async with self._database.transaction() as connection:
            return await reports.apply_parked(connection, fingerprint, self._clock.now())

    async def _settle(self, after: StoredReport | None) -> tuple[Sequence[StoredReport], Sequence[Moved]]:
        async with self._database.transaction() as connection:
            waiting = await reports.parked(connection, _AT_ONCE, after)
            return waiting, await reports.apply_all(connection, waiting, self._clock.now())


def _count(moved: Sequence[Moved]) -> None:
    for one in moved:
        if one.has_come_back:
            SENT_AFTER_ALL.labels(one.channel, one.provider).inc()
