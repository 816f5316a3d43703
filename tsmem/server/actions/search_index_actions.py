"""CreateSearchIndex, DescribeSearchIndex, ListSearchIndex and DeleteSearchIndex.

Its one rule: what is described is what was created, field by field, also where the engine knows nothing of a field's
options. The request is kept whole for that, beside the fields that the engine reads.
"""

from __future__ import annotations

from typing import Any

from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.errors import TableNotFound
from tsmem.limits import MAX_INTEGER
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.queries import FieldSort, ScoreSort
from tsmem.server.actions.context import ActionResult
from tsmem.server.wire import schema
from tsmem.server.wire.filters import invalid_parameter, text
from tsmem.server.wire.search_queries import sorts

_TYPES = {
    1: "LONG", 2: "DOUBLE", 3: "BOOLEAN", 4: "KEYWORD", 5: "TEXT", 6: "NESTED", 7: "GEO_POINT", 8: "DATE", 9: "VECTOR",
    10: "FUZZY_KEYWORD", 11: "IP", 12: "JSON", 13: "FLATTENED",
}  # fmt: skip
_NUMBERS = {name: number for number, name in _TYPES.items()}
_TEXT, _NESTED = 5, 6
DEFAULT_ANALYZER = "single_word"
_PARAMETERS = {
    "single_word": ("SingleWordAnalyzerParameter", ("case_sensitive",)),
    "split": ("SplitAnalyzerParameter", ("delimiter", "case_sensitive")),
    "fuzzy": ("FuzzyAnalyzerParameter", ("min_chars", "max_chars")),
}
"""By analyzer: the message of its parameters, and those of them that the engine knows."""
_IN_STEP = 2
"""sync_phase INCR: the index holds every row."""
_RUNNING = 3


def create_search_index(engine: Engine, body: bytes) -> ActionResult:
    """CreateSearchIndex."""
    message = schema.parse_message("CreateSearchIndexRequest", body)
    table, name = text(message.table_name), text(message.index_name)
    fields = tuple((text(field.field_name), _field_type(field)) for field in message.schema.field_schemas)
    _check_order(message.schema.index_sort, fields)
    time_to_live_s = message.time_to_live if message.HasField("time_to_live") else -1
    engine.create_search_index(SearchIndexSchema(table, name, fields), message.SerializeToString(), time_to_live_s)
    return ActionResult(schema.new_message("CreateSearchIndexResponse").SerializeToString(), table)


def describe_search_index(engine: Engine, body: bytes, clock: Clock) -> ActionResult:
    """DescribeSearchIndex."""
    message = schema.parse_message("DescribeSearchIndexRequest", body)
    table, name = text(message.table_name), text(message.index_name)
    found = engine.describe_search(table, name)
    if found.definition is None:
        request = _synthesized(engine.describe_search_index(table, name))
    else:
        request = schema.parse_message("CreateSearchIndexRequest", found.definition)
    now_ns = min(clock.now_us() * 1000, MAX_INTEGER)  # nanoseconds in 64 bits end in the year 2262
    answer = schema.new_message(
        "DescribeSearchIndexResponse",
        schema=_with_defaults(request.schema, engine, table),
        sync_stat=schema.new_message("SyncStat", sync_phase=_IN_STEP, current_sync_timestamp=now_ns),
        create_time=found.created_us // 1_000_000,
        time_to_live=request.time_to_live if request.HasField("time_to_live") else -1,
        index_status=schema.new_message("IndexStatus", status=_RUNNING),
    )
    return ActionResult(answer.SerializeToString(), table)


def list_search_index(engine: Engine, body: bytes) -> ActionResult:
    """ListSearchIndex: of one table, or of all where none is named."""
    message = schema.parse_message("ListSearchIndexRequest", body)
    table = text(message.table_name)
    answer = schema.new_message("ListSearchIndexResponse")
    if table:
        found = [(table, name) for name in engine.list_search_indexes(table)]
    else:
        found = [pair for each in engine.list_tables() for pair in _indexes_of(engine, each)]
    for table_name, name in found:
        answer.indices.add(table_name=table_name, index_name=name)
    return ActionResult(answer.SerializeToString(), table, len(answer.indices))


