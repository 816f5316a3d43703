"""Keys, rows, filters and writes in the SDK's words, and rows back in ours.

Its one rule: what no wire can carry is refused here, by tsmem.limits, before the SDK sees it. The SDK sends `bytes` as
text and `bytearray` as binary, so binary values go as bytearray and come back as bytes.

Source: tablestore 6.4.8, plainbuffer/plain_buffer_coded_stream.py, plainbuffer/plain_buffer_builder.py, encoder.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tsmem import limits
from tsmem.adapters.tablestore.reply_checks import WrongReply, check_attributes
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
    KeyValue,
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


def key_columns(table: TableRef, key: Key) -> list[tuple[Any, Any]]:
    """A key as the SDK's list of names and values. Raises InvalidInput, LimitExceeded."""
    limits.check_key(table.key, key)
    return [(to_wire_name(name), to_wire(value)) for name, value in zip(table.key, key, strict=True)]


def bound_columns(table: TableRef, bound: KeyBound) -> list[tuple[Any, Any]]:
    """One end of a range. Raises InvalidInput, LimitExceeded. How long a value after MIN or MAX is does not matter."""
    columns: list[tuple[Any, Any]] = []
    ended = False
    for name, value in zip(table.key, bound, strict=True):
        if isinstance(value, Bound):
            ended = True
            columns.append((to_wire_name(name), _BOUNDS[value]))
            continue
        check = value_bytes if ended else _check_key_value
        check(name, value)
        columns.append((to_wire_name(name), to_wire(value)))
    return columns


def _check_key_value(name: str, value: KeyValue) -> int:
    return limits.check_key((name,), (value,))


def to_wire_name(name: str) -> str | bytes:
    """The name of a cell as the SDK takes it. Of text it counts characters where bytes are meant (write_cell_name,
    compute_column_size), so a name that is not ASCII goes as bytes. Raises InvalidInput."""
    check_column_name(name)
    return name if name.isascii() else name.encode()


def to_wire(value: Value) -> Any:
    """A value as the SDK takes it."""
    return bytearray(value) if type(value) is bytes else value


def column_filter(test: Filter | None) -> Any:
    """A filter as the SDK's column condition. Raises InvalidInput."""
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
        return _composite(ots.LogicalOperator.NOT, (test.part,))
    operator = ots.LogicalOperator.AND if isinstance(test, And) else ots.LogicalOperator.OR
    return _composite(operator, test.parts)


def _composite(operator: int, parts: Sequence[Filter]) -> Any:
    condition = ots.CompositeColumnCondition(operator)
    for part in parts:
        condition.add_sub_condition(column_filter(part))
    return condition


def sdk_condition(wanted: Condition) -> Any:
    """A write's condition."""
    return ots.Condition(str(wanted.existence), column_filter(wanted.filter))


def sdk_row(put: Put) -> Any:
    """A whole row to write."""
    return ots.Row(key_columns(put.table, put.key), _attributes(put.columns))


def sdk_update(update: Update) -> Any:
    """Changes of a row. A column to delete goes as (name, None): for a bare name the SDK computes a buffer too small
    when the name has more than 12 characters, and (name,) it refuses."""
    changes: dict[str, list[tuple[Any, Any]]] = {}
    if update.columns:
        changes["PUT"] = _attributes(update.columns)
    if update.delete:
        changes["DELETE_ALL"] = [(to_wire_name(name), None) for name in update.delete]
    return ots.Row(key_columns(update.table, update.key), changes)


def batch_item(write: Write) -> Any:
    """One row's write as part of a batch."""
    if isinstance(write, Put):
        return ots.PutRowItem(sdk_row(write), sdk_condition(write.condition))
    if isinstance(write, Update):
        return ots.UpdateRowItem(sdk_update(write), sdk_condition(write.condition))
    assert isinstance(write, Delete)
    return ots.DeleteRowItem(ots.Row(key_columns(write.table, write.key)), sdk_condition(write.condition))


def _attributes(columns: Mapping[str, Value]) -> list[tuple[Any, Any]]:
    return [(to_wire_name(name), to_wire(value)) for name, value in columns.items()]


def to_key(table: TableRef, columns: Sequence[tuple[str, Any]]) -> Key:
    """A key as the SDK read it. Raises WrongReply unless it has the table's columns, in their order."""
    names, values = zip(*columns, strict=True) if columns else ((), ())
    if names != table.key:
        raise WrongReply(f"a key that does not have the columns {', '.join(table.key)}")
    if bytearray in map(type, values):
        return tuple(bytes(value) if type(value) is bytearray else value for value in values)
    return values


def to_row(table: TableRef, found: Any) -> Row:
    """A row as the SDK read it, its columns in order of name. Raises WrongReply."""
    attributes = found.attribute_columns or ()
    columns = {column[0]: column[1] for column in attributes}
    types = set(map(type, columns.values()))
    if bytearray in types:
        columns = {name: bytes(value) if type(value) is bytearray else value for name, value in columns.items()}
        types = set(map(type, columns.values()))
    check_attributes(table, columns, types, len(attributes))
    names = list(columns)
    ordered = sorted(names)
    if names != ordered:
        columns = {name: columns[name] for name in ordered}
    return Row(to_key(table, found.primary_key), columns)
