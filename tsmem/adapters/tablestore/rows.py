"""Keys, rows, filters and writes in the SDK's classes, and rows in ours.

tsmem.limits refuses what cannot be sent before the SDK sees it. The SDK sends `bytes` as text and `bytearray` as
binary, so binary values are sent as bytearray and come back as bytes.

Source: tablestore 6.4.8, plainbuffer/plain_buffer_coded_stream.py, plainbuffer/plain_buffer_builder.py, encoder.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from tsmem import limits
from tsmem.adapters.tablestore.reply_checks import WrongReply
from tsmem.adapters.tablestore.sdk import ots
from tsmem.limits import check_column_name, value_bytes
from tsmem.rows import (
    And,
    Bound,
    Comparison,
    Condition,
    Delete,
    Filter,
    Key,
    KeyBound,
    Not,
    Op,
    Put,
    Row,
    TableRef,
    Update,
    Value,
    Write,
)

_BOUNDS = {Bound.MIN: ots.INF_MIN, Bound.MAX: ots.INF_MAX}
_COMPARATORS = {
    Op.EQ: ots.ComparatorType.EQUAL,
    Op.NE: ots.ComparatorType.NOT_EQUAL,
    Op.GT: ots.ComparatorType.GREATER_THAN,
    Op.GE: ots.ComparatorType.GREATER_EQUAL,
    Op.LT: ots.ComparatorType.LESS_THAN,
    Op.LE: ots.ComparatorType.LESS_EQUAL,
}
_BATCH_ITEMS: dict[type[Write], Any] = {Put: ots.PutRowItem, Update: ots.UpdateRowItem, Delete: ots.DeleteRowItem}


def key_columns(table: TableRef, key: Key) -> list[tuple[Any, Any]]:
    """Return a key as the SDK's names and values. Raises InvalidInput, LimitExceeded."""
    limits.check_key(table.key, key)
    return [(to_wire_name(name), to_wire(value)) for name, value in zip(table.key, key, strict=True)]


def bound_columns(table: TableRef, bound: KeyBound) -> list[tuple[Any, Any]]:
    """Return one end of a range as the SDK's names and values. Raises InvalidInput, LimitExceeded."""
    columns: list[tuple[Any, Any]] = []
    after_bound = False
    for name, value in zip(table.key, bound, strict=True):
        if isinstance(value, Bound):
            after_bound = True
            columns.append((to_wire_name(name), _BOUNDS[value]))
            continue
        if after_bound:  # then the length of a value does not matter
            value_bytes(name, value)
        else:
            limits.check_key((name,), (value,))
        columns.append((to_wire_name(name), to_wire(value)))
    return columns


def to_wire_name(name: str) -> str | bytes:
    """Return a column name for the SDK. Raises InvalidInput.

    Of text the SDK counts characters where it needs bytes (write_cell_name, compute_column_size), so a name that is not
    ASCII is sent as bytes."""
    check_column_name(name)
    return name if name.isascii() else name.encode()


def to_wire(value: Value) -> Any:
    return bytearray(value) if type(value) is bytes else value


def column_filter(test: Filter | None) -> Any:
    """Return a filter as the SDK's column condition. Raises InvalidInput."""
    if test is None:
        return None
    if isinstance(test, Comparison):
        check_column_name(test.column)
        value_bytes(test.column, test.value)
        return ots.SingleColumnCondition(
            test.column, to_wire(test.value), _COMPARATORS[test.op],
            pass_if_missing=test.pass_if_missing, latest_version_only=True,
        )  # fmt: skip
    if isinstance(test, Not):
        operator = ots.LogicalOperator.NOT
    else:
        operator = ots.LogicalOperator.AND if isinstance(test, And) else ots.LogicalOperator.OR
    condition = ots.CompositeColumnCondition(operator)
    for part in (test.part,) if isinstance(test, Not) else test.parts:
        condition.add_sub_condition(column_filter(part))
    return condition


def sdk_condition(condition: Condition) -> Any:
    return ots.Condition(str(condition.existence), column_filter(condition.filter))


def sdk_row(write: Write) -> Any:
    """Return the row of a write: key and columns of a put, key and changes of an update, key of a deletion."""
    key = key_columns(write.table, write.key)
    if isinstance(write, Delete):
        return ots.Row(key)
    columns = [(to_wire_name(name), to_wire(value)) for name, value in write.columns.items()]
    if isinstance(write, Put):
        return ots.Row(key, columns)
    changes: dict[str, list[tuple[Any, Any]]] = {}
    if columns:
        changes["PUT"] = columns
    if write.delete:
        # (name, None): for a bare name the SDK computes a buffer too small when the name has more than 12 characters,
        # and (name,) it refuses.
        changes["DELETE_ALL"] = [(to_wire_name(name), None) for name in write.delete]
    return ots.Row(key, changes)


def batch_item(write: Write) -> Any:
    return _BATCH_ITEMS[type(write)](sdk_row(write), sdk_condition(write.condition))


def to_key(table: TableRef, columns: Sequence[tuple[str, Any]]) -> Key:
    """Return a key that the SDK read. Raises WrongReply unless it has the table's columns, in their order."""
    names, values = zip(*columns, strict=True) if columns else ((), ())
    if names != table.key:
        raise WrongReply(f"a key that does not have the columns {', '.join(table.key)}")
    if bytearray in map(type, values):
        return tuple(bytes(value) if type(value) is bytearray else value for value in values)
    return values


def to_row(table: TableRef, key: Sequence[tuple[str, Any]], attributes: Sequence[Any] | None) -> Row:
    """Return a row that the SDK read, its columns in order of name. Raises WrongReply."""
    columns = {column[0]: column[1] for column in attributes or ()}
    types = set(map(type, columns.values()))
    if bytearray in types:
        columns = {name: bytes(value) if type(value) is bytearray else value for name, value in columns.items()}
    if float in types and not all(isfinite(value) for value in columns.values() if type(value) is float):
        raise WrongReply("a number that is not finite")  # JSON cannot say it
    names = list(columns)
    ordered = sorted(names)
    if names != ordered:
        columns = {name: columns[name] for name in ordered}
    return Row(to_key(table, key), columns)
