"""Request bodies built field by field, and a dispatcher that processes them without a socket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple

import pytest

from tests.support.backends import PLAIN, SESSION, STRING
from tests.support.clocks import ManualClock
from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.engine.rows.reads import GetRange, View
from tsmem.errors import TableNotFound, TsmemError
from tsmem.port import TableSchema
from tsmem.rows import MAX, MIN, Bound, Put, Value
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ActionResult, Dispatcher
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import HEADER, LENGTH, SIGNED, WireCell, crc8, decode_row, encode_value

NOW_MS = 1_767_225_600_000
"""The time of the dispatcher's clock."""
NOT_UTF8 = "~~"
"""A placeholder that `body` replaces with two bytes that are not UTF-8."""
VERSIONED = TableSchema("versioned", (("k", STRING),), max_versions=3)
KEY = {"k": "a"}
"""The key of the one row of `plain` and of `versioned`."""
ROW_FIELDS = {"PutRow": "row", "UpdateRow": "row_change", "DeleteRow": "primary_key"}
OPERATIONS = {"PutRow": 1, "UpdateRow": 2, "DeleteRow": 3}
IGNORE, EXPECT_EXIST, EXPECT_NOT_EXIST = 0, 1, 2

Refusal = tuple[str | None, str]
"""Code and message of an error."""
Refused = tuple[str, bytes, Refusal]
"""An action, a body, and the error that it gets."""
Cells = list[tuple[str, Value | Bound | None]]


def invalid(message: str) -> Refusal:
    return "OTSParameterInvalid", message


def unsupported(what: str) -> Refusal:
    return invalid(f"Unsupported operation: '{what}'.")


UNREADABLE = invalid("Parse PBMessage from RawString failed.")
NO_TABLE = ("OTSObjectNotExist", "Requested table does not exist.")


class Wire(NamedTuple):
    """A dispatcher, and the engine and clock that it uses."""

    engine: Engine
    clock: Clock
    dispatcher: Dispatcher

    def answer(self, action: str, data: bytes, faults: list[RowFault | None] | None = None) -> ActionResult:
        """Process a request. `faults` are the faults of its rows, in order."""
        waiting = list(faults or ())
        return self.dispatcher.answer(self.dispatcher.parse(action, data), lambda: waiting.pop(0) if waiting else None)

    def parsed(self, action: str, data: bytes) -> Any:
        return schema.parse_message(f"{action}Response", self.answer(action, data).body)

    def ask(self, action: str, **fields: Any) -> Any:
        return self.parsed(action, body(action, **fields))

    def refused(self, action: str, data: bytes, faults: list[RowFault | None] | None = None) -> Refusal:
        """Process a request that must fail. Return the code and message of its error, and check that nothing stored
        changed."""
        before = self.state()
        with pytest.raises(TsmemError) as caught:
            self.answer(action, data, faults)
        assert before == self.state()
        return caught.value.service_code, caught.value.message

    def state(self) -> dict[str, object]:
        """Return everything stored: schemas, rows with all their versions, search indexes."""
        state: dict[str, object] = {}
        for name in self.engine.list_tables():
            described = self.engine.describe_table(name)
            request = GetRange(described.ref, described.ref.range_of())
            state[name] = (described, self.engine.get_range(request, View(None).reader).rows)
            with suppress(TableNotFound):  # a secondary index has none
                for index in self.engine.list_search_indexes(name):
                    state[f"{name}/{index}"] = self.engine.describe_search_index(name, index)
        return state

    def cells(self, table: str = "plain", key: str = "a") -> list[tuple[str, Value, int]] | None:
        """Return the names, values and versions of a row's cells, or None if the row does not exist."""
        (_, rows) = self.state()[table]  # type: ignore[misc]
        return next((list(map(tuple, row.cells)) for row in rows if row.key == (key,)), None)  # type: ignore[has-type]


@contextmanager
def instance() -> Iterator[Wire]:
    """Start an engine with three tables: `plain` and `versioned`, each with a row `a` whose column c is 1, and
    `session` with a secondary index."""
    clock = ManualClock()
    with closing(Engine(None, clock)) as engine:
        for table in (PLAIN, VERSIONED, SESSION):
            engine.definitions.create_table(table)
        engine.write_rows([Put(table.ref, ("a",), {"c": 1}) for table in (PLAIN, VERSIONED)])
        yield Wire(engine, clock, Dispatcher(engine, clock))


def body(action: str, **fields: Any) -> bytes:
    """Encode a request without the fields that are None. Required fields can be missing."""
    given = {name: value for name, value in fields.items() if value is not None}
    data: bytes = schema.new_message(f"{action}Request", **given).SerializePartialToString()
    return data.replace(NOT_UTF8.encode(), b"\xff\xfe")


# Rows


def c(name: str, value: Any = None, operation: Any = None, version_ms: int | None = None) -> WireCell:
    return WireCell(name, value, operation, version_ms)


