"""From an action's name to the code that answers it.

Its one rule: an action that is not here is an `Unsupported operation` error, never a wrong answer: transactions, SQL,
time series, tunnels and streams among them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.errors import TsmemError, from_service
from tsmem.server.actions import (
    batch_actions,
    row_actions,
    scan_actions,
    search_actions,
    search_index_actions,
    table_actions,
)
from tsmem.server.actions.context import ActionResult, RowFault
from tsmem.server.wire import schema

__all__ = ["ACTIONS", "BATCHES", "ActionResult", "Dispatcher", "RowFault", "error_body"]

_ACTIONS: dict[str, Callable[[Engine, bytes], ActionResult]] = {
    "CreateTable": table_actions.create_table,
    "DescribeTable": table_actions.describe_table,
    "UpdateTable": table_actions.update_table,
    "ListTable": table_actions.list_table,
    "DeleteTable": table_actions.delete_table,
    "CreateIndex": table_actions.create_index,
    "DropIndex": table_actions.drop_index,
    "AddDefinedColumn": table_actions.add_defined_column,
    "DeleteDefinedColumn": table_actions.delete_defined_column,
    "GetRow": row_actions.get_row,
    "GetRange": row_actions.get_range,
    "PutRow": row_actions.put_row,
    "UpdateRow": row_actions.update_row,
    "DeleteRow": row_actions.delete_row,
    "CreateSearchIndex": search_index_actions.create_search_index,
    "ListSearchIndex": search_index_actions.list_search_index,
    "DeleteSearchIndex": search_index_actions.delete_search_index,
    "Search": search_actions.search,
}
_SCANS: dict[str, Callable[[Engine, bytes, scan_actions.ScanSessions], ActionResult]] = {
    "ComputeSplits": scan_actions.compute_splits,
    "ParallelScan": scan_actions.parallel_scan,
}
_BATCHES: dict[str, Callable[[Engine, bytes, Callable[[], RowFault | None]], ActionResult]] = {
    "BatchWriteRow": batch_actions.batch_write_row,
    "BatchGetRow": batch_actions.batch_get_row,
}
_TIMED: dict[str, Callable[[Engine, bytes, Clock], ActionResult]] = {
    "DescribeSearchIndex": search_index_actions.describe_search_index,
}
BATCHES = tuple(_BATCHES)
ACTIONS = (*_ACTIONS, *_BATCHES, *_TIMED, *_SCANS)
"""Every action that is answered."""


class Dispatcher:
    """Answers requests out of an engine."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._sessions = scan_actions.ScanSessions(clock)

    def answer(self, action: str, body: bytes, row_fault: Callable[[], RowFault | None] = lambda: None) -> ActionResult:
        """The answer to one request. Raises a TsmemError, with the service's code where it has one."""
        if action in _BATCHES:
            return _BATCHES[action](self._engine, body, row_fault)
        if action in _TIMED:
            return _TIMED[action](self._engine, body, self._clock)
        if action in _SCANS:
            return _SCANS[action](self._engine, body, self._sessions)
        if action in _ACTIONS:
            return _ACTIONS[action](self._engine, body)
        raise from_service("OTSParameterInvalid", f"Unsupported operation: '{action}'.")

    def tables(self, action: str, body: bytes) -> str:
        """The tables that a request names, joined by commas; empty where it cannot be read."""
        if action not in ACTIONS:
            return ""
        try:
            message = schema.parse_message(f"{action}Request", body)
        except TsmemError:
            return ""
        return ",".join(dict.fromkeys(name for name in _names(message) if isinstance(name, str)))


def _names(message: Any) -> list[object]:
    """Wherever requests name tables; bytes for what is not UTF-8."""
    fields = message.DESCRIPTOR.fields_by_name
    if "tables" in fields:
        return [table.table_name for table in message.tables]
    if "table_meta" in fields:
        return [message.table_meta.table_name]
    return [getattr(message, field) for field in ("table_name", "main_table_name") if field in fields]


def error_body(code: str, message: str) -> bytes:
    """An error as it is answered."""
    body: bytes = schema.new_message("Error", code=code, message=message).SerializeToString()
    return body
