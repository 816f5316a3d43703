"""What BatchGetRow and BatchWriteRow are refused for as a whole, what fails in them alone, and what injected faults of
single rows do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.raw_bodies import (
    EXPECT_EXIST,
    EXPECT_NOT_EXIST,
    INVALID,
    KEY,
    NO_TABLE,
    NOT_UTF8,
    NOW_MS,
    UNREADABLE,
    Refusal,
    Wire,
    body,
    c,
    change,
    comparison,
    condition,
    group,
    instance,
    page,
    row,
    wanted,
)
from tsmem.server.actions import RowFault
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import decode_row

DONE: Refusal = ("", "")
FAILED: Refusal = ("OTSConditionCheckFail", "Condition check failed.")
BUSY: Refusal = ("OTSServerBusy", "Server is busy.")
TIMEOUT: Refusal = ("OTSTimeout", "Operation timeout.")
REPEATED = (INVALID, "Repeated rows do not support row exist expectation check in BatchModify.")


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A dispatcher in front of three tables."""
    with instance() as made:
        yield made


def put(key: str, value: Any = 9, existence: int = 0, **more: Any) -> Any:
    """A put of a row with one column, in a batch."""
    return change("PutRow", row({"k": key}, c("c", value)), **{"condition": condition(existence), **more})


def puts(start: int, count: int) -> list[Any]:
    """So many puts of different rows."""
    return [put(f"{n:03}") for n in range(start, start + count)]


def write(wire: Wire, *groups: Any, faults: list[RowFault | None] | None = None) -> list[list[Refusal]]:
    """What became of each row of each table of a BatchWriteRow."""
    answer = wire.answer("BatchWriteRow", body("BatchWriteRow", tables=groups), faults)
    tables = schema.parse_message("BatchWriteRowResponse", answer.body).tables
    assert [each.table_name for each in groups] == [table.table_name for table in tables]
    outcomes = [[_outcome(each) for each in table.rows] for table in tables]
    assert sum(outcome == DONE for each in outcomes for outcome in each) == answer.rows
    return outcomes


def read(wire: Wire, *groups: Any, faults: list[RowFault | None] | None = None) -> list[list[Any]]:
    """The columns of each row of each table of a BatchGetRow; None for no row, or code and text."""
    answer = wire.answer("BatchGetRow", body("BatchGetRow", tables=groups), faults)
    tables = schema.parse_message("BatchGetRowResponse", answer.body).tables
    assert [each.table_name for each in groups] == [table.table_name for table in tables]
    assert sum(each.is_ok for table in tables for each in table.rows) == answer.rows
    return [[_outcome(each) if not each.is_ok else _columns(each.row) for each in table.rows] for table in tables]


def _outcome(answered: Any) -> Refusal:
    assert answered.is_ok == (not answered.HasField("error"))
    return answered.error.code, answered.error.message


def _columns(data: bytes) -> dict[str, Any] | None:
    return {cell.name: cell.value for cell in decode_row(data).cells} if data else None


def values(wire: Wire, *keys: str) -> list[Any]:
    """The column c of rows of `plain`, as stored."""
    return [cells and cells[0][1] for cells in (wire.cells("plain", key) for key in keys)]


# The whole


def many(count: int, table: str = "plain") -> Any:
    """So many keys of a table, in a BatchGetRow."""
    return wanted(*(f"{n:03}" for n in range(count)), table=table)


