"""RowChange: explicit versions, increments, deleted versions, returned rows, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.definitions import TableOptions
from tsmem.engine.requests import BatchGetRow, GetRange, WriteReply
from tsmem.engine.rows.cells import Cell, CellRow
from tsmem.engine.rows.changes import MAX_STAMP_MS, Change, NewCell, Returned, RowChange
from tsmem.engine.rows.versioned_reads import View
from tsmem.errors import ConditionFailed, InvalidInput, LimitExceeded
from tsmem.port import Cost, IndexSchema, TableSchema
from tsmem.rows import (
    MAX,
    MIN,
    MUST_EXIST,
    ColumnType,
    Comparison,
    Condition,
    Delete,
    Op,
    Put,
    Range,
    Row,
    TableRef,
    Update,
    Write,
)

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
NOW = ManualClock().now_us() // 1000


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def engine(clock: ManualClock) -> Iterator[Engine]:
    """With a table of three versions, and one with an index."""
    with closing(Engine(None, clock)) as engine:
        engine.create_table(TABLE)
        engine.create_table(INDEXED)
        yield engine


def write(engine: Engine, *writes: RowChange | Write) -> list[WriteReply]:
    """A batch."""
    return engine.write_rows(writes)


def done(engine: Engine, change: RowChange | Write) -> WriteReply:
    """A write that succeeds."""
    (reply,) = write(engine, change)
    assert reply.error is None
    return reply


def refused(engine: Engine, change: RowChange, code: str = "OTSParameterInvalid") -> str:
    """The text of a write that fails with this code, and changes nothing."""
    before = [cells(engine, ref) for ref in (REF, INDEXED.ref, BY_N)]
    (reply,) = write(engine, change)
    assert reply.error is not None
    assert (code, Cost()) == (reply.error.service_code, reply.cost)
    assert before == [cells(engine, ref) for ref in (REF, INDEXED.ref, BY_N)]
    return reply.error.message


def cells(engine: Engine, ref: TableRef = REF) -> list[CellRow]:
    """All rows with all versions."""
    width = len(ref.key)
    return engine.read_range(GetRange(ref, Range((MIN,) * width, (MAX,) * width)), View(None)).rows


def put(*new: NewCell, key: tuple[str, ...] = KEY) -> RowChange:
    """A put into the first table."""
    return RowChange(Change.PUT, REF, key, new)


def update(*new: NewCell) -> RowChange:
    """An update of the first table."""
    return RowChange(Change.UPDATE, REF, KEY, new)


def test_a_put_writes_the_versions_that_it_names(engine: Engine) -> None:
    """Versions stand newest first, at most as many as the table keeps; a cell without one gets the clock's time."""
    new = [NewCell("x", number, NOW - number) for number in (4, 2, 1, 3)]
    done(engine, put(*new, NewCell("b", True)))

    assert [CellRow(KEY, [Cell("b", True, NOW), *(Cell("x", number, NOW - number) for number in (1, 2, 3))])] == cells(
        engine
    )


def test_a_put_replaces_the_whole_row(engine: Engine) -> None:
    """Nothing of the old row stays, its older versions included."""
    done(engine, put(NewCell("x", 1, NOW - 9), NewCell("y", 1)))
    done(engine, put(NewCell("x", 2)))

    assert [CellRow(KEY, [Cell("x", 2, NOW)])] == cells(engine)


def test_an_update_adds_versions(engine: Engine, clock: ManualClock) -> None:
    """A new version stands among the older ones by its time, replaces one of the same time, and the oldest goes."""
    done(engine, put(NewCell("x", "old", NOW - 10), NewCell("x", "new", NOW), NewCell("y", 1)))
    done(engine, update(NewCell("x", "between", NOW - 5), NewCell("x", "new again", NOW)))
    assert [("new again", NOW), ("between", NOW - 5), ("old", NOW - 10), (1, NOW)] == [
        cell[1:] for cell in cells(engine)[0].cells
    ]
    clock.sleep(1)
    done(engine, update(NewCell("x", "last")))
    assert [("last", NOW + 1000), ("new again", NOW), ("between", NOW - 5), (1, NOW)] == [
        cell[1:] for cell in cells(engine)[0].cells
    ]


@pytest.mark.parametrize("change", [update(NewCell("x", "now")), Update(REF, KEY, {"x": "now"})])
def test_the_last_write_counts_beside_a_version_in_the_future(engine: Engine, change: RowChange | Update) -> None:
    """A cell without a version is what is read next, also where a later version stands, and has no earlier one."""
    done(engine, put(NewCell("x", "future", NOW + 5000)))
    done(engine, change)

    assert [CellRow(KEY, [Cell("x", "now", NOW + 5000)])] == cells(engine)


