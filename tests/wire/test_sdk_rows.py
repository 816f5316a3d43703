"""What the port does not say and the wire does, through the Python SDK's own client: versions, timestamps, increments,
returned rows, table options; and the service's codes and texts for what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.serving import Served, sdk_client
from tsmem.clock import SystemClock
from tsmem.server.dispatch import Dispatcher
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import decode_row, encode_row

KEY = [("k", "a")]


@pytest.fixture
def client(served: Served) -> Any:
    """A client whose table `t` keeps three versions, and whose table `one` keeps one."""
    client = sdk_client(served.endpoint)
    create(client, "t", max_version=3)
    create(client, "one")
    return client


def create(client: Any, name: str, *, max_version: int = 1, time_to_live: int = -1, indexes: Any = ()) -> None:
    """A table with one text as its key."""
    import tablestore

    client.create_table(
        tablestore.TableMeta(name, [("k", "STRING")], [("n", "INTEGER")]),
        tablestore.TableOptions(time_to_live, max_version),
        tablestore.ReservedThroughput(tablestore.CapacityUnit(0, 0)),
        list(indexes),
    )


def put(client: Any, table: str, columns: Any, condition: Any = None, return_type: Any = None) -> Any:
    """Write the row of `KEY`."""
    import tablestore

    return client.put_row(table, tablestore.Row(KEY, columns), condition, return_type)


def update(client: Any, table: str, changes: dict[str, Any], **more: Any) -> Any:
    """Change the row of `KEY`."""
    import tablestore

    return client.update_row(table, tablestore.Row(KEY, changes), more.pop("condition", None), **more)


def columns(client: Any, table: str, **how: Any) -> Any:
    """The columns of the row of `KEY`; None for no row."""
    row = client.get_row(table, KEY, **({"max_version": 1} | how))[1]
    return row and row.attribute_columns


def refusal(call: Any) -> tuple[int, str, str]:
    """Status, code and message of what the service says to a call."""
    import tablestore

    with pytest.raises(tablestore.OTSServiceError) as caught:
        call()
    error = caught.value
    assert error.get_request_id()
    return error.get_http_status(), error.get_error_code(), error.get_error_message()


def test_versions_are_kept_and_read(client: Any) -> None:
    """The newest versions of a column, as many as asked for and as the table keeps, newest first."""
    now = int(time.time() * 1000)
    put(client, "t", [("c", "old", now - 3000), ("c", "mid", now - 2000), ("c", "new", now - 1000), ("d", 1, now)])
    update(client, "t", {"put": [("c", "newest", now)]})

    assert [("c", "newest", now), ("d", 1, now)] == columns(client, "t")
    assert [("c", "newest", now), ("c", "new", now - 1000), ("c", "mid", now - 2000), ("d", 1, now)] == columns(
        client, "t", max_version=9
    )
    assert [("c", "mid", now - 2000)] == columns(client, "t", max_version=None, time_range=(now - 2500, now - 1500))
    assert [("c", "new", now - 1000)] == columns(client, "t", max_version=None, time_range=now - 1000)


def test_a_version_is_deleted(client: Any) -> None:
    """One version of a column goes, or all of them."""
    now = int(time.time() * 1000)
    put(client, "t", [("c", 1, now - 2), ("c", 2, now - 1), ("d", 3, now)])

    update(client, "t", {"delete": [("c", None, now - 1)]})
    assert [("c", 1, now - 2), ("d", 3, now)] == columns(client, "t", max_version=9)
    update(client, "t", {"delete_all": ["c"]})
    assert [("d", 3, now)] == columns(client, "t", max_version=9)


def test_increments_add(client: Any) -> None:
    """A missing column counts as 0; a column of another type is left as it is."""
    put(client, "one", [("d", 1)])
    update(client, "one", {"increment": [("n", 5)]})
    assert [("d", 1), ("n", 5)] == [(name, value) for name, value, _ in columns(client, "one")]
    update(client, "one", {"increment": [("n", -7)]})
    assert [-2] == [value for name, value, _ in columns(client, "one") if name == "n"]

    put(client, "one", [("n", "text")])
    assert (400, "OTSParameterInvalid") == refusal(lambda: update(client, "one", {"increment": [("n", 1)]}))[:2]
    assert [("n", "text")] == [(name, value) for name, value, _ in columns(client, "one")]


def test_an_increments_result_is_returned(served: Served, client: Any) -> None:
    """RT_AFTER_MODIFY gives the key and the columns that are named, as they are after the write."""
    from tablestore.plainbuffer.plain_buffer_builder import PlainBufferBuilder

    put(client, "one", [("n", 40), ("other", "x")])
    change = PlainBufferBuilder.serialize_for_update_row(KEY, {"INCREMENT": [("n", 2)]})
    request = schema.new_message("UpdateRowRequest", table_name="one", row_change=bytes(change))
    request.condition.row_existence = 0
    request.return_content.return_type = 2
    request.return_content.return_column_names.append("n")
    answer = Dispatcher(served.engine, SystemClock()).answer("UpdateRow", request.SerializeToString())
    row = decode_row(schema.parse_message("UpdateRowResponse", answer.body).row)

    assert (("a",), [("n", 42)]) == (row.key, [(cell.name, cell.value) for cell in row.cells])


def test_the_key_is_returned(client: Any) -> None:
    """RT_PK gives the key of what was written, single and in a batch."""
    import tablestore

    _, row = put(client, "one", [("c", 1)], return_type=tablestore.ReturnType.RT_PK)
    assert [("k", "a")] == row.primary_key

    item = tablestore.PutRowItem(tablestore.Row(KEY, [("c", 2)]), None, tablestore.ReturnType.RT_PK)
    request = tablestore.BatchWriteRowRequest()
    request.add(tablestore.TableInBatchWriteRowItem("one", [item]))
    (found,), failed = client.batch_write_row(request).get_put()
    assert [] == failed
    assert [("k", "a")] == found.row.primary_key


def test_conditions_are_tested(client: Any) -> None:
    """Existence and column conditions; a failed one says so and changes nothing."""
    import tablestore

    expect = tablestore.Condition("EXPECT_NOT_EXIST")
    put(client, "one", [("c", 1)], expect)
    assert (403, "OTSConditionCheckFail", "Condition check failed.") == refusal(
        lambda: put(client, "one", [("c", 2)], expect)
    )
    is_one = tablestore.SingleColumnCondition("c", 1, tablestore.ComparatorType.EQUAL, False)
    update(client, "one", {"put": [("c", 3)]}, condition=tablestore.Condition("IGNORE", is_one))
    assert (
        "OTSConditionCheckFail"
        == refusal(
            lambda: update(client, "one", {"put": [("c", 4)]}, condition=tablestore.Condition("IGNORE", is_one))
        )[1]
    )
    assert [("c", 3)] == [(name, value) for name, value, _ in columns(client, "one")]


def test_any_version_can_be_tested(client: Any) -> None:
    """A filter looks at the latest version, unless it is told to look at all."""
    import tablestore

    now = int(time.time() * 1000)
    put(client, "t", [("c", 1, now - 1), ("c", 2, now)])
    latest = tablestore.SingleColumnCondition("c", 1, tablestore.ComparatorType.EQUAL, False, True)
    any_of = tablestore.SingleColumnCondition("c", 1, tablestore.ComparatorType.EQUAL, False, False)

    assert columns(client, "t", max_version=9, column_filter=latest) is None
    assert 2 == len(columns(client, "t", max_version=9, column_filter=any_of))


def test_existence_can_be_tested(served: Served, client: Any) -> None:
    """The comparators CT_EXIST and CT_NOT_EXIST, which other SDKs send, of every type of value."""

    def found(comparator: int) -> bool:
        single = schema.new_message(
            "SingleColumnValueFilter", comparator=comparator, column_name="c", column_value=b"", filter_if_missing=True,
            latest_version_only=True,
        )  # fmt: skip
        test = schema.new_message("Filter", type=1, filter=single.SerializeToString()).SerializeToString()
        key = encode_row(("k",), ("a",))
        request = schema.new_message("GetRowRequest", table_name="one", primary_key=key, max_versions=1, filter=test)
        answer = Dispatcher(served.engine, SystemClock()).answer("GetRow", request.SerializeToString())
        return bool(schema.parse_message("GetRowResponse", answer.body).row)

    for value in (0, 5, "x", 1.5, True, bytearray(b"z")):
        put(client, "one", [("c", value)])
        assert (True, False) == (found(7), found(8))
    put(client, "one", [("d", 1)])
    assert (False, True) == (found(7), found(8))


def test_columns_are_cut_by_name_and_by_page(client: Any) -> None:
    """start_column is inclusive, end_column exclusive."""
    put(client, "one", [(name, 1) for name in "abcde"])

    assert ["b", "c"] == [name for name, _, _ in columns(client, "one", start_column="b", end_column="d")]


def test_batches_answer_each_row(client: Any) -> None:
    """In the order asked for; a missing row is empty, a wrong key fails alone."""
    import tablestore

    put(client, "one", [("c", 1)])
    request = tablestore.BatchGetRowRequest()
    keys = [[("k", "none")], [("k", "a")], [("x", "a")], [("k", 5)], [("k", "a")]]
    request.add(tablestore.TableInBatchGetRowItem("one", keys, max_version=1))
    rows = client.batch_get_row(request).get_result_by_table("one")

    assert [True, True, False, False, True] == [row.is_ok for row in rows]
    assert [None, "a", "a"] == [row.row and row.row.primary_key[0][1] for row in rows if row.is_ok]
    assert [
        "Validate PK name fail. Input: x, Meta: k.",
        "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING.",
    ] == [row.error_message for row in rows if not row.is_ok]


def test_table_options_are_changed(client: Any) -> None:
    """UpdateTable changes what it is told, and describes the table."""
    import tablestore

    client.update_table("t", tablestore.TableOptions(86400, 5, None, None))
    options = client.describe_table("t").table_options
    assert (86400, 5, 86400, True) == (
        options.time_to_live, options.max_version, options.max_time_deviation, options.allow_update,
    )  # fmt: skip
    client.update_table("t", tablestore.TableOptions(None, None, None, False))
    put(client, "t", [("c", 1)])
    assert 400 == refusal(lambda: update(client, "t", {"put": [("c", 2)]}))[0]


def test_a_global_index_is_described_as_one(client: Any) -> None:
    """It is in step with its table all the same."""
    import tablestore

    meta = tablestore.SecondaryIndexMeta("by_n", ["n", "k"], [], tablestore.SecondaryIndexType.GLOBAL_INDEX)
    create(client, "g", indexes=[meta])
    put(client, "g", [("n", 7)])
    low, high = (
        [("n", tablestore.INF_MIN), ("k", tablestore.INF_MIN)],
        [("n", tablestore.INF_MAX), ("k", tablestore.INF_MAX)],
    )

    assert [tablestore.SecondaryIndexType.GLOBAL_INDEX] == [
        index.index_type for index in client.describe_table("g").secondary_indexes
    ]
    assert [7] == [row.primary_key[0][1] for row in client.get_range("by_n", "FORWARD", low, high, max_version=1)[2]]


def test_what_the_service_says(client: Any) -> None:
    """Codes, statuses and texts of what is refused, as the SDKs' own tests expect them."""
    import tablestore

    def get(table: str, key: Any, **how: Any) -> Any:
        return lambda: client.get_row(table, key, **({"max_version": 1} | how))

    low, high = [("k", tablestore.INF_MIN)], [("k", tablestore.INF_MAX)]
    invalid = "OTSParameterInvalid"
    for call, status, code, text in [
        (get("none", KEY), 404, "OTSObjectNotExist", "Requested table does not exist."),
        (get("one", [("k", "a"), ("l", "b")]), 400, "OTSInvalidPK", "Validate PK size fail. Input: 2, Meta: 1."),
        (get("one", [("l", "a")]), 400, "OTSInvalidPK", "Validate PK name fail. Input: l, Meta: k."),
        (get("one", [("k", 5)]), 400, "OTSInvalidPK", "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
        (get("one", KEY, max_version=0), 400, invalid, "The maximum versions cannot be less than or equal to 0."),
        (get("one", KEY, max_version=None), 400, invalid, "No version condition is specified while querying row."),
        (get("one", low), 400, invalid, "VT_INF_MIN is an invalid type for the primary key."),
        (lambda: client.get_range("one", "FORWARD", high, low, max_version=1), 400, invalid,
         "Begin key must less than end key in FORWARD"),
        (lambda: client.get_range("one", "FORWARD", low, high, limit=0, max_version=1), 400, invalid,
         "The limit must be greater than 0."),
        (lambda: create(client, "one"), 409, "OTSObjectAlreadyExist", "Requested table already exists."),
        (lambda: create(client, "two", max_version=0), 400, invalid,
         "The maximum versions cannot be less than or equal to 0."),
        (lambda: create(client, "bad-name"), 400, invalid, "Invalid table name: 'bad-name'."),
        (lambda: client.exe_sql_query("select 1"), 400, invalid, "Unsupported operation: 'SQLQuery'."),
        (lambda: client.start_local_transaction("one", KEY), 400, invalid,
         "Unsupported operation: 'StartLocalTransaction'."),
        (lambda: client.put_row("one", tablestore.Row(KEY, [("c", 1)]), None, None, "some-id"), 400, invalid,
         "TransactionID is invalid."),
    ]:  # fmt: skip
        assert (status, code, text) == refusal(call)
