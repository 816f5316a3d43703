"""Rows and tables through the Python SDK's own client: what the port does not have, and how errors arrive."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.support.server_in_process import Served, sdk_client, sdk_refusal

KEY = [("k", "a")]


@pytest.fixture
def client(served: Served) -> Any:
    """A client whose table `t` keeps three versions, and whose table `one` keeps one."""
    client = sdk_client(served.endpoint)
    create(client, "t", max_version=3)
    create(client, "one")
    return client


def create(client: Any, name: str, *, max_version: int = 1, indexes: Any = ()) -> None:
    import tablestore

    client.create_table(
        tablestore.TableMeta(name, [("k", "STRING")], [("n", "INTEGER")]),
        tablestore.TableOptions(-1, max_version),
        tablestore.ReservedThroughput(tablestore.CapacityUnit(0, 0)),
        list(indexes),
    )


def put(client: Any, table: str, columns: Any, condition: Any = None, return_type: Any = None) -> Any:
    import tablestore

    return client.put_row(table, tablestore.Row(KEY, columns), condition, return_type)


def update(client: Any, table: str, changes: dict[str, Any]) -> None:
    import tablestore

    client.update_row(table, tablestore.Row(KEY, changes), None)


def columns(client: Any, table: str, **how: Any) -> Any:
    row = client.get_row(table, KEY, **({"max_version": 1} | how))[1]
    return row and row.attribute_columns


def test_versions_are_read_by_number_and_time_and_deleted(client: Any) -> None:
    now = int(time.time() * 1000)
    put(client, "t", [("c", "old", now - 3000), ("c", "mid", now - 2000), ("c", "new", now - 1000), ("d", 1, now)])
    update(client, "t", {"put": [("c", "newest", now)]})

    assert [("c", "newest", now), ("d", 1, now)] == columns(client, "t")
    three = [("c", "newest", now), ("c", "new", now - 1000), ("c", "mid", now - 2000)]
    assert [*three, ("d", 1, now)] == columns(client, "t", max_version=9)
    assert [("c", "mid", now - 2000)] == columns(client, "t", max_version=None, time_range=(now - 2500, now - 1500))
    assert [("c", "new", now - 1000)] == columns(client, "t", max_version=None, time_range=now - 1000)

    update(client, "t", {"delete": [("c", None, now - 1000)]})
    assert [three[0], three[2], ("d", 1, now)] == columns(client, "t", max_version=9)
    update(client, "t", {"delete_all": ["c"]})
    assert [("d", 1, now)] == columns(client, "t", max_version=9)


def test_a_written_key_is_returned(client: Any) -> None:
    import tablestore

    _, row = put(client, "one", [("c", 1)], return_type=tablestore.ReturnType.RT_PK)
    assert KEY == row.primary_key

    item = tablestore.PutRowItem(tablestore.Row(KEY, [("c", 2)]), None, tablestore.ReturnType.RT_PK)
    request = tablestore.BatchWriteRowRequest()
    request.add(tablestore.TableInBatchWriteRowItem("one", [item]))
    (found,), failed = client.batch_write_row(request).get_put()
    assert ([], KEY) == (failed, found.row.primary_key)


def test_a_global_index_is_described_as_global_and_read(client: Any) -> None:
    import tablestore

    meta = tablestore.SecondaryIndexMeta("by_n", ["n", "k"], [], tablestore.SecondaryIndexType.GLOBAL_INDEX)
    create(client, "g", indexes=[meta])
    put(client, "g", [("n", 7)])
    low, high = ([(name, end) for name in "nk"] for end in (tablestore.INF_MIN, tablestore.INF_MAX))

    assert [tablestore.SecondaryIndexType.GLOBAL_INDEX] == [
        index.index_type for index in client.describe_table("g").secondary_indexes
    ]
    assert [7] == [row.primary_key[0][1] for row in client.get_range("by_n", "FORWARD", low, high, max_version=1)[2]]


def test_errors_have_the_services_status_code_and_message(client: Any) -> None:
    import tablestore

    put(client, "one", [("c", 1)])
    row, missing = tablestore.Row(KEY, [("c", 1)]), tablestore.Condition("EXPECT_NOT_EXIST")
    for call, status, code, text in [
        (lambda: client.get_row("none", KEY, max_version=1), 404, "OTSObjectNotExist",
         "Requested table does not exist."),
        (lambda: client.get_row("one", [("l", "a")], max_version=1), 400, "OTSInvalidPK",
         "Validate PK name fail. Input: l, Meta: k."),
        (lambda: client.get_row("one", [("k", tablestore.INF_MIN)], max_version=1), 400, "OTSParameterInvalid",
         "VT_INF_MIN is an invalid type for the primary key."),
        (lambda: put(client, "one", [], missing), 403, "OTSConditionCheckFail", "Condition check failed."),
        (lambda: create(client, "one"), 409, "OTSObjectAlreadyExist", "Requested table already exists."),
        (lambda: client.exe_sql_query("select 1"), 400, "OTSParameterInvalid", "Unsupported operation: 'SQLQuery'."),
        (lambda: client.start_local_transaction("one", KEY), 400, "OTSParameterInvalid",
         "Unsupported operation: 'StartLocalTransaction'."),
        (lambda: client.put_row("one", row, None, None, "some-id"), 400, "OTSParameterInvalid",
         "TransactionID is invalid."),
    ]:  # fmt: skip
        assert (status, code, text) == sdk_refusal(call)