@pytest.mark.parametrize("stamp", [-1, MAX_STAMP_MS, NOW - 86_400_001, NOW + 86_400_001])
def test_a_version_far_from_now_is_refused(engine: Engine, stamp: int) -> None:
    """A version outside the table's deviation, or outside what any table takes, is an error of its row."""
    assert str(stamp) in refused(engine, put(NewCell("x", 1, stamp)))


def test_a_version_within_the_deviation_is_taken(engine: Engine) -> None:
    """The deviation is the table's option, counted from the clock."""
    done(engine, put(NewCell("x", 1, NOW - 86_400_000), NewCell("x", 2, NOW + 86_400_000)))
    engine.update_table("t", TableOptions(deviation_s=1))
    done(engine, update(NewCell("y", 1, NOW - 1000)))
    assert "more than 1 s from now" in refused(engine, update(NewCell("y", 1, NOW - 1001)))


def test_one_version_is_deleted(engine: Engine) -> None:
    """The named version goes and the next one is the latest; a version that is not there is no error."""
    done(engine, put(NewCell("x", 1, NOW - 1), NewCell("x", 2, NOW), NewCell("y", 1, NOW)))
    change = RowChange(Change.UPDATE, REF, KEY, delete_versions=(("x", NOW), ("y", 5), ("nope", 5)))
    done(engine, change)
    assert [CellRow(KEY, [Cell("x", 1, NOW - 1), Cell("y", 1, NOW)])] == cells(engine)
    done(engine, change._replace(delete_versions=(("x", NOW - 1), ("y", NOW))))
    assert [CellRow(KEY, [])] == cells(engine)


def test_a_version_is_replaced_in_one_change(engine: Engine) -> None:
    """Deletions come first: what the same change writes stays."""
    done(engine, put(NewCell("x", 1, NOW)))
    done(engine, update(NewCell("x", 2, NOW - 7))._replace(delete_versions=(("x", NOW), ("x", NOW - 7))))

    assert [CellRow(KEY, [Cell("x", 2, NOW - 7)])] == cells(engine)


def test_all_versions_are_deleted(engine: Engine) -> None:
    """A deleted column is gone with all its versions, and a row without cells stays."""
    done(engine, put(NewCell("x", 1, NOW - 1), NewCell("x", 2, NOW)))
    done(engine, RowChange(Change.UPDATE, REF, KEY, delete=("x", "nope")))

    assert [CellRow(KEY, [])] == cells(engine)


def test_only_deletions_make_no_row(engine: Engine) -> None:
    """An update that deletes from a missing row leaves it missing, and answers with its key where asked to."""
    change = RowChange(Change.UPDATE, REF, KEY, delete=("x",), delete_versions=(("y", 1),), returned=Returned.KEY)

    assert CellRow(KEY, []) == done(engine, change).row
    assert [] == cells(engine)


def test_an_increment_adds(engine: Engine, clock: ManualClock) -> None:
    """What is missing counts as 0; the sum is a new version of the latest one, and the row is made."""
    change = RowChange(Change.UPDATE, REF, KEY, increments=(("n", 5), ("m", -1)))
    done(engine, change)
    clock.sleep(1)
    done(engine, change._replace(increments=(("n", -7), ("n", 1))))

    assert [CellRow(KEY, [Cell("m", -1, NOW), Cell("n", -1, NOW + 1000), Cell("n", 5, NOW)])] == cells(engine)


