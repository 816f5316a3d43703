"""BatchGetRow and BatchWriteRow.

Its one rule: each row is answered for, in the place where it was asked for. Injected faults strike single rows here:
one that is refused never reaches the engine, one whose answer is lost does.

An answer of BatchGetRow holds 64 MB at most, and more is an error of the whole request. That bound is ours: what the
service's is, its documents do not say. Without one, four requests for 100 rows of 2 MB took 1.9 GB (measured).
Rows are read so many at a time, each time as of one moment, so that no more than that is ever held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tsmem.engine import Engine
from tsmem.engine.requests import BatchGetRow
from tsmem.engine.rows.cells import CellRow
from tsmem.engine.rows.changes import RowChange
from tsmem.engine.rows.filters import compile_filter
from tsmem.engine.rows.versioned_reads import View
from tsmem.errors import InvalidInput, TsmemError, from_service
from tsmem.limits import MAX_ROWS_PER_READ, MAX_ROWS_PER_WRITE, check_row_count
from tsmem.port import Cost
from tsmem.rows import Write
from tsmem.server.actions import row_actions
from tsmem.server.actions.context import ActionResult, RowFault
from tsmem.server.wire import schema
from tsmem.server.wire.filters import ReadFilter, columns_to_get, invalid_parameter, row_filter, text, view
from tsmem.server.wire.row_reader import WireRow, read_row

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Of the rows of one BatchGetRow."""
_ROWS_AT_ONCE = 20
RowFaults = Callable[[], RowFault | None]
_WRITES = {1: row_actions.decode_put, 2: row_actions.decode_update, 3: row_actions.decode_delete}
_FAULTS = {
    RowFault.REFUSED: ("OTSServerBusy", "Server is busy."),
    RowFault.LOST: ("OTSTimeout", "Operation timeout."),
}


def batch_get_row(engine: Engine, body: bytes, row_fault: RowFaults) -> ActionResult:
    """BatchGetRow."""
    message = schema.parse_message("BatchGetRowRequest", body)
    if not message.tables:
        raise invalid_parameter("No row specified in the request of BatchGetRow.")
    check_row_count(sum(len(table.primary_key) for table in message.tables), MAX_ROWS_PER_READ)
    answer = schema.new_message("BatchGetRowResponse")
    found = size = 0
    for table in message.tables:
        group = answer.tables.add(table_name=text(table.table_name))
        for outcome in _read_table(engine, table, row_fault):
            _add_outcome(group, outcome)
            found += group.rows[-1].is_ok
            size += len(group.rows[-1].row)
            if size > MAX_ANSWER_BYTES:
                raise invalid_parameter(
                    f"The total data size of BatchGetRow response exceeds the limit: {MAX_ANSWER_BYTES}."
                )
    return ActionResult(answer.SerializeToString(), _names(message), found)


RowOutcome = tuple[bytes, Cost] | TsmemError
"""Of one row: its bytes and what it cost, or why it failed."""


def _read_table(engine: Engine, table: Any, row_fault: RowFaults) -> Iterator[RowOutcome]:
    rows = [read_row(data) for data in table.primary_key]
    test = row_filter(table.filter)
    wanted = view(table, test.page)
    columns_to_get(table)
    if test.test is not None:
        compile_filter(test.test, ())  # what is wrong with it is wrong with the request, and not with each row
    if not rows:
        engine.describe_table(text(table.table_name))  # a missing table is an error all the same
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        part = [(row, row_fault()) for row in rows[at : at + _ROWS_AT_ONCE]]
        outcomes = iter(_read_all(engine, table, [row for row, fault in part if fault is None], test, wanted))
        for _, fault in part:
            yield next(outcomes) if fault is None else _fault(fault)


