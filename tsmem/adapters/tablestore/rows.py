"""Convert keys, filters, writes and batches into the SDK's classes, and rows and outcomes from the SDK into ours.

The SDK sends `bytes` as text and `bytearray` as binary, so binary values are sent as bytearray. A batch has one part
for each table, and the reply numbers the outcomes within each part.

Source: tablestore 6.4.8, plainbuffer/plain_buffer_coded_stream.py, plainbuffer/plain_buffer_builder.py, encoder.py,
metadata.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from operator import gt, lt
from typing import Any, NamedTuple

from tsmem import limits
from tsmem.adapters.tablestore.errors import service_error
from tsmem.adapters.tablestore.sdk import WrongReply, ots
from tsmem.errors import ConditionFailed, TsmemError
from tsmem.limits import check_column_name, value_bytes
from tsmem.port import Cost, RangePage, RowOutcome, RowRead
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
    Range,
    Row,
    TableRef,
    Update,
    Value,
    Write,
)
from tsmem.words import quantity

_BOUNDS = {Bound.MIN: ots.INF_MIN, Bound.MAX: ots.INF_MAX}
_COMPARATORS = {
    Op.EQ: ots.ComparatorType.EQUAL,
    Op.NE: ots.ComparatorType.NOT_EQUAL,
    Op.GT: ots.ComparatorType.GREATER_THAN,
    Op.GE: ots.ComparatorType.GREATER_EQUAL,
    Op.LT: ots.ComparatorType.LESS_THAN,
    Op.LE: ots.ComparatorType.LESS_EQUAL,
}
FAILED_CONDITION_COST = Cost(0, 1, 1)
"""Cost of a write whose condition failed, if the reply does not say it. Source: API reference, PutRow, "Billing"."""
_BATCH_ITEMS: dict[type[Write], Any] = {Put: ots.PutRowItem, Update: ots.UpdateRowItem, Delete: ots.DeleteRowItem}


def key_columns(table: TableRef, key: Key) -> list[tuple[Any, Any]]:
    limits.check_key(table.key, key)
    return [(to_wire_name(name), to_wire(value)) for name, value in zip(table.key, key, strict=True)]


def bound_columns(table: TableRef, bound: KeyBound) -> list[tuple[Any, Any]]:
    columns: list[tuple[Any, Any]] = []
    for name, value in zip(table.key, bound, strict=True):
        if not isinstance(value, Bound):
            limits.check_key((name,), (value,))
        columns.append((to_wire_name(name), _BOUNDS[value] if isinstance(value, Bound) else to_wire(value)))
    return columns


def to_wire_name(name: str) -> str | bytes:
    check_column_name(name)
    # For a str, the SDK takes the number of characters for the number of bytes (write_cell_name, compute_column_size).
    return name if name.isascii() else name.encode()


def to_wire(value: Value) -> Any:
    return bytearray(value) if type(value) is bytes else value


def column_filter(test: Filter | None) -> Any:
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
        # The SDK refuses (name,), and for a plain name of more than 12 characters it makes its buffer too small.
        changes["DELETE_ALL"] = [(to_wire_name(name), None) for name in write.delete]
    return ots.Row(key, changes)


def to_key(table: TableRef, columns: Sequence[tuple[str, Any]]) -> Key:
    names, values = zip(*columns, strict=True) if columns else ((), ())
    if names != table.key:
        raise WrongReply(f"a key that does not have the columns {', '.join(table.key)}")
    if bytearray in map(type, values):
        return tuple(bytes(value) if type(value) is bytearray else value for value in values)
    return values


def to_row(table: TableRef, key: Sequence[tuple[str, Any]], attributes: Sequence[Any] | None) -> Row:
    columns = {column[0]: column[1] for column in attributes or ()}
    types = set(map(type, columns.values()))
    if bytearray in types:
        columns = {name: bytes(value) if type(value) is bytearray else value for name, value in columns.items()}
    if float in types and not all(isfinite(value) for value in columns.values() if type(value) is float):
        raise WrongReply("a number that is not finite")  # the port has only finite numbers
    names = list(columns)
    ordered = sorted(names)
    if names != ordered:
        columns = {name: columns[name] for name in ordered}
    return Row(to_key(table, key), columns)


def check_same_key(key: Key, row: Row | None) -> None:
    if row is not None and row.key != key:
        raise WrongReply("a row with a key that was not requested")


def check_page(span: Range, limit: int | None, page: RangePage) -> None:
    """Raise WrongReply for wrong rows, or for a next page that is not further on: paging might never end."""
    most = limits.MAX_ROWS_PER_PAGE if limit is None else min(limit, limits.MAX_ROWS_PER_PAGE)
    if len(page.rows) > most:
        raise WrongReply(f"{len(page.rows):,} rows when at most {most:,} were allowed")
    keys = [row.key for row in page.rows]
    compare = gt if span.backward else lt
    try:
        in_order = all(map(compare, keys, keys[1:]))
    except TypeError:
        raise WrongReply("keys of different types") from None
    if not in_order:
        raise WrongReply("rows that are out of order")
    if keys and not (span.includes(keys[0]) and span.includes(keys[-1])):
        raise WrongReply("rows outside the requested range")
    previous = keys[-1] if keys else span.start
    start = page.next_start
    if start is not None and (start == previous or not span._replace(start=previous).includes(start)):
        raise WrongReply("a next page that does not start after this one, within the requested range")


class PreparedBatch(NamedTuple):
    request: Any
    places: dict[str, list[int]]
    """For each table, the places in `outcomes` of the rows that are sent to it, in the order of the request."""
    outcomes: list[RowOutcome]
    """One for each write. A write that breaks a limit is not sent: its error stands here from the beginning."""


def prepare_batch(writes: Sequence[Write]) -> PreparedBatch:
    """Raises InvalidInput or LimitExceeded only if the batch as a whole cannot be sent."""
    outcomes: list[RowOutcome] = [None] * len(writes)
    items: dict[str, list[Any]] = {}
    places: dict[str, list[int]] = {}
    sizes = []
    for place, write in enumerate(writes):
        try:
            sizes.append(limits.check_write(write))
            item = _BATCH_ITEMS[type(write)](sdk_row(write), sdk_condition(write.condition))
        except TsmemError as error:
            outcomes[place] = error
            continue
        items.setdefault(write.table.name, []).append(item)
        places.setdefault(write.table.name, []).append(place)
    limits.check_batch(writes, sizes)
    request = ots.BatchWriteRowRequest()
    for name, items_of_table in items.items():
        request.add(ots.TableInBatchWriteRowItem(name, items_of_table))
    return PreparedBatch(request, places, outcomes)


def set_write_outcomes(batch: PreparedBatch, reply: Any) -> Cost:
    costs = []
    for name, places in batch.places.items():
        kinds = (reply.table_of_put, reply.table_of_update, reply.table_of_delete)
        items = {item.index: item for kind in kinds for item in kind.get(name, ())}
        _check_outcomes(len(items), len(places))
        for index, place in enumerate(places):
            failure = batch.outcomes[place] = _failure(items[index])
            costs.append(to_cost(items[index].consumed, failure=failure))
    return Cost(0, sum(cost.read_units for cost in costs), sum(cost.write_units for cost in costs))


def batch_read_request(table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None) -> Any:
    limits.check_read(keys)
    request = ots.BatchGetRowRequest()
    sdk_keys = [key_columns(table, key) for key in keys]
    request.add(ots.TableInBatchGetRowItem(table.name, sdk_keys, columns, max_version=1))
    return request


def batch_read_cost(items: Iterable[Any]) -> Cost:
    total = Cost()
    for item in items:
        total = total.plus(to_cost(item.consumed, 0 if item.row is None else 1))
    return total


def batch_read_outcomes(table: TableRef, keys: Sequence[Key], items: Sequence[Any]) -> list[RowRead]:
    _check_outcomes(len(items), len(keys))
    rows: list[RowRead] = []
    for key, item in zip(keys, items, strict=True):
        outcome: RowRead = _failure(item)
        if outcome is None and item.row is not None:
            outcome = to_row(table, item.row.primary_key, item.row.attribute_columns)
            check_same_key(key, outcome)
        rows.append(outcome)
    return rows


def _check_outcomes(outcomes: int, rows: int) -> None:
    if outcomes != rows:
        raise WrongReply(f"{quantity(outcomes, 'result')} for {quantity(rows, 'row')}")


def _failure(item: Any) -> TsmemError | None:
    return None if item.is_ok else service_error(item.error_code, item.error_message or "")


def to_cost(units: Any, rows_scanned: int = 0, failure: TsmemError | None = None) -> Cost:
    if units is None or not (units.read or units.write):
        return FAILED_CONDITION_COST if isinstance(failure, ConditionFailed) else Cost(rows_scanned=rows_scanned)
    return Cost(0, units.read, units.write, rows_scanned)