def delete_search_index(engine: Engine, body: bytes) -> ActionResult:
    """DeleteSearchIndex."""
    message = schema.parse_message("DeleteSearchIndexRequest", body)
    table = text(message.table_name)
    engine.delete_search_index(table, text(message.index_name))
    return ActionResult(schema.new_message("DeleteSearchIndexResponse").SerializeToString(), table)


def _indexes_of(engine: Engine, table: str) -> list[tuple[str, str]]:
    """A table's search indexes; none of a secondary index, nor of a table that was deleted meanwhile."""
    try:
        return [(table, name) for name in engine.list_search_indexes(table)]
    except TableNotFound:
        return []


def _check_order(index_sort: Any, fields: tuple[tuple[str, FieldType], ...]) -> None:
    """Every search that says no order has this one: raises OTSParameterInvalid for one that no search could have."""
    kinds = dict(fields)
    for sort in sorts(index_sort):
        if isinstance(sort, ScoreSort):
            raise invalid_parameter("A search index cannot be sorted by score.")
        if isinstance(sort, FieldSort) and sort.field not in kinds:
            raise invalid_parameter(f"field: {sort.field} does not exist")
        if isinstance(sort, FieldSort) and kinds[sort.field].name in ("TEXT", "NESTED"):
            raise invalid_parameter(f"field: {sort.field} of type {kinds[sort.field].name} cannot be sorted by")


def _field_type(field: Any) -> FieldType:
    if not field.HasField("field_type"):
        raise invalid_parameter(f"The type of field '{text(field.field_name)}' is missing.")
    kind = _TYPES[field.field_type]
    if field.field_type != _TEXT:
        return FieldType(kind, text(field.analyzer) or None)
    analyzer = text(field.analyzer) or DEFAULT_ANALYZER
    if analyzer not in _PARAMETERS:
        return FieldType(kind, analyzer)
    message, names = _PARAMETERS[analyzer]
    parameter = schema.parse_message(message, field.analyzer_parameter)
    said = {name: getattr(parameter, name) for name in names if parameter.HasField(name)}
    text(said.get("delimiter", ""))
    return FieldType(kind, analyzer, **said)


def _synthesized(found: SearchIndexSchema) -> Any:
    """The request that would have created an index that the port created."""
    request = schema.new_message("CreateSearchIndexRequest", table_name=found.table, index_name=found.name)
    for name, kind in found.fields:
        field = request.schema.field_schemas.add(field_name=name, field_type=_NUMBERS[kind.name])
        if kind.analyzer is not None:
            field.analyzer = kind.analyzer
        if kind.analyzer in _PARAMETERS:
            message, names = _PARAMETERS[kind.analyzer]
            said = schema.new_message(message, **{name: getattr(kind, name) for name in names}).SerializeToString()
            if said:
                field.analyzer_parameter = said
    return request


def _with_defaults(described: Any, engine: Engine, table: str) -> Any:
    """What the service fills in: options of fields, routing, and the order, which is the primary key's."""
    for field in described.field_schemas:
        _fill(field)
    if not described.HasField("index_setting"):
        described.index_setting.routing_partition_size = 1
    nested = any(field.field_type == _NESTED for field in described.field_schemas)
    if not nested and not described.HasField("index_sort"):
        described.index_sort.sorter.add().pk_sort.order = 0
    return described


def _fill(field: Any) -> None:
    for name in ("index", "store"):
        if not field.HasField(name):
            setattr(field, name, True)
    for part in field.field_schemas:  # of a nested field
        _fill(part)
    if not field.HasField("enable_sort_and_agg"):
        field.enable_sort_and_agg = field.field_type not in (_TEXT, _NESTED)
    if not field.HasField("is_array"):
        field.is_array = False
    if field.field_type == _TEXT and not field.analyzer:
        field.analyzer = DEFAULT_ANALYZER
