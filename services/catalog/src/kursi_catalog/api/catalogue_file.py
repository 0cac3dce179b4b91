"""Files of a catalogue: bytes to rows, and rows to bytes.

A row is what stands in one line of the CSV, or in one element of a list of the JSON; both have the same fields, spelled as
in the REST API. Whoever writes a file chooses its bytes: what is no such file is refused as a whole, by field `file`.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from kursi_chassis.errors import Invalid, Violation

MOST_BYTES: Final = 8 * 1024 * 1024
MOST_ROWS: Final = 20_000
MOST_COLUMNS: Final = 16_384
"""What a spreadsheet has. More of them, even empty ones, cost more than all rows of an honest file."""
LISTS: Final[Mapping[str, str]] = {
    "staff": "staff", "resources": "resource", "services": "service", "openingHours": "opening_hours",
    "shifts": "shift", "days": "day",
}  # fmt: skip
"""Kind of the rows of each list of the JSON."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet calculate a cell instead of showing it; and our own sign that it must not."""

Cells = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: where it begins, what kind of thing it is, and its fields. In CSV all values are texts."""

    line: int
    kind: str
    cells: Cells


def read_json(content: bytes) -> list[Row]:
    """Raises: Invalid (`file`)."""
    try:
        document = json.loads(_text(content), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _refused("MALFORMED") from error
    if not isinstance(document, dict) or not all(isinstance(rows, list) for rows in document.values()):
        raise _refused("MALFORMED")
    unknown = sorted(document.keys() - LISTS.keys())
    if unknown:
        raise _refused("UNKNOWN_COLUMN", column=printable(unknown[0]))
    rows = []
    for name, kind in LISTS.items():
        for position, cells in enumerate(document.get(name, []), 1):
            if not isinstance(cells, dict):
                raise _refused("MALFORMED")
            rows.append(Row(position, kind, cells))
    return _bounded(rows)


def read_csv(content: bytes) -> list[Row]:
    """Raises: Invalid (`file`)."""
    text = _text(content)
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip() for column in next(reader, [])]
    except csv.Error as error:
        raise _unreadable(1) from error
    _expect_few(columns)
    # Spreadsheets leave empty cells behind the last column of a table, in its head too.
    named = [column for column in columns if column]
    if "type" not in named or len(set(named)) != len(named):
        raise _refused("NO_HEADER")
    return _bounded(list(islice(_csv_rows(reader, columns), MOST_ROWS + 1)))


def printable(text: str) -> str:
    """What an answer shows of a text of a file: its beginning, and none of the half characters that JSON can spell."""
    return text[:100].encode("utf-8", "replace").decode()


def write_json(rows: Sequence[Row]) -> bytes:
    lists: dict[str, list[Cells]] = {
        name: [row.cells for row in rows if row.kind == kind] for name, kind in LISTS.items()
    }
    return json.dumps(lists, ensure_ascii=False, indent=1).encode()


def write_csv(rows: Sequence[Row], first: Sequence[str]) -> bytes:
    """With a mark that tells spreadsheets that it is UTF-8; columns that nothing has are left out."""
    present = {column for row in rows for column in row.cells}
    columns = [*(column for column in first if column in present), *sorted(present - set(first))]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["type", *columns])
    for row in rows:
        writer.writerow([row.kind, *(_harmless(str(row.cells.get(column, ""))) for column in columns)])
    return out.getvalue().encode("utf-8-sig")


def _csv_rows(reader: Iterator[list[str]], columns: Sequence[str]) -> Iterator[Row]:
    """`csv` counts the lines that it has read: a row begins behind the last line of the one before. A column without
    a name is called by its number, and is there where it holds something.
    """
    line = reader.line_num + 1  # type: ignore[attr-defined]  # a reader is more than the iterator it is typed as
    try:
        for values in reader:
            begin, line = line, reader.line_num + 1  # type: ignore[attr-defined]  # as above
            if not any(value.strip() for value in values):
                continue
            _expect_few(values)
            names = [*columns, *[""] * (len(values) - len(columns))]
            numbered = enumerate(zip(names, values, strict=False), 1)
            cells = {
                column or f"#{number}": _meant(value)
                for number, (column, value) in numbered
                if column or value
            }
            yield Row(begin, str(cells.pop("type", "")).strip(), cells)
    except csv.Error as error:
        raise _unreadable(line) from error


def _expect_few(cells: Sequence[str]) -> None:
    if len(cells) > MOST_COLUMNS:
        raise _refused("TOO_MANY", max=MOST_COLUMNS)


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _meant(cell: str) -> str:
    """What `_harmless` was given, with line ends as we write them. A quote before anything else was somebody's own."""
    bare = cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
    return bare.replace("\r\n", "\n")


def _text(content: bytes) -> str:
    if not content:
        raise _refused("REQUIRED")
    if len(content) > MOST_BYTES:
        raise _refused("TOO_LARGE", max=MOST_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused("NOT_UTF8") from error


def _bounded(rows: list[Row]) -> list[Row]:
    if len(rows) > MOST_ROWS:
        raise _refused("TOO_MANY", max=MOST_ROWS)
    return rows


def _no_number(name: str) -> float:
    message = f"{name} is no number in JSON"
    raise ValueError(message)


def _unreadable(line: int) -> Invalid:
    """A quote that is never closed, say: where the next row begins is anybody's guess."""
    return Invalid(
        Violation(
            "file",
            "MALFORMED",
            {"line": line},
            en="The row that begins on line {line} cannot be read.",
            ar="تعذرت قراءة الصف الذي يبدأ في السطر {line}.",
        )
    )


def _refused(reason: str, **params: object) -> Invalid:
    return Invalid(Violation("file", reason, params))
