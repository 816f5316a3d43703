"""Finds the function that carries out an action. Every other action is refused: for example transactions, SQL, time
series, tunnels and streams."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.engine.rows.changes import Change
from tsmem.server.actions import ActionContext, RowFault, definition_actions, row_actions, search_actions
from tsmem.server.wire.schema import new_message, parse_message, unsupported

_HANDLERS: dict[str, Callable[[ActionContext, Any, Any], int | None]] = {
    "CreateTable": definition_actions.create_table,
    "DescribeTable": definition_actions.describe_table,
    "UpdateTable": definition_actions.update_table,
    "ListTable": definition_actions.list_table,
    "DeleteTable": definition_actions.delete_table,
    "CreateIndex": definition_actions.create_index,
    "DropIndex": definition_actions.drop_index,
    "AddDefinedColumn": definition_actions.add_defined_column,
    "DeleteDefinedColumn": definition_actions.delete_defined_column,
    "GetRow": row_actions.get_row,
    "GetRange": row_actions.get_range,
    "PutRow": partial(row_actions.write_row, Change.PUT, "row"),
    "UpdateRow": partial(row_actions.write_row, Change.UPDATE, "row_change"),
    "DeleteRow": partial(row_actions.write_row, Change.DELETE, "primary_key"),
    "BatchWriteRow": row_actions.batch_write_row,
    "BatchGetRow": row_actions.batch_get_row,
    "CreateSearchIndex": definition_actions.create_search_index,
    "DescribeSearchIndex": definition_actions.describe_search_index,
    "ListSearchIndex": definition_actions.list_search_index,
    "DeleteSearchIndex": definition_actions.delete_search_index,
    "Search": search_actions.search,
    "ComputeSplits": search_actions.compute_splits,
    "ParallelScan": search_actions.parallel_scan,
}
ACTIONS = tuple(_HANDLERS)
BATCHES = ("BatchWriteRow", "BatchGetRow")


class Request(NamedTuple):
    action: str
    message: Any  # the protobuf message of its body
    tables: str  # the names of its tables, joined by commas


class ActionResult(NamedTuple):
    body: bytes  # the encoded response
    rows: int = 0  # number of rows written or returned


class Dispatcher:
    """Any thread may call it."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def parse(self, action: str, body: bytes) -> Request:
        """Return the request in a body. Raises OTSParameterInvalid for an unsupported action or a malformed body."""
        if action not in _HANDLERS:
            raise unsupported(action)
        message = parse_message(f"{action}Request", body)
        named = getattr(message, "tables", None) or [getattr(message, "table_meta", message)]
        names = [getattr(each, "table_name", getattr(each, "main_table_name", "")) for each in named]
        # A name that is not UTF-8 is bytes.
        tables = ",".join(dict.fromkeys(name for name in names if isinstance(name, str)))
        return Request(action, message, tables)

    def answer(self, request: Request, draw_row_fault: Callable[[], RowFault | None] = lambda: None) -> ActionResult:
        """Raises TsmemError, with a code of the service unless the failure is the server's own."""
        response = new_message(f"{request.action}Response")
        context = ActionContext(self._engine, self._clock, draw_row_fault)
        rows = _HANDLERS[request.action](context, request.message, response)
        return ActionResult(response.SerializeToString(), rows or 0)


def error_body(code: str, message: str) -> bytes:
    body: bytes = new_message("Error", code=code, message=message).SerializeToString()
    return body
