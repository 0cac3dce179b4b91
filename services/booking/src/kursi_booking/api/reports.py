"""`kursi.booking.v1.ReportService`."""

import csv
import io
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from google.api import httpbody_pb2
from kursi.booking.v1 import report_service_pb2 as pb
from kursi.booking.v1 import report_service_pb2_grpc
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.validation import Violations

from kursi_booking.domain.report import COLUMNS, Grouping, Report, ReportName, ReportRow, WantedReport
from kursi_booking.usecases.get_report import GetReport

NAME: Final = "kursi.booking.v1.ReportService"
_LONGEST = timedelta(days=366)
_DATE = re.compile(r"(19|20|21)\d\d-\d\d-\d\d")
_NAMES = {name.value: name for name in ReportName}
_GROUPINGS: Mapping[int, Grouping] = {
    pb.GetReportRequest.GROUP_BY_UNSPECIFIED: Grouping.EVERYTHING,
    pb.GetReportRequest.DAY: Grouping.DAY,
    pb.GetReportRequest.SERVICE: Grouping.SERVICE,
    pb.GetReportRequest.STAFF: Grouping.STAFF,
}
# What a spreadsheet takes for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class ReportServicer(report_service_pb2_grpc.ReportServiceServicer):
    """Numbers for those who run a salon."""

    def __init__(self, get_report: GetReport) -> None:
        self._get = get_report

    async def GetReport(self, request: pb.GetReportRequest, context: Context) -> pb.Report:
        """A report."""
        report = await self._get(_wanted(request))
        return pb.Report(
            name=report.name.value,
            columns=COLUMNS[report.name],
            rows=[_row(row) for row in report.rows],
            totals=[_row(row) for row in report.totals],
            time_zone=report.time_zone,
        )

    async def ExportReport(self, request: pb.ExportReportRequest, context: Context) -> httpbody_pb2.HttpBody:
        """A report as CSV."""
        report = await self._get(_wanted(request))
        return httpbody_pb2.HttpBody(
            content_type="text/csv; charset=utf-8",
            data=csv_of(report, current_caller().language).encode(),
        )


def csv_of(report: Report, language: str) -> str:
    """A header and a line per row, after RFC 4180; texts cannot be taken for formulas."""
    has_currency = report.name is ReportName.REVENUE
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(["key", "name", *(["currency_code"] if has_currency else []), *COLUMNS[report.name]])
    for row in report.rows:
        name = row.names.get(language) or row.names.get("en") or next(iter(row.names.values()), "")
        currency = [row.currency_code] if has_currency else []
        writer.writerow([*map(_harmless, [row.key, name, *currency]), *row.values])
    return lines.getvalue()


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(row: ReportRow) -> pb.Report.Row:
    return pb.Report.Row(key=row.key, names=row.names, currency_code=row.currency_code, values=row.values)


def _wanted(request: pb.GetReportRequest | pb.ExportReportRequest) -> WantedReport:
    """Which report is asked for. Raises: Invalid."""
    with Violations() as check:
        salon_id = check.id("salon_id", request.salon_id)
        name = _NAMES.get(check.choice("name", request.name, _NAMES), ReportName.BOOKINGS)
        first = _date(check, "first_date", request.first_date)
        last = _date(check, "last_date", request.last_date)
        if first and last:
            _check_range(check, first, last)
        grouping = _GROUPINGS.get(request.group_by)
        if grouping is None or (name is ReportName.UTILISATION and grouping is Grouping.SERVICE):
            check.add("group_by", "UNKNOWN_VALUE")
    return WantedReport(salon_id, name, first or date.min, last or date.min, grouping or Grouping.EVERYTHING)


def _check_range(check: Violations, first: date, last: date) -> None:
    if last < first:
        check.add("last_date", "EMPTY_RANGE")
    elif last - first >= _LONGEST:
        check.add("last_date", "RANGE_TOO_LONG", max=_LONGEST)


def _date(check: Violations, field: str, value: str) -> date | None:
    """A day of the years 1900 to 2199; None stands in for a bad one."""
    if not check.require(field, value):
        return None
    try:
        return date.fromisoformat(value if _DATE.fullmatch(value) else "")
    except ValueError:
        check.add(field, "MALFORMED")
        return None
