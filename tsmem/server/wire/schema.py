"""The protobuf messages of the wire: the Python SDK's, and the fields beyond them that other SDKs send or demand.

Its one rule: the SDK's own classes are left alone. Extending them in the default pool fails, so their descriptors are
copied, extended, and built in a pool of this module's. Source: the .proto files of the Go, Java and Node.js SDKs.
"""

from __future__ import annotations

import logging
import warnings
from functools import cache
from typing import Any

from tsmem.errors import TsmemError, from_service

_PACKAGE = "com.aliyun.tablestore.protocol"
_OPTIONAL, _REQUIRED, _REPEATED = 1, 2, 3
_INT64, _INT32, _BOOL, _STRING, _MESSAGE, _BYTES, _ENUM = 3, 5, 8, 9, 11, 12, 14

_MORE_FIELDS: tuple[tuple[str, str, int, int, int, str], ...] = (
    ("TableMeta", "table_id", 5, _OPTIONAL, _STRING, ""),
    ("TableOptions", "update_full_row", 7, _OPTIONAL, _BOOL, ""),
    ("IndexMeta", "index_sync_phase", 6, _OPTIONAL, _ENUM, "IndexSyncPhase"),
    ("StreamSpecification", "columns_to_get", 3, _REPEATED, _STRING, ""),
    ("StreamDetails", "columns_to_get", 5, _REPEATED, _STRING, ""),
    ("CreateTableRequest", "enable_local_txn", 8, _OPTIONAL, _BOOL, ""),
    ("DescribeTableResponse", "table_status", 4, _OPTIONAL, _ENUM, "TableStatus"),
    ("DescribeTableResponse", "creation_time", 9, _OPTIONAL, _INT64, ""),
    ("BatchWriteRowRequest", "is_atomic", 3, _OPTIONAL, _BOOL, ""),
    ("DescribeSearchIndexResponse", "index_status", 8, _OPTIONAL, _MESSAGE, "IndexStatus"),
    ("SearchQuery", "track_total_count", 13, _OPTIONAL, _INT32, ""),
    ("SearchQuery", "filter", 14, _OPTIONAL, _MESSAGE, "SearchFilter"),
    ("FieldSort", "missing_value", 5, _OPTIONAL, _BYTES, ""),
    ("FieldSort", "missing_field", 6, _OPTIONAL, _STRING, ""),
    ("SplitAnalyzerParameter", "case_sensitive", 2, _OPTIONAL, _BOOL, ""),
    ("FuzzyAnalyzerParameter", "case_sensitive", 3, _OPTIONAL, _BOOL, ""),
)
"""Message, field, number, label, type, and the type's name."""

_MORE_ENUMS: dict[str, tuple[tuple[str, int], ...]] = {
    "TableStatus": (("ACTIVE", 1), ("INACTIVE", 2), ("LOADING", 3), ("UNLOADING", 4), ("UPDATING", 5)),
    "IndexSyncPhase": (("ISP_FULL", 1), ("ISP_INCR", 2)),
    "IndexStatusEnum": (("PENDING", 1), ("FAILED", 2), ("RUNNING", 3), ("UNKNOWN", 4)),
}
_HOME = {"TableStatus": "table_store.proto", "IndexSyncPhase": "table_store.proto", "IndexStatusEnum": "search.proto"}
_MORE_MESSAGES: dict[str, dict[str, tuple[tuple[str, int, int, int, str], ...]]] = {
    "table_store.proto": {
        "AddDefinedColumnRequest": (
            ("table_name", 1, _REQUIRED, _STRING, ""),
            ("columns", 2, _REPEATED, _MESSAGE, "DefinedColumnSchema"),
        ),
        "AddDefinedColumnResponse": (),
        "DeleteDefinedColumnRequest": (
            ("table_name", 1, _REQUIRED, _STRING, ""),
            ("columns", 2, _REPEATED, _STRING, ""),
        ),
        "DeleteDefinedColumnResponse": (),
    },
    "search.proto": {
        "IndexStatus": (
            ("status", 1, _OPTIONAL, _ENUM, "IndexStatusEnum"),
            ("status_description", 2, _OPTIONAL, _STRING, ""),
        ),
        "SearchFilter": (("query", 1, _OPTIONAL, _MESSAGE, "Query"),),
    },
}
"""By file: name, number, label, type, and the type's name of their fields."""
_MORE_TYPES = {"FieldType": (("FUZZY_KEYWORD", 10), ("IP", 11), ("FLATTENED", 13)),
               "QueryType": (("FUNCTIONS_SCORE_QUERY", 18), ("SUFFIX_QUERY", 19))}  # fmt: skip
"""Values that the Python SDK's enums lack."""


@cache
def _pool() -> Any:
    """The pool with everything in it."""
    for name in ("tablestore.encoder", "tablestore.decoder"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # it warns at its import of a codec that is not used here
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
    """Add to one file what it lacks."""
    for name, values in _MORE_ENUMS.items():
        if _HOME[name] == file.name:
            enum = file.enum_type.add(name=name)
            for value_name, number in values:
                enum.value.add(name=value_name, number=number)
    for name, fields in _MORE_MESSAGES.get(file.name, {}).items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add_field(message, *field)
    for enum in file.enum_type:
        known = {value.number for value in enum.value}
        for value_name, number in _MORE_TYPES.get(enum.name, ()):
            if number not in known:
                enum.value.add(name=value_name, number=number)
    messages = {message.name: message for message in file.message_type}
    for message_name, name, number, label, kind, type_name in _MORE_FIELDS:
        message = messages.get(message_name)
        if message is not None and name not in {each.name for each in message.field}:
            _add_field(message, name, number, label, kind, type_name)


def _add_field(message: Any, name: str, number: int, label: int, kind: int, type_name: str) -> None:
    field = message.field.add(name=name, number=number, label=label, type=kind)
    if type_name:
        field.type_name = f".{_PACKAGE}.{type_name}"


@cache
def _class(name: str) -> Any:
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def new_message(message: str, /, **fields: Any) -> Any:
    """A message of a name, with these fields."""
    return _class(message)(**fields)


def parse_message(name: str, body: bytes) -> Any:
    """A message out of bytes. Raises OTSParameterInvalid for bytes that are none, or lack what is required."""
    from google.protobuf.message import DecodeError

    message = _class(name)()
    try:
        message.ParseFromString(body)
    except (DecodeError, UnicodeDecodeError):
        raise unreadable() from None
    if not message.IsInitialized():
        raise unreadable()
    return message


def unreadable() -> TsmemError:
    """The error of a request that is not the message it should be."""
    return from_service("OTSParameterInvalid", "Parse PBMessage from RawString failed.")