def test_a_double_is_incremented_by_a_double(engine: Engine, clock: ManualClock) -> None:
    """What is missing counts as 0; the sum is a double's."""
    change = RowChange(Change.UPDATE, REF, KEY, increments=(("n", 0.1),))
    done(engine, change)
    clock.sleep(1)
    done(engine, change._replace(increments=(("n", 0.2),)))

    assert [CellRow(KEY, [Cell("n", 0.1 + 0.2, NOW + 1000), Cell("n", 0.1, NOW)])] == cells(engine)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("1", 1), ("1", 1.0), (1.0, 1), (1, 1.0), (True, 1), (2**63 - 1, 1), (-(2**63), -1), (1.7e308, 1.7e308),
        (-1.7e308, -1.7e308),
    ],
)  # fmt: skip
def test_an_increment_that_cannot_be_done_is_refused(
    engine: Engine, value: str | float | int, amount: int | float
) -> None:
    """Another type, and a sum past 64 bits or past what a double holds, are errors of the row, and nothing of it is
    written."""
    done(engine, put(NewCell("n", value)))

    assert "cannot be incremented" in refused(engine, update(NewCell("x", 1))._replace(increments=(("n", amount),)))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (put(NewCell("k", 1)), "Column 'k' is a primary key column"),
        (RowChange(Change.UPDATE, REF, KEY, increments=(("k", 1),)), "Column 'k' is a primary key column"),
        (RowChange(Change.UPDATE, REF, KEY), "missing cells in request"),
        (update(NewCell("x", 1))._replace(delete=("x",)), "Column 'x' is written, deleted or incremented at once."),
        (update(NewCell("x", 1))._replace(increments=(("x", 1),)), "Column 'x' is written"),
        (put()._replace(delete=("x",)), "in a PUT of a row"),
        (RowChange(Change.DELETE, REF, KEY, (NewCell("x", 1),)), "in a DELETE of a row"),
        (put(NewCell("#x", 1)), "Invalid column name: '#x'."),
        (put(NewCell("x", float("nan"))), "NaN/Infinity"),
        (RowChange(Change.UPDATE, REF, KEY, increments=(("x", 2**63),)), "64 bits"),
        (RowChange(Change.UPDATE, REF, KEY, increments=(("x", float("inf")),)), "NaN/Infinity"),
        (RowChange(Change.UPDATE, REF, KEY, increments=(("#x", 1),)), "Invalid column name: '#x'."),
        (RowChange(Change.UPDATE, REF, KEY, increments=(("x" * 256, 1),)), "Invalid column name: 'xxx"),
        (RowChange(Change.UPDATE, REF, KEY, delete_versions=(("x", -1),)), "must be in range"),
        (RowChange(Change.PUT, INDEXED.ref, KEY, (NewCell("n", 1, NOW),)), "with a secondary index"),
    ],
)
def test_a_wrong_change_is_refused(engine: Engine, change: RowChange, text: str) -> None:
    """What the service would refuse is an error of its row."""
    assert text in refused(engine, change)


def test_everything_in_a_change_counts(engine: Engine) -> None:
    """1024 columns and 4 MB are counted over cells, increments and deletions; an explicit version counts 8 bytes."""
    many = RowChange(
        Change.UPDATE,
        REF,
        KEY,
        tuple(NewCell("c", n, NOW - n) for n in range(1000)),
        ("d",) * 10,
        tuple(("e", n) for n in range(10)),
        (("n", 1),) * 5,
    )
    assert "column count: 1025" in refused(engine, many, "OTSOutOfColumnCountLimit")
    done(engine, many._replace(delete=("d",) * 9))
    value = "x" * 2_097_143  # what fits twice in 4 MB beside names, versions and key
    full = put(NewCell("c", value, NOW), NewCell("cc", value[:-3], NOW - 1))
    assert Cost(0, 0, 1024) == done(engine, full).cost
    longer = full._replace(cells=(full.cells[0], NewCell("ccc", value[:-3], NOW - 1)))
    assert "data size: 4194305" in refused(engine, longer, "OTSOutOfRowSizeLimit")


def test_a_batch_counts_changes(engine: Engine) -> None:
    """The 4 MB of a batch count explicit versions too, beside plain writes."""
    value = "x" * 2_000_000
    writes: list[RowChange | Write] = [
        put(NewCell("c", value), key=("a",)),
        Put(REF, ("b",), {"c": value}),
        put(NewCell("c", value), key=("c",)),
    ]
    with pytest.raises(LimitExceeded, match="BatchWriteRow request exceeds the limit"):
        write(engine, *writes)
    assert [] == cells(engine)


def test_changes_stand_beside_plain_writes(engine: Engine) -> None:
    """A batch may hold both, in order, each row with its own outcome."""
    replies = write(
        engine,
        Put(REF, KEY, {"x": 1}),
        update(NewCell("y", 2, NOW - 1)),
        update(NewCell("k", 2)),
        Update(REF, KEY, delete=("x",)),
        RowChange(Change.DELETE, REF, ("nope",)),
        Delete(REF, ("nope",)),
    )

    assert [True, True, False, True, True, True] == [reply.error is None for reply in replies]
    assert [CellRow(KEY, [Cell("y", 2, NOW - 1)])] == cells(engine)


def test_a_change_has_conditions(engine: Engine) -> None:
    """A condition that fails costs one unit of each kind, returns no row and changes nothing."""
    change = update(NewCell("x", 1, NOW))._replace(condition=MUST_EXIST, returned=Returned.KEY)
    (reply,) = write(engine, change)
    assert (ConditionFailed, Cost(0, 1, 1), None) == (type(reply.error), reply.cost, reply.row)
    assert [] == cells(engine)
    done(engine, put(NewCell("x", 1)))
    holds = Condition(filter=Comparison("x", Op.EQ, 1))
    assert Cost(0, 1, 1) == done(engine, RowChange(Change.DELETE, REF, KEY, condition=holds)).cost
    assert [] == cells(engine)


