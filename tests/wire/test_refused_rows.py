"""Requests on rows that are refused with the service's code and message, and change nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support import raw_bodies as raw
from tests.support.raw_bodies import (
    KEY,
    Wire,
    batch_get,
    batch_write,
    c,
    comparison,
    getting,
    group,
    invalid,
    joined,
    put,
    row,
    wanted,
    writing,
)
from tsmem.rows import MAX, MIN
from tsmem.server.actions import RowFault
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import Operation, encode_value

DELETE_ALL, DELETE_ONE, INCREMENT = Operation.DELETE_ALL, Operation.DELETE_ONE, Operation.INCREMENT


def message(name: str, **fields: Any) -> Any:
    return schema.new_message(name, **fields)


# Single rows

WRONG_NAME: raw.Refusal = ("OTSInvalidPK", "Validate PK name fail. Input: x, Meta: k.")
WRONG_SIZE: raw.Refusal = ("OTSInvalidPK", "Validate PK size fail. Input: 2, Meta: 1.")
OPERATION_IN_PUT = invalid("Invalid put row request: an operation on a cell.")
NO_NUMBER = invalid("Column 'c' can be incremented by a number only.")
NO_VALUE = invalid("The value of column 'c' is missing.")
BAD_CHANGES: dict[str, tuple[str, bytes, raw.Refusal]] = {
    "a delete marker in a put": (
        "PutRow", row(KEY, c("c", 2), marker=True), invalid("Invalid put row request: a delete marker in the row.")),
    "a delete marker in an update": (
        "UpdateRow", row(KEY, c("c", 2), marker=True),
        invalid("Invalid update row request: a delete marker in the row.")),
    "a delete without a marker": (
        "DeleteRow", row(KEY), invalid("Invalid request of delete row: missing RowDeleteMarker in request.")),
    "a cell in a delete": (
        "DeleteRow", row(KEY, c("c", 2), marker=True), invalid("Invalid request of delete row: a cell in the row.")),
    "a deleted cell in a put": ("PutRow", row(KEY, c("c", None, DELETE_ALL)), OPERATION_IN_PUT),
    "an increment in a put": ("PutRow", row(KEY, c("d", 1), c("c", 2, INCREMENT)), OPERATION_IN_PUT),
    "no version to delete": (
        "UpdateRow", row(KEY, c("c", None, DELETE_ONE)), invalid("The version of column 'c' to delete is missing.")),
    "an increment by a text": ("UpdateRow", row(KEY, c("c", "2", INCREMENT)), NO_NUMBER),
    "an increment by an infinity": ("UpdateRow", row(KEY, c("c", MAX, INCREMENT)), NO_NUMBER),
    "a put of no value": ("PutRow", row(KEY, c("d", 1), c("c")), NO_VALUE),
    "a put of an infinity": ("PutRow", row(KEY, c("c", MIN)), NO_VALUE),
    "an update to no value": ("UpdateRow", row(KEY, c("d", 1), c("c")), NO_VALUE),
    "no row": ("PutRow", b"x", invalid("Parse PlainBuffer from RawString failed: its header is missing.")),
}  # fmt: skip
"""Unreadable row changes, which fail a whole batch: the action, the row and the error."""
BAD_ROWS: dict[str, tuple[str, bytes, raw.Refusal]] = {
    "an increment by NaN": (
        "UpdateRow", row(KEY, c("d", math.nan, INCREMENT)),
        invalid("NaN/Infinity can't be set to double value: column 'd'.")),
    "a version below zero": (
        "PutRow", row(KEY, c("c", 2, None, -1)),
        invalid("The version -1 of a cell must be in range: [0, 9223372036854775).")),
    "a column that is a key column": (
        "PutRow", row(KEY, c("k", 2)),
        invalid("Column 'k' is a primary key column and cannot be an attribute column.")),
    "an infinite key": (
        "PutRow", row({"k": MIN}), invalid("VT_INF_MIN is an invalid type for the primary key.")),
}  # fmt: skip
"""Invalid row changes that can be read, which fail alone in a batch: the action, the row and the error."""


@pytest.mark.parametrize("name", BAD_CHANGES)
def test_an_unreadable_row_change_fails_its_whole_batch(unchanged: Wire, name: str) -> None:
    action, data, refusal = BAD_CHANGES[name]

    assert refusal == unchanged.refused(action, writing(action, data))
    batch = batch_write(group(put("b"), raw.change(action, data)))
    assert refusal == unchanged.refused("BatchWriteRow", batch)


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_readable_row_change_that_is_invalid_fails_alone_in_its_batch(wire: Wire, name: str) -> None:
    action, data, refusal = BAD_ROWS[name]

    assert refusal == wire.refused(action, writing(action, data))
    answer = wire.ask("BatchWriteRow", tables=[group(put("b"), raw.change(action, data))])
    ((good, bad),) = [table.rows for table in answer.tables]
    assert (True, False, refusal) == (good.is_ok, bad.is_ok, (bad.error.code, bad.error.message))
    assert [("c", 9, raw.NOW_MS)] == wire.cells("plain", "b")


def in_a_transaction(transaction_id: str) -> dict[str, bytes]:
    changes = {"PutRow": row(KEY, c("c", 1)), "UpdateRow": row(KEY, c("c", 1)), "DeleteRow": row(KEY, marker=True)}
    return {
        "GetRow": getting(transaction_id=transaction_id),
        "GetRange": raw.ranging(transaction_id=transaction_id),
        "BatchWriteRow": batch_write(group(put("a", 1)), transaction_id=transaction_id),
        **{action: writing(action, data, transaction_id=transaction_id) for action, data in changes.items()},
    }


@pytest.mark.parametrize("action", in_a_transaction(""))
def test_a_transaction_id_is_refused_unless_it_is_empty(wire: Wire, action: str) -> None:
    assert invalid("TransactionID is invalid.") == wire.refused(action, in_a_transaction("some-id")[action])
    wire.answer(action, in_a_transaction("")[action])


# Ranges and batches


def reads_of(count: int, table: str = "plain") -> Any:
    return wanted(*(f"{n:03}" for n in range(count)), table=table)


def puts_of(count: int) -> list[Any]:
    return [put(f"{n:03}") for n in range(count)]


READ_LIMIT = invalid("Rows count exceeds the upper limit: 100.")
WRITE_LIMIT = invalid("Rows count exceeds the upper limit: 200.")
REPEATED = invalid("Repeated rows do not support row exist expectation check in BatchModify.")
WHOLE: dict[str, raw.Refused] = {
    "another name at the end of a range": ("GetRange", raw.ranging({"k": MIN}, {"x": MAX}), WRONG_NAME),
    "another name at the start of a range": ("GetRange", raw.ranging({"x": MIN}, {"k": MAX}), WRONG_NAME),
    "more columns at the end of a range": ("GetRange", raw.ranging({"k": MIN}, {"k": MAX, "x": MAX}), WRONG_SIZE),
    "more columns at the start of a range": ("GetRange", raw.ranging({"k": MIN, "x": MIN}, {"k": MAX}), WRONG_SIZE),
    "another type at the end of a range": (
        "GetRange", raw.ranging({"k": "a"}, {"k": 1}),
        ("OTSInvalidPK", "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING.")),
    "101 reads of two tables": ("BatchGetRow", batch_get(reads_of(50), reads_of(51, "versioned")), READ_LIMIT),
    "a missing table without rows": ("BatchGetRow", batch_get(wanted("a"), wanted(table="none")), raw.NO_TABLE),
    "a read whose key is not a row": (
        "BatchGetRow", batch_get(wanted(primary_key=[b"x"])),
        invalid("Parse PlainBuffer from RawString failed: its header is missing.")),
    "201 writes of two tables": (
        "BatchWriteRow", batch_write(group(*puts_of(100)), group(*puts_of(101), table="versioned")), WRITE_LIMIT),
    "a table without writes": (
        "BatchWriteRow", batch_write(group(put("a")), group(table="versioned")),
        invalid("No operation is specified for table: 'versioned'.")),
    "a write to a secondary index": (
        "BatchWriteRow", batch_write(group(put("a")), group(put("a"), table="session_by_time")),
        invalid("Can't write index table directly")),
    "an atomic batch": (
        "BatchWriteRow", batch_write(group(put("a"), put("a")), is_atomic=True),
        raw.unsupported("BatchWriteRow with is_atomic")),
    "a row twice in two groups, once as one that must not exist": (
        "BatchWriteRow", batch_write(group(put("b", 1, raw.EXPECT_NOT_EXIST)), group(put("b", 2))), REPEATED),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_a_range_with_a_wrong_key_or_an_invalid_batch_is_refused_as_a_whole(unchanged: Wire, name: str) -> None:
    action, data, refusal = WHOLE[name]

    assert refusal == unchanged.refused(action, data)


def test_the_row_limit_of_a_batch_counts_rows_that_faults_would_refuse(unchanged: Wire) -> None:
    assert WRITE_LIMIT == unchanged.refused("BatchWriteRow", batch_write(group(*puts_of(201))), [RowFault.REFUSED])


# Filters

NOT, AND, OR = 1, 2, 3
EXIST, NOT_EXIST = 7, 8
TOO_MANY = invalid("The count of filter exceeds the max: 32.")
NOT_ONE = invalid("Invalid NOT operator: the number of sub-filters must be 1.")
TOO_FEW_AND = invalid("Invalid AND operator: the number of sub-filters must be at least 2.")
TOO_FEW_OR = invalid("Invalid OR operator: the number of sub-filters must be at least 2.")
PAGE_INSIDE = invalid("A column pagination filter cannot be part of another filter.")
PAGE_CONDITION = invalid("A column pagination filter cannot be a condition.")
NEGATIVE = invalid("The offset and limit of a column pagination filter must not be negative.")
RULE = message("ValueTransferRule", regex="([0-9]+)", cast_type=0)
NO_FILTER = message("Filter", type=1, filter=b"\xff")


def single(raw: bytes) -> Any:
    return message("Filter", type=1, filter=raw)


def without(field: str, **given: Any) -> bytes:
    fields = {"comparator": 1, "column_name": "c", "column_value": encode_value(1), "filter_if_missing": True,
              "latest_version_only": True, **given}  # fmt: skip
    del fields[field]
    return raw.serialized(message("SingleColumnValueFilter", **fields))


FILTERS: dict[str, tuple[Any, raw.Refusal]] = {
    "not protobuf": (NO_FILTER, raw.UNREADABLE),
    "a composite that is not protobuf": (message("Filter", type=2, filter=b"\xff"), raw.UNREADABLE),
    "an unknown comparator": (single(b"\x08\x09" + without("comparator")), raw.UNREADABLE),
    "an unknown operator": (message("Filter", type=2, filter=b"\x08\x04"), raw.UNREADABLE),
    "no comparator": (single(without("comparator")), raw.UNREADABLE),
    "no filter_if_missing": (single(without("filter_if_missing")), raw.UNREADABLE),
    "a column that is not UTF-8": (comparison(raw.NOT_UTF8), raw.UNREADABLE),
    "no literal": (
        single(without("column_value", column_value=b"") + b"\x1a\x00"),
        invalid("Parse PlainBuffer from RawString failed: a value is empty.")),
    "an infinite literal": (
        comparison(value=MIN), invalid("Parse PlainBuffer from RawString failed: a literal is not one value.")),
    "a transfer rule": (comparison(value_trans_rule=RULE), raw.unsupported("value_trans_rule")),
    "a transfer rule in a test of existence": (
        comparison(comparator=EXIST, value_trans_rule=RULE), raw.unsupported("value_trans_rule")),
    "NOT of no parts": (joined(NOT), NOT_ONE),
    "NOT of two parts": (joined(NOT, comparison(), comparison()), NOT_ONE),
    "OR of one part, nested": (joined(AND, comparison(), joined(OR, comparison())), TOO_FEW_OR),
    "33 parts that cannot be read": (joined(OR, *[NO_FILTER] * 33), TOO_MANY),
    "32 parts that cannot be read": (joined(OR, *[NO_FILTER] * 32), raw.UNREADABLE),
    "33 comparisons in two groups": (
        joined(OR, joined(AND, *[comparison()] * 17), joined(AND, *[comparison()] * 16)), TOO_MANY),
    "33 levels": (raw.nested(32, AND), TOO_MANY),
    "32 levels": (raw.nested(31, AND), TOO_FEW_AND),
    "33 levels of NOT": (raw.nested(32, NOT), TOO_MANY),
    "3,000 levels": (raw.nested(3000, AND), TOO_MANY),
    "a page inside AND": (joined(AND, comparison(), raw.page(0, 1)), PAGE_INSIDE),
    "a page inside NOT": (joined(NOT, raw.page(0, 1)), PAGE_INSIDE),
    "a negative offset": (raw.page(-1, 1), NEGATIVE),
    "a negative limit": (raw.page(0, -1), NEGATIVE),
}  # fmt: skip


@pytest.mark.parametrize("name", FILTERS)
def test_an_invalid_filter_is_refused_in_a_read_and_in_a_condition(unchanged: Wire, name: str) -> None:
    test, refusal = FILTERS[name]

    assert refusal == unchanged.refused("GetRow", getting(filter=raw.serialized(test)))
    put_row = writing("PutRow", row(KEY, c("c", 9)), condition=raw.condition(0, test))
    assert refusal == unchanged.refused("PutRow", put_row)


def test_every_action_refuses_an_invalid_filter(unchanged: Wire) -> None:
    test, refusal = FILTERS["NOT of two parts"]
    deleted = raw.change("DeleteRow", row(KEY, marker=True), condition=raw.condition(0, test))
    bodies = {
        "BatchWriteRow": batch_write(group(deleted)),
        "GetRange": raw.ranging(filter=raw.serialized(test)),
        "BatchGetRow": batch_get(wanted("a", filter=raw.serialized(test))),
        "DeleteRow": writing("DeleteRow", row(KEY, marker=True), condition=raw.condition(0, test)),
        "UpdateRow": writing("UpdateRow", row(KEY, c("c", 9)), condition=raw.condition(0, test)),
    }
    for action, data in bodies.items():
        assert refusal == unchanged.refused(action, data), action


def test_a_column_pagination_filter_is_refused_as_a_condition(unchanged: Wire) -> None:
    paged = raw.condition(0, raw.page(0, 1))

    assert PAGE_CONDITION == unchanged.refused("PutRow", writing("PutRow", row(KEY, c("c", 9)), condition=paged))
    assert PAGE_CONDITION == unchanged.refused("BatchWriteRow", batch_write(group(put("b", condition=paged))))


def test_a_filter_of_an_unknown_type_is_unreadable(unchanged: Wire) -> None:
    for data in (b"\x08\x04\x12\x00", b"\x12\x00", b"\xff"):
        assert raw.UNREADABLE == unchanged.refused("GetRow", getting(filter=data))


# Columns, versions and times of a read

NO_VERSION = invalid("No version condition is specified while querying row.")
NO_END = invalid("A time range needs a start and an end.")
BOTH_TIMES = invalid("A specific timestamp and a time range cannot be given at the same time.")
BOTH = invalid("Specific tiemstamp and max versions cannot be given at the same time.")
NOT_POSITIVE = invalid("The maximum versions cannot be less than or equal to 0.")
TOO_MANY_COLUMNS = invalid("The number of columns to get exceeds the limit: 1024.")


def empty(start: int, end: int) -> raw.Refusal:
    return invalid(f"The time range is invalid: [{start}, {end}).")


def seen(max_versions: int | None, **times: int) -> dict[str, Any]:
    return {"max_versions": max_versions, "time_range": message("TimeRange", **times)}


READS: dict[str, tuple[dict[str, Any], raw.Refusal]] = {
    "neither max_versions nor times": ({"max_versions": None}, NO_VERSION),
    "an empty time range": (seen(None), NO_END),
    "a start without an end": (seen(None, start_time=1), NO_END),
    "an end without a start, and max_versions": (seen(1, end_time=1), NO_END),
    "a time and max_versions": (seen(1, specific_time=1), BOTH),
    "a time and a start": (seen(None, specific_time=1, start_time=1), BOTH_TIMES),
    "a time and an end": (seen(None, specific_time=1, end_time=2), BOTH_TIMES),
    "a start equal to the end": (seen(None, start_time=5, end_time=5), empty(5, 5)),
    "a start past the end": (seen(1, start_time=6, end_time=5), empty(6, 5)),
    "a negative start": (seen(1, start_time=-1, end_time=5), empty(-1, 5)),
    "a negative time": (seen(None, specific_time=-1), empty(-1, 0)),
    "max_versions of 0": ({"max_versions": 0}, NOT_POSITIVE),
    "1,025 columns": ({"columns_to_get": [f"c{number}" for number in range(1025)]}, TOO_MANY_COLUMNS),
    "a wrong column name": ({"columns_to_get": ["c", "#name"]}, invalid("Invalid column name: '#name'.")),
    "an empty column name": ({"columns_to_get": [""]}, invalid("Invalid column name: ''.")),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_of_invalid_columns_versions_or_times_is_refused(unchanged: Wire, name: str) -> None:
    fields, refusal = READS[name]

    assert refusal == unchanged.refused("GetRow", getting(**fields))
    assert refusal == unchanged.refused("GetRange", raw.ranging(**fields))
    assert refusal == unchanged.refused("BatchGetRow", batch_get(wanted("a", "b", **fields)))
    assert refusal == unchanged.refused("BatchGetRow", batch_get(wanted(**fields)))  # even if no rows are requested


def test_a_read_can_request_1024_columns_and_key_columns(unchanged: Wire) -> None:
    for columns in ([f"c{number}" for number in range(1024)], ["k", "c"]):
        unchanged.answer("GetRow", getting(columns_to_get=columns))
