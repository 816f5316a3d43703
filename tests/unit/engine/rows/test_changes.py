"""Versioned writes (RowChange): explicit versions, increments, deleted versions, returned rows, and refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.definitions import TableOptions
from tsmem.engine.rows.cells import Cell, CellRow
from tsmem.engine.rows.changes import MAX_VERSION_MS, Change, NewCell, Returned, RowChange
from tsmem.engine.rows.reads import GetRange, View
from tsmem.engine.rows.writes import WriteReply
from tsmem.errors import ConditionFailed, LimitExceeded
from tsmem.port import Cost, IndexSchema, TableSchema
from tsmem.rows import MUST_EXIST, ColumnType, Comparison, Condition, Op, TableRef, Update, Write

TABLE = TableSchema("t", (("k", ColumnType.STRING),), max_versions=3)
REF = TABLE.ref
KEY = ("a",)
INDEXED = TableSchema(
    "indexed",
    (("k", ColumnType.STRING),),
    (IndexSchema("by_n", ("k", "n"), ("x",)),),
    (("n", ColumnType.INTEGER), ("x", ColumnType.STRING)),
)
BY_N = TableRef("by_n", ("k", "n"))
FIXED = TableSchema("fixed", TABLE.key, allow_update=False)
NOW = ManualClock().now_us() // 1000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> Iterator[Engine]:
    """An engine with a table that keeps three versions, and a table with an index."""
    with closing(Engine(None, clock)) as engine:
        engine.definitions.create_table(TABLE)
        engine.definitions.create_table(INDEXED)
        engine.definitions.create_table(FIXED)
        yield engine


def write(engine: Engine, change: RowChange | Write) -> WriteReply:
    """Carry out a write that must succeed, and return its reply."""
    (reply,) = engine.write_rows([change])
    assert reply.error is None
    return reply


def refused(engine: Engine, change: RowChange, code: str = "OTSParameterInvalid") -> str:
    """Carry out a write that must fail with this code and change nothing. Return the error message."""
    before = [cells(engine, ref) for ref in (REF, INDEXED.ref, BY_N)]
    (reply,) = engine.write_rows([change])
    assert reply.error is not None
    assert (code, Cost()) == (reply.error.service_code, reply.cost)
    assert before == [cells(engine, ref) for ref in (REF, INDEXED.ref, BY_N)]
    return reply.error.message


def cells(engine: Engine, ref: TableRef = REF) -> list[CellRow]:
    """Return all rows of the table with all versions."""
    return engine.get_range(GetRange(ref, ref.range_of()), View(None).reader).rows


def put(*new: NewCell, key: tuple[str, ...] = KEY) -> RowChange:
    return RowChange(Change.PUT, REF, key, new)


def update(*new: NewCell) -> RowChange:
    return RowChange(Change.UPDATE, REF, KEY, new)


@pytest.mark.parametrize(
    "change",
    [Update(REF, KEY, {"x": 6}), update(NewCell("x", 6)), RowChange(Change.UPDATE, REF, KEY, increments=(("x", 1),))],
)
def test_an_update_without_a_version_wins_over_a_version_in_the_future(
    engine: Engine, change: RowChange | Update
) -> None:
    write(engine, put(NewCell("x", 5, NOW + 5000)))
    write(engine, change)

    assert [CellRow(KEY, [Cell("x", 6, NOW + 5000)])] == cells(engine)


@pytest.mark.parametrize("stamp", [-1, MAX_VERSION_MS, NOW - 86_400_001, NOW + 86_400_001])
def test_a_version_outside_the_deviation_is_refused(engine: Engine, stamp: int) -> None:
    assert str(stamp) in refused(engine, put(NewCell("x", 1, stamp)))


def test_a_version_within_the_deviation_is_written(engine: Engine) -> None:
    write(engine, put(NewCell("x", 1, NOW - 86_400_000), NewCell("x", 2, NOW + 86_400_000)))
    engine.definitions.update_table("t", TableOptions(deviation_s=1))
    write(engine, update(NewCell("y", 1, NOW - 1000)))
    assert "more than 1 s from the current time" in refused(engine, update(NewCell("y", 1, NOW - 1001)))


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("1", 1), (1.0, 1), (1, 1.0), (True, 1), (2**63 - 1, 1), (-(2**63), -1), (1.7e308, 1.7e308),
    ],
)  # fmt: skip
def test_an_increment_of_another_type_or_past_64_bits_is_refused(
    engine: Engine, value: str | float | int, amount: int | float
) -> None:
    write(engine, put(NewCell("n", value)))

    assert "cannot be incremented" in refused(engine, update(NewCell("x", 1))._replace(increments=(("n", amount),)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (RowChange(Change.UPDATE, REF, KEY, increments=(("k", 1),)), "Column 'k' is a primary key column"),
        (RowChange(Change.UPDATE, REF, KEY), "missing cells in request"),
        (update(NewCell("x", 1))._replace(increments=(("x", 1),)), "and also written or deleted in one update."),
        (put(NewCell("#x", 1)), "Invalid column name: '#x'."),
        (RowChange(Change.UPDATE, REF, KEY, increments=(("x", 2**63),)), "64-bit integer"),
        (RowChange(Change.UPDATE, REF, KEY, increments=(("x" * 256, 1),)), "Invalid column name: 'xxx"),
        (RowChange(Change.UPDATE, REF, KEY, delete_versions=(("x", -1),)), "must be in range"),
        (RowChange(Change.PUT, INDEXED.ref, KEY, (NewCell("n", 1, NOW),)), "with a secondary index"),
        (RowChange(Change.UPDATE, FIXED.ref, KEY, (NewCell("x", 1),)), "allow_update is false"),
    ],
)
def test_an_invalid_row_change_is_refused(engine: Engine, change: RowChange, text: str) -> None:
    assert text in refused(engine, change)


def test_a_column_that_a_plain_update_writes_and_deletes_is_deleted(engine: Engine) -> None:
    """Source: the Java SDK's UpdateRowTest."""
    write(engine, put(NewCell("x", 1), NewCell("y", 2)))
    write(engine, Update(REF, KEY, {"x": 3}, delete=("x",)))

    assert [CellRow(KEY, [Cell("y", 2, NOW)])] == cells(engine)


