"""Files of a catalogue: whatever bytes come, and whatever texts go through them."""

import csv
import io
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi_catalog.api.catalogue_cells import WrongValue, from_cell, to_cell
from kursi_catalog.api.catalogue_file import LISTS, MOST_ROWS, Row, read_csv, read_json, write_csv, write_json
from kursi_catalog.api.catalogue_rows import draft_of, fields_of
from kursi_catalog.domain.transfer import CatalogueDraft
from kursi_chassis.errors import Invalid
from kursi_chassis.testing.eventually import on_this_machine

COLUMNS = ["key", "staff", "kind", "names.en", "names.", "price", "duration", "performers", "segments", "addOns", "day",
           "start", "breaks", "season", "date", "ranges", "everyWeeks", "active", "place", "nothing"]  # fmt: skip
(PRICE,) = [field for field in fields_of(pb.Service) if field.name == "price"]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20)
CELL = st.one_of(
    TEXT,
    st.sampled_from(["5", "-1", "1e9", "9" * 30, "[]", "[1]", "[{}]", "{", "yes", "MONDAY", "RAMADAN", "09:00",
                     "09:00-10:00", "|", "2026-01-01", "NaN", "null", '[{"staff": "a"}]', '[{"id": "a"}]']),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.sampled_from(COLUMNS), inner, max_size=3)
    ),
    max_leaves=8,
)


def read_or_refused(read, content):
    """The draft of any bytes; a refusal is an answer, anything else is not."""
    try:
        rows = read(content)
    except Invalid:
        return None
    return draft_of(rows, "SAR")


@pytest.mark.covers("C10")
@given(st.binary(max_size=300) | TEXT.map(str.encode) | TEXT.map(lambda text: b"type,key\n" + text.encode()))
@example(b"type\r\nservice\r")
@example(b"type,key\n\x00,\n")
@example(b'type,key\nstaff,"a"b\n')
@example(b"type," + b"x" * 200_000)
def test_any_bytes_are_a_table_or_are_refused(content):
    draft = read_or_refused(read_csv, content)
    assert draft is None or isinstance(draft, CatalogueDraft)


@pytest.mark.covers("C10")
@given(st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b'{"services": [{"key": "a", "price": 1e999}]}')
@example(b"9" * 5000)
@example(b'"\\ud800"')
def test_any_bytes_are_a_document_or_are_refused(content):
    draft = read_or_refused(read_json, content)
    assert draft is None or isinstance(draft, CatalogueDraft)


@pytest.mark.covers("C10")
@given(st.sampled_from(sorted(LISTS)), st.dictionaries(st.sampled_from(COLUMNS) | TEXT, JSON, max_size=6))
@example("services", {"key": "a", "names": {"en": "\ud800"}})
@example("services", {"key": "\ud800"})
@example("services", {"key": "a", "performers": [{"staff": "\ud800"}]})
@example("services", {"key": "a", "performers": '[{"staff": "\\ud800"}]'})
@example("shifts", {"staff": "a", "day": 1e40})
@example("services", {"key": "a", "duration": "9999999999999999s"})
def test_any_row_of_a_document_is_taken_or_named(name, cells):
    content = json.dumps({name: [cells]}).encode()
    assert read_or_refused(read_json, content) is None or draft_of(read_json(content), "SAR").rows == 1


@pytest.mark.covers("C10")
@given(st.sampled_from(sorted(LISTS.values())), st.dictionaries(st.sampled_from(COLUMNS), CELL, min_size=1))
def test_any_row_of_a_table_is_taken_or_named(kind, cells):
    draft = draft_of(read_csv(write_csv([Row(0, kind, cells)], [])), "SAR")
    assert draft.rows == 1


@pytest.mark.covers("C10")
@given(
    st.lists(st.dictionaries(st.sampled_from(["key", "names.en", "names.ar"]), TEXT), min_size=1, max_size=4)
)
@example([{"key": "=1+1"}])
@example([{"key": "'=1+1"}])
@example([{"key": "''"}])
@example([{"key": "'"}])
@example([{"key": "-5"}, {"key": "@a"}, {"key": "\t"}, {"key": "＝1"}])
def test_any_text_comes_back_out_of_a_table_as_it_went_in(rows):
    written = write_csv([Row(0, "service", cells) for cells in rows], ["key"])
    found = [dict(row.cells) for row in read_csv(written)]
    columns = {column for cells in rows for column in cells}
    assert found == [{column: cells.get(column, "") for column in columns} for cells in rows]


