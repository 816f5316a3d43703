"""GetRow, GetRange, PutRow, UpdateRow and DeleteRow, and what the batches share with them.

Its one rule: a row's write becomes the port's Put, Update or Delete where those can say it, and a RowChange where they
cannot: the first are what the engine is quick at, and nearly all that agents send.
"""

from __future__ import annotations

from typing import Any

from tsmem.engine import Engine
from tsmem.engine.requests import BatchGetRow, GetRange
from tsmem.engine.rows.cells import CellRow
from tsmem.engine.rows.changes import Change, NewCell, Returned, RowChange
from tsmem.port import Cost
from tsmem.rows import Bound, Delete, Put, Range, TableRef, Update, Value, Write
from tsmem.server.actions.context import ActionResult
from tsmem.server.wire import row_writer, schema
from tsmem.server.wire.filters import columns_to_get, decode_condition, invalid_parameter, row_filter, text, texts, view
from tsmem.server.wire.plainbuffer import Operation
from tsmem.server.wire.row_reader import WireCell, WireRow, read_row

_RETURNED = (Returned.NOTHING, Returned.KEY, Returned.AFTER_MODIFY)


def get_row(engine: Engine, body: bytes) -> ActionResult:
    """GetRow."""
    message = schema.parse_message("GetRowRequest", body)
    refuse_transaction(message)
    found = read_row(message.primary_key)
    ref = table_ref(message.table_name, found)
    test = row_filter(message.filter)
    request = BatchGetRow(ref, (found.key,), columns_to_get(message), test.test)  # type: ignore[arg-type]
    reply = engine.read_rows(request, view(message, test.page))
    (row,), (cost,) = reply.rows, reply.costs
    answer = schema.new_message("GetRowResponse", consumed=consumed(cost), row=row_bytes(ref, row))
    return ActionResult(answer.SerializeToString(), ref.name, 0 if row is None else 1)


def get_range(engine: Engine, body: bytes) -> ActionResult:
    """GetRange: one page."""
    message = schema.parse_message("GetRangeRequest", body)
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
    answer = schema.new_message(
        "GetRangeResponse",
        consumed=consumed(page.cost),
        rows=row_writer.rows(ref.key, ((row.key, row.cells) for row in page.rows)),
    )
    if page.next_start is not None:
        answer.next_start_primary_key = row_writer.row(ref.key, page.next_start)
    return ActionResult(answer.SerializeToString(), ref.name, len(page.rows))


def put_row(engine: Engine, body: bytes) -> ActionResult:
    """PutRow."""
    message = schema.parse_message("PutRowRequest", body)
    return _written(engine, "PutRow", message, decode_put(message.table_name, message.row, message))


def update_row(engine: Engine, body: bytes) -> ActionResult:
    """UpdateRow."""
    message = schema.parse_message("UpdateRowRequest", body)
    return _written(engine, "UpdateRow", message, decode_update(message.table_name, message.row_change, message))


def delete_row(engine: Engine, body: bytes) -> ActionResult:
    """DeleteRow."""
    message = schema.parse_message("DeleteRowRequest", body)
    return _written(engine, "DeleteRow", message, decode_delete(message.table_name, message.primary_key, message))


def _written(engine: Engine, action: str, message: Any, write: Write | RowChange) -> ActionResult:
    refuse_transaction(message)
    (reply,) = engine.write_rows((write,))
    if reply.error is not None:
        raise reply.error
    answer = schema.new_message(f"{action}Response", consumed=consumed(reply.cost))
    if reply.row is not None:
        answer.row = row_bytes(write.table, reply.row)
    return ActionResult(answer.SerializeToString(), write.table.name, 1)


# What the batches share


