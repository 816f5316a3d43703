"""CreateTable, DescribeTable, UpdateTable, ListTable, DeleteTable, CreateIndex, DropIndex, and defined columns.

Its one rule: what is asked for and cannot be had (a stream, encryption, local transactions, an auto-increment key) is
an error. Reserved throughput within the service's limits is taken and means nothing, as on instances that bill by use;
replies carry every field that a client reads without looking.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tsmem.engine import Engine
from tsmem.engine.definitions import TableOptions
from tsmem.errors import TsmemError
from tsmem.port import IndexSchema, KeySchema, TableSchema
from tsmem.rows import ColumnType
from tsmem.server.actions.context import ActionResult
from tsmem.server.wire import schema
from tsmem.server.wire.filters import invalid_parameter, text, texts

_KEY_TYPES = {1: ColumnType.INTEGER, 2: ColumnType.STRING, 3: ColumnType.BINARY, 5: ColumnType.BOOLEAN}
_COLUMN_TYPES = {
    1: ColumnType.INTEGER,
    2: ColumnType.DOUBLE,
    3: ColumnType.BOOLEAN,
    4: ColumnType.STRING,
    7: ColumnType.BINARY,
}
_KEY_NUMBERS = {kind: number for number, kind in _KEY_TYPES.items()}
_COLUMN_NUMBERS = {kind: number for number, kind in _COLUMN_TYPES.items()}
_GLOBAL, _LOCAL = 0, 1
_ASYNC, _SYNC = 0, 1
_ACTIVE = 1
_DEVIATION_S = 86400
_MAX_RESERVED_UNITS = 100_000
"""Source: CreateTable in TableStore's developer reference."""


def create_table(engine: Engine, body: bytes) -> ActionResult:
    """CreateTable."""
    message = schema.parse_message("CreateTableRequest", body)
    meta, options = message.table_meta, message.table_options
    _refuse_stream(message)
    if message.sse_spec.enable:
        raise _unsupported("server-side encryption")
    if message.enable_local_txn:
        raise _unsupported("local transaction")
    _check_throughput(message)
    if not options.HasField("time_to_live"):
        raise invalid_parameter("Time-to-live is missing while creating table.")
    if not options.HasField("max_versions"):
        raise invalid_parameter("MaxVersions is missing while creating table.")
    name = text(meta.table_name)
    indexes = tuple(_index(index) for index in message.index_metas)
    _, _, deviation_s, allow_update = _options(options)
    request = TableSchema(
        name,
        _key(meta),
        indexes,
        _columns(meta.defined_column),
        options.time_to_live,
        options.max_versions,
        allow_update is not False,
        _DEVIATION_S if deviation_s is None else deviation_s,
    )
    engine.create_table(request)
    return ActionResult(schema.new_message("CreateTableResponse").SerializeToString(), name)


def describe_table(engine: Engine, body: bytes) -> ActionResult:
    """DescribeTable."""
    name = text(schema.parse_message("DescribeTableRequest", body).table_name)
    found = engine.describe_table(name)
    answer = schema.new_message(
        "DescribeTableResponse",
        table_meta=_meta(found),
        reserved_throughput_details=_throughput(),
        table_options=_options_of(found),
        table_status=_ACTIVE,
        stream_details=schema.new_message("StreamDetails", enable_stream=False),
        index_metas=[_index_meta(index) for index in found.indexes],
    )
    return ActionResult(answer.SerializeToString(), name)


def update_table(engine: Engine, body: bytes) -> ActionResult:
    """UpdateTable."""
    message = schema.parse_message("UpdateTableRequest", body)
    _refuse_stream(message)
    _check_throughput(message)
    if message.table_options.HasField("update_full_row"):
        raise invalid_parameter("Table options must not contain updateFullRow.")
    name = text(message.table_name)
    found = engine.update_table(name, _options(message.table_options))
    answer = schema.new_message(
        "UpdateTableResponse",
        reserved_throughput_details=_throughput(),
        table_options=_options_of(found),
        stream_details=schema.new_message("StreamDetails", enable_stream=False),
    )
    return ActionResult(answer.SerializeToString(), name)


def list_table(engine: Engine, body: bytes) -> ActionResult:
    """ListTable: tables and secondary indexes."""
    schema.parse_message("ListTableRequest", body)
    names = engine.list_tables()
    return ActionResult(schema.new_message("ListTableResponse", table_names=names).SerializeToString(), "", len(names))


