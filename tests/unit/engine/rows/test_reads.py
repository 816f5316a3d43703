"""Versioned reads: which cells a view shows, what a filter sees, pages and costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import cast

import pytest

from tests.support.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.rows.cells import Cell, CellRow
from tsmem.engine.rows.changes import Change, NewCell, RowChange
from tsmem.engine.rows.filters import AnyVersion
from tsmem.engine.rows.reads import BatchGetRow, GetRange, PageReply, View
from tsmem.port import Cost, TableSchema
from tsmem.rows import And, ColumnType, Comparison, Filter, Not, Op, Or, TableRef, Value

TABLE = TableSchema("t", (("k", ColumnType.STRING),), max_versions=3)
REF = TABLE.ref
ALL = REF.range_of()
NOW = ManualClock().now_us() // 1000
EVERYTHING = View(None)

ROWS: dict[str, list[Cell]] = {
    "a": [
        Cell("x", 3, NOW),
        Cell("x", 2, NOW - 1),
        Cell("x", 1, NOW - 2),
        Cell("y", "old", NOW - 2),
        Cell("z", 1, NOW),
    ],
    "b": [Cell("x", "text", NOW - 1)],
    "c": [],
}


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine with three rows: one with several versions, one with a single version, and one without cells."""
    with closing(Engine(None, ManualClock())) as engine:
        engine.definitions.create_table(TABLE)
        changes = [RowChange(Change.PUT, REF, (key,), tuple(map(NewCell._make, cells))) for key, cells in ROWS.items()]
        assert [None] * 3 == [reply.error for reply in engine.write_rows(changes)]
        yield engine


def any_version(column: str, op: Op, value: Value, *, pass_if_missing: bool = False) -> Filter:
    """Return a comparison that matches if any version of the column matches."""
    return cast("Filter", AnyVersion(Comparison(column, op, value, pass_if_missing)))


def scan(
    engine: Engine, view: View = EVERYTHING, columns: list[str] | None = None, test: Filter | None = None
) -> PageReply[CellRow]:
    """Read the first page of the table."""
    return engine.get_range(GetRange(REF, ALL, None, columns, test), view.reader)


def cells(engine: Engine, view: View, columns: list[str] | None = None) -> list[tuple[str, Value]]:
    """Return the names and values of the cells of row `a` that a view shows."""
    (row,) = engine.get_rows(BatchGetRow(REF, [("a",)], columns), view.reader).rows
    assert row is not None
    return [(cell.name, cell.value) for cell in row.cells]


def matches(engine: Engine, test: Filter, view: View = EVERYTHING, columns: list[str] | None = None) -> list[object]:
    """Return the keys of the rows that match a filter."""
    return [row.key[0] for row in scan(engine, view, columns, test).rows]


def test_a_row_without_visible_cells_is_returned_unless_columns_were_named(engine: Engine) -> None:
    nothing = View(None, (0, 1))
    keys = [CellRow((key,), []) for key in "abc"]

    assert keys == scan(engine, nothing).rows
    assert keys == scan(engine, nothing, ["k", "x"]).rows
    assert keys == scan(engine, EVERYTHING, ["k"]).rows
    assert [] == scan(engine, nothing, ["x"]).rows
    assert ["a", "b"] == [row.key[0] for row in scan(engine, View(page=(5, 1)), ["x"]).rows]
    assert [None] == engine.get_rows(BatchGetRow(REF, [("b",)], ["y"]), EVERYTHING.reader).rows


def test_a_filter_sees_the_latest_visible_version(engine: Engine) -> None:
    assert ["a"] == matches(engine, Comparison("x", Op.EQ, 3))
    assert [] == matches(engine, Comparison("x", Op.EQ, 2))
    assert ["a"] == matches(engine, Comparison("x", Op.EQ, 2), View(1, (0, NOW)))
    assert [] == matches(engine, Comparison("x", Op.EQ, 3), columns=["k", "y"])
    assert ["a"] == matches(engine, Comparison("z", Op.EQ, 1), View(page=(0, 1)))
    assert [] == matches(engine, Comparison("z", Op.EQ, 1), View(end_column="z"))
    assert ["b", "c"] == matches(engine, Comparison("k", Op.GT, "a"), columns=["k"])


def test_a_filter_can_test_any_version(engine: Engine) -> None:
    assert ["a"] == matches(engine, any_version("x", Op.EQ, 1))
    assert ["a"] == matches(engine, any_version("x", Op.EQ, 1), View(1))
    assert [CellRow(("a",), [Cell("x", 3, NOW)])] == scan(engine, View(1), ["x"], any_version("x", Op.LT, 2)).rows
    assert [] == matches(engine, any_version("x", Op.EQ, 1), View(1, (NOW - 1, NOW + 1)))
    assert [] == matches(engine, any_version("x", Op.EQ, 1.0))
    assert ["b", "c"] == matches(engine, Not(any_version("x", Op.GE, 1)))
    assert ["c"] == matches(engine, And((any_version("x", Op.EQ, 9, pass_if_missing=True), Comparison("k", Op.GT, ""))))
    assert ["a", "b"] == matches(engine, Or((any_version("x", Op.EQ, "text"), Comparison("x", Op.EQ, 3))))
    assert ["b"] == matches(engine, any_version("k", Op.EQ, "b"), columns=["k"])
    assert ["c"] == matches(engine, any_version("x", Op.EQ, 9, pass_if_missing=True), columns=["x", "k"])


def test_a_read_costs_only_the_visible_cells(engine: Engine) -> None:
    """A row costs at least one unit. A missing row costs one unit and does not count as scanned."""
    value = "x" * 3000
    versions = tuple(NewCell("v", value, NOW - number) for number in range(3))
    engine.write_rows([RowChange(Change.PUT, REF, ("big",), versions)])
    request = BatchGetRow(REF, [("big",), ("nope",), ("a",)])

    assert [Cost(0, 3, 0, 1), Cost(0, 1), Cost(0, 1, 0, 1)] == engine.get_rows(request, EVERYTHING.reader).costs
    assert [Cost(0, 1, 0, 1), Cost(0, 1), Cost(0, 1, 0, 1)] == engine.get_rows(request, View().reader).costs
    unseen = BatchGetRow(REF, [("big",)], ["v"], Comparison("v", Op.EQ, ""))
    assert [Cost(0, 3, 0, 1)] == engine.get_rows(unseen, EVERYTHING.reader).costs


def test_a_page_ends_at_4_mb_of_visible_cells(engine: Engine) -> None:
    engine.definitions.create_table(TableSchema("big", TABLE.key, max_versions=2))
    ref = TableRef("big", ("k",))
    for number in range(4):
        versions = (NewCell("v", "x" * 1_500_000, NOW), NewCell("v", "y" * 1_500_000, NOW - 1))
        engine.write_rows([RowChange(Change.PUT, ref, (str(number),), versions)])
    request = GetRange(ref, ALL, None, None, Comparison("v", Op.EQ, ""))

    both, one = engine.get_range(request, EVERYTHING.reader), engine.get_range(request, View().reader)
    assert ([], ("1",), 1) == (both.rows, both.next_start, both.cost.rows_scanned)
    assert ([], ("2",), 2) == (one.rows, one.next_start, one.cost.rows_scanned)
