"""Batch requests for the SDK, and an outcome for each row, in the order of the rows.

A reply that does not have exactly one outcome for each row is an error, never a shorter list.

Source: tablestore 6.4.8, encoder.py (one part for each table, rows in order), metadata.py (outcomes numbered within a
table).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from tsmem.adapters.tablestore.errors import service_error
from tsmem.adapters.tablestore.reply_checks import check_outcomes, check_same_key
from tsmem.adapters.tablestore.rows import batch_item, key_columns, to_row
from tsmem.adapters.tablestore.sdk import ots
from tsmem.errors import ConditionFailed, TsmemError
from tsmem.limits import MAX_ROWS_PER_WRITE, check_batch, check_read, check_write
from tsmem.port import Cost, RowOutcome, RowRead
from tsmem.rows import Key, TableRef, Write

FAILED_CONDITION = Cost(0, 1, 1)
"""A failed condition costs a unit of each kind, also where the reply does not say so. Source: PutRow, "Billing"."""


class PreparedBatch(NamedTuple):
    request: Any
    places: dict[str, list[int]]
    """The places of each table's rows in the batch, by the table's name."""
    refused: dict[int, TsmemError]
    """Errors of rows that cannot be sent, by their place."""


def prepare_batch(writes: Sequence[Write]) -> PreparedBatch:
    """Return a batch of writes. Raises InvalidInput, LimitExceeded for what is wrong with the batch as a whole."""
    if not 0 < len(writes) <= MAX_ROWS_PER_WRITE:
        check_batch(writes, ())
    refused: dict[int, TsmemError] = {}
    items: dict[str, list[Any]] = {}
    places: dict[str, list[int]] = {}
    sizes = []
    for place, write in enumerate(writes):
        try:
            sizes.append(check_write(write))
            item = batch_item(write)
        except TsmemError as error:
            refused[place] = error
            continue
        items.setdefault(write.table.name, []).append(item)
        places.setdefault(write.table.name, []).append(place)
    check_batch(writes, sizes)
    request = ots.BatchWriteRowRequest()
    for name, items_of_table in items.items():
        request.add(ots.TableInBatchWriteRowItem(name, items_of_table))
    return PreparedBatch(request, places, refused)


def outcomes(batch: PreparedBatch, reply: Any, count: int) -> tuple[list[RowOutcome], Cost]:
    """Return the outcome of each row of the batch, and what it cost. Raises WrongReply."""
    found: list[RowOutcome] = [batch.refused.get(place) for place in range(count)]
    read_units = write_units = 0
    for name, places in batch.places.items():
        kinds = (reply.table_of_put, reply.table_of_update, reply.table_of_delete)
        items = {item.index: item for kind in kinds for item in kind.get(name, ())}
        check_outcomes(len(items), len(places))
        for index, place in enumerate(places):
            found[place] = _failure(items[index])
            cost = _cost(items[index].consumed, found[place])
            read_units += cost.read_units
            write_units += cost.write_units
    return found, Cost(0, read_units, write_units)


def read_request(table: TableRef, keys: Sequence[Key], columns: list[str] | None) -> Any:
    """Return a request for rows of one table. Raises InvalidInput for no rows, LimitExceeded for more than 100."""
    check_read(keys)
    request = ots.BatchGetRowRequest()
    sdk_keys = [key_columns(table, key) for key in keys]
    request.add(ots.TableInBatchGetRowItem(table.name, sdk_keys, columns, max_version=1))
    return request


def rows_cost(items: Iterable[Any]) -> Cost:
    total = Cost()
    for item in items:
        total = total.plus(_cost(item.consumed, None)).plus(Cost(rows_scanned=0 if item.row is None else 1))
    return total


def read_outcomes(table: TableRef, keys: Sequence[Key], items: Sequence[Any]) -> list[RowRead]:
    """Return the row or the error for each key. Raises WrongReply."""
    check_outcomes(len(items), len(keys))
    rows: list[RowRead] = []
    for key, item in zip(keys, items, strict=True):
        failure = _failure(item)
        row = None
        if failure is None and item.row is not None:
            row = to_row(table, item.row.primary_key, item.row.attribute_columns)
        check_same_key(key, row)
        rows.append(row if failure is None else failure)
    return rows


def _failure(item: Any) -> TsmemError | None:
    return None if item.is_ok else service_error(item.error_code, item.error_message or "")


def _cost(units: Any, failure: TsmemError | None) -> Cost:
    if units is None or not (units.read or units.write):
        return FAILED_CONDITION if isinstance(failure, ConditionFailed) else Cost()
    return Cost(0, units.read, units.write)
