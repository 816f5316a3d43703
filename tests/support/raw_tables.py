"""Request bodies for tables, secondary indexes, defined columns and search indexes, built field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support.raw_bodies import body
from tsmem.server.wire import schema

INTEGER, STRING, BINARY = 1, 2, 3
DOUBLE_COLUMN, STRING_COLUMN = 2, 4
GLOBAL, LOCAL = 0, 1
LONG, KEYWORD, TEXT, NESTED, GEO_POINT, DATE, VECTOR, IP = 1, 4, 5, 6, 7, 8, 9, 11
CREATE, DESCRIBE, DELETE, LIST = "CreateSearchIndex", "DescribeSearchIndex", "DeleteSearchIndex", "ListSearchIndex"

Columns = Sequence[tuple[str, int]]


def index(name: str, key: Sequence[str], columns: Sequence[str] = (), kind: int = LOCAL) -> Any:
    fields = {"name": name, "primary_key": key, "defined_column": columns}
    return schema.new_message("IndexMeta", index_update_mode=kind, index_type=kind, **fields)


def create(
    key: Columns = (("k", STRING), ("l", INTEGER)),
    defined: Columns = (("n", INTEGER), ("x", DOUBLE_COLUMN)),
    *indexes: Any,
    name: str = "new",
    options: dict[str, Any] | None = None,
    units: tuple[int, int] = (0, 0),
    **more: Any,
) -> bytes:
    meta = schema.new_message("TableMeta", table_name=name)
    for column, kind in key:
        meta.primary_key.add(name=column, type=kind)
    for column, kind in defined:
        meta.defined_column.add(name=column, type=kind)
    fields = {"time_to_live": -1, "max_versions": 1, **(options or {})}
    given = {option: value for option, value in fields.items() if value is not None}
    return body(
        "CreateTable",
        table_meta=meta,
        reserved_throughput=throughput(*units),
        table_options=schema.new_message("TableOptions", **given),
        index_metas=indexes,
        **more,
    )


def throughput(read: int, write: int) -> Any:
    return schema.new_message(
        "ReservedThroughput", capacity_unit=schema.new_message("CapacityUnit", read=read, write=write)
    )


def create_with(*indexes: Any, **options: Any) -> bytes:
    return create((("k", STRING), ("l", INTEGER)), (("n", INTEGER), ("x", DOUBLE_COLUMN)), *indexes, options=options)


def update(name: str = "session", stream: bool | None = None, **options: Any) -> bytes:
    spec = None if stream is None else schema.new_message("StreamSpecification", enable_stream=stream)
    wanted = schema.new_message("TableOptions", **options)
    return body("UpdateTable", table_name=name, table_options=wanted, stream_spec=spec)


def add_index(table: str, meta: Any, *, with_rows: bool = True) -> bytes:
    return body("CreateIndex", main_table_name=table, index_meta=meta, include_base_data=with_rows)


def drop_index(table: str, name: str) -> bytes:
    return body("DropIndex", main_table_name=table, index_name=name)


def define(table: str, *columns: tuple[str, int]) -> bytes:
    metas = [schema.new_message("DefinedColumnSchema", name=name, type=kind) for name, kind in columns]
    return body("AddDefinedColumn", table_name=table, columns=metas)


def undefine(table: str, *columns: str) -> bytes:
    return body("DeleteDefinedColumn", table_name=table, columns=columns)


# Search indexes


def field(name: str = "c", kind: int | None = KEYWORD, **more: Any) -> Any:
    given = {} if kind is None else {"field_type": kind}
    return schema.new_message("FieldSchema", field_name=name, **given, **more)


def sort_by(**sorter: dict[str, Any]) -> Any:
    return schema.new_message("Sort", sorter=[sorter])


def create_search(
    *fields: Any, table: str = "plain", name: str = "i", time_to_live: int | None = None, **more: Any
) -> bytes:
    described = schema.new_message("IndexSchema", field_schemas=fields, **more)
    return body(CREATE, table_name=table, index_name=name, schema=described, time_to_live=time_to_live)


def naming(action: str, table: str, name: str) -> bytes:
    """Encode a request that only names a search index."""
    return body(action, table_name=table, index_name=name)
