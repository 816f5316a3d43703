"""Tables, secondary indexes and search indexes in the SDK's words, and as described back in ours.

Its one rule: what is described is what is there. The SDK takes a search field of a kind that it does not know for a
LONG, and has no AddDefinedColumn, without which an index on a new column cannot be added; `extend` teaches a client
both, through the SDK's own maps of requests and answers.

Source: tablestore 6.4.8, encoder.py, decoder.py, metadata.py; the Java and Go SDKs for field types 10, 11 and 13;
"AddDefinedColumn" in the API reference: required string table_name = 1, repeated DefinedColumnSchema columns = 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tsmem.adapters.tablestore import wire_format
from tsmem.adapters.tablestore.sdk import ots, search_pb2, table_store_pb2
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType

ADD_DEFINED_COLUMN = "AddDefinedColumn"

_DEVIATION_S = 86400
"""What holds where nothing is said."""
_KEY_TYPES = (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY)
_DEFINED_TYPES = {
    ColumnType.STRING: table_store_pb2.DCT_STRING,
    ColumnType.INTEGER: table_store_pb2.DCT_INTEGER,
    ColumnType.DOUBLE: table_store_pb2.DCT_DOUBLE,
    ColumnType.BOOLEAN: table_store_pb2.DCT_BOOLEAN,
    ColumnType.BINARY: table_store_pb2.DCT_BLOB,
}
_MADE = {"KEYWORD", "LONG", "DOUBLE", "BOOLEAN", "TEXT"}
_FIELD_NUMBERS = {
    "LONG": 1, "DOUBLE": 2, "BOOLEAN": 3, "KEYWORD": 4, "TEXT": 5, "NESTED": 6, "GEO_POINT": 7, "DATE": 8, "VECTOR": 9,
    "FUZZY_KEYWORD": 10, "IP": 11, "JSON": 12, "FLATTENED": 13,
}  # fmt: skip
_PARAMETERS = {
    "single_word": search_pb2.SingleWordAnalyzerParameter,
    "split": search_pb2.SplitAnalyzerParameter,
    "fuzzy": search_pb2.FuzzyAnalyzerParameter,
}
"""By analyzer: the message of its parameters."""
_FIELD_NAMES = {number: name for name, number in _FIELD_NUMBERS.items()}


# Tables


def table_request(schema: TableSchema) -> tuple[Any, ...]:
    """What the SDK's create_table takes. Raises InvalidInput for a key of a type that no key has."""
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
    """A local secondary index; the SDK makes a local one synchronous."""
    return ots.SecondaryIndexMeta(index.name, list(index.key), list(index.columns), ots.SecondaryIndexType.LOCAL_INDEX)


def described_table(answer: Any) -> TableSchema:
    """A table as the SDK describes it."""
    meta, options, reserved = answer.table_meta, answer.table_options, answer.reserved_throughput_details.capacity_unit
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
            for index in answer.secondary_indexes
        ),
        tuple((name, ColumnType(kind)) for name, kind in meta.defined_columns or ()),
        options.time_to_live,
        options.max_version,
        options.allow_update is not False,
        options.max_time_deviation or _DEVIATION_S,
        (reserved.read, reserved.write),
    )


# Search indexes


def search_meta(schema: SearchIndexSchema) -> Any:
    """A search index to create. Raises InvalidInput for a field of a kind that this tool does not make."""
    return ots.SearchIndexMeta([_field_schema(name, kind) for name, kind in schema.fields])


def _field_schema(name: str, kind: FieldType) -> Any:
    if kind.name not in _MADE:
        raise InvalidInput(f"field {name}: a search index field of type {kind.name} cannot be made here")
    return ots.FieldSchema(
        name,
        ots.FieldType[kind.name],
        index=True,
        store=True,
        enable_sort_and_agg=None if kind.name == "TEXT" else True,
        analyzer=kind.analyzer,
        analyzer_parameter=_analyzer_parameter(name, kind),
    )