def test_column_limits_count_cells_increments_deletions_and_versions(engine: Engine) -> None:
    cells, versions = (NewCell("c", n, NOW - n) for n in range(1000)), (("e", n) for n in range(10))
    many = RowChange(Change.UPDATE, REF, KEY, tuple(cells), ("d",) * 10, tuple(versions), (("n", 1),) * 5)
    assert "column count: 1025" in refused(engine, many, "OTSOutOfColumnCountLimit")
    write(engine, many._replace(delete=("d",) * 9))
    value = "x" * 2_097_143  # two of these fit into 4 MB, with their names, versions and keys
    full = put(NewCell("c", value, NOW), NewCell("cc", value[:-3], NOW - 1))
    assert Cost(0, 0, 1024) == write(engine, full).cost
    longer = full._replace(cells=(full.cells[0], NewCell("ccc", value[:-3], NOW - 1)))
    assert "data size: 4194305" in refused(engine, longer, "OTSOutOfRowSizeLimit")


def test_the_4_mb_limit_of_a_batch_counts_versioned_writes(engine: Engine) -> None:
    large = [put(NewCell("c", "x" * 2_000_000), key=(key,)) for key in "abc"]
    with pytest.raises(LimitExceeded, match="BatchWriteRow request exceeds the limit"):
        engine.write_rows(large)
    assert [] == cells(engine)


def test_a_versioned_write_with_a_failed_condition_changes_nothing_and_costs_a_read(engine: Engine) -> None:
    change = update(NewCell("x", 1, NOW))._replace(condition=MUST_EXIST, returned=Returned.KEY)
    (reply,) = engine.write_rows([change])
    assert (ConditionFailed, Cost(0, 1, 1), None) == (type(reply.error), reply.cost, reply.row)
    assert [] == cells(engine)
    write(engine, put(NewCell("x", 1)))
    holds = Condition(filter=Comparison("x", Op.EQ, 1))
    assert Cost(0, 1, 1) == write(engine, RowChange(Change.DELETE, REF, KEY, condition=holds)).cost
    assert [] == cells(engine)


def test_secondary_indexes_follow_versioned_writes(engine: Engine) -> None:
    write(engine, RowChange(Change.PUT, INDEXED.ref, KEY, (NewCell("n", 1), NewCell("x", "a"))))
    change = RowChange(Change.UPDATE, INDEXED.ref, KEY, increments=(("n", 4),))
    write(engine, change._replace(cells=(NewCell("x", "b"),)))
    assert [CellRow(("a", 5), [Cell("x", "b", NOW)])] == cells(engine, BY_N)
    write(engine, change._replace(delete_versions=(("x", NOW),)))
    assert [CellRow(("a", 9), [])] == cells(engine, BY_N)
    write(engine, RowChange(Change.UPDATE, INDEXED.ref, KEY, delete=("n",)))
    assert [] == cells(engine, BY_N)


def test_lower_max_versions_hides_older_versions_for_good(engine: Engine) -> None:
    write(engine, put(*(NewCell("x", n, NOW - n) for n in range(3))))
    engine.definitions.update_table("t", TableOptions(max_versions=1))
    assert [CellRow(KEY, [Cell("x", 0, NOW)])] == cells(engine)
    write(engine, RowChange(Change.UPDATE, REF, KEY, (NewCell("y", 1),), delete_versions=(("x", NOW),)))

    assert [CellRow(KEY, [Cell("y", 1, NOW)])] == cells(engine)
