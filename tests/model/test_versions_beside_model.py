"""Versions of cells on the engine, compared with a plain model: the same changes give the same rows in every view."""

from __future__ import annotations

from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.rows.cells import Cell, CellRow
from tsmem.engine.rows.changes import Change, NewCell, Returned, RowChange
from tsmem.engine.rows.reads import GetRange, View
from tsmem.port import TableSchema
from tsmem.rows import ColumnType, Key, Value

MOST = 3
TABLE = TableSchema("t", (("k", ColumnType.STRING),), max_versions=MOST)
REF = TABLE.ref
NOW = ManualClock().now_us() // 1000
Columns = dict[str, dict[int, Value]]

NAMES = st.sampled_from("xy")
STAMPS = st.integers(NOW - 4, NOW)
NEW = st.builds(NewCell, NAMES, st.sampled_from([0, 1, 2, 3, "text"]), st.none() | STAMPS)
KEYS = st.sampled_from([("a",), ("a",), ("a",), ("b",)])
PUTS = st.tuples(KEYS, st.lists(NEW, max_size=5).map(tuple)).map(lambda parts: RowChange(Change.PUT, REF, *parts))
UPDATES = st.tuples(
    KEYS,
    st.lists(NEW, max_size=3).map(tuple),
    st.lists(NAMES, max_size=2).map(tuple),
    st.lists(st.tuples(NAMES, STAMPS), max_size=2).map(tuple),
    st.lists(st.tuples(NAMES, st.sampled_from([1, -2, 2**63 - 1])), max_size=1).map(tuple),
).map(lambda parts: RowChange(Change.UPDATE, REF, *parts))
DELETES = KEYS.map(lambda key: RowChange(Change.DELETE, REF, key))
RANGES = st.none() | st.tuples(st.integers(NOW - 6, NOW), st.integers(1, 5)).map(lambda pair: (pair[0], sum(pair)))
VIEWS = st.builds(
    View,
    st.none() | st.integers(1, 3),
    RANGES,
    st.none() | NAMES,
    st.none() | NAMES,
    st.none() | st.tuples(st.integers(0, 2), st.integers(0, 2)),
)


class Model:
    """Holds the versions of every column of every row."""

    def __init__(self) -> None:
        self.rows: dict[Key, Columns] = {}

    def change(self, write: RowChange, now: int) -> bool:
        """Apply a change; return True if it was done."""
        old = self.rows.get(write.key)
        if write.change is Change.DELETE:
            self.rows.pop(write.key, None)
            return True
        if write.change is Change.PUT:
            self.rows[write.key] = trimmed(written({}, write, now))
            return True
        written_names = {cell.name for cell in write.cells}
        counted = {name for name, _ in write.increments}
        named = written_names | counted | {*write.delete} | {name for name, _ in write.delete_versions}
        if not named or counted & ({*write.delete} | written_names):
            return False
        columns = {name: dict(versions) for name, versions in (old or {}).items() if name not in write.delete}
        for name, stamp in write.delete_versions:
            columns.get(name, {}).pop(stamp, None)
        for name, amount in write.increments:
            versions = columns.get(name) or {}
            value = versions[max(versions)] if versions else 0
            if type(value) is not int or not -(2**63) <= value + amount < 2**63:
                return False
            write = write._replace(cells=(*write.cells, NewCell(name, value + amount)))
        columns = trimmed(written(columns, write, now))
        columns = {name: versions for name, versions in columns.items() if name not in write.delete}
        if old is not None or columns:
            self.rows[write.key] = columns
        return True

    def show(self, view: View) -> list[CellRow]:
        """Return all rows as a view shows them."""
        low, high = view.time_range_ms or (0, 2**63)
        shown: list[CellRow] = []
        for key in sorted(self.rows):
            columns = self.rows[key]
            names = [name for name in sorted(columns) if (view.start_column or "") <= name < (view.end_column or "~")]
            kept = [
                [Cell(name, columns[name][stamp], stamp)
                 for stamp in sorted(columns[name], reverse=True) if low <= stamp < high][: view.max_versions]
                for name in names
            ]  # fmt: skip
            kept = [cells for cells in kept if cells]
            if view.page is not None:
                kept = kept[view.page[0] : view.page[0] + view.page[1]]
            shown.append(CellRow(key, [cell for cells in kept for cell in cells]))
        return shown


def written(columns: Columns, write: RowChange, now: int) -> Columns:
    """Return the columns after the change has written its cells."""
    latest = {name: max(versions, default=now) for name, versions in columns.items()}
    for cell in write.cells:
        stamp = max(now, latest.get(cell.name, now)) if cell.version_ms is None else cell.version_ms
        columns.setdefault(cell.name, {})[stamp] = cell.value
    return columns


def trimmed(columns: Columns) -> Columns:
    """Return the newest versions of each column, without empty columns."""
    return {
        name: {stamp: versions[stamp] for stamp in sorted(versions, reverse=True)[:MOST]}
        for name, versions in columns.items()
        if versions
    }


@settings(max_examples=30, derandomize=True, database=None)
@given(
    changes=st.lists(st.tuples(PUTS | UPDATES | UPDATES | DELETES, st.integers(-2, 2)), min_size=5, max_size=15),
    views=st.lists(VIEWS, min_size=1, max_size=3),
)
def test_versioned_writes_and_reads_agree_with_the_model(
    changes: list[tuple[RowChange, int]], views: list[View]
) -> None:
    clock, model = ManualClock(), Model()
    with closing(Engine(None, clock)) as engine:
        engine.definitions.create_table(TABLE)
        for change, moved_ms in changes:
            clock.time_us += moved_ms * 1000
            asked = change._replace(returned=Returned.AFTER_MODIFY, returned_columns=("x", "y"))
            (reply,) = engine.write_rows([asked])
            assert model.change(change, clock.now_us() // 1000) is (reply.error is None)
            if reply.error is None:
                latest = {row.key: row for row in model.show(View())}
                assert latest.get(change.key, CellRow(change.key, [])) == reply.row
        for view in [View(None), *views]:
            page = engine.get_range(GetRange(REF, REF.range_of()), view.reader)
            assert repr(model.show(view)) == repr(page.rows)