def _analyzer_parameter(name: str, kind: FieldType) -> Any:
    if kind.analyzer == "fuzzy" and kind.min_chars is not None and kind.max_chars is not None:
        return ots.FuzzyAnalyzerParameter(kind.min_chars, kind.max_chars)
    if kind.analyzer == "single_word" and kind.case_sensitive is not None:
        return ots.SingleWordAnalyzerParameter(kind.case_sensitive)
    if kind.case_sensitive:
        raise InvalidInput(
            f"field {name}: the SDK cannot make a case-sensitive field with the analyzer {kind.analyzer}"
        )
    if kind.analyzer == "split" and kind.delimiter is not None:
        return ots.SplitAnalyzerParameter(kind.delimiter)
    return None


def _described_search(body: bytes, _request_id: str) -> tuple[SearchIndexSchema, Any]:
    """DescribeSearchIndex's answer, which does not say the names."""
    answer = search_pb2.DescribeSearchIndexResponse()
    answer.ParseFromString(body)
    in_step = not answer.HasField("sync_stat") or answer.sync_stat.sync_phase != search_pb2.FULL
    said = answer.schema.field_schemas
    fields = tuple((field.field_name, _field_type(field)) for field in said)
    not_indexed = frozenset(field.field_name for field in said if field.HasField("index") and not field.index)
    arrays = frozenset(field.field_name for field in said if field.is_array)
    not_sorted = frozenset(
        field.field_name
        for field, (_, kind) in zip(said, fields, strict=True)
        if kind.name != "TEXT" and field.HasField("enable_sort_and_agg") and not field.enable_sort_and_agg
    )
    return SearchIndexSchema("", "", fields, in_step, not_indexed, arrays, not_sorted), answer


def _field_type(field: Any) -> FieldType:
    number = field.field_type if field.HasField("field_type") else wire_format.read_number(field.SerializeToString(), 2)
    name = _FIELD_NAMES.get(number, f"TYPE_{number}")
    if name != "TEXT":
        return FieldType(name)
    return _text_type(field.analyzer or "single_word", field.analyzer_parameter)


def _text_type(analyzer: str, said: bytes) -> FieldType:
    if not said or analyzer not in _PARAMETERS:
        return FieldType("TEXT", analyzer)
    parameter = _PARAMETERS[analyzer]()
    parameter.ParseFromString(said)
    if analyzer == "fuzzy":
        return FieldType("TEXT", analyzer, parameter.min_chars, parameter.max_chars)
    if analyzer == "single_word":
        return FieldType("TEXT", analyzer, case_sensitive=parameter.case_sensitive)
    # The SDK's message lacks case_sensitive = 2, which others send.
    delimiter = parameter.delimiter if parameter.HasField("delimiter") else None
    return FieldType(
        "TEXT", analyzer, delimiter=delimiter, case_sensitive=bool(wire_format.read_number(said, 2)) or None
    )


# What the SDK lacks


def extend(client: Any) -> None:
    """Teach an SDK client DescribeSearchIndex with every kind of field, and AddDefinedColumn."""
    protocol = client.protocol
    protocol.api_list = [*protocol.api_list, ADD_DEFINED_COLUMN]
    protocol.encoder.api_encode_map[ADD_DEFINED_COLUMN] = _AddDefinedColumn
    protocol.decoder.api_decode_map[ADD_DEFINED_COLUMN] = lambda body, request_id: (None, None)
    protocol.decoder.api_decode_map["DescribeSearchIndex"] = _described_search


class _AddDefinedColumn:
    """The request's message, as far as the SDK asks for one."""

    def __init__(self, table: str, columns: Sequence[tuple[str, ColumnType]]) -> None:
        self._table = table
        self._columns = columns

    def SerializeToString(self) -> bytes:  # noqa: N802 - protobuf's name for it
        """The message in protobuf's wire format."""
        encoded = wire_format.delimited(1, self._table.encode())
        for name, kind in self._columns:
            column = table_store_pb2.DefinedColumnSchema(name=name, type=_DEFINED_TYPES[kind])
            encoded += wire_format.delimited(2, column.SerializeToString())
        return encoded
