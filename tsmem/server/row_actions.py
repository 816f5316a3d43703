"""GetRow, GetRange, PutRow, UpdateRow and DeleteRow, and what the batches share with them.

Its one rule: a row's write becomes the port's Put, Update or Delete where those can say it, and a RowChange where they
cannot: the first are what the engine is quick at, and nearly all that agents send.
"""

from __future__ import annotations

from typing import Any

from tsmem.engine import Engine
from tsmem.engine.full_requests import CellRow, Change, NewCell, Returned, RowChange
from tsmem.engine.requests import BatchGetRow, BatchWriteRow, GetRange
from tsmem.port import Cost
from tsmem.rows import Bound, Delete, Put, Range, TableRef, Update, Value, Write
from tsmem.server import row_writer, schema
from tsmem.server.answer import Answer
from tsmem.server.filters import columns_to_get, condition, invalid, row_filter, text, texts, view
from tsmem.server.plainbuffer import Operation
from tsmem.server.row_reader import WireCell, WireRow, read_row

_RETURNED = (Returned.NOTHING, Returned.KEY, Returned.AFTER_MODIFY)


def get_row(engine: Engine, body: bytes) -> Answer:
    """GetRow."""
    message = schema.parse("GetRowRequest", body)
    refuse_transaction(message)
    found = read_row(message.primary_key)
    ref = table_ref(message.table_name, found)
    test = row_filter(message.filter)
    request = BatchGetRow(ref, (found.key,), columns_to_get(message), test.test)  # type: ignore[arg-type]
    reply = engine.read_rows(request, view(message, test.page))
    (row,), (cost,) = reply.rows, reply.costs
    answer = schema.make("GetRowResponse", consumed=consumed(cost), row=row_bytes(ref, row))
    return Answer(answer.SerializeToString(), ref.name, 0 if row is None else 1)


def get_range(engine: Engine, body: bytes) -> Answer:
    """GetRange: one page."""
    message = schema.parse("GetRangeRequest", body)
    refuse_transaction(message)
    start = read_row(message.inclusive_start_primary_key)
    end = read_row(message.exclusive_end_primary_key)
    ref = table_ref(message.table_name, start)
    if end.names != start.names and start.names == engine.describe_table(ref.name).ref.key:
        ref = table_ref(message.table_name, end)  # the end is wrong, and the engine says how
    test = row_filter(message.filter)
    limit = message.limit if message.HasField("limit") else None
    span = Range(start.key, end.key, backward=message.direction == 1)
    request = GetRange(ref, span, limit, columns_to_get(message), test.test)
    page = engine.read_range(request, view(message, test.page))
    answer = schema.make(
        "GetRangeResponse",
        consumed=consumed(page.cost),
        rows=row_writer.rows(ref.key, ((row.key, row.cells) for row in page.rows)),
    )
    if page.next_start is not None:
        answer.next_start_primary_key = row_writer.row(ref.key, page.next_start)
    return Answer(answer.SerializeToString(), ref.name, len(page.rows))


def put_row(engine: Engine, body: bytes) -> Answer:
    """PutRow."""
    message = schema.parse("PutRowRequest", body)
    return _written(engine, "PutRow", message, put(message.table_name, message.row, message))


def update_row(engine: Engine, body: bytes) -> Answer:
    """UpdateRow."""
    message = schema.parse("UpdateRowRequest", body)
    return _written(engine, "UpdateRow", message, update(message.table_name, message.row_change, message))


def delete_row(engine: Engine, body: bytes) -> Answer:
    """DeleteRow."""
    message = schema.parse("DeleteRowRequest", body)
    return _written(engine, "DeleteRow", message, delete(message.table_name, message.primary_key, message))


def _written(engine: Engine, action: str, message: Any, write: Write | RowChange) -> Answer:
    refuse_transaction(message)
    (reply,) = engine.write_rows(BatchWriteRow((write,)))
    if reply.error is not None:
        raise reply.error
    answer = schema.make(f"{action}Response", consumed=consumed(reply.cost))
    if reply.row is not None:
        answer.row = row_bytes(write.table, reply.row)
    return Answer(answer.SerializeToString(), write.table.name, 1)


# What the batches share


