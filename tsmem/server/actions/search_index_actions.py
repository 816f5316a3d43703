"""Actions on search indexes. The engine uses only some of the options of an index. It stores the whole
CreateSearchIndex request as well, because DescribeSearchIndex returns every option."""

from __future__ import annotations

from typing import Any

from tsmem.engine.requests import invalid
from tsmem.errors import TableNotFound
from tsmem.limits import MAX_INTEGER
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.queries import FieldSort, ScoreSort
from tsmem.server.actions import ActionContext
from tsmem.server.wire.schema import as_text, new_message, parse_message
from tsmem.server.wire.search_queries import decode_sorters

_TEXT, _NESTED = 5, 6
DEFAULT_ANALYZER = "single_word"
_ANALYZER_PARAMETERS = {
    "single_word": ("SingleWordAnalyzerParameter", ("case_sensitive",)),
    "split": ("SplitAnalyzerParameter", ("delimiter", "case_sensitive")),
    "fuzzy": ("FuzzyAnalyzerParameter", ("min_chars", "max_chars")),
}
"""The messages of the analyzers' parameters, and the parameters that the engine knows."""
_NO_EXPIRY = -1
_INCREMENTAL_SYNC = 2  # the sync phase in which every existing row is in the index
_STATUS_RUNNING = 3


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
    response.sync_stat.sync_phase = _INCREMENTAL_SYNC
    # A 64-bit number of nanoseconds overflows in the year 2262.
    response.sync_stat.current_sync_timestamp = min(context.clock.now_us() * 1000, MAX_INTEGER)
    response.create_time = found.created_us // 1_000_000
    response.time_to_live = _time_to_live(creation_request)
    response.index_status.status = _STATUS_RUNNING


def list_search_index(context: ActionContext, request: Any, response: Any) -> int:
    table = as_text(request.table_name)
    for table_name in [table] if table else context.engine.list_tables():
        try:
            names = context.engine.list_search_indexes(table_name)
        except TableNotFound:
            if table:
                raise
            names = []  # the table has been deleted since it was listed
        for name in names:
            response.indices.add(table_name=table_name, index_name=name)
    return len(response.indices)


def delete_search_index(context: ActionContext, request: Any, response: Any) -> None:
    context.engine.definitions.delete_search_index(as_text(request.table_name), as_text(request.index_name))


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
