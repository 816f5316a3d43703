"""Tables, secondary indexes and search indexes in the SDK's classes, and descriptions of them in ours.

The SDK takes a search field of an unknown kind for a LONG, and lacks AddDefinedColumn, without which an index on a new
column cannot be added. `extend` teaches an SDK client both. Messages that the SDK lacks are written and read as others
of its messages, which have the same fields on the wire.

Source: tablestore 6.4.8, encoder.py, decoder.py, metadata.py; the Java and Go SDKs for field types 10, 11 and 13;
"AddDefinedColumn" in the API reference: required string table_name = 1, repeated DefinedColumnSchema columns = 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsmem.adapters.tablestore.sdk import ots, search_pb2, table_store_pb2
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType

ADD_DEFINED_COLUMN = "AddDefinedColumn"

_DEFAULT_DEVIATION_S = 86400
_KEY_TYPES = (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY)
_CREATED = {"KEYWORD", "LONG", "DOUBLE", "BOOLEAN", "TEXT"}  # search field types that can be created
_FIELD_TYPES = (
    "LONG", "DOUBLE", "BOOLEAN", "KEYWORD", "TEXT", "NESTED", "GEO_POINT", "DATE", "VECTOR", "FUZZY_KEYWORD", "IP",
    "JSON", "FLATTENED",
)  # fmt: skip
"""Search field types, from number 1."""
_PARAMETERS = {
    "single_word": search_pb2.SingleWordAnalyzerParameter,
    "split": search_pb2.SplitAnalyzerParameter,
    "fuzzy": search_pb2.FuzzyAnalyzerParameter,
}
"""Messages of an analyzer's parameters."""


# Tables


def table_request(schema: TableSchema) -> tuple[Any, ...]:
    """Return the arguments of the SDK's create_table. Raises InvalidInput for a type that no key can have."""
    for name, kind in schema.key:
        if kind not in _KEY_TYPES:
            message = f"{kind} is an invalid type for the primary key column '{name}'."
            raise InvalidInput(message, service_code="OTSParameterInvalid")
    key, defined = ([(name, str(kind)) for name, kind in columns] for columns in (schema.key, schema.defined_columns))
    options = ots.TableOptions(schema.time_to_live_s, schema.max_versions, schema.deviation_s)
    throughput = ots.ReservedThroughput(ots.CapacityUnit(0, 0))  # reads and writes are paid for as they are made
    return ots.TableMeta(schema.name, key, defined), options, throughput, [index_meta(each) for each in schema.indexes]


def index_meta(index: IndexSchema) -> Any:
    return ots.SecondaryIndexMeta(index.name, list(index.key), list(index.columns), ots.SecondaryIndexType.LOCAL_INDEX)


def described_table(reply: Any) -> TableSchema:
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


# Search indexes


def search_meta(schema: SearchIndexSchema) -> Any:
    """Return a search index to create. Raises InvalidInput for a field that cannot be created here."""
    return ots.SearchIndexMeta([_field_schema(name, kind) for name, kind in schema.fields])


def _field_schema(name: str, kind: FieldType) -> Any:
    if kind.name not in _CREATED:
        raise InvalidInput(f"field {name}: a search index field of type {kind.name} cannot be made here")
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
    analyzer = {"analyzer": kind.analyzer, "analyzer_parameter": parameter}
    sortable = None if kind.name == "TEXT" else True
    return ots.FieldSchema(
        name, ots.FieldType[kind.name], index=True, store=True, enable_sort_and_agg=sortable, **analyzer
    )


def _described_search(body: bytes, _request_id: str) -> tuple[SearchIndexSchema, Any]:
    """Decode a reply of DescribeSearchIndex, which does not have the names of the table and the index."""
    reply = search_pb2.DescribeSearchIndexResponse.FromString(body)
    in_step = not reply.HasField("sync_stat") or reply.sync_stat.sync_phase != search_pb2.FULL
    kinds = {field.field_name: _field_type(field) for field in reply.schema.field_schemas}

    def without(option: str) -> frozenset[str]:
        return frozenset(
            field.field_name
            for field in reply.schema.field_schemas
            if field.HasField(option) and not getattr(field, option)
        )

    arrays = frozenset(field.field_name for field in reply.schema.field_schemas if field.is_array)
    not_sorted = frozenset(name for name in without("enable_sort_and_agg") if kinds[name].name != "TEXT")
    found = SearchIndexSchema("", "", tuple(kinds.items()), in_step, without("index"), arrays, not_sorted)
    return found, reply


def _field_type(field: Any) -> FieldType:
    number = field.field_type if field.HasField("field_type") else _second_number(field)
    name = _FIELD_TYPES[number - 1] if 0 < number <= len(_FIELD_TYPES) else f"TYPE_{number}"
    if name != "TEXT":
        return FieldType(name)
    analyzer = field.analyzer or "single_word"
    if not field.analyzer_parameter or analyzer not in _PARAMETERS:
        return FieldType("TEXT", analyzer)
    parameter = _PARAMETERS[analyzer].FromString(field.analyzer_parameter)
    if analyzer == "fuzzy":
        return FieldType("TEXT", analyzer, parameter.min_chars, parameter.max_chars)
    if analyzer == "single_word":
        return FieldType("TEXT", analyzer, case_sensitive=parameter.case_sensitive)
    delimiter = parameter.delimiter if parameter.HasField("delimiter") else None
    case_sensitive = bool(_second_number(parameter)) or None  # the SDK's message lacks it, others send it
    return FieldType("TEXT", analyzer, delimiter=delimiter, case_sensitive=case_sensitive)


def _second_number(message: Any) -> int:
    """Return the integer in field 2, also where the SDK's class lacks that field or the enum's value; 0 for none."""
    return int(table_store_pb2.CapacityUnit.FromString(message.SerializeToString()).write)


# What the SDK lacks


def extend(client: Any) -> None:
    """Teach an SDK client DescribeSearchIndex with every kind of field, and AddDefinedColumn."""
    protocol = client.protocol
    protocol.api_list = [*protocol.api_list, ADD_DEFINED_COLUMN]
    protocol.encoder.api_encode_map[ADD_DEFINED_COLUMN] = _add_defined_column
    protocol.decoder.api_decode_map[ADD_DEFINED_COLUMN] = lambda body, request_id: (None, None)
    protocol.decoder.api_decode_map["DescribeSearchIndex"] = _described_search


def _add_defined_column(table: str, columns: Sequence[tuple[str, ColumnType]]) -> Any:
    """Return a request with a text in field 1 and messages in field 2, as TermsQuery has them."""
    types = {kind: "DCT_BLOB" if kind is ColumnType.BINARY else f"DCT_{kind}" for kind in ColumnType}
    schemas = [table_store_pb2.DefinedColumnSchema(name=name, type=types[kind]) for name, kind in columns]
    return search_pb2.TermsQuery(field_name=table, terms=[schema.SerializeToString() for schema in schemas])