def row(key: Mapping[str, Any], *cells: WireCell, marker: bool = False) -> bytes:
    """Encode a row or a row change in PlainBuffer. `marker` adds a delete marker."""
    sums = bytearray()
    data = HEADER + b"\x01" + b"".join(_cell(c(name, value), sums) for name, value in key.items())
    if cells:
        data += b"\x02" + b"".join(_cell(each, sums) for each in cells)
    sums.append(marker)
    return data + b"\x08" * marker + b"\x09" + bytes((crc8(bytes(sums)),))


def _cell(cell: WireCell, sums: bytearray) -> bytes:
    name = cell.name.encode()
    value = b"" if cell.value is None else encode_value(cell.value)
    operation = b"" if cell.operation is None else bytes((cell.operation,))
    stamp = b"" if cell.version_ms is None else SIGNED.pack(cell.version_ms)
    sums.append(crc8(name + value + stamp + operation))
    data = b"\x03\x04" + LENGTH.pack(len(name)) + name
    if value:
        data += b"\x05" + LENGTH.pack(len(value)) + value
    if operation:
        data += b"\x06" + operation
    if stamp:
        data += b"\x07" + stamp
    return data + b"\x0a" + bytes((sums[-1],))


def condition(existence: int = IGNORE, test: Any = None) -> Any:
    if test is None:
        return schema.new_message("Condition", row_existence=existence)
    return schema.new_message("Condition", row_existence=existence, column_condition=serialized(test))


def writing(action: str, data: bytes, table: str = "plain", **more: Any) -> bytes:
    return body(action, **{"table_name": table, ROW_FIELDS[action]: data, "condition": condition(), **more})


def getting(table: str = "plain", key: Mapping[str, Any] = KEY, **more: Any) -> bytes:
    """Encode a GetRow of the latest versions."""
    return body("GetRow", **{"table_name": table, "primary_key": row(key), "max_versions": 1, **more})


def ranging(start: Mapping[str, Any] | None = None, end: Mapping[str, Any] | None = None, **more: Any) -> bytes:
    """Encode a GetRange, by default of all rows of `plain`."""
    ends = {
        "inclusive_start_primary_key": row({"k": MIN} if start is None else start),
        "exclusive_end_primary_key": row({"k": MAX} if end is None else end),
    }
    return body("GetRange", **{"table_name": "plain", "direction": 0, "max_versions": 1, **ends, **more})


def cells_of(answer: ActionResult) -> Cells | None:
    """Return the names and values of the cells in a GetRow reply, or None if there is no row."""
    data = schema.parse_message("GetRowResponse", answer.body).row
    return [(cell.name, cell.value) for cell in decode_row(data).cells] if data else None


# Batches


def change(action: str, data: bytes, **more: Any) -> Any:
    fields = {"type": OPERATIONS[action], "row_change": data, "condition": condition(), **more}
    return schema.new_message("RowInBatchWriteRowRequest", **fields)


def put(key: str, value: Any = 9, existence: int = IGNORE, **more: Any) -> Any:
    """Return the part of a BatchWriteRow that puts a row with one column."""
    return change("PutRow", row({"k": key}, c("c", value)), **{"condition": condition(existence), **more})


def group(*rows: Any, table: str = "plain") -> Any:
    return schema.new_message("TableInBatchWriteRowRequest", table_name=table, rows=rows)


def wanted(*keys: str, table: str = "plain", **more: Any) -> Any:
    fields = {"primary_key": [row({"k": key}) for key in keys], "max_versions": 1, **more}
    given = {name: value for name, value in fields.items() if value is not None}
    return schema.new_message("TableInBatchGetRowRequest", table_name=table, **given)


def batch_get(*groups: Any) -> bytes:
    return body("BatchGetRow", tables=groups)


def batch_write(*groups: Any, **more: Any) -> bytes:
    return body("BatchWriteRow", tables=groups, **more)


# Filters


def serialized(test: Any) -> bytes:
    data: bytes = test.SerializePartialToString()
    return data


def comparison(column: str = "c", comparator: int = 1, value: Value | Bound = 1, **more: Any) -> Any:
    """Return a filter that compares one column. Rows without the column do not pass."""
    fields = {"filter_if_missing": True, "latest_version_only": True, **more}
    single = schema.new_message(
        "SingleColumnValueFilter", comparator=comparator, column_name=column, column_value=encode_value(value), **fields
    )
    return schema.new_message("Filter", type=1, filter=single.SerializeToString())


def joined(combinator: int, *parts: Any) -> Any:
    whole = schema.new_message("CompositeColumnValueFilter", combinator=combinator, sub_filters=parts)
    return schema.new_message("Filter", type=2, filter=whole.SerializeToString())


def nested(depth: int, combinator: int) -> Any:
    """Return a comparison nested in `depth` composite filters of one part each."""
    test = comparison()
    for _ in range(depth):
        test = joined(combinator, test)
    return test


def page(offset: int, limit: int) -> Any:
    paged = schema.new_message("ColumnPaginationFilter", offset=offset, limit=limit)
    return schema.new_message("Filter", type=3, filter=paged.SerializeToString())
