"""Fields of responses that are optional in the protocol, but that the Go and Node.js SDKs read without a check.

Source: api.go and search_api.go of the Go SDK, the decoder of the Node.js SDK.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import raw_bodies as raw
from tests.support.raw_bodies import KEY, Wire, body, c, change, condition, group, row, wanted, writing
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.server.dispatch import ACTIONS
from tsmem.server.wire import schema

UNITS = ("consumed.capacity_unit.read", "consumed.capacity_unit.write")
THROUGHPUT = ("read", "write")
OPTIONS = ("time_to_live", "max_versions", "deviation_cell_version_in_sec", "allow_update")
TABLE = (
    *(f"reserved_throughput_details.capacity_unit.{unit}" for unit in THROUGHPUT),
    "reserved_throughput_details.last_increase_time",
    *(f"table_options.{option}" for option in OPTIONS),
    "stream_details.enable_stream",
)
INDEX = ("name", "primary_key", "index_update_mode", "index_type", "index_sync_phase")
OK_ROW = ("table_name", "rows.is_ok", *(f"rows.{unit}" for unit in UNITS))
BAD_ROW = ("table_name", "rows.is_ok", "rows.error.code", "rows.error.message")
FIELD = ("field_name", "field_type", "index", "store", "enable_sort_and_agg", "is_array")
EMPTY = schema.new_message("Query", type=11, query=b"")
SEARCH = schema.new_message("SearchQuery", query=EMPTY, limit=10).SerializeToString()
SCAN = schema.new_message("ScanQuery", query=EMPTY, limit=10).SerializeToString()
PUT = row(KEY, c("c", 2))
REPLIES: dict[str, tuple[str, bytes, tuple[str, ...]]] = {
    "DescribeTable": (
        "DescribeTable", body("DescribeTable", table_name="session"),
        (*TABLE, "table_status", "table_meta.table_name", "table_meta.primary_key.name", "table_meta.primary_key.type",
         *(f"index_metas.{name}" for name in INDEX))),
    "UpdateTable": (
        "UpdateTable",
        body("UpdateTable", table_name="plain", table_options=schema.new_message("TableOptions", allow_update=True)),
        TABLE),
    "ListTable": ("ListTable", body("ListTable"), ("table_names",)),
    "GetRow": ("GetRow", raw.getting(), (*UNITS, "row")),
    "GetRow of no row": ("GetRow", raw.getting(key={"k": "none"}), (*UNITS, "row")),
    "GetRange": (
        "GetRange", raw.ranging(), (*UNITS, "rows")),
    "PutRow": ("PutRow", writing("PutRow", PUT), UNITS),
    "UpdateRow": ("UpdateRow", writing("UpdateRow", PUT), UNITS),
    "DeleteRow": ("DeleteRow", writing("DeleteRow", row(KEY, marker=True)), UNITS),
    "PutRow that answers its key": (
        "PutRow", writing("PutRow", PUT, return_content=schema.new_message("ReturnContent", return_type=1)),
        (*UNITS, "row")),
    "BatchGetRow": (
        "BatchGetRow", body("BatchGetRow", tables=[wanted("a", "none")]), tuple(f"tables.{name}" for name in OK_ROW)),
    "BatchGetRow of a wrong key": (
        "BatchGetRow", body("BatchGetRow", tables=[wanted("x" * 2000)]), tuple(f"tables.{name}" for name in BAD_ROW)),
    "BatchWriteRow": (
        "BatchWriteRow", body("BatchWriteRow", tables=[group(change("PutRow", PUT))]),
        tuple(f"tables.{name}" for name in OK_ROW)),
    "BatchWriteRow of a row whose condition fails": (
        "BatchWriteRow",
        body("BatchWriteRow", tables=[group(change("PutRow", PUT, condition=condition(0, raw.comparison(value=7))))]),
        tuple(f"tables.{name}" for name in BAD_ROW)),
    "Search": ("Search", body("Search", table_name="plain", index_name="there", search_query=SEARCH),
               ("total_hits", "is_all_succeed", "rows", "search_hits.score")),
    "ComputeSplits": (
        "ComputeSplits",
        body("ComputeSplits", table_name="plain", search_index_splits_options={"index_name": "there"}),
        ("session_id", "splits_size")),
    "ParallelScan": ("ParallelScan", body("ParallelScan", table_name="plain", index_name="there", scan_query=SCAN),
                     ("rows", "next_token")),
    "ListSearchIndex": ("ListSearchIndex", body("ListSearchIndex", table_name="plain"),
                        ("indices.table_name", "indices.index_name")),
    "DescribeSearchIndex": (
        "DescribeSearchIndex", body("DescribeSearchIndex", table_name="plain", index_name="there"),
        ("index_status.status", "schema.index_setting", "schema.index_sort.sorter.pk_sort.order",
         *(f"schema.field_schemas.{name}" for name in FIELD),
         "sync_stat.sync_phase", "sync_stat.current_sync_timestamp", "create_time", "time_to_live")),
}  # fmt: skip
"""For each action a request, and the fields of its response that must be set."""
WITHOUT_FIELDS = {
    "CreateTable", "DeleteTable", "CreateIndex", "DropIndex", "AddDefinedColumn", "DeleteDefinedColumn",
    "CreateSearchIndex", "DeleteSearchIndex",
}  # fmt: skip
"""Actions whose responses have no fields."""


def unset_fields(message: Any, path: str) -> list[str]:
    """Return the paths that are not set. A repeated field counts as set if it has at least one value."""
    name, _, rest = path.partition(".")
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.label == field.LABEL_REPEATED:
        parts = list(getattr(message, name))
    else:
        parts = [getattr(message, name)] if message.HasField(name) else []
    if not parts:
        return [name]
    return [f"{name}.{each}" for part in parts if rest for each in unset_fields(part, rest)]


@pytest.mark.parametrize("name", REPLIES)
def test_a_response_sets_every_field_that_an_sdk_reads_without_a_check(wire: Wire, name: str) -> None:
    action, data, paths = REPLIES[name]
    wire.engine.definitions.create_search_index(SearchIndexSchema("plain", "there", (("c", FieldType("LONG")),)))
    reply = wire.parsed(action, data)

    assert [] == [where for path in paths for where in unset_fields(reply, path)]


def test_the_required_reply_fields_of_every_action_are_listed() -> None:
    assert set(ACTIONS) == {action for action, _, _ in REPLIES.values()} | WITHOUT_FIELDS
    for action in WITHOUT_FIELDS:
        assert [] == list(schema.new_message(f"{action}Response").DESCRIPTOR.fields)
