"""Actions on tables, defined columns, secondary indexes and search indexes.

Reserved throughput only has to be in range, as on instances that are billed by use. The engine uses only some of the
options of a search index, but DescribeSearchIndex returns every option, so the engine stores the whole request that
created it. Responses have every optional field that some client reads without checking that it is present.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext, suppress
from typing import Any

from tsmem.engine.definitions import TableOptions
from tsmem.errors import TableNotFound, invalid
from tsmem.limits import MAX_INTEGER
from tsmem.port import FieldType, IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.queries import FieldSort, ScoreSort
from tsmem.rows import ColumnType
from tsmem.server.actions import ActionContext
from tsmem.server.wire.schema import as_text, as_texts, new_message, parse_message, unsupported
from tsmem.server.wire.search_queries import decode_sorters

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
_INCREMENTAL = 2  # the sync phase of a secondary or search index that has every existing row
_MAX_RESERVED_UNITS = 100_000  # source: CreateTable in TableStore's developer reference

_TEXT, _NESTED = 5, 6  # types of a search field
DEFAULT_ANALYZER = "single_word"
_ANALYZER_PARAMETERS = {
    "single_word": ("SingleWordAnalyzerParameter", ("case_sensitive",)),
    "split": ("SplitAnalyzerParameter", ("delimiter", "case_sensitive")),
    "fuzzy": ("FuzzyAnalyzerParameter", ("min_chars", "max_chars")),
}
"""The messages of the analyzers' parameters, and the parameters that the engine knows."""
_NO_EXPIRY = -1
_STATUS_RUNNING = 3


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


def create_search_index(context: ActionContext, request: Any, response: Any) -> None:
    fields = tuple((as_text(field.field_name), _field_type(field)) for field in request.schema.field_schemas)
    field_types = dict(fields)
    for sorter in decode_sorters(request.schema.index_sort):
        if isinstance(sorter, ScoreSort):
            raise invalid("A search index cannot be sorted by score.")
        if isinstance(sorter, FieldSort):
            if sorter.field not in field_types:
                raise invalid(f"field: {sorter.field} does not exist")
            type_name = field_types[sorter.field].name
            if type_name in ("TEXT", "NESTED"):
                raise invalid(f"field: {sorter.field} of type {type_name} cannot be sorted by")
    schema = SearchIndexSchema(as_text(request.table_name), as_text(request.index_name), fields)
    context.engine.definitions.create_search_index(schema, request.SerializeToString(), _time_to_live(request))


def describe_search_index(context: ActionContext, request: Any, response: Any) -> None:
    table, name = as_text(request.table_name), as_text(request.index_name)
    found = context.engine.describe_search_index(table, name)
    if found.definition is None:
        creation_request = _creation_request(found.schema)
    else:
        creation_request = parse_message("CreateSearchIndexRequest", found.definition)
    schema = response.schema
    schema.CopyFrom(creation_request.schema)
    for field in schema.field_schemas:
        _set_field_defaults(field)
    if not schema.HasField("index_setting"):
        schema.index_setting.routing_partition_size = 1
    has_nested_field = any(field.field_type == _NESTED for field in schema.field_schemas)
    if not has_nested_field and not schema.HasField("index_sort"):
        schema.index_sort.sorter.add().pk_sort.order = 0
    response.sync_stat.sync_phase = _INCREMENTAL
    # A 64-bit number of nanoseconds overflows in the year 2262.
    response.sync_stat.current_sync_timestamp = min(context.clock.now_us() * 1000, MAX_INTEGER)
    response.create_time = found.created_us // 1_000_000
    response.time_to_live = _time_to_live(creation_request)
    response.index_status.status = _STATUS_RUNNING


def list_search_index(context: ActionContext, request: Any, response: Any) -> int:
    table = as_text(request.table_name)
    for table_name in [table] if table else context.engine.list_tables():
        with nullcontext() if table else suppress(TableNotFound):  # it can be deleted after it was listed
            for name in context.engine.list_search_indexes(table_name):
                response.indices.add(table_name=table_name, index_name=name)
    return len(response.indices)


def delete_search_index(context: ActionContext, request: Any, response: Any) -> None:
    context.engine.definitions.delete_search_index(as_text(request.table_name), as_text(request.index_name))


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


def _time_to_live(request: Any) -> int:
    return int(request.time_to_live) if request.HasField("time_to_live") else _NO_EXPIRY


def _field_type(field: Any) -> FieldType:
    if not field.HasField("field_type"):
        raise invalid(f"The type of field '{as_text(field.field_name)}' is missing.")
    kind = field.DESCRIPTOR.fields_by_name["field_type"].enum_type.values_by_number[field.field_type].name
    analyzer = as_text(field.analyzer) or None
    if field.field_type == _TEXT:
        analyzer = analyzer or DEFAULT_ANALYZER
        if analyzer in _ANALYZER_PARAMETERS:
            message, names = _ANALYZER_PARAMETERS[analyzer]
            parameter = parse_message(message, field.analyzer_parameter)
            given = {name: getattr(parameter, name) for name in names if parameter.HasField(name)}
            as_text(given.get("delimiter", ""))
            return FieldType(kind, analyzer, **given)
    return FieldType(kind, analyzer)


def _creation_request(found: SearchIndexSchema) -> Any:
    """Return the request for an index that was created through the port, and not by a request."""
    request = new_message("CreateSearchIndexRequest", table_name=found.table, index_name=found.name)
    for name, kind in found.fields:
        field = request.schema.field_schemas.add(field_name=name, field_type=kind.name)
        if kind.analyzer is not None:
            field.analyzer = kind.analyzer
        if kind.analyzer in _ANALYZER_PARAMETERS:
            message, names = _ANALYZER_PARAMETERS[kind.analyzer]
            parameter = new_message(message, **{name: getattr(kind, name) for name in names}).SerializeToString()
            if parameter:
                field.analyzer_parameter = parameter
    return request


def _set_field_defaults(field: Any) -> None:
    is_sortable = field.field_type not in (_TEXT, _NESTED)
    for name, default in (("index", True), ("store", True), ("enable_sort_and_agg", is_sortable), ("is_array", False)):
        if not field.HasField(name):
            setattr(field, name, default)
    if field.field_type == _TEXT and not field.analyzer:
        field.analyzer = DEFAULT_ANALYZER
    for part in field.field_schemas:  # the fields inside a NESTED field
        _set_field_defaults(part)