READ_LIMIT = (INVALID, "Rows count exceeds the upper limit: 100.")
WRITE_LIMIT = (INVALID, "Rows count exceeds the upper limit: 200.")
READS: dict[str, tuple[bytes, Refusal]] = {
    "nothing": (b"", (INVALID, "No row specified in the request of BatchGetRow.")),
    "no message": (b"\xff", UNREADABLE),
    "101 rows of one table": (body("BatchGetRow", tables=[many(101)]), READ_LIMIT),
    "101 rows of two tables": (body("BatchGetRow", tables=[many(50), many(51, "versioned")]), READ_LIMIT),
    "101 rows of one table in two groups": (body("BatchGetRow", tables=[many(100), many(1)]), READ_LIMIT),
    "a missing table": (body("BatchGetRow", tables=[wanted("a"), wanted("a", table="none")]), NO_TABLE),
    "a missing table with no rows": (body("BatchGetRow", tables=[wanted("a"), wanted(table="none")]), NO_TABLE),
    "a table that is no UTF-8": (body("BatchGetRow", tables=[wanted("a", table=NOT_UTF8)]), UNREADABLE),
    "a table that is no UTF-8, with no rows": (body("BatchGetRow", tables=[wanted(table=NOT_UTF8)]), UNREADABLE),
    "a column that is no UTF-8": (body("BatchGetRow", tables=[wanted("a", columns_to_get=[NOT_UTF8])]), UNREADABLE),
    "no row at all": (
        body("BatchGetRow", tables=[schema.new_message(
            "TableInBatchGetRowRequest", table_name="plain", primary_key=[b"x"], max_versions=1)]),
        (INVALID, "Parse PlainBuffer from RawString failed: its header is missing.")),
}  # fmt: skip
"""By what is wrong: the body, and what is said of it."""
WRITES: dict[str, tuple[bytes, Refusal]] = {
    "nothing": (b"", (INVALID, "No row is specified in BatchWriteRow.")),
    "no message": (b"\xff", UNREADABLE),
    "201 rows of one table": (body("BatchWriteRow", tables=[group(*puts(0, 201))]), WRITE_LIMIT),
    "201 rows of two tables": (
        body("BatchWriteRow", tables=[group(*puts(0, 100)), group(*puts(0, 101), table="versioned")]), WRITE_LIMIT),
    "all or none": (
        body("BatchWriteRow", is_atomic=True, tables=[group(put("a"), put("a"))]),
        (INVALID, "Unsupported operation: 'BatchWriteRow with is_atomic'.")),
    "all or none of no row": (
        body("BatchWriteRow", is_atomic=True), (INVALID, "No row is specified in BatchWriteRow.")),
    "all or none of several keys of a missing table": (
        body("BatchWriteRow", is_atomic=True, tables=[group(put("a"), put("b"), table="none")]), NO_TABLE),
    "a table without rows": (
        body("BatchWriteRow", tables=[group(put("a")), group(table="versioned")]),
        (INVALID, "No operation is specified for table: 'versioned'.")),
    "a table without rows that is no UTF-8": (
        body("BatchWriteRow", tables=[group(put("a")), group(table=NOT_UTF8)]), UNREADABLE),
    "a missing table": (body("BatchWriteRow", tables=[group(put("a")), group(put("a"), table="none")]), NO_TABLE),
    "a secondary index": (
        body("BatchWriteRow", tables=[group(put("a")), group(put("a"), table="session_by_time")]),
        (INVALID, "Can't write index table directly")),
    "a table that is no UTF-8": (
        body("BatchWriteRow", tables=[group(put("a")), group(put("a"), table=NOT_UTF8)]), UNREADABLE),
    "an unknown operation": (
        body("BatchWriteRow", tables=[group(put("a"))]).replace(b"\x08\x01\x12", b"\x08\x04\x12", 1), UNREADABLE),
    "no row at all": (
        body("BatchWriteRow", tables=[group(put("a"), change("PutRow", b"x"))]),
        (INVALID, "Parse PlainBuffer from RawString failed: its header is missing.")),
    "a page for a condition": (
        body("BatchWriteRow", tables=[group(put("a"), put("b", condition=condition(0, page(0, 1))))]),
        (INVALID, "A column pagination filter cannot be a condition.")),
    "a row twice that must be there": (
        body("BatchWriteRow", tables=[group(put("a", 1, EXPECT_EXIST), put("a", 2, EXPECT_EXIST))]), REPEATED),
    "a row twice that must be there the first time": (
        body("BatchWriteRow", tables=[group(put("b", 1, EXPECT_NOT_EXIST), put("b", 2))]), REPEATED),
    "a row twice in two groups": (
        body("BatchWriteRow", tables=[group(put("b", 1, EXPECT_NOT_EXIST)), group(put("b", 2))]), REPEATED),
    "a row twice beside one that must be there": (
        body("BatchWriteRow", tables=[group(put("b"), put("b"), put("a", 2, EXPECT_EXIST))]), REPEATED),
}  # fmt: skip
"""As well."""


@pytest.mark.parametrize("name", READS)
def test_a_wrong_batch_of_reads_is_refused(wire: Wire, name: str) -> None:
    """As a whole, whatever else is asked for in it."""
    data, refusal = READS[name]

    assert refusal == wire.refused("BatchGetRow", data)


@pytest.mark.parametrize("name", WRITES)
def test_a_wrong_batch_of_writes_is_refused(wire: Wire, name: str) -> None:
    """As a whole: none of its rows is written."""
    data, refusal = WRITES[name]

    assert refusal == wire.refused("BatchWriteRow", data)


def test_limits_are_reached(wire: Wire) -> None:
    """100 rows are read and 200 written, of several tables together."""
    groups = group(*puts(0, 100)), group(*puts(0, 100), table="versioned")
    assert [[DONE] * 100] * 2 == write(wire, *groups)

    assert [[{"c": 9}] * 50] * 2 == read(wire, many(50), many(50, "versioned"))


