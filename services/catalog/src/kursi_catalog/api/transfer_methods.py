"""`kursi.catalog.v1.TransferService`."""

import asyncio
from collections.abc import Callable, Mapping

from google.api.httpbody_pb2 import HttpBody
from kursi.catalog.v1 import transfer_service_pb2 as pb
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.validation import Violations
from kursi_chassis.wording import violation_text

from kursi_catalog.api.catalogue_export import COLUMNS, flat, rows_of
from kursi_catalog.api.catalogue_file import Row, printable, read_csv, read_json, write_csv, write_json
from kursi_catalog.api.catalogue_rows import DEFAULTS, column_of, draft_of
from kursi_catalog.api.reading import request_key
from kursi_catalog.domain.transfer import CatalogueDraft, Problem, Verdict
from kursi_catalog.usecases.transfers import Transfers

TRANSFERS = "kursi.catalog.v1.TransferService"
_MOST_PROBLEMS = 1000
_READ: Mapping[int, Callable[[bytes], list[Row]]] = {
    pb.CATALOGUE_FORMAT_UNSPECIFIED: read_json,
    pb.JSON: read_json,
    pb.CSV: read_csv,
}


class TransferServicer:
    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers

    async def ExportCatalogue(self, request: pb.ExportCatalogueRequest, _context: Context) -> HttpBody:
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            _expect_format(check, request.format)
        salon, catalogue = await self._transfers.catalogue(current_caller(), salon_id)
        rows = await asyncio.to_thread(rows_of, salon, catalogue)
        if request.format == pb.CSV:
            content = await asyncio.to_thread(lambda: write_csv(flat(rows), COLUMNS))
            return HttpBody(content_type="text/csv; charset=utf-8", data=content)
        return HttpBody(content_type="application/json", data=write_json(rows))

    async def ImportCatalogue(self, request: pb.ImportCatalogueRequest, _context: Context) -> pb.ImportReport:
        with Violations() as check:
            salon_id = check.id("salon_id", request.salon_id)
            _expect_format(check, request.format)
        caller = current_caller()
        salon = await self._transfers.salon(caller, salon_id)
        # Thousands of rows take a second or two to read: other calls go on meanwhile.
        draft = await asyncio.to_thread(_read, request, salon.currency_code)

        if not request.apply:
            return _report(await self._transfers.look(caller, salon_id, draft, DEFAULTS), caller.language)
        answer = await self._transfers.apply(
            caller,
            salon_id,
            draft,
            DEFAULTS,
            key=request_key(request, request.request_id),
            render=lambda verdict: _report(verdict, caller.language).SerializeToString(deterministic=True),
        )
        return pb.ImportReport.FromString(answer)


def _read(request: pb.ImportCatalogueRequest, currency_code: str) -> CatalogueDraft:
    return draft_of(_READ[request.format](request.file.data), currency_code)


def _expect_format(check: Violations, number: int) -> None:
    if number not in _READ:
        check.add("format", "UNKNOWN_VALUE")


def _report(it: Verdict, language: str) -> pb.ImportReport:
    return pb.ImportReport(
        applied=it.applied,
        rows=it.rows,
        created=it.created,
        updated=it.updated,
        unchanged=it.unchanged,
        bad_rows=len({(problem.place.kind, problem.place.line) for problem in it.problems}),
        problems=[_problem(problem, language) for problem in it.problems[:_MOST_PROBLEMS]],
    )


def _problem(it: Problem, language: str) -> pb.ImportReport.Problem:
    violation = it.violation
    return pb.ImportReport.Problem(
        line=it.place.line,
        kind=printable(it.place.kind),
        key=printable(it.place.key),
        column=printable(column_of(violation)),
        reason=violation.reason,
        message=violation_text(violation.reason, violation.params, language),
    )
