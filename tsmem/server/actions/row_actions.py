"""GetRow, GetRange, PutRow, UpdateRow, DeleteRow, BatchGetRow and BatchWriteRow.

A write becomes one of the port's Put, Update and Delete if they can express it, because the engine handles them faster
than a RowChange. Versions, increments and returned rows need a RowChange.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tsmem.engine import Engine
from tsmem.engine.rows.cells import CellRow
from tsmem.engine.rows.changes import Change, NewCell, Returned, RowChange
from tsmem.engine.rows.filters import compile_filter
from tsmem.engine.rows.reads import BatchGetRow, GetRange, View
from tsmem.errors import InvalidInput, TsmemError, from_service, invalid
from tsmem.limits import MAX_ROWS_PER_READ, MAX_ROWS_PER_WRITE, check_row_count
from tsmem.port import Cost
from tsmem.rows import Bound, Delete, Put, Range, TableRef, Update, Value, Write
from tsmem.server.actions import ActionContext, RowFault
from tsmem.server.wire.filters import decode_columns, decode_condition, decode_filter, decode_view
from tsmem.server.wire.plainbuffer import Operation, WireCell, WireRow, decode_row, encode_row, encode_rows
from tsmem.server.wire.schema import as_text, as_texts, unsupported

_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
"""Largest total size of the rows that a BatchGetRow returns. The service documents no such limit, but without one, four
requests for 100 rows of 2 MB each took 1.9 GB (measured)."""
_ROWS_AT_ONCE = 20  # rows read in one transaction, which bounds the memory that one read can take beyond that limit
_BATCH_CHANGES = {1: Change.PUT, 2: Change.UPDATE, 3: Change.DELETE}
_RETURNED = (Returned.NOTHING, Returned.KEY, Returned.AFTER_MODIFY)

RowResult = tuple[bytes, Cost] | TsmemError  # the encoded row and its cost, or the row's error


def get_row(context: ActionContext, request: Any, response: Any) -> int:
    _refuse_transaction(request)
    row = decode_row(request.primary_key)
    ref = TableRef(as_text(request.table_name), row.names)
    row_filter, page = decode_filter(request.filter)
    engine_request = BatchGetRow(ref, (row.key,), decode_columns(request), row_filter)  # type: ignore[arg-type]
    reply = context.engine.get_rows(engine_request, decode_view(request, page).reader)
    (found,), (cost,) = reply.rows, reply.costs
    _set_cost(response, cost)
    response.row = _row_bytes(ref, found)
    return 0 if found is None else 1


def get_range(context: ActionContext, request: Any, response: Any) -> int:
    _refuse_transaction(request)
    start = decode_row(request.inclusive_start_primary_key)
    end = decode_row(request.exclusive_end_primary_key)
    ref = TableRef(as_text(request.table_name), start.names)
    if end.names != start.names and start.names == context.engine.describe_table(ref.name).ref.key:
        ref = TableRef(ref.name, end.names)  # lets the engine say what is wrong with the columns of the end
    row_filter, page = decode_filter(request.filter)
    limit = request.limit if request.HasField("limit") else None
    span = Range(start.key, end.key, backward=request.direction == 1)
    engine_request = GetRange(ref, span, limit, decode_columns(request), row_filter)
    reply = context.engine.get_range(engine_request, decode_view(request, page).reader)
    _set_cost(response, reply.cost)
    response.rows = encode_rows(ref.key, ((row.key, row.cells) for row in reply.rows))
    if reply.next_start is not None:
        response.next_start_primary_key = encode_row(ref.key, reply.next_start)
    return len(reply.rows)


def write_row(change: Change, row_field: str, context: ActionContext, request: Any, response: Any) -> int:
    write = _decode_write(change, request.table_name, getattr(request, row_field), request)
    _refuse_transaction(request)
    (reply,) = context.engine.write_rows((write,))
    if reply.error is not None:
        raise reply.error
    _set_cost(response, reply.cost)
    if reply.row is not None:
        response.row = _row_bytes(write.table, reply.row)
    return 1


def batch_get_row(context: ActionContext, request: Any, response: Any) -> int:
    if not request.tables:
        raise invalid("No row specified in the request of BatchGetRow.")
    check_row_count(sum(len(table.primary_key) for table in request.tables), MAX_ROWS_PER_READ)
    found = size = 0
    for table in request.tables:
        group = response.tables.add(table_name=as_text(table.table_name))
        for result in _read_table(context, table):
            row = _add_result(group, result)
            found += row.is_ok
            size += len(row.row)
            if size > _MAX_RESPONSE_BYTES:
                raise invalid(f"The total data size of BatchGetRow response exceeds the limit: {_MAX_RESPONSE_BYTES}.")
    return found


def _read_table(context: ActionContext, table: Any) -> Iterator[RowResult]:
    rows = [decode_row(data) for data in table.primary_key]
    row_filter, page = decode_filter(table.filter)
    view = decode_view(table, page)
    options = BatchGetRow(TableRef(as_text(table.table_name), ()), (), decode_columns(table), row_filter)
    if row_filter is not None:
        compile_filter(row_filter, ())  # an invalid filter fails the whole request, not each row
    if not rows:
        context.engine.describe_table(options.table.name)  # raises TableNotFound for a missing table
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        for result in _read_rows(context.engine, options, rows[start : start + _ROWS_AT_ONCE], view):
            fault = context.draw_row_fault()
            yield result if fault is None else from_service(*fault.value)


def _read_rows(engine: Engine, options: BatchGetRow, rows: list[WireRow], view: View) -> list[RowResult]:
    """Read rows in one transaction. If a key is invalid, read the rows one by one, so that only that row fails."""
    ref = TableRef(options.table.name, rows[0].names)
    keys: Any = tuple(row.key for row in rows)  # the engine refuses INF_MIN and INF_MAX
    try:
        if any(row.names != ref.key for row in rows):
            raise InvalidInput("keys of different columns")  # caught below
        reply = engine.get_rows(options._replace(table=ref, keys=keys), view.reader)
    except InvalidInput as error:
        if len(rows) == 1:
            return [error]
        return [result for row in rows for result in _read_rows(engine, options, [row], view)]
    return [(_row_bytes(ref, row), cost) for row, cost in zip(reply.rows, reply.costs, strict=True)]


def batch_write_row(context: ActionContext, request: Any, response: Any) -> int:
    _refuse_transaction(request)
    if request.is_atomic:
        raise unsupported("BatchWriteRow with is_atomic")
    check_row_count(sum(len(table.rows) for table in request.tables), MAX_ROWS_PER_WRITE)
    writes: list[Write | RowChange] = []
    groups: list[Any] = []
    for table in request.tables:
        if not table.rows:
            raise invalid(f"No operation is specified for table: '{as_text(table.table_name)}'.")
        group = response.tables.add(table_name=as_text(table.table_name))
        for row in table.rows:
            writes.append(_decode_write(_BATCH_CHANGES[row.type], table.table_name, row.row_change, row))
            groups.append(group)
    results = _write_each(context, writes)
    return sum(_add_result(group, result).is_ok for group, result in zip(groups, results, strict=True))


def _write_each(context: ActionContext, writes: list[Write | RowChange]) -> list[RowResult]:
    faults = [context.draw_row_fault() for _ in writes]
    sent = [write for write, fault in zip(writes, faults, strict=True) if fault is not RowFault.REFUSED]
    replies = iter(context.engine.write_rows(sent) if sent or not writes else [])
    results: list[RowResult] = []
    for write, fault in zip(writes, faults, strict=True):
        if fault is RowFault.REFUSED:
            results.append(from_service(*fault.value))
            continue
        reply = next(replies)
        failure = reply.error if fault is None else from_service(*fault.value)
        results.append(failure or (_row_bytes(write.table, reply.row), reply.cost))
    return results


def _add_result(group: Any, result: RowResult) -> Any:
    if not isinstance(result, TsmemError):
        data, cost = result
        row = group.rows.add(is_ok=True, row=data)
        _set_cost(row, cost)
        return row
    row = group.rows.add(is_ok=False)
    row.error.code = result.service_code or "OTSInternalServerError"
    row.error.message = result.message  # always set: the Go SDK does not check whether it is
    return row


def _decode_write(change: Change, table: str, data: bytes, message: Any) -> Write | RowChange:
    row = decode_row(data)
    _check_shape(change, row)
    ref = TableRef(as_text(table), row.names)
    condition = decode_condition(message.condition)
    returned = _RETURNED[message.return_content.return_type]
    is_plain = returned is Returned.NOTHING
    columns: dict[str, Value] = {}
    deleted: list[str] = []
    versions: list[tuple[str, int]] = []
    increments: list[tuple[str, int | float]] = []
    for cell in row.cells:
        if cell.operation is None:
            is_plain = is_plain and cell.version_ms is None and cell.name not in columns
            columns[cell.name] = _value(cell)
        elif cell.operation is Operation.DELETE_ALL:
            deleted.append(cell.name)
        elif cell.operation is Operation.DELETE_ONE:
            if cell.version_ms is None:
                raise invalid(f"The version of column '{cell.name}' to delete is missing.")
            versions.append((cell.name, cell.version_ms))
        else:
            if not isinstance(cell.value, int | float) or isinstance(cell.value, bool):
                raise invalid(f"Column '{cell.name}' can be incremented by a number only.")
            increments.append((cell.name, cell.value))
    key: Any = row.key  # the engine refuses INF_MIN and INF_MAX
    if is_plain and not versions and not increments:
        if change is Change.PUT:
            return Put(ref, key, columns, condition)
        if change is Change.UPDATE:
            return Update(ref, key, columns, tuple(deleted), condition)
        return Delete(ref, key, condition)
    cells = tuple(NewCell(cell.name, _value(cell), cell.version_ms) for cell in row.cells if cell.operation is None)
    names = as_texts(message.return_content.return_column_names)
    return RowChange(
        change, ref, key, cells, tuple(deleted), tuple(versions), tuple(increments), condition, returned, names
    )


def _check_shape(change: Change, row: WireRow) -> None:
    if change is Change.DELETE:
        if not row.is_delete:
            raise invalid("Invalid request of delete row: missing RowDeleteMarker in request.")
        if row.cells:
            raise invalid("Invalid request of delete row: a cell in the row.")
    elif row.is_delete:
        raise invalid(f"Invalid {change.lower()} row request: a delete marker in the row.")
    if change is Change.PUT and any(cell.operation is not None for cell in row.cells):
        raise invalid("Invalid put row request: an operation on a cell.")


def _value(cell: WireCell) -> Value:
    if cell.value is None or isinstance(cell.value, Bound):
        raise invalid(f"The value of column '{cell.name}' is missing.")
    return cell.value


def _row_bytes(ref: TableRef, row: CellRow | None) -> bytes:
    return b"" if row is None else encode_row(ref.key, row.key, row.cells)


def _set_cost(message: Any, cost: Cost) -> None:
    unit = message.consumed.capacity_unit  # set even if 0: the Go SDK fails if one is missing
    unit.read, unit.write = cost.read_units, cost.write_units


def _refuse_transaction(request: Any) -> None:
    if request.transaction_id:  # no id is valid: no transaction can be started here
        raise invalid("TransactionID is invalid.")