def test_rows_are_counted_before_faults_strike(wire: Wire) -> None:
    """A batch of 201 rows is refused, also where one of them would not have been written."""
    data = body("BatchWriteRow", tables=[group(*puts(0, 201))])

    assert WRITE_LIMIT == wire.refused("BatchWriteRow", data, [RowFault.REFUSED])


def test_a_table_may_be_read_without_rows(wire: Wire) -> None:
    """One that is there answers with none, beside one that is asked for rows; an index is a table."""
    found = read(wire, wanted(), wanted("a", "none"), wanted(table="session_by_time"))

    assert [[], [{"c": 1}, None], []] == found


def test_all_or_none_across_partition_keys_is_none(wire: Wire) -> None:
    """Every row is refused by itself, the request is not, and nothing is written."""
    before = wire.state()
    tables = [group(put("a"), put("b")), group(put("a"), table="versioned")]
    answer = wire.answer("BatchWriteRow", body("BatchWriteRow", is_atomic=True, tables=tables))
    reply = schema.parse_message("BatchWriteRowResponse", answer.body)

    said = "Data out of scope of atomic. Atomic PartKey:a. Data PartKey:b"
    assert [("plain", 2), ("versioned", 1)] == [(table.table_name, len(table.rows)) for table in reply.tables]
    assert [(False, "OTSDataOutOfRange", said)] * 3 == [
        (each.is_ok, each.error.code, each.error.message) for table in reply.tables for each in table.rows
    ]
    assert 0 == answer.rows
    assert before == wire.state()


def test_not_atomic_is_as_nothing_said(wire: Wire) -> None:
    """is_atomic false is no wish that cannot be had."""
    wire.answer("BatchWriteRow", body("BatchWriteRow", is_atomic=False, tables=[group(put("a"))]))

    assert [9] == values(wire, "a")


# Each row


def test_a_condition_that_fails_keeps_the_others(wire: Wire) -> None:
    """Existence and column conditions fail each for its row; what stands before and after is written."""
    outcomes = write(
        wire,
        group(
            put("x"),
            put("a", 2, EXPECT_NOT_EXIST),
            put("y", 2, EXPECT_EXIST),
            put("z", 2, condition=condition(0, comparison())),
            put("w", 2, EXPECT_NOT_EXIST),
        ),
        group(put("a", 2, condition=condition(EXPECT_EXIST, comparison())), table="versioned"),
    )

    assert [[DONE, FAILED, FAILED, FAILED, DONE], [DONE]] == outcomes
    assert [9, 1, None, None, 2] == values(wire, "x", "a", "y", "z", "w")
    assert [("c", 2, NOW_MS)] == wire.cells("versioned")


def test_a_row_that_comes_twice_is_written_in_order(wire: Wire) -> None:
    """Without an expectation the last of its writes counts, of whichever kinds they are."""
    update = change("UpdateRow", row(KEY, c("d", 3)))
    delete = change("DeleteRow", row(KEY, marker=True))

    assert [[DONE] * 3] == write(wire, group(put("a", 2), put("a", 3), update))
    assert [("c", 3, NOW_MS), ("d", 3, NOW_MS)] == wire.cells()
    assert [[DONE] * 3] == write(wire, group(put("a", 2), delete, update))
    assert [("d", 3, NOW_MS)] == wire.cells()
    assert [[DONE], [DONE]] == write(wire, group(put("a", 2)), group(delete))
    assert wire.cells() is None