def delete_table(engine: Engine, body: bytes) -> ActionResult:
    """DeleteTable."""
    name = text(schema.parse_message("DeleteTableRequest", body).table_name)
    engine.delete_table(name)
    return ActionResult(schema.new_message("DeleteTableResponse").SerializeToString(), name)


def create_index(engine: Engine, body: bytes) -> ActionResult:
    """CreateIndex."""
    message = schema.parse_message("CreateIndexRequest", body)
    name = text(message.main_table_name)
    engine.create_index(name, _index(message.index_meta), include_base_data=message.include_base_data)
    return ActionResult(schema.new_message("CreateIndexResponse").SerializeToString(), name)


def drop_index(engine: Engine, body: bytes) -> ActionResult:
    """DropIndex."""
    message = schema.parse_message("DropIndexRequest", body)
    name = text(message.main_table_name)
    engine.delete_index(name, text(message.index_name))
    return ActionResult(schema.new_message("DropIndexResponse").SerializeToString(), name)


def add_defined_column(engine: Engine, body: bytes) -> ActionResult:
    """AddDefinedColumn."""
    message = schema.parse_message("AddDefinedColumnRequest", body)
    name = text(message.table_name)
    engine.add_defined_columns(name, _columns(message.columns))
    return ActionResult(schema.new_message("AddDefinedColumnResponse").SerializeToString(), name)


def delete_defined_column(engine: Engine, body: bytes) -> ActionResult:
    """DeleteDefinedColumn."""
    message = schema.parse_message("DeleteDefinedColumnRequest", body)
    name = text(message.table_name)
    engine.delete_defined_columns(name, texts(message.columns))
    return ActionResult(schema.new_message("DeleteDefinedColumnResponse").SerializeToString(), name)


# Schemas in


def _key(meta: Any) -> KeySchema:
    if any(column.HasField("option") for column in meta.primary_key):
        raise _unsupported("auto-increment primary key column")
    return tuple((text(column.name), _KEY_TYPES[column.type]) for column in meta.primary_key)


def _columns(columns: Iterable[Any]) -> KeySchema:
    return tuple((text(column.name), _COLUMN_TYPES[column.type]) for column in columns)


def _index(meta: Any) -> IndexSchema:
    is_global = meta.index_type == _GLOBAL
    return IndexSchema(text(meta.name), texts(meta.primary_key), texts(meta.defined_column), is_global)


def _options(options: Any) -> TableOptions:
    if options.update_full_row:
        raise _unsupported("update_full_row")

    def given(name: str) -> Any:
        return getattr(options, name) if options.HasField(name) else None

    return TableOptions(
        given("time_to_live"), given("max_versions"), given("deviation_cell_version_in_sec"), given("allow_update")
    )


def _refuse_stream(message: Any) -> None:
    if message.stream_spec.enable_stream:
        raise _unsupported("stream")


def _check_throughput(message: Any) -> None:
    unit = message.reserved_throughput.capacity_unit
    for kind, given in (("read", unit.read), ("write", unit.write)):
        if not 0 <= given <= _MAX_RESERVED_UNITS:
            raise invalid_parameter(f"The reserved {kind} capacity unit must be in range: [0, {_MAX_RESERVED_UNITS}].")


def _unsupported(what: str) -> TsmemError:
    return invalid_parameter(f"Unsupported operation: '{what}'.")


# Schemas out


def _meta(found: TableSchema) -> Any:
    meta = schema.new_message("TableMeta", table_name=found.name)
    for name, kind in found.key:
        meta.primary_key.add(name=name, type=_KEY_NUMBERS[kind])
    for name, kind in found.defined_columns:
        meta.defined_column.add(name=name, type=_COLUMN_NUMBERS[kind])
    return meta


def _index_meta(index: IndexSchema) -> Any:
    return schema.new_message(
        "IndexMeta",
        name=index.name,
        primary_key=index.key,
        defined_column=index.columns,
        index_update_mode=_ASYNC if index.is_global else _SYNC,
        index_type=_GLOBAL if index.is_global else _LOCAL,
        index_sync_phase=2,
    )


def _options_of(found: TableSchema) -> Any:
    return schema.new_message(
        "TableOptions",
        time_to_live=found.time_to_live_s,
        max_versions=found.max_versions,
        deviation_cell_version_in_sec=found.deviation_s,
        allow_update=found.allow_update,
    )


def _throughput() -> Any:
    unit = schema.new_message("CapacityUnit", read=0, write=0)
    return schema.new_message(
        "ReservedThroughputDetails", capacity_unit=unit, last_increase_time=0, last_decrease_time=0
    )