@pytest.mark.covers("C10")
@given(TEXT)
def test_no_cell_of_a_table_begins_a_formula(text):
    written = write_csv([Row(0, "service", {"key": text})], ["key"]).decode("utf-8-sig")
    _, (_, cell) = csv.reader(io.StringIO(written, newline=""))
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.binary(max_size=3) | st.sampled_from([b"\xef\xbb\xbf"]), st.sampled_from([b",", b";", b"\t"]))
def test_a_table_with_any_delimiter_and_with_or_without_a_mark_reads_the_same(mark, delimiter):
    lines = delimiter.join([b"type", b"key"]) + b"\n" + delimiter.join([b"staff", b"a"]) + b"\n"
    content = b"\xef\xbb\xbf" + lines if mark == b"\xef\xbb\xbf" else lines
    assert read_csv(content) == [Row(2, "staff", {"key": "a"})]


@pytest.mark.covers("C10")
@pytest.mark.parametrize(
    "content",
    [
        b"type," + b"," * 7_000_000,
        b"type,key\nservice," + b"," * 7_000_000,
        b"type,key\n" + b"service,a\n" * 750_000,
    ],
    ids=["a wide head", "a wide row", "many rows"],
)
def test_a_table_of_too_much_is_refused_without_being_read_to_its_end(content):
    begin = time.process_time()
    with pytest.raises(Invalid) as refused:
        read_csv(content)
    assert [violation.reason for violation in refused.value.violations] == ["TOO_MANY"]
    assert time.process_time() - begin < on_this_machine(2)


@pytest.mark.covers("C10")
@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("shifts", lambda number: {"staff": "a", "effectiveFrom": str(number)}),
        ("openingHours", lambda number: {"season": number + 1}),
    ],
)
def test_as_many_schedules_as_rows_are_read_in_one_go(name, cells):
    content = json.dumps({name: [cells(number) for number in range(MOST_ROWS)]}).encode()
    begin = time.process_time()
    draft = draft_of(read_json(content), "SAR")
    assert (draft.rows, bool(draft.problems)) == (MOST_ROWS, True)
    assert time.process_time() - begin < 10


@pytest.mark.covers("C10")
def test_of_a_row_of_nothing_but_wrong_cells_the_first_twenty_are_named():
    columns = ",".join(f"c{number}" for number in range(10_000))
    draft = draft_of(read_csv(f"type,key,{columns}\nservice,a{',x' * 10_000}\n".encode()), "SAR")
    assert [problem.violation.field for problem in draft.problems] == [f"c{number}" for number in range(20)]


def test_a_quote_that_is_never_closed_is_told_by_the_line_of_its_row():
    with pytest.raises(Invalid) as refused:
        read_csv(b'type,key\nstaff,"a\nb"\nstaff,"c\nstaff,d\n')
    (violation,) = refused.value.violations
    assert (violation.field, violation.reason, violation.params) == ("file", "MALFORMED", {"line": 4})


@given(st.integers(0, 10**12), st.sampled_from(["SAR", "KWD", "JPY"]))
def test_any_price_comes_back_out_of_its_cell(minor, currency):
    value = {"currencyCode": currency, "amountMinor": str(minor)}
    assert from_cell(PRICE, to_cell(PRICE, value), currency) == value


@pytest.mark.parametrize(
    ("cell", "minor"), [("15", 15_000), ("15.000", 15_000), ("15,5", 15_500), ("0,0010", 1)]
)
def test_a_price_has_a_point_or_a_comma(cell, minor):
    assert from_cell(PRICE, cell, "KWD") == {"currencyCode": "KWD", "amountMinor": str(minor)}


@pytest.mark.parametrize("cell", ["15,000", "1,500.0", "1.500,0", "15,00000"])
def test_a_comma_that_may_part_thousands_is_no_price(cell):
    with pytest.raises(WrongValue):
        from_cell(PRICE, cell, "KWD")


def test_a_document_keeps_its_rows():
    rows = [Row(1, kind, {"key": kind}) for kind in LISTS.values()]
    assert read_json(write_json(rows)) == rows