def test_a_wrong_key_fails_alone(wire: Wire) -> None:
    """In a batch of writes and in one of reads: by name, number and type of its columns."""
    wrong: list[dict[str, Any]] = [{"x": "a"}, {"k": "a", "l": "b"}, {"k": 1}]
    errors = [
        ("OTSInvalidPK", "Validate PK name fail. Input: x, Meta: k."),
        ("OTSInvalidPK", "Validate PK size fail. Input: 2, Meta: 1."),
        ("OTSInvalidPK", "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
    ]
    changes = [change("PutRow", row(key, c("c", 2))) for key in wrong]
    assert [[*errors, DONE]] == write(wire, group(*changes, put("b")))
    assert [9] == values(wire, "b")

    keys = [row(key) for key in (KEY, *wrong, KEY)]
    asked = schema.new_message("TableInBatchGetRowRequest", table_name="plain", primary_key=keys, max_versions=1)
    assert [[{"c": 1}, *errors, {"c": 1}]] == read(wire, asked)


def test_a_key_of_another_name_finds_no_row(wire: Wire) -> None:
    """Also where its value is that of a row, and the key beside it is right."""
    keys = [row(KEY), row({"x": "a"})]
    asked = schema.new_message("TableInBatchGetRowRequest", table_name="plain", primary_key=keys, max_versions=1)

    assert [[{"c": 1}, ("OTSInvalidPK", "Validate PK name fail. Input: x, Meta: k.")]] == read(wire, asked)


def test_each_table_is_read_as_it_asks(wire: Wire) -> None:
    """Columns, filters, versions and pages are those of each group."""
    write(wire, group(change("PutRow", row(KEY, c("c", 1), c("d", 2)))))
    no = comparison(value=2).SerializeToString()
    first = page(0, 1).SerializeToString()

    assert [[{"d": 2}], [None], [{"c": 1}], [{"c": 1, "d": 2}]] == read(
        wire, wanted("a", columns_to_get=["d"]), wanted("a", filter=no), wanted("a", filter=first), wanted("a")
    )


def test_what_the_writes_of_a_batch_return(wire: Wire) -> None:
    """Each row's answer has what that row asked for, and its cost."""
    key = schema.new_message("ReturnContent", return_type=1)
    after = schema.new_message("ReturnContent", return_type=2, return_column_names=["c"])
    changed = change("UpdateRow", row(KEY, c("c", 2), c("d", 3)), return_content=after)
    answer = wire.ask("BatchWriteRow", tables=[group(put("b", return_content=key), changed, put("e"))])
    ((first, second, third),) = [table.rows for table in answer.tables]

    assert (row({"k": "b"}), {"c": 2}, b"") == (first.row, _columns(second.row), third.row)
    assert [1, 1, 1] == [each.consumed.capacity_unit.write for each in (first, second, third)]


def test_the_tables_of_a_batch_are_named_once(wire: Wire) -> None:
    """In the order in which they were asked for."""
    tables = [wanted("a", table="versioned"), wanted("a"), wanted("b", table="versioned")]

    assert ("versioned,plain", 3) == wire.answer("BatchGetRow", body("BatchGetRow", tables=tables))[1:]


# Faults of single rows


def test_a_refused_write_is_not_done_and_a_lost_one_is(wire: Wire) -> None:
    """Both are said to have failed, each in its place, and the others are not touched by it."""
    faults = [None, RowFault.REFUSED, RowFault.LOST, None, RowFault.REFUSED]
    groups = group(put("v"), put("w"), put("x")), group(put("y"), put("z"))

    assert [[DONE, BUSY, TIMEOUT], [DONE, BUSY]] == write(wire, *groups, faults=faults)
    assert [9, None, 9, 9, None] == values(wire, "v", "w", "x", "y", "z")


def test_a_lost_answer_hides_a_failed_condition(wire: Wire) -> None:
    """What became of a row whose answer is lost is not said, whatever it was."""
    batch = group(put("a", 2, EXPECT_NOT_EXIST), put("b"), put("c", 2, EXPECT_EXIST))

    assert [[TIMEOUT, DONE, FAILED]] == write(wire, batch, faults=[RowFault.LOST])
    assert [1, 9, None] == values(wire, "a", "b", "c")


@pytest.mark.parametrize("fault", RowFault)
def test_a_batch_of_faults_alone_is_answered(wire: Wire, fault: RowFault) -> None:
    """Where every row is struck, each is answered for all the same."""
    error = {RowFault.REFUSED: BUSY, RowFault.LOST: TIMEOUT}[fault]

    assert [[error, error]] == write(wire, group(put("a"), put("b")), faults=[fault, fault])
    assert ([1, None] if fault is RowFault.REFUSED else [9, 9]) == values(wire, "a", "b")
    assert [[error, error]] == read(wire, wanted("a", "b"), faults=[fault, fault])


def test_faults_strike_reads_in_their_places(wire: Wire) -> None:
    """A row that is struck is not read; the others come in the order asked for."""
    write(wire, group(put("x", 7), put("y", 8)))
    faults = [RowFault.LOST, None, RowFault.REFUSED, None, None, RowFault.REFUSED]
    found = read(wire, wanted("a", "x", "y", "y"), wanted("a", "x", table="versioned"), faults=faults)

    assert [[TIMEOUT, {"c": 7}, BUSY, {"c": 8}], [{"c": 1}, BUSY]] == found


def test_a_refused_row_is_not_a_repeated_one(wire: Wire) -> None:
    """A row that never reaches the engine is not counted among those that come twice."""
    batch = group(put("b", 1, EXPECT_NOT_EXIST), put("b", 2, EXPECT_NOT_EXIST))

    assert [[BUSY, DONE]] == write(wire, batch, faults=[RowFault.REFUSED])
    assert [2] == values(wire, "b")
