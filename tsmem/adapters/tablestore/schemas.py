"""Tables, secondary indexes and search indexes in the SDK's classes, and descriptions of them in ours.

The SDK takes a search field of an unknown kind for a LONG, and lacks AddDefinedColumn, without which an index on a new
column cannot be added. `extend` teaches an SDK client both, through its own maps of requests and replies.

Source: tablestore 6.4.8, encoder.py, decoder.py, metadata.py; the Java and Go SDKs for field types 10, 11 and 13;
"AddDefinedColumn" in the API reference: required string table_name = 1, repeated DefinedColumnSchema columns = 2;
"Encoding" in the documentation of Protocol Buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from tsmem.adapters.tablestore.sdk import ots, search_pb2, table_store_pb2
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType

ADD_DEFINED_COLUMN = "AddDefinedColumn"

_DEFAULT_DEVIATION_S = 86400
_KEY_TYPES = (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY)
_DEFINED_TYPES = {
    ColumnType.STRING: table_store_pb2.DCT_STRING,
    ColumnType.INTEGER: table_store_pb2.DCT_INTEGER,
    ColumnType.DOUBLE: table_store_pb2.DCT_DOUBLE,
    ColumnType.BOOLEAN: table_store_pb2.DCT_BOOLEAN,
    ColumnType.BINARY: table_store_pb2.DCT_BLOB,
}
_CREATED = {"KEYWORD", "LONG", "DOUBLE", "BOOLEAN", "TEXT"}
"""Search field types that can be created."""
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
    """Return the arguments of the SDK's create_table. Raises InvalidInput for a type that no key can have.

    Reserved throughput is 0: reads and writes are paid for as they are made."""
    for name, kind in schema.key:
        if kind not in _KEY_TYPES:
            raise InvalidInput(
                f"{kind} is an invalid type for the primary key column '{name}'.", service_code="OTSParameterInvalid"
            )
    meta = ots.TableMeta(
        schema.name,
        [(name, str(kind)) for name, kind in schema.key],
        [(name, str(kind)) for name, kind in schema.defined_columns],
    )
    options = ots.TableOptions(schema.time_to_live_s, schema.max_versions, schema.deviation_s)
    throughput = ots.ReservedThroughput(ots.CapacityUnit(0, 0))
    return meta, options, throughput, [index_meta(index) for index in schema.indexes]


def index_meta(index: IndexSchema) -> Any:
    """Return a local secondary index, which the SDK makes synchronous."""
    return ots.SecondaryIndexMeta(index.name, list(index.key), list(index.columns), ots.SecondaryIndexType.LOCAL_INDEX)


def described_table(reply: Any) -> TableSchema:
    """Return the table that the SDK's reply describes."""
    meta, options, reserved = reply.table_meta, reply.table_options, reply.reserved_throughput_details.capacity_unit
    return TableSchema(
        meta.table_name,
        tuple((column[0], ColumnType(column[1])) for column in meta.schema_of_primary_key),
        tuple(
            IndexSchema(
                index.index_name,
                tuple(index.primary_key_names),
                tuple(index.defined_column_names),
                index.index_type is ots.SecondaryIndexType.GLOBAL_INDEX,
            )
            for index in reply.secondary_indexes
        ),
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
    return ots.FieldSchema(
        name,
        ots.FieldType[kind.name],
        index=True,
        store=True,
        enable_sort_and_agg=None if kind.name == "TEXT" else True,
        analyzer=kind.analyzer,
        analyzer_parameter=parameter,
    )


def _described_search(body: bytes, _request_id: str) -> tuple[SearchIndexSchema, Any]:
    """Decode a reply of DescribeSearchIndex, which does not have the names of the table and the index."""
    reply = search_pb2.DescribeSearchIndexResponse.FromString(body)
    in_step = not reply.HasField("sync_stat") or reply.sync_stat.sync_phase != search_pb2.FULL
    schemas = reply.schema.field_schemas
    fields = tuple((field.field_name, _field_type(field)) for field in schemas)
    not_indexed = frozenset(field.field_name for field in schemas if field.HasField("index") and not field.index)
    arrays = frozenset(field.field_name for field in schemas if field.is_array)
    not_sorted = frozenset(
        field.field_name
        for field, (_, kind) in zip(schemas, fields, strict=True)
        if kind.name != "TEXT" and field.HasField("enable_sort_and_agg") and not field.enable_sort_and_agg
    )
    return SearchIndexSchema("", "", fields, in_step, not_indexed, arrays, not_sorted), reply


def _field_type(field: Any) -> FieldType:
    number = field.field_type if field.HasField("field_type") else _unknown_number(field, 2)
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
    case_sensitive = bool(_unknown_number(parameter, 2)) or None  # the SDK's message lacks it, others send it
    return FieldType("TEXT", analyzer, delimiter=delimiter, case_sensitive=case_sensitive)


def _unknown_number(message: Any, number: int) -> int:
    """Return the last integer in a field that the SDK's class lacks, or an enum's value that it does not know; else
    0."""
    found = [field.data for field in UnknownFieldSet(message) if (field.field_number, field.wire_type) == (number, 0)]
    return found[-1] if found else 0


# What the SDK lacks


def extend(client: Any) -> None:
    """Teach an SDK client DescribeSearchIndex with every kind of field, and AddDefinedColumn."""
    protocol = client.protocol
    protocol.api_list = [*protocol.api_list, ADD_DEFINED_COLUMN]
    protocol.encoder.api_encode_map[ADD_DEFINED_COLUMN] = _AddDefinedColumn
    protocol.decoder.api_decode_map[ADD_DEFINED_COLUMN] = lambda body, request_id: (None, None)
    protocol.decoder.api_decode_map["DescribeSearchIndex"] = _described_search


class _AddDefinedColumn:
    """The request's message, with the one method that the SDK calls."""

    def __init__(self, table: str, columns: Sequence[tuple[str, ColumnType]]) -> None:
        self._table = table
        self._columns = columns

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name for it
        encoded = _delimited(1, self._table.encode())
        for name, kind in self._columns:
            column = table_store_pb2.DefinedColumnSchema(name=name, type=_DEFINED_TYPES[kind])
            encoded += _delimited(2, column.SerializeToString())
        return encoded


def _delimited(field: int, content: bytes) -> bytes:
    """Return a text or message as a field of a protobuf message."""
    encoded, length = bytearray((field << 3 | 2,)), len(content)
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    encoded.append(length)
    return bytes(encoded) + content