def decode_put(table: str, data: bytes, message: Any) -> Write | RowChange:
    """A put out of its row and the message that it came in."""
    row = read_row(data)
    if row.is_delete:
        raise invalid_parameter("Invalid put row request: a delete marker in the row.")
    columns: dict[str, Value] = {}
    plain = not _returns(message)
    for cell in row.cells:
        if cell.operation is not None:
            raise invalid_parameter("Invalid put row request: an operation on a cell.")
        plain = plain and cell.version_ms is None and cell.name not in columns
        columns[cell.name] = _value(cell)
    if plain:
        return Put(table_ref(table, row), row.key, columns, decode_condition(message.condition))  # type: ignore[arg-type]
    return _change(Change.PUT, table, row, message)


def decode_update(table: str, data: bytes, message: Any) -> Write | RowChange:
    """An update out of its row and the message that it came in."""
    row = read_row(data)
    if row.is_delete:
        raise invalid_parameter("Invalid update row request: a delete marker in the row.")
    columns: dict[str, Value] = {}
    deleted: list[str] = []
    plain = not _returns(message)
    for cell in row.cells:
        if cell.operation is Operation.DELETE_ALL:
            deleted.append(cell.name)
            continue
        plain = plain and cell.operation is None and cell.version_ms is None and cell.name not in columns
        if plain:
            columns[cell.name] = _value(cell)
    if plain:
        ref, test = table_ref(table, row), decode_condition(message.condition)
        return Update(ref, row.key, columns, tuple(deleted), test)  # type: ignore[arg-type]
    return _change(Change.UPDATE, table, row, message)


def decode_delete(table: str, data: bytes, message: Any) -> Write | RowChange:
    """A delete out of its key and the message that it came in."""
    row = read_row(data)
    if not row.is_delete:
        raise invalid_parameter("Invalid request of delete row: missing RowDeleteMarker in request.")
    if row.cells:
        raise invalid_parameter("Invalid request of delete row: a cell in the row.")
    if _returns(message):
        return _change(Change.DELETE, table, row, message)
    return Delete(table_ref(table, row), row.key, decode_condition(message.condition))  # type: ignore[arg-type]


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
            if cell.version_ms is None:
                raise invalid_parameter(f"The version of column '{cell.name}' to delete is missing.")
            versions.append((cell.name, cell.version_ms))
        elif cell.operation is Operation.INCREMENT:
            increments.append((cell.name, _addend(cell)))
        else:
            cells.append(NewCell(cell.name, _value(cell), cell.version_ms))
    content = message.return_content
    return RowChange(
        change,
        table_ref(table, row),
        row.key,  # type: ignore[arg-type]
        tuple(cells),
        tuple(deleted),
        tuple(versions),
        tuple(increments),
        decode_condition(message.condition),
        _RETURNED[content.return_type],
        texts(content.return_column_names),
    )


def _returns(message: Any) -> bool:
    return bool(message.HasField("return_content") and message.return_content.return_type)


def _value(cell: WireCell) -> Value:
    if cell.value is None or isinstance(cell.value, Bound):
        raise invalid_parameter(f"The value of column '{cell.name}' is missing.")
    return cell.value


def _addend(cell: WireCell) -> int | float:
    if type(cell.value) not in (int, float):
        raise invalid_parameter(f"Column '{cell.name}' can be incremented by a number only.")
    return cell.value  # type: ignore[return-value]


def table_ref(table: str | bytes, row: WireRow) -> TableRef:
    """A table as a request names it: its key's columns are those of the row that came with it."""
    return TableRef(text(table), row.names)


def row_bytes(ref: TableRef, row: CellRow | None) -> bytes:
    """A row as it is answered; no bytes for none."""
    return b"" if row is None else row_writer.row(ref.key, row.key, row.cells)


def consumed(cost: Cost) -> Any:
    """What a call cost: both units always, because the Go SDK fails without."""
    unit = schema.new_message("CapacityUnit", read=cost.read_units, write=cost.write_units)
    return schema.new_message("ConsumedCapacity", capacity_unit=unit)


def refuse_transaction(message: Any) -> None:
    """Raises OTSParameterInvalid for a request within a transaction: none can have been started here."""
    if message.HasField("transaction_id") and message.transaction_id:
        raise invalid_parameter("TransactionID is invalid.")
