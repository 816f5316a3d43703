"""Requests whose bodies the server cannot read. All get the same TableStore error, and nothing changes."""

from __future__ import annotations

import pytest

from tests.support import raw_tables as t
from tests.support.raw_bodies import (
    KEY,
    NOT_UTF8,
    UNREADABLE,
    Wire,
    batch_get,
    batch_write,
    body,
    c,
    getting,
    group,
    put,
    ranging,
    row,
    wanted,
    writing,
)
from tsmem.server.dispatch import ACTIONS
from tsmem.server.wire import schema

NEEDS_FIELDS = (
    "CreateTable", "UpdateTable", "DescribeTable", "CreateIndex", t.CREATE,
    "GetRow", "GetRange", "PutRow", "UpdateRow", "DeleteRow",
)  # fmt: skip
NAMES_ITS_COLUMN = schema.new_message("ReturnContent", return_type=2, return_column_names=[NOT_UTF8])
NOT_PROTOBUF = [
    *((action, b"\xff") for action in ACTIONS),
    (t.CREATE, t.create_search(t.field("c", t.TEXT, analyzer="fuzzy", analyzer_parameter=b"\xff"))),
]
NO_OPERATION = batch_write(group(put("a"))).replace(b"\x08\x01\x12", b"\x08\x04\x12", 1)
"""A batch with a row of type 4, which is not an operation."""
ROWS: list[tuple[str, bytes]] = [
    ("GetRow", getting(NOT_UTF8)),
    ("GetRow", getting(start_column=NOT_UTF8)),
    ("GetRow", getting(end_column=NOT_UTF8)),
    ("GetRow", getting(columns_to_get=["c", NOT_UTF8])),
    ("GetRange", ranging(table_name=NOT_UTF8)),
    ("GetRange", ranging(start_column=NOT_UTF8)),
    *((action, writing(action, row(KEY, c("c", 2)), NOT_UTF8)) for action in ("PutRow", "UpdateRow")),
    ("DeleteRow", writing("DeleteRow", row(KEY, marker=True), NOT_UTF8)),
    ("UpdateRow", writing("UpdateRow", row(KEY, c("c", 2)), return_content=NAMES_ITS_COLUMN)),
    ("BatchGetRow", batch_get(wanted("a", table=NOT_UTF8))),
    ("BatchGetRow", batch_get(wanted(table=NOT_UTF8))),
    ("BatchGetRow", batch_get(wanted("a", columns_to_get=[NOT_UTF8]))),
    ("BatchWriteRow", batch_write(group(put("a")), group(put("a"), table=NOT_UTF8))),
    ("BatchWriteRow", batch_write(group(put("a")), group(table=NOT_UTF8))),
]
TABLES: list[tuple[str, bytes]] = [
    ("CreateTable", t.create(name=NOT_UTF8)),
    ("CreateTable", t.create(((NOT_UTF8, t.STRING),))),
    ("CreateTable", t.create(defined=((NOT_UTF8, t.INTEGER),))),
    ("CreateTable", t.create_with(t.index(NOT_UTF8, ["k", "n"]))),
    ("CreateTable", t.create_with(t.index("i", ["k", NOT_UTF8]))),
    ("CreateTable", t.create_with(t.index("i", ["k", "n"], [NOT_UTF8]))),
    ("UpdateTable", t.update(NOT_UTF8, max_versions=1)),
    *((action, body(action, table_name=NOT_UTF8)) for action in ("DeleteTable", "DescribeTable", t.LIST)),
    ("CreateIndex", t.add_index(NOT_UTF8, t.index("i", ["k"]))),
    ("CreateIndex", t.add_index("session", t.index(NOT_UTF8, ["user_id"]))),
    ("DropIndex", t.drop_index(NOT_UTF8, "none")),
    ("DropIndex", t.drop_index("session", NOT_UTF8)),
    ("AddDefinedColumn", t.define(NOT_UTF8, ("n", t.INTEGER))),
    ("AddDefinedColumn", t.define("session", (NOT_UTF8, t.INTEGER))),
    ("DeleteDefinedColumn", t.undefine(NOT_UTF8, "n")),
    ("DeleteDefinedColumn", t.undefine("session", NOT_UTF8)),
    (t.CREATE, t.create_search(t.field(NOT_UTF8))),
    (t.CREATE, t.create_search(t.field(NOT_UTF8, None))),
    (t.CREATE, t.create_search(t.field(), name=NOT_UTF8)),
    (t.CREATE, t.create_search(t.field(), table=NOT_UTF8)),
    (t.CREATE, t.create_search(t.field("c", t.TEXT, analyzer=NOT_UTF8))),
    *((action, t.naming(action, *names)) for action in (t.DESCRIBE, t.DELETE)
      for names in ((NOT_UTF8, "there"), ("plain", NOT_UTF8))),
]  # fmt: skip


def not_refused_as_unreadable(unchanged: Wire, requests: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return the requests that the server does not refuse as unreadable."""
    return [(action, data) for action, data in requests if unchanged.refused(action, data) != UNREADABLE]


def test_a_body_that_is_not_protobuf_is_unreadable(unchanged: Wire) -> None:
    assert [] == not_refused_as_unreadable(unchanged, NOT_PROTOBUF)


def test_a_body_without_a_required_field_or_with_an_unknown_operation_is_unreadable(unchanged: Wire) -> None:
    assert [] == not_refused_as_unreadable(
        unchanged, [*((action, b"") for action in NEEDS_FIELDS), ("BatchWriteRow", NO_OPERATION)]
    )


@pytest.mark.parametrize("requests", [ROWS, TABLES], ids=["rows", "tables"])
def test_a_name_that_is_not_utf8_makes_a_body_unreadable(unchanged: Wire, requests: list[tuple[str, bytes]]) -> None:
    assert [] == not_refused_as_unreadable(unchanged, requests)
