"""The protobuf messages of the protocol, by name, and the errors for invalid requests.

The Python SDK's generated classes lack fields that other SDKs send or require, and they cannot be extended in the
default descriptor pool. So their descriptors are copied to a private pool and extended. Source of the additions: the
.proto files of the Go, Java and Node.js SDKs.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

from tsmem.errors import TsmemError, invalid

_PACKAGE = "com.aliyun.tablestore.protocol"
_LABELS = {"optional": 1, "required": 2, "repeated": 3}
_SCALARS = {"int32": 5, "bool": 8, "string": 9, "bytes": 12}

_ENUMS: dict[str, dict[str, dict[str, int]]] = {
    "table_store.proto": {
        "TableStatus": {"ACTIVE": 1, "INACTIVE": 2, "LOADING": 3, "UNLOADING": 4, "UPDATING": 5},
        "IndexSyncPhase": {"ISP_FULL": 1, "ISP_INCR": 2},
    },
    "search.proto": {
        "IndexStatusEnum": {"PENDING": 1, "FAILED": 2, "RUNNING": 3, "UNKNOWN": 4},
        "FieldType": {"FUZZY_KEYWORD": 10, "IP": 11, "FLATTENED": 13},
        "QueryType": {"FUNCTIONS_SCORE_QUERY": 18, "SUFFIX_QUERY": 19},
    },
}
"""Values to add, by .proto file and enum."""

_FIELDS = {
    "table_store.proto": """
        TableOptions                  optional  bool                 update_full_row    7
        IndexMeta                     optional  IndexSyncPhase       index_sync_phase   6
        CreateTableRequest            optional  bool                 enable_local_txn   8
        DescribeTableResponse         optional  TableStatus          table_status       4
        BatchWriteRowRequest          optional  bool                 is_atomic          3
        AddDefinedColumnRequest       required  string               table_name         1
        AddDefinedColumnRequest       repeated  DefinedColumnSchema  columns            2
        AddDefinedColumnResponse
        DeleteDefinedColumnRequest    required  string               table_name         1
        DeleteDefinedColumnRequest    repeated  string               columns            2
        DeleteDefinedColumnResponse
    """,
    "search.proto": """
        IndexStatus                   optional  IndexStatusEnum      status             1
        DescribeSearchIndexResponse   optional  IndexStatus          index_status       8
        SearchFilter                  optional  Query                query              1
        SearchQuery                   optional  int32                track_total_count  13
        SearchQuery                   optional  SearchFilter         filter             14
        FieldSort                     optional  bytes                missing_value      5
        FieldSort                     optional  string               missing_field      6
        SplitAnalyzerParameter        optional  bool                 case_sensitive     2
        FuzzyAnalyzerParameter        optional  bool                 case_sensitive     3
    """,
}
"""Fields to add, by .proto file. A line has a message, and the label, type, name and number of a field. A message that
does not exist is added as well; one without fields has a line of its own."""
_UNREADABLE = "Parse PBMessage from RawString failed."


def new_message(message: str, /, **fields: Any) -> Any:
    return _message_class(message)(**fields)


def parse_message(name: str, body: bytes) -> Any:
    """Raises OTSParameterInvalid if the body is malformed or incomplete."""
    from google.protobuf.message import DecodeError

    message = _message_class(name)()
    try:
        message.ParseFromString(body)
    except (DecodeError, UnicodeDecodeError):
        raise invalid(_UNREADABLE) from None
    if not message.IsInitialized():
        raise invalid(_UNREADABLE)
    return message


def as_text(value: str | bytes) -> str:
    """Refuse bytes: that is how protobuf returns a string that is not UTF-8."""
    if isinstance(value, bytes):
        raise invalid(_UNREADABLE)
    return value


def as_texts(values: Iterable[str | bytes]) -> tuple[str, ...]:
    return tuple(map(as_text, values))


def unsupported(what: str) -> TsmemError:
    return invalid(f"Unsupported operation: '{what}'.")


@cache
def _message_class(name: str) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


@cache
def _pool() -> Any:
    for name in ("tablestore.encoder", "tablestore.decoder"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # its warning on import is about a codec that is not used
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from google.protobuf import descriptor_pb2, descriptor_pool
        from tablestore.protobuf import search_pb2, table_store_filter_pb2, table_store_pb2

    pool = descriptor_pool.DescriptorPool()
    for module in (table_store_pb2, table_store_filter_pb2, search_pb2):
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        _extend(file)
        pool.Add(file)
    return pool


def _extend(file: Any) -> None:
    """Add the missing enum values and fields. A newer SDK may have some of them already."""
    for name, values in _ENUMS.get(file.name, {}).items():
        enum = _get_or_add(file.enum_type, name)
        known = {value.number for value in enum.value}
        for value_name, number in values.items():
            if number not in known:
                enum.value.add(name=value_name, number=number)
    for line in _FIELDS.get(file.name, "").strip().splitlines():
        name, *declaration = line.split()
        message = _get_or_add(file.message_type, name)
        if declaration:
            label, kind, field_name, tag = declaration
            field = _get_or_add(message.field, field_name)
            field.number, field.label = int(tag), _LABELS[label]
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
            else:  # the pool finds out whether it is an enum or a message
                field.type_name = f".{_PACKAGE}.{kind}"


def _get_or_add(items: Any, name: str) -> Any:
    return next((item for item in items if item.name == name), None) or items.add(name=name)