def _read_all(engine: Engine, table: Any, rows: list[WireRow], test: ReadFilter, wanted: View) -> list[RowOutcome]:
    """All in one transaction; where a key is wrong, each for itself, because it fails alone."""
    if not rows:
        return []
    columns = columns_to_get(table)
    ref = row_actions.table_ref(table.table_name, rows[0])
    keys = tuple(row.key for row in rows)
    try:
        if any(row.names != ref.key for row in rows):
            raise InvalidInput("keys of different columns")
        reply = engine.read_rows(BatchGetRow(ref, keys, columns, test.test), wanted)  # type: ignore[arg-type]
    except InvalidInput as error:
        if len(rows) == 1:
            return [error]
        return [outcome for row in rows for outcome in _read_all(engine, table, [row], test, wanted)]
    return [(row_actions.row_bytes(ref, row), cost) for row, cost in zip(reply.rows, reply.costs, strict=True)]


def batch_write_row(engine: Engine, body: bytes, row_fault: RowFaults) -> ActionResult:
    """BatchWriteRow."""
    message = schema.parse_message("BatchWriteRowRequest", body)
    row_actions.refuse_transaction(message)
    check_row_count(sum(len(table.rows) for table in message.tables), MAX_ROWS_PER_WRITE)
    for table in message.tables:
        if not table.rows:
            raise invalid_parameter(f"No operation is specified for table: '{text(table.table_name)}'.")
    writes = [
        _WRITES[row.type](table.table_name, row.row_change, row) for table in message.tables for row in table.rows
    ]
    outcomes = iter(_write_atomic(engine, writes) if message.is_atomic else _write_all(engine, writes, row_fault))
    answer = schema.new_message("BatchWriteRowResponse")
    done = 0
    for table in message.tables:
        group = answer.tables.add(table_name=table.table_name)
        for _ in table.rows:
            _add_outcome(group, next(outcomes))
            done += group.rows[-1].is_ok
    return ActionResult(answer.SerializeToString(), _names(message), done)


def _write_atomic(engine: Engine, writes: list[Write | RowChange]) -> list[RowOutcome]:
    """Rows of several partition keys are never all or none, and each of them says so; those of one are not there here.
    Source: the Java SDK's tests of atomic batches."""
    for name in dict.fromkeys(write.table.name for write in writes):
        engine.describe_table(name)  # a missing table is an error all the same
    parts = list(dict.fromkeys(_shown(write.key[0]) for write in writes))
    if not parts:
        return _write_all(engine, writes, lambda: None)
    if len(parts) == 1:
        raise invalid_parameter("Unsupported operation: 'BatchWriteRow with is_atomic'.")
    said = f"Data out of scope of atomic. Atomic PartKey:{parts[0]}. Data PartKey:{parts[1]}"
    return [from_service("OTSDataOutOfRange", said)] * len(writes)


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _write_all(engine: Engine, writes: list[Write | RowChange], row_fault: RowFaults) -> list[RowOutcome]:
    faults = [row_fault() for _ in writes]
    sent = [write for write, fault in zip(writes, faults, strict=True) if fault is not RowFault.REFUSED]
    replies = iter(engine.write_rows(sent) if sent or not writes else [])
    outcomes: list[RowOutcome] = []
    for write, fault in zip(writes, faults, strict=True):
        if fault is RowFault.REFUSED:
            outcomes.append(_fault(fault))
            continue
        reply = next(replies)
        if fault is not None:
            outcomes.append(_fault(fault))
        elif reply.error is not None:
            outcomes.append(reply.error)
        else:
            row: CellRow | None = reply.row
            outcomes.append((row_actions.row_bytes(write.table, row), reply.cost))
    return outcomes


def _fault(fault: RowFault) -> TsmemError:
    return from_service(*_FAULTS[fault])


def _add_outcome(group: Any, outcome: RowOutcome) -> None:
    """A row's answer; a message always, because the Go SDK reads it without looking."""
    if isinstance(outcome, TsmemError):
        code = outcome.service_code or "OTSInternalServerError"
        group.rows.add(is_ok=False, error=schema.new_message("Error", code=code, message=outcome.message))
        return
    data, cost = outcome
    group.rows.add(is_ok=True, consumed=row_actions.consumed(cost), row=data)


def _names(message: Any) -> str:
    return ",".join(dict.fromkeys(text(table.table_name) for table in message.tables))
