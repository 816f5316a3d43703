"""Convert the schemas of tables, secondary indexes and search indexes between the port's types and the SDK's classes.

`extend` adds to an SDK client what the SDK lacks:

- a decoder of DescribeSearchIndex that knows all field types (the SDK takes an unknown type for LONG);
- the operation AddDefinedColumn, which an existing table needs before it gets an index on a new column.

The SDK has no protobuf classes for some of these messages. They are encoded and decoded with other classes of the SDK
whose fields have the same numbers and types.

Source: tablestore 6.4.8, encoder.py, decoder.py, metadata.py; the Java and Go SDKs for field types 10, 11 and 13;
"AddDefinedColumn" in the API reference: required string table_name = 1, repeated DefinedColumnSchema columns = 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsmem.adapters.tablestore.sdk import ots, search_pb2, table_store_pb2
from tsmem.errors import InvalidInput, invalid
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType

ADD_DEFINED_COLUMN = "AddDefinedColumn"

_DEFAULT_DEVIATION_S = 86400
_KEY_TYPES = (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY)
_CREATABLE = {"KEYWORD", "LONG", "DOUBLE", "BOOLEAN", "TEXT"}  # types of search fields that tsmem creates
_FIELD_TYPES = (
    "LONG", "DOUBLE", "BOOLEAN", "KEYWORD", "TEXT", "NESTED", "GEO_POINT", "DATE", "VECTOR", "FUZZY_KEYWORD", "IP",
    "JSON", "FLATTENED",
)  # fmt: skip
"""Types of search fields, in the order of their numbers on the wire, which start at 1."""
_ANALYZER_PARAMETERS = {
    "single_word": search_pb2.SingleWordAnalyzerParameter,
    "split": search_pb2.SplitAnalyzerParameter,
    "fuzzy": search_pb2.FuzzyAnalyzerParameter,
}


def create_table_arguments(schema: TableSchema) -> tuple[Any, ...]:
    for name, kind in schema.key:
        if kind not in _KEY_TYPES:
            raise invalid(f"{kind} is an invalid type for the primary key column '{name}'.")
    key, defined = ([(name, str(kind)) for name, kind in columns] for columns in (schema.key, schema.defined_columns))
    options = ots.TableOptions(schema.time_to_live_s, schema.max_versions, schema.deviation_s)
    throughput = ots.ReservedThroughput(ots.CapacityUnit(0, 0))  # 0: pay for each read and write
    return ots.TableMeta(schema.name, key, defined), options, throughput, [index_meta(each) for each in schema.indexes]


def index_meta(index: IndexSchema) -> Any:
    return ots.SecondaryIndexMeta(index.name, list(index.key), list(index.columns), ots.SecondaryIndexType.LOCAL_INDEX)


def to_table_schema(reply: Any) -> TableSchema:
    meta, options, reserved = reply.table_meta, reply.table_options, reply.reserved_throughput_details.capacity_unit
    indexes = []
    for index in reply.secondary_indexes:
        key, columns = tuple(index.primary_key_names), tuple(index.defined_column_names)
        is_global = index.index_type is ots.SecondaryIndexType.GLOBAL_INDEX
        indexes.append(IndexSchema(index.index_name, key, columns, is_global))
    return TableSchema(
        meta.table_name,
        tuple((column[0], ColumnType(column[1])) for column in meta.schema_of_primary_key),
        tuple(indexes),
        tuple((name, ColumnType(kind)) for name, kind in meta.defined_columns or ()),
        options.time_to_live,
        options.max_version,
        options.allow_update is not False,
        options.max_time_deviation or _DEFAULT_DEVIATION_S,
        (reserved.read, reserved.write),
    )


def search_meta(schema: SearchIndexSchema) -> Any:
    return ots.SearchIndexMeta([_field_schema(name, kind) for name, kind in schema.fields])


def _field_schema(name: str, kind: FieldType) -> Any:
    if kind.name not in _CREATABLE:
        raise InvalidInput(f"field {name}: a search index field of type {kind.name} cannot be created here")
    parameter = None
    if kind.analyzer == "fuzzy" and kind.min_chars is not None and kind.max_chars is not None:
        parameter = ots.FuzzyAnalyzerParameter(kind.min_chars, kind.max_chars)
    elif kind.analyzer == "single_word" and kind.case_sensitive is not None:
        parameter = ots.SingleWordAnalyzerParameter(kind.case_sensitive)
    elif kind.case_sensitive:
        raise InvalidInput(
            f"field {name}: the SDK cannot make a case-sensitive field with the analyzer {kind.analyzer}"
        )
    elif kind.analyzer == "split" and kind.delimiter is not None:
        parameter = ots.SplitAnalyzerParameter(kind.delimiter)
    sortable = None if kind.name == "TEXT" else True
    return ots.FieldSchema(
        name, ots.FieldType[kind.name], index=True, store=True, enable_sort_and_agg=sortable,
        analyzer=kind.analyzer, analyzer_parameter=parameter,
    )  # fmt: skip


def _decode_search_index(body: bytes, _request_id: str) -> tuple[SearchIndexSchema, Any]:
    """Decode a reply of DescribeSearchIndex. It does not name the table and the index; the caller must add them."""
    reply = search_pb2.DescribeSearchIndexResponse.FromString(body)
    is_synced = not reply.HasField("sync_stat") or reply.sync_stat.sync_phase != search_pb2.FULL
    kinds = {field.field_name: _field_type(field) for field in reply.schema.field_schemas}

    def fields_without(option: str) -> frozenset[str]:
        return frozenset(
            field.field_name
            for field in reply.schema.field_schemas
            if field.HasField(option) and not getattr(field, option)
        )

    arrays = frozenset(field.field_name for field in reply.schema.field_schemas if field.is_array)
    not_sorted = frozenset(name for name in fields_without("enable_sort_and_agg") if kinds[name].name != "TEXT")
    schema = SearchIndexSchema("", "", tuple(kinds.items()), is_synced, fields_without("index"), arrays, not_sorted)
    return schema, reply


def _field_type(field: Any) -> FieldType:
    number = field.field_type if field.HasField("field_type") else _second_number(field)
    name = _FIELD_TYPES[number - 1] if 0 < number <= len(_FIELD_TYPES) else f"TYPE_{number}"
    if name != "TEXT":
        return FieldType(name)
    analyzer = field.analyzer or "single_word"
    if not field.analyzer_parameter or analyzer not in _ANALYZER_PARAMETERS:
        return FieldType("TEXT", analyzer)
    parameter = _ANALYZER_PARAMETERS[analyzer].FromString(field.analyzer_parameter)
    if analyzer == "fuzzy":
        return FieldType("TEXT", analyzer, parameter.min_chars, parameter.max_chars)
    if analyzer == "single_word":
        return FieldType("TEXT", analyzer, case_sensitive=parameter.case_sensitive)
    delimiter = parameter.delimiter if parameter.HasField("delimiter") else None
    case_sensitive = bool(_second_number(parameter)) or None  # the SDK's protobuf class lacks this field
    return FieldType("TEXT", analyzer, delimiter=delimiter, case_sensitive=case_sensitive)


def _second_number(message: Any) -> int:
    """Return the integer in field 2 of a message, or 0. This also works if the SDK's protobuf class lacks the field, or
    the value of its enum."""
    return int(table_store_pb2.CapacityUnit.FromString(message.SerializeToString()).write)


def extend(client: Any) -> None:
    protocol = client.protocol
    protocol.api_list = [*protocol.api_list, ADD_DEFINED_COLUMN]
    protocol.encoder.api_encode_map[ADD_DEFINED_COLUMN] = _encode_add_defined_column
    protocol.decoder.api_decode_map[ADD_DEFINED_COLUMN] = lambda body, request_id: (None, None)
    protocol.decoder.api_decode_map["DescribeSearchIndex"] = _decode_search_index


def _encode_add_defined_column(table: str, columns: Sequence[tuple[str, ColumnType]]) -> Any:
    """Return the request as a TermsQuery, which also has a string in field 1 and a list of bytes in field 2."""
    types = {kind: "DCT_BLOB" if kind is ColumnType.BINARY else f"DCT_{kind}" for kind in ColumnType}
    schemas = [table_store_pb2.DefinedColumnSchema(name=name, type=types[kind]) for name, kind in columns]
    return search_pb2.TermsQuery(field_name=table, terms=[schema.SerializeToString() for schema in schemas])