def put(table: str, data: bytes, message: Any) -> Write | RowChange:
    """A put out of its row and the message that it came in."""
    row = read_row(data)
    if row.is_delete:
        raise invalid("Invalid put row request: a delete marker in the row.")
    columns: dict[str, Value] = {}
    plain = not _returns(message)
    for cell in row.cells:
        if cell.operation is not None:
            raise invalid("Invalid put row request: an operation on a cell.")
        plain = plain and cell.stamp_ms is None and cell.name not in columns
        columns[cell.name] = _value(cell)
    if plain:
        return Put(table_ref(table, row), row.key, columns, condition(message.condition))  # type: ignore[arg-type]
    return _change(Change.PUT, table, row, message)


def update(table: str, data: bytes, message: Any) -> Write | RowChange:
    """An update out of its row and the message that it came in."""
    row = read_row(data)
    if row.is_delete:
        raise invalid("Invalid update row request: a delete marker in the row.")
    columns: dict[str, Value] = {}
    deleted: list[str] = []
    plain = not _returns(message)
    for cell in row.cells:
        if cell.operation is Operation.DELETE_ALL:
            deleted.append(cell.name)
            continue
        plain = plain and cell.operation is None and cell.stamp_ms is None and cell.name not in columns
        if plain:
            columns[cell.name] = _value(cell)
    if plain:
        ref, test = table_ref(table, row), condition(message.condition)
        return Update(ref, row.key, columns, tuple(deleted), test)  # type: ignore[arg-type]
    return _change(Change.UPDATE, table, row, message)


def delete(table: str, data: bytes, message: Any) -> Write | RowChange:
    """A delete out of its key and the message that it came in."""
    row = read_row(data)
    if not row.is_delete:
        raise invalid("Invalid request of delete row: missing RowDeleteMarker in request.")
    if row.cells:
        raise invalid("Invalid request of delete row: a cell in the row.")
    if _returns(message):
        return _change(Change.DELETE, table, row, message)
    return Delete(table_ref(table, row), row.key, condition(message.condition))  # type: ignore[arg-type]


def _change(change: Change, table: str, row: WireRow, message: Any) -> RowChange:
    """A write in full."""
    cells: list[NewCell] = []
    deleted: list[str] = []
    versions: list[tuple[str, int]] = []
    increments: list[tuple[str, int | float]] = []
    for cell in row.cells:
        if cell.operation is Operation.DELETE_ALL:
            deleted.append(cell.name)
        elif cell.operation is Operation.DELETE_ONE:
            if cell.stamp_ms is None:
                raise invalid(f"The version of column '{cell.name}' to delete is missing.")
            versions.append((cell.name, cell.stamp_ms))
        elif cell.operation is Operation.INCREMENT:
            increments.append((cell.name, _addend(cell)))
        else:
            cells.append(NewCell(cell.name, _value(cell), cell.stamp_ms))
    content = message.return_content
    return RowChange(
        change,
        table_ref(table, row),
        row.key,  # type: ignore[arg-type]
        tuple(cells),
        tuple(deleted),
        tuple(versions),
        tuple(increments),
        condition(message.condition),
        _RETURNED[content.return_type],
        texts(content.return_column_names),
    )


def _returns(message: Any) -> bool:
    return bool(message.HasField("return_content") and message.return_content.return_type)


def _value(cell: WireCell) -> Value:
    if cell.value is None or isinstance(cell.value, Bound):
        raise invalid(f"The value of column '{cell.name}' is missing.")
    return cell.value


def _addend(cell: WireCell) -> int | float:
    if type(cell.value) not in (int, float):
        raise invalid(f"Column '{cell.name}' can be incremented by a number only.")
    return cell.value  # type: ignore[return-value]


def table_ref(table: str | bytes, row: WireRow) -> TableRef:
    """A table as a request names it: its key's columns are those of the row that came with it."""
    return TableRef(text(table), row.names)


def row_bytes(ref: TableRef, row: CellRow | None) -> bytes:
    """A row as it is answered; no bytes for none."""
    return b"" if row is None else row_writer.row(ref.key, row.key, row.cells)


def consumed(cost: Cost) -> Any:
    """What a call cost: both units always, because the Go SDK fails without."""
    unit = schema.make("CapacityUnit", read=cost.read_units, write=cost.write_units)
    return schema.make("ConsumedCapacity", capacity_unit=unit)


def refuse_transaction(message: Any) -> None:
    """Raises OTSParameterInvalid for a request within a transaction: none can have been started here."""
    if message.HasField("transaction_id") and message.transaction_id:
        raise invalid("TransactionID is invalid.")
