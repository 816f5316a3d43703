"""Successful requests on rows whose bodies the Python SDK cannot send, or that are edge cases of the protocol."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import raw_bodies as raw
from tests.support.backends import PLAIN
from tests.support.raw_bodies import (
    KEY,
    NOW_MS,
    Wire,
    c,
    cells_of,
    comparison,
    getting,
    group,
    put,
    row,
    wanted,
    writing,
)
from tsmem.rows import MIN, Put
from tsmem.server.actions import RowFault
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import Operation, decode_row

DELETE_ALL, DELETE_ONE, INCREMENT = Operation.DELETE_ALL, Operation.DELETE_ONE, Operation.INCREMENT
NOT, AND, OR = 1, 2, 3
EXIST, NOT_EXIST = 7, 8
MB = 1024 * 1024


def returning(kind: int, *names: str) -> Any:
    return schema.new_message("ReturnContent", return_type=kind, return_column_names=names)


# Writes


def test_an_increment_costs_8_bytes_and_the_column_name(wire: Wire) -> None:
    """Sixteen columns, each with a name of 250 letters and a value of 8 bytes, and the key exceed 4 KB."""
    for columns, units in ((15, 1), (16, 2)):
        increments = [c(f"{'x' * 248}{number:02}", 1, INCREMENT) for number in range(columns)]
        answer = wire.ask("UpdateRow", table_name="plain", row_change=row(KEY, *increments), condition=raw.condition())
        assert units == answer.consumed.capacity_unit.write


@pytest.mark.parametrize("action", ["PutRow", "UpdateRow"])
def test_the_last_of_two_cells_of_a_column_without_versions_wins_and_both_are_billed(wire: Wire, action: str) -> None:
    twice = row(KEY, *(c("c", text) for text in ("x" * 3000, "y" * 3000)))
    answer = wire.parsed(action, writing(action, twice, "versioned"))

    assert [("c", "y" * 3000, NOW_MS)] == wire.cells("versioned")
    assert 2 == answer.consumed.capacity_unit.write


@pytest.mark.parametrize("action", ["PutRow", "UpdateRow"])
def test_several_versions_of_a_column_in_one_put_are_all_kept(wire: Wire, action: str) -> None:
    cells = [c("d", "old", None, NOW_MS - 2), c("d", "now"), c("d", "mid", None, NOW_MS - 1)]
    wire.answer(action, writing(action, row(KEY, *cells), "versioned"))

    rest = [] if action == "PutRow" else [("c", 1, NOW_MS)]
    assert [*rest, ("d", "now", NOW_MS), ("d", "mid", NOW_MS - 1), ("d", "old", NOW_MS - 2)] == wire.cells("versioned")


def test_one_update_writes_deletes_and_increments(wire: Wire) -> None:
    wire.answer("PutRow", writing("PutRow", row(KEY, c("a", 1), c("b", 1), c("n", 40)), "versioned"))
    cells = [c("a", None, DELETE_ALL), c("b", None, DELETE_ONE, NOW_MS), c("n", 2, INCREMENT), c("z", "new")]
    wire.answer("UpdateRow", writing("UpdateRow", row(KEY, *cells), "versioned"))

    assert [("n", 42, NOW_MS), ("z", "new", NOW_MS)] == wire.cells("versioned")


def test_a_write_returns_the_primary_key_on_request(wire: Wire) -> None:
    for content, wanted_row in ((None, b""), (returning(0), b""), (returning(1), row(KEY))):
        for action, data in (
            ("PutRow", row(KEY, c("c", 1))),
            ("UpdateRow", row(KEY, c("c", 1))),
            ("DeleteRow", row(KEY, marker=True)),
        ):
            answer = wire.answer(action, writing(action, data, return_content=content))
            assert wanted_row == schema.parse_message(f"{action}Response", answer.body).row


def test_the_log_has_the_row_count_of_each_reply(wire: Wire) -> None:
    tables = [wanted("a", table="versioned"), wanted("a"), wanted("b", table="versioned")]
    for action, data, logged in (
        ("GetRow", getting(), 1),
        ("GetRow", getting(key={"k": "none"}), 0),
        ("PutRow", writing("PutRow", row(KEY)), 1),
        ("GetRange", raw.ranging(), 1),
        ("BatchGetRow", raw.body("BatchGetRow", tables=tables), 3),
    ):
        assert logged == wire.answer(action, data).rows


# Reads


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"filter": raw.serialized(raw.page(1, 3))}, "bcd"),
        ({"filter": raw.serialized(raw.page(4, 9))}, "e"),
        ({"filter": raw.serialized(raw.page(0, 0))}, ""),
        ({"start_column": "b", "end_column": "d"}, "bc"),
        ({"start_column": "b", "filter": raw.serialized(raw.page(1, 2))}, "cd"),
        ({"columns_to_get": ["a", "c", "e"], "filter": raw.serialized(raw.page(1, 2))}, "ce"),
        ({"columns_to_get": ["a", "c", "e"], "start_column": "b"}, "ce"),
        ({"start_column": "", "end_column": "b"}, "a"),
    ],
)
def test_column_pagination_counts_columns_and_not_versions(wire: Wire, fields: dict[str, Any], names: str) -> None:
    cells = [c(name, version, None, NOW_MS - version) for name in "abcde" for version in (0, 1)]
    wire.answer("PutRow", writing("PutRow", row(KEY, *cells), "versioned"))

    twice = cells_of(wire.answer("GetRow", getting("versioned", **fields, max_versions=2)))
    assert [(name, version) for name in names for version in (0, 1)] == (twice or [])


def test_a_time_range_includes_its_start_and_excludes_its_end(wire: Wire) -> None:
    cells = [c("c", value, None, NOW_MS - 3 + value) for value in (1, 2, 3)]
    wire.answer("PutRow", writing("PutRow", row(KEY, *cells), "versioned"))
    for versions, times, values in (
        (None, {"start_time": NOW_MS - 2, "end_time": NOW_MS}, [2, 1]),
        (1, {"start_time": NOW_MS - 2, "end_time": NOW_MS}, [2]),
        (None, {"specific_time": NOW_MS - 1}, [2]),
        (None, {"specific_time": 2**63 - 1}, []),
    ):
        data = getting("versioned", max_versions=versions, time_range=schema.new_message("TimeRange", **times))
        assert values == [value for _, value in cells_of(wire.answer("GetRow", data)) or ()]


def test_a_batch_read_over_64_mb_is_refused(wire: Wire) -> None:
    """The limit counts the data of all tables together."""
    for table in (PLAIN, raw.VERSIONED):
        wire.engine.write_rows([Put(table.ref, ("a",), {"c": b"x" * (2 * MB)})])
    limit = raw.invalid(f"The total data size of BatchGetRow response exceeds the limit: {64 * MB}.")
    too_much = raw.body("BatchGetRow", tables=[wanted(*["a"] * 16), wanted(*["a"] * 16, table="versioned")])
    assert limit == wire.refused("BatchGetRow", too_much)

    ((*plain,), (*versioned,)) = read(wire, wanted(*["a"] * 20), wanted(*["a"] * 11, table="versioned"))
    assert (20, 11) == (len(plain), len(versioned))


# Filters


def test_a_filter_with_32_comparisons_negations_parts_or_levels_is_accepted(unchanged: Wire) -> None:
    for test, passes in (
        (raw.joined(OR, *[comparison()] * 32), True),
        (raw.joined(OR, *[comparison(comparator=NOT_EXIST)] * 32), False),
        (raw.joined(AND, *[raw.joined(NOT, comparison("d", EXIST))] * 16), True),
        (raw.nested(31, NOT), False),
        (raw.nested(30, NOT), True),
        (raw.joined(OR, raw.joined(AND, *[comparison()] * 16), raw.joined(AND, *[comparison()] * 16)), True),
    ):
        assert passes == (cells_of(unchanged.answer("GetRow", getting(filter=raw.serialized(test)))) is not None)


def test_an_existence_filter_ignores_the_type_of_the_column(wire: Wire) -> None:
    def passes(comparator: int) -> bool:
        test = raw.serialized(comparison(comparator=comparator, value="ignored"))
        return cells_of(wire.answer("GetRow", getting(filter=test))) is not None

    for value in (0, "x", 1.5, True, b"z"):
        wire.answer("PutRow", writing("PutRow", row(KEY, c("c", value))))
        assert (True, False) == (passes(EXIST), passes(NOT_EXIST))
    wire.answer("PutRow", writing("PutRow", row(KEY, c("d", 1))))
    assert (False, True) == (passes(EXIST), passes(NOT_EXIST))


@pytest.mark.parametrize(
    ("latest_only", "value", "passes"), [(True, 2, True), (True, 1, False), (False, 1, True), (False, 3, False)]
)
def test_a_filter_tests_the_latest_version_or_any_version(
    wire: Wire, latest_only: bool, value: int, passes: bool
) -> None:
    wire.answer("UpdateRow", writing("UpdateRow", row(KEY, c("c", 1, None, NOW_MS - 1), c("c", 2)), "versioned"))
    test = comparison(value=value, latest_version_only=latest_only)
    request = writing("PutRow", row(KEY, c("c", 9)), "versioned", condition=raw.condition(0, test))

    assert passes == (cells_of(wire.answer("GetRow", getting("versioned", filter=raw.serialized(test)))) is not None)
    if passes:
        wire.answer("PutRow", request)
    else:
        assert FAILED == wire.refused("PutRow", request)


# Batches

DONE: raw.Refusal = ("", "")
FAILED: raw.Refusal = ("OTSConditionCheckFail", "Condition check failed.")
BUSY: raw.Refusal = ("OTSServerBusy", "Server is busy.")
TIMEOUT: raw.Refusal = ("OTSTimeout", "Operation timeout.")


def write(
    wire: Wire, *groups: Any, faults: list[RowFault | None] | None = None, atomic: bool | None = None
) -> list[list[raw.Refusal]]:
    """Send a BatchWriteRow. Return the outcome of each row of each table."""
    answer = wire.answer("BatchWriteRow", raw.body("BatchWriteRow", tables=groups, is_atomic=atomic), faults)
    tables = schema.parse_message("BatchWriteRowResponse", answer.body).tables
    assert [each.table_name for each in groups] == [table.table_name for table in tables]
    outcomes = [[_outcome(each) for each in table.rows] for table in tables]
    assert sum(outcome == DONE for each in outcomes for outcome in each) == answer.rows
    return outcomes


def read(wire: Wire, *groups: Any, faults: list[RowFault | None] | None = None) -> list[list[Any]]:
    """Send a BatchGetRow. Return the columns of each row of each table: None for a missing row, an error for a
    failed one."""
    answer = wire.answer("BatchGetRow", raw.body("BatchGetRow", tables=groups), faults)
    tables = schema.parse_message("BatchGetRowResponse", answer.body).tables
    assert [each.table_name for each in groups] == [table.table_name for table in tables]
    assert sum(each.is_ok for table in tables for each in table.rows) == answer.rows
    return [[_outcome(each) if not each.is_ok else _columns(each.row) for each in table.rows] for table in tables]


def _outcome(answered: Any) -> raw.Refusal:
    assert answered.is_ok == (not answered.HasField("error"))
    return answered.error.code, answered.error.message


def _columns(data: bytes) -> dict[str, Any] | None:
    return {cell.name: cell.value for cell in decode_row(data).cells} if data else None


def values(wire: Wire, *keys: str) -> list[Any]:
    """Return the stored values of column c of these rows of `plain`."""
    return [cells and cells[0][1] for cells in (wire.cells("plain", key) for key in keys)]


def test_a_batch_reads_100_rows_and_writes_200_across_tables(wire: Wire) -> None:
    keys = [f"{n:03}" for n in range(100)]
    rows = [put(key) for key in keys]
    assert [[DONE] * 100] * 2 == write(wire, group(*rows), group(*rows, table="versioned"))

    odd_are_missing = [key + "x" * (n % 2) for n, key in enumerate(keys[:50])]
    answers = read(wire, wanted(*keys[:50]), wanted(*odd_are_missing, table="versioned"))
    assert [[{"c": 9}] * 50, [{"c": 9}, None] * 25] == answers


def test_a_batch_read_can_name_a_table_or_an_index_without_rows(wire: Wire) -> None:
    answers = read(wire, wanted(), wanted("a", "none"), wanted(table="session_by_time"))

    assert [[], [{"c": 1}, None], []] == answers


def test_a_batch_with_is_atomic_false_is_written(wire: Wire) -> None:
    assert [[DONE, DONE], [DONE]] == write(
        wire, group(put("a"), put("b")), group(put("a"), table="versioned"), atomic=False
    )


def test_a_wrong_key_fails_alone_in_a_batch_read(wire: Wire) -> None:
    keys = [row(key) for key in (KEY, {"x": "a"}, {"k": "a", "l": "b"}, {"k": 1}, {"k": MIN}, KEY)]

    assert [[
        {"c": 1},
        ("OTSInvalidPK", "Validate PK name fail. Input: x, Meta: k."),
        ("OTSInvalidPK", "Validate PK size fail. Input: 2, Meta: 1."),
        ("OTSInvalidPK", "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
        raw.invalid("VT_INF_MIN is an invalid type for the primary key."),
        {"c": 1},
    ]] == read(wire, wanted(primary_key=keys))  # fmt: skip


def test_each_table_of_a_batch_has_its_own_columns_filter_and_page(wire: Wire) -> None:
    write(wire, group(raw.change("PutRow", row(KEY, c("c", 1), c("d", 2)))))
    no, first = raw.serialized(comparison(value=2)), raw.serialized(raw.page(0, 1))

    assert [[{"d": 2}], [None], [{"c": 1}], [{"c": 1, "d": 2}]] == read(
        wire, wanted("a", columns_to_get=["d"]), wanted("a", filter=no), wanted("a", filter=first), wanted("a")
    )


def test_each_write_of_a_batch_returns_its_requested_content_and_cost(wire: Wire) -> None:
    changed = raw.change("UpdateRow", row(KEY, c("c", 2), c("d", 3)), return_content=returning(2, "c"))
    answer = wire.ask("BatchWriteRow", tables=[group(put("b", return_content=returning(1)), changed, put("e"))])
    ((first, second, third),) = [table.rows for table in answer.tables]

    assert (row({"k": "b"}), {"c": 2}, b"") == (first.row, _columns(second.row), third.row)
    assert [1, 1, 1] == [each.consumed.capacity_unit.write for each in (first, second, third)]


# Faults of single rows


def test_a_row_fault_of_refused_writes_nothing_and_of_lost_writes_the_row(wire: Wire) -> None:
    faults = [None, RowFault.REFUSED, RowFault.LOST, None, RowFault.REFUSED]
    groups = group(put("v"), put("w"), put("x")), group(put("y"), put("z"))

    assert [[DONE, BUSY, TIMEOUT], [DONE, BUSY]] == write(wire, *groups, faults=faults)
    assert [9, None, 9, 9, None] == values(wire, "v", "w", "x", "y", "z")


def test_a_lost_row_hides_a_failed_condition_and_a_refused_row_does_not_count_as_repeated(wire: Wire) -> None:
    batch = group(put("a", 2, raw.EXPECT_NOT_EXIST), put("b"), put("c", 2, raw.EXPECT_EXIST))
    assert [[TIMEOUT, DONE, FAILED]] == write(wire, batch, faults=[RowFault.LOST])
    assert [1, 9, None] == values(wire, "a", "b", "c")

    twice = group(put("d", 1, raw.EXPECT_NOT_EXIST), put("d", 2, raw.EXPECT_NOT_EXIST))
    assert [[BUSY, DONE]] == write(wire, twice, faults=[RowFault.REFUSED])
    assert [2] == values(wire, "d")


def test_failed_reads_of_a_batch_keep_their_positions(wire: Wire) -> None:
    write(wire, group(put("x", 7), put("y", 8)))
    faults = [RowFault.LOST, None, RowFault.REFUSED, None, None, RowFault.REFUSED]
    rows = read(wire, wanted("a", "x", "y", "y"), wanted("a", "x", table="versioned"), faults=faults)

    assert [[TIMEOUT, {"c": 7}, BUSY, {"c": 8}], [{"c": 1}, BUSY]] == rows
    for fault, error in ((RowFault.REFUSED, BUSY), (RowFault.LOST, TIMEOUT)):
        assert [[error, error]] == read(wire, wanted("a", "b"), faults=[fault, fault])
        assert [[error, error]] == write(wire, group(put("a"), put("b")), faults=[fault, fault])