def test_a_write_returns_what_was_asked_for(engine: Engine) -> None:
    """The key alone, or with the latest cells of some columns as they are after the write; of a deleted row the key."""
    change = put(NewCell("x", 1, NOW - 1), NewCell("x", 2, NOW), NewCell("y", 3), NewCell("z", 4))
    assert done(engine, change).row is None
    assert CellRow(KEY, []) == done(engine, change._replace(returned=Returned.KEY)).row
    after = {"returned": Returned.AFTER_MODIFY, "returned_columns": ("x", "n", "y", "nope", "k")}
    counted = RowChange(Change.UPDATE, REF, KEY, increments=(("n", 7),), delete=("y",), **after)  # type: ignore[arg-type]
    assert CellRow(KEY, [Cell("n", 7, NOW), Cell("x", 2, NOW)]) == done(engine, counted).row
    assert CellRow(KEY, []) == done(engine, RowChange(Change.DELETE, REF, KEY, **after)).row  # type: ignore[arg-type]


def test_indexes_are_in_step(engine: Engine) -> None:
    """Entries follow puts, updates, increments and deletions, with the latest versions of what they carry."""
    change = RowChange(Change.PUT, INDEXED.ref, KEY, (NewCell("n", 1), NewCell("x", "a")))
    done(engine, change)
    assert [CellRow(("a", 1), [Cell("x", "a", NOW)])] == cells(engine, BY_N)
    done(engine, RowChange(Change.UPDATE, INDEXED.ref, KEY, (NewCell("x", "b"),), increments=(("n", 4),)))
    assert [CellRow(("a", 5), [Cell("x", "b", NOW)])] == cells(engine, BY_N)
    done(engine, RowChange(Change.UPDATE, INDEXED.ref, KEY, delete_versions=(("x", NOW),)))
    assert [CellRow(("a", 5), [])] == cells(engine, BY_N)
    done(engine, RowChange(Change.UPDATE, INDEXED.ref, KEY, delete=("n",)))
    assert [] == cells(engine, BY_N)
    done(engine, change)
    done(engine, RowChange(Change.DELETE, INDEXED.ref, KEY))
    assert [] == cells(engine, BY_N)


def test_an_index_key_that_is_too_long_is_refused(engine: Engine) -> None:
    """As for plain writes: an error of the row, and nothing is written."""
    engine.create_table(
        TableSchema(
            "texts", (("k", ColumnType.STRING),), (IndexSchema("by_x", ("k", "x")),), (("x", ColumnType.STRING),)
        )
    )
    change = RowChange(Change.PUT, TableRef("texts", ("k",)), KEY, (NewCell("x", "x" * 1025),))

    assert "MaxLength:1024" in refused(engine, change)


def test_updates_may_be_forbidden(engine: Engine) -> None:
    """On a table without allow_update every update is an error of its row; puts and deletions are not."""
    engine.create_table(TableSchema("fixed", TABLE.key, allow_update=False))
    ref = TableRef("fixed", ("k",))
    replies = write(
        engine,
        RowChange(Change.PUT, ref, KEY, (NewCell("x", 1),)),
        RowChange(Change.UPDATE, ref, KEY, (NewCell("x", 2),)),
        Update(ref, KEY, {"x": 2}),
        RowChange(Change.DELETE, ref, ("b",)),
    )

    assert [None, "OTSParameterInvalid", "OTSParameterInvalid", None] == [
        reply.error and reply.error.service_code for reply in replies
    ]
    assert [CellRow(KEY, [Cell("x", 1, NOW)])] == cells(engine, ref)


def test_a_lower_number_of_versions_hides_the_older_ones(engine: Engine) -> None:
    """What is over the table's number is not shown, and the next write does not bring it back."""
    done(engine, put(*(NewCell("x", n, NOW - n) for n in range(3))))
    engine.update_table("t", TableOptions(max_versions=1))
    assert [CellRow(KEY, [Cell("x", 0, NOW)])] == cells(engine)
    done(engine, RowChange(Change.UPDATE, REF, KEY, (NewCell("y", 1),), delete_versions=(("x", NOW),)))

    assert [CellRow(KEY, [Cell("y", 1, NOW)])] == cells(engine)


def test_an_index_is_not_changed(engine: Engine) -> None:
    """A change that names a secondary index fails with the whole batch."""
    with pytest.raises(InvalidInput, match="Can't write index table directly"):
        write(engine, RowChange(Change.DELETE, BY_N, ("a", 1)))


def test_what_was_changed_is_read_by_plain_reads(engine: Engine) -> None:
    """The latest versions are what the port's reads give."""
    done(engine, put(NewCell("x", "old", NOW - 1), NewCell("x", "new", NOW)))

    assert [Row(KEY, {"x": "new"})] == engine.get_rows(BatchGetRow(REF, [KEY])).rows
