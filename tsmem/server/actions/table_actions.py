"""Actions on tables, secondary indexes and defined columns.

Reserved throughput only has to be in range, as on instances that are billed by use. Responses have every optional
field that some client reads without checking that it is present.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tsmem.engine.definitions import TableOptions
from tsmem.engine.requests import invalid
from tsmem.port import IndexSchema, KeySchema, TableSchema
from tsmem.rows import ColumnType
from tsmem.server.actions import ActionContext
from tsmem.server.wire.schema import as_text, as_texts, unsupported

_KEY_TYPES = {1: ColumnType.INTEGER, 2: ColumnType.STRING, 3: ColumnType.BINARY, 5: ColumnType.BOOLEAN}
_COLUMN_TYPES = {
    1: ColumnType.INTEGER,
    2: ColumnType.DOUBLE,
    3: ColumnType.BOOLEAN,
    4: ColumnType.STRING,
    7: ColumnType.BINARY,
}
_KEY_TYPE_NUMBERS = {kind: number for number, kind in _KEY_TYPES.items()}
_COLUMN_TYPE_NUMBERS = {kind: number for number, kind in _COLUMN_TYPES.items()}
_GLOBAL, _LOCAL = 0, 1  # index types, and also the index update modes: asynchronous, synchronous
_ACTIVE = 1  # a table status
_INCREMENTAL = 2  # the sync phase of an index that has every existing row
_MAX_RESERVED_UNITS = 100_000  # source: CreateTable in TableStore's developer reference


def create_table(context: ActionContext, request: Any, response: Any) -> None:
    _check_stream_and_throughput(request)
    if request.sse_spec.enable:
        raise unsupported("server-side encryption")
    if request.enable_local_txn:
        raise unsupported("local transaction")
    options = _decode_options(request.table_options)
    if "time_to_live_s" not in options:
        raise invalid("Time-to-live is missing while creating table.")
    if "max_versions" not in options:
        raise invalid("MaxVersions is missing while creating table.")
    meta = request.table_meta
    if any(column.HasField("option") for column in meta.primary_key):
        raise unsupported("auto-increment primary key column")
    table = TableSchema(
        as_text(meta.table_name),
        tuple((as_text(column.name), _KEY_TYPES[column.type]) for column in meta.primary_key),
        tuple(_decode_index(index) for index in request.index_metas),
        _decode_columns(meta.defined_column),
        **options,
    )
    context.engine.definitions.create_table(table)


def describe_table(context: ActionContext, request: Any, response: Any) -> None:
    table = context.engine.describe_table(as_text(request.table_name))
    response.table_status = _ACTIVE
    response.table_meta.table_name = table.name
    for name, kind in table.key:
        response.table_meta.primary_key.add(name=name, type=_KEY_TYPE_NUMBERS[kind])
    for name, kind in table.defined_columns:
        response.table_meta.defined_column.add(name=name, type=_COLUMN_TYPE_NUMBERS[kind])
    for index in table.indexes:
        meta = response.index_metas.add(name=index.name, primary_key=index.key, defined_column=index.columns)
        meta.index_type = meta.index_update_mode = _GLOBAL if index.is_global else _LOCAL
        meta.index_sync_phase = _INCREMENTAL
    _set_options(response, table)


def update_table(context: ActionContext, request: Any, response: Any) -> None:
    _check_stream_and_throughput(request)
    if request.table_options.HasField("update_full_row"):
        raise invalid("Table options must not contain updateFullRow.")
    options = TableOptions(**_decode_options(request.table_options))
    _set_options(response, context.engine.definitions.update_table(as_text(request.table_name), options))


def list_table(context: ActionContext, request: Any, response: Any) -> int:
    response.table_names.extend(context.engine.list_tables())  # includes secondary indexes
    return len(response.table_names)


def delete_table(context: ActionContext, request: Any, response: Any) -> None:
    context.engine.definitions.delete_table(as_text(request.table_name))


def create_index(context: ActionContext, request: Any, response: Any) -> None:
    index = _decode_index(request.index_meta)
    table = as_text(request.main_table_name)
    context.engine.definitions.create_index(table, index, include_base_data=request.include_base_data)


def drop_index(context: ActionContext, request: Any, response: Any) -> None:
    context.engine.definitions.delete_index(as_text(request.main_table_name), as_text(request.index_name))


def add_defined_column(context: ActionContext, request: Any, response: Any) -> None:
    context.engine.definitions.add_defined_columns(as_text(request.table_name), _decode_columns(request.columns))


def delete_defined_column(context: ActionContext, request: Any, response: Any) -> None:
    context.engine.definitions.delete_defined_columns(as_text(request.table_name), as_texts(request.columns))


def _decode_columns(columns: Iterable[Any]) -> KeySchema:
    return tuple((as_text(column.name), _COLUMN_TYPES[column.type]) for column in columns)


def _decode_index(meta: Any) -> IndexSchema:
    is_global = meta.index_type == _GLOBAL
    return IndexSchema(as_text(meta.name), as_texts(meta.primary_key), as_texts(meta.defined_column), is_global)


def _decode_options(message: Any) -> dict[str, Any]:
    if message.update_full_row:
        raise unsupported("update_full_row")
    names = ("time_to_live", "max_versions", "deviation_cell_version_in_sec", "allow_update")
    options = zip(names, TableOptions._fields, strict=True)
    return {option: getattr(message, name) for name, option in options if message.HasField(name)}


def _check_stream_and_throughput(request: Any) -> None:
    if request.stream_spec.enable_stream:
        raise unsupported("stream")
    unit = request.reserved_throughput.capacity_unit
    for kind, units in (("read", unit.read), ("write", unit.write)):
        if not 0 <= units <= _MAX_RESERVED_UNITS:
            raise invalid(f"The reserved {kind} capacity unit must be in range: [0, {_MAX_RESERVED_UNITS}].")


def _set_options(response: Any, table: TableSchema) -> None:
    options = response.table_options
    options.time_to_live, options.max_versions = table.time_to_live_s, table.max_versions
    options.deviation_cell_version_in_sec, options.allow_update = table.deviation_s, table.allow_update
    details = response.reserved_throughput_details
    details.capacity_unit.read = details.capacity_unit.write = 0
    details.last_increase_time = details.last_decrease_time = 0
    response.stream_details.enable_stream = False
