"""What requests for tables, secondary indexes and defined columns are refused for, with the service's code and text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.wire.raw_bodies import INVALID, NO_TABLE, NOT_UTF8, UNREADABLE, Refusal, Wire, body, instance
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.server.wire import schema

INTEGER, STRING, BINARY, BOOLEAN = 1, 2, 3, 5
DOUBLE_COLUMN, STRING_COLUMN = 2, 4
GLOBAL, LOCAL = 0, 1
EXISTS = ("OTSObjectAlreadyExist", "Requested table already exists.")
WITH_TTL = (INVALID, "Don't support allow update operation on table with index and ttl")
WITH_VERSIONS = (INVALID, "Max versions of a table with index must be 1.")
TO_INDEX = (INVALID, "Can't write index table directly")
KEY_COUNT = (INVALID, "The number of primary key columns must be in range: [1, 4].")
INDEX_COUNT = (INVALID, "Number of index per table exceeds the quota:5.")
NOT_POSITIVE = (INVALID, "The maximum versions cannot be less than or equal to 0.")

Named = Sequence[tuple[str, int]]


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A dispatcher in front of three tables."""
    with instance() as made:
        yield made


def no(what: str) -> Refusal:
    """What is said of something that cannot be had."""
    return INVALID, f"Unsupported operation: '{what}'."


def bad(text: str) -> Refusal:
    """A parameter that is refused."""
    return INVALID, text


def index(name: str, key: Sequence[str], columns: Sequence[str] = (), kind: int = LOCAL) -> Any:
    """A secondary index."""
    fields = {"name": name, "primary_key": key, "defined_column": columns}
    return schema.new_message("IndexMeta", index_update_mode=kind, index_type=kind, **fields)


def create(
    key: Named = (("k", STRING),),
    defined: Named = (("n", INTEGER), ("x", DOUBLE_COLUMN)),
    *indexes: Any,
    name: str = "new",
    options: dict[str, Any] | None = None,
    **more: Any,
) -> bytes:
    """The body of CreateTable."""
    meta = schema.new_message("TableMeta", table_name=name)
    for column, kind in key:
        meta.primary_key.add(name=column, type=kind)
    for column, kind in defined:
        meta.defined_column.add(name=column, type=kind)
    fields = {"time_to_live": -1, "max_versions": 1, **(options or {})}
    given = {option: value for option, value in fields.items() if value is not None}
    unit = schema.new_message("CapacityUnit", read=0, write=0)
    return body(
        "CreateTable",
        table_meta=meta,
        reserved_throughput=schema.new_message("ReservedThroughput", capacity_unit=unit),
        table_options=schema.new_message("TableOptions", **given),
        index_metas=indexes,
        **more,
    )


def created(*indexes: Any, **options: Any) -> bytes:
    """As `create`, with indexes and options alone."""
    return create((("k", STRING), ("l", INTEGER)), (("n", INTEGER), ("x", DOUBLE_COLUMN)), *indexes, options=options)


def numbered() -> bytes:
    """A table whose key counts by itself."""
    meta = schema.new_message("TableMeta", table_name="new")
    meta.primary_key.add(name="k", type=STRING)
    meta.primary_key.add(name="l", type=INTEGER, option=1)
    message = schema.parse_message("CreateTableRequest", create())
    message.table_meta.CopyFrom(meta)
    data: bytes = message.SerializeToString()
    return data


CREATIONS: dict[str, tuple[bytes, Refusal]] = {
    "no message": (b"\xff", UNREADABLE),
    "nothing": (b"", UNREADABLE),
    "a stream": (create(stream_spec=schema.new_message("StreamSpecification", enable_stream=True)), no("stream")),
    "encryption": (create(sse_spec=schema.new_message("SSESpecification", enable=True)), no("server-side encryption")),
    "a key that counts": (numbered(), no("auto-increment primary key column")),
    "update_full_row": (created(update_full_row=True), no("update_full_row")),
    "no time to live": (created(time_to_live=None), bad("Time-to-live is missing while creating table.")),
    "no number of versions": (created(max_versions=None), bad("MaxVersions is missing while creating table.")),
    "no options": (
        created(time_to_live=None, max_versions=None), bad("Time-to-live is missing while creating table.")),
    "a time to live of 0": (created(time_to_live=0), bad("TimeToLive cannot be 0 or less than -1.")),
    "a time to live of -2": (created(time_to_live=-2), bad("TimeToLive cannot be 0 or less than -1.")),
    "a time to live of less than a day": (
        created(time_to_live=86399), bad("TimeToLive cannot be less than 86400.")),
    "0 versions": (created(max_versions=0), NOT_POSITIVE),
    "a deviation of 0": (
        created(deviation_cell_version_in_sec=0),
        bad("The deviation of cell versions must be in range: [1, 9223372036854775807].")),
    "a name twice in the key": (
        create((("k", STRING), ("l", STRING), ("k", INTEGER))), bad("Duplicated primary key name: 'k'.")),
    "5 key columns": (create([(each, STRING) for each in "klmop"]), KEY_COUNT),
    "no key columns": (create(()), KEY_COUNT),
    "a boolean in the key": (
        create((("k", BOOLEAN),)), bad("BOOLEAN is an invalid type for the primary key column 'k'.")),
    "a wrong table name": (create(name="bad-name"), bad("Invalid table name: 'bad-name'.")),
    "a table name that begins with a digit": (create(name="1x"), bad("Invalid table name: '1x'.")),
    "an empty table name": (create(name=""), bad("Invalid table name: ''.")),
    "a table name that is too long": (create(name="x" * 256), bad(f"Invalid table name: '{'x' * 256}'.")),
    "a table name that is no UTF-8": (create(name=NOT_UTF8), UNREADABLE),
    "a wrong key column name": (create((("k-k", STRING),)), bad("Invalid column name: 'k-k'.")),
    "a key column name that is no UTF-8": (create(((NOT_UTF8, STRING),)), UNREADABLE),
    "a wrong defined column name": (create(defined=(("#n", INTEGER),)), bad("Invalid column name: '#n'.")),
    "a defined column name that is no UTF-8": (create(defined=((NOT_UTF8, INTEGER),)), UNREADABLE),
    "a defined column that is a key column": (
        create(defined=(("k", STRING_COLUMN),)), bad("Duplicated column name: 'k'.")),
    "a defined column twice": (
        create(defined=(("n", INTEGER), ("n", INTEGER))), bad("Duplicated column name: 'n'.")),
    "33 defined columns": (
        create(defined=[(f"n{n}", INTEGER) for n in range(33)]),
        bad("The number of defined columns must be in range: [0, 32].")),
    "a table that is there": (create(name="plain"), EXISTS),
    "a name that an index has": (create(name="session_by_time"), EXISTS),
    "an index with its table's name": (created(index("new", ["k", "n"])), EXISTS),
    "an index twice": (created(index("i", ["k", "n"]), index("i", ["k", "l"])), EXISTS),
    "an index of another table's index's name": (created(index("session_by_time", ["k", "n"])), EXISTS),
    "6 indexes": (created(*(index(f"i{n}", ["k", "n"]) for n in range(6))), INDEX_COUNT),
    "an index on an undefined column": (
        created(index("i", ["k", "z"])), bad("Index 'i' uses column 'z', which the table does not define.")),
    "an index that carries an undefined column": (
        created(index("i", ["k", "n"], ["z"])), bad("Index 'i' uses column 'z', which the table does not define.")),
    "an index on a double": (
        created(index("i", ["k", "x"])), bad("DOUBLE is an invalid type for the primary key column 'x'.")),
    "an index with a column twice": (
        created(index("i", ["k", "n", "n"])), bad("Duplicated primary key name: 'n'.")),
    "an index that carries its key": (
        created(index("i", ["k", "n"], ["n"])), bad("Index 'i' carries column 'n', which is in its key.")),
    "an index that carries a column twice": (
        created(index("i", ["k", "n"], ["x", "x"])), bad("Duplicated column name: 'x'.")),
    "a local index that begins elsewhere": (
        created(index("i", ["n", "k"])), bad("Local index 'i' must begin with primary key column 'k'.")),
    "a wrong index name": (created(index("i-i", ["k", "n"])), bad("Invalid index name: 'i-i'.")),
    "an index name that is no UTF-8": (created(index(NOT_UTF8, ["k", "n"])), UNREADABLE),
    "an index on a column that is no UTF-8": (created(index("i", ["k", NOT_UTF8])), UNREADABLE),
    "an index that carries a column that is no UTF-8": (created(index("i", ["k", "n"], [NOT_UTF8])), UNREADABLE),
    "an index beside a time to live": (created(index("i", ["k", "n"]), time_to_live=86400), WITH_TTL),
    "an index beside 2 versions": (created(index("i", ["k", "n"]), max_versions=2), WITH_VERSIONS),
}  # fmt: skip
"""By what is wrong: the body, and what is said of it."""


def update(name: str = "session", stream: bool | None = None, **options: Any) -> bytes:
    """The body of UpdateTable."""
    more = {} if stream is None else {"stream_spec": schema.new_message("StreamSpecification", enable_stream=stream)}
    return body("UpdateTable", table_name=name, table_options=schema.new_message("TableOptions", **options), **more)


def add_index(table: str, meta: Any) -> bytes:
    """The body of CreateIndex."""
    return body("CreateIndex", main_table_name=table, index_meta=meta, include_base_data=True)


def drop_index(table: str, name: str) -> bytes:
    """The body of DropIndex."""
    return body("DropIndex", main_table_name=table, index_name=name)


def define(table: str, *columns: tuple[str, int]) -> bytes:
    """The body of AddDefinedColumn."""
    metas = [schema.new_message("DefinedColumnSchema", name=name, type=kind) for name, kind in columns]
    return body("AddDefinedColumn", table_name=table, columns=metas)


def undefine(table: str, *columns: str) -> bytes:
    """The body of DeleteDefinedColumn."""
    return body("DeleteDefinedColumn", table_name=table, columns=columns)


FULL_ROW = bad("Table options must not contain updateFullRow.")
NO_INDEX = ("OTSObjectNotExist", "Requested index 'none' does not exist.")
UNDEFINED = bad("Index 'i' uses column 'z', which the table does not define.")
USED = bad("Defined column 'update_time' is used by index 'session_by_time'.")
OTHERS: dict[tuple[str, str], tuple[bytes, Refusal]] = {
    ("UpdateTable", "a stream"): (update(stream=True), no("stream")),
    ("UpdateTable", "update_full_row"): (update(update_full_row=True), FULL_ROW),
    ("UpdateTable", "update_full_row that is off"): (update(update_full_row=False), FULL_ROW),
    ("UpdateTable", "a missing table"): (update("none", max_versions=1), NO_TABLE),
    ("UpdateTable", "an index"): (update("session_by_time", max_versions=1), TO_INDEX),
    ("UpdateTable", "a name that is no UTF-8"): (update(NOT_UTF8, max_versions=1), UNREADABLE),
    ("UpdateTable", "0 versions"): (update("plain", max_versions=0), NOT_POSITIVE),
    ("UpdateTable", "2 versions beside an index"): (update(max_versions=2), WITH_VERSIONS),
    ("UpdateTable", "2 versions beside a search index"): (update("plain", max_versions=2), WITH_VERSIONS),
    ("UpdateTable", "a time to live beside an index"): (update(time_to_live=86400), WITH_TTL),
    ("UpdateTable", "a time to live beside a search index"): (update("plain", time_to_live=86400), WITH_TTL),
    ("UpdateTable", "a time to live of 1"): (
        update("versioned", time_to_live=1), bad("TimeToLive cannot be less than 86400.")),
    ("DeleteTable", "a search index on it"): (
        body("DeleteTable", table_name="plain"),
        bad("Table[plain] who has at least one search index cannot be deleted")),
    ("DeleteTable", "a missing table"): (body("DeleteTable", table_name="none"), NO_TABLE),
    ("DeleteTable", "an index"): (body("DeleteTable", table_name="session_by_time"), TO_INDEX),
    ("DeleteTable", "a name that is no UTF-8"): (body("DeleteTable", table_name=NOT_UTF8), UNREADABLE),
    ("DescribeTable", "a missing table"): (body("DescribeTable", table_name="none"), NO_TABLE),
    ("DescribeTable", "a name that is no UTF-8"): (body("DescribeTable", table_name=NOT_UTF8), UNREADABLE),
    ("CreateIndex", "a missing table"): (add_index("none", index("i", ["k"])), NO_TABLE),
    ("CreateIndex", "an index as its table"): (add_index("session_by_time", index("i", ["user_id"])), NO_TABLE),
    ("CreateIndex", "a name that is there"): (add_index("session", index("plain", ["user_id"])), EXISTS),
    ("CreateIndex", "an undefined column"): (add_index("session", index("i", ["user_id", "z"])), UNDEFINED),
    ("CreateIndex", "a wrong name"): (
        add_index("session", index("i-i", ["user_id"])), bad("Invalid index name: 'i-i'.")),
    ("CreateIndex", "a table of several versions"): (add_index("versioned", index("i", ["k"])), WITH_VERSIONS),
    ("CreateIndex", "a table that is no UTF-8"): (add_index(NOT_UTF8, index("i", ["k"])), UNREADABLE),
    ("CreateIndex", "a name that is no UTF-8"): (add_index("session", index(NOT_UTF8, ["user_id"])), UNREADABLE),
    ("DropIndex", "a missing index"): (drop_index("session", "none"), NO_INDEX),
    ("DropIndex", "another table's index"): (
        drop_index("plain", "session_by_time"),
        ("OTSObjectNotExist", "Requested index 'session_by_time' does not exist.")),
    ("DropIndex", "a missing table"): (drop_index("none", "session_by_time"), NO_TABLE),
    ("DropIndex", "a table that is no UTF-8"): (drop_index(NOT_UTF8, "none"), UNREADABLE),
    ("DropIndex", "a name that is no UTF-8"): (drop_index("session", NOT_UTF8), UNREADABLE),
    ("AddDefinedColumn", "a missing table"): (define("none", ("n", INTEGER)), NO_TABLE),
    ("AddDefinedColumn", "another type"): (
        define("session", ("update_time", STRING_COLUMN)),
        bad("Defined column 'update_time' is of type INTEGER, not STRING.")),
    ("AddDefinedColumn", "a key column"): (
        define("session", ("user_id", STRING_COLUMN)), bad("Duplicated column name: 'user_id'.")),
    ("AddDefinedColumn", "a wrong name"): (define("session", ("#n", INTEGER)), bad("Invalid column name: '#n'.")),
    ("AddDefinedColumn", "33 in all"): (
        define("session", *((f"n{n}", INTEGER) for n in range(32))),
        bad("The number of defined columns must be in range: [0, 32].")),
    ("AddDefinedColumn", "a table that is no UTF-8"): (define(NOT_UTF8, ("n", INTEGER)), UNREADABLE),
    ("AddDefinedColumn", "a name that is no UTF-8"): (define("session", (NOT_UTF8, INTEGER)), UNREADABLE),
    ("DeleteDefinedColumn", "a missing table"): (undefine("none", "n"), NO_TABLE),
    ("DeleteDefinedColumn", "a missing column"): (
        undefine("session", "none"), bad("Defined column 'none' does not exist.")),
    ("DeleteDefinedColumn", "one that an index uses"): (undefine("session", "update_time"), USED),
    ("DeleteDefinedColumn", "a table that is no UTF-8"): (undefine(NOT_UTF8, "n"), UNREADABLE),
    ("DeleteDefinedColumn", "a name that is no UTF-8"): (undefine("session", NOT_UTF8), UNREADABLE),
    ("ListTable", "garbage"): (b"\xff\xff\xff", UNREADABLE),
    ("GetStreamRecord", "an action that is not here"): (b"", no("GetStreamRecord")),
}  # fmt: skip
"""By action and what is wrong: the body, and what is said of it."""
ACTIONS = sorted({action for action, _ in OTHERS} - {"GetStreamRecord"})


@pytest.mark.parametrize("name", CREATIONS)
def test_a_wrong_table_is_refused(wire: Wire, name: str) -> None:
    """Nothing of it is made, and what cannot be had is never passed over."""
    data, refusal = CREATIONS[name]

    assert refusal == wire.refused("CreateTable", data)


@pytest.mark.parametrize(("action", "name"), OTHERS)
def test_a_wrong_change_of_a_table_is_refused(wire: Wire, action: str, name: str) -> None:
    """Nothing of it is changed."""
    wire.engine.create_search_index(SearchIndexSchema("plain", "search", (("c", FieldType("KEYWORD")),)))
    data, refusal = OTHERS[action, name]

    assert refusal == wire.refused(action, data)


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_no_message_is_refused(wire: Wire, action: str) -> None:
    """Bytes that are no protobuf, and a message without what it must have."""
    assert UNREADABLE == wire.refused(action, b"\xff")
    if action != "ListTable":
        assert UNREADABLE == wire.refused(action, b"")


def test_a_sixth_index_is_refused(wire: Wire) -> None:
    """A table has five secondary indexes at most, also where they come one by one."""
    for n in range(4):
        wire.answer("CreateIndex", add_index("session", index(f"i{n}", ["user_id", "update_time"])))

    assert INDEX_COUNT == wire.refused("CreateIndex", add_index("session", index("i4", ["user_id"])))


def test_what_is_off_is_taken(wire: Wire) -> None:
    """A stream, encryption or full rows that are said to be off are as nothing said."""
    off = schema.new_message("StreamSpecification", enable_stream=False)
    wire.answer(
        "CreateTable",
        create(stream_spec=off, sse_spec=schema.new_message("SSESpecification", enable=False),
               options={"update_full_row": False}),
    )  # fmt: skip
    wire.answer("UpdateTable", update("new", stream=False, max_versions=2))

    assert 2 == wire.ask("DescribeTable", table_name="new").table_options.max_versions


def test_a_table_is_described_as_it_was_made(wire: Wire) -> None:
    """Key, defined columns of every type, options, indexes of both kinds, and what the service adds."""
    key = (("k", STRING), ("l", INTEGER), ("m", BINARY))
    defined = (("n", 1), ("x", 2), ("y", 3), ("z", 4), ("b", 7))
    options = {"deviation_cell_version_in_sec": 7, "allow_update": False, "time_to_live": 90000}
    indexes = index("near", ["k", "n"], ["x", "y"]), index("far", ["z", "k"], [], GLOBAL)
    assert ("new", 0) == wire.answer("CreateTable", create(key, defined, *indexes, options=options))[1:]
    found = wire.ask("DescribeTable", table_name="new")

    assert key == tuple((each.name, each.type) for each in found.table_meta.primary_key)
    assert defined == tuple((each.name, each.type) for each in found.table_meta.defined_column)
    assert schema.new_message("TableOptions", max_versions=1, **options) == found.table_options
    assert (1, False) == (found.table_status, found.stream_details.enable_stream)
    assert (0, 0) == (
        found.reserved_throughput_details.capacity_unit.read,
        found.reserved_throughput_details.capacity_unit.write,
    )
    assert [("near", LOCAL, 1, 2, ["x", "y"]), ("far", GLOBAL, 0, 2, [])] == [
        (each.name, each.index_type, each.index_update_mode, each.index_sync_phase, list(each.defined_column))
        for each in found.index_metas
    ]
    assert [["k", "n"], ["z", "k"]] == [list(each.primary_key)[:2] for each in found.index_metas]


def test_options_that_are_not_said_are_the_services(wire: Wire) -> None:
    """A deviation of a day, and updates allowed; a change of one option leaves the others."""
    wire.answer("CreateTable", create())
    wanted = {"time_to_live": -1, "max_versions": 1, "deviation_cell_version_in_sec": 86400, "allow_update": True}
    assert schema.new_message("TableOptions", **wanted) == wire.ask("DescribeTable", table_name="new").table_options

    changes: list[dict[str, Any]] = [
        {"deviation_cell_version_in_sec": 5}, {"allow_update": False}, {"max_versions": 3}, {"time_to_live": 86400},
    ]  # fmt: skip
    for changed in changes:
        answer = schema.parse_message("UpdateTableResponse", wire.answer("UpdateTable", update("new", **changed)).body)
        wanted.update(changed)
        assert schema.new_message("TableOptions", **wanted) == answer.table_options
        assert answer.table_options == wire.ask("DescribeTable", table_name="new").table_options


def test_indexes_and_columns_come_and_go(wire: Wire) -> None:
    """CreateIndex and DropIndex of both kinds, with rows that are there or without; defined columns added and taken."""
    wire.answer("AddDefinedColumn", define("plain", ("c", INTEGER), ("d", STRING_COLUMN)))
    wire.answer("CreateIndex", add_index("plain", index("far", ["c"], [], GLOBAL)))
    late = body("CreateIndex", main_table_name="plain", index_meta=index("late", ["k", "c"]), include_base_data=False)
    assert ("plain", 0) == wire.answer("CreateIndex", late)[1:]
    state: Any = wire.state()
    assert ([(1, "a")], []) == ([each.key for each in state["far"][1]], state["late"][1])
    kinds = [each.index_type for each in wire.ask("DescribeTable", table_name="plain").index_metas]
    assert [GLOBAL, LOCAL] == kinds

    names = ["far", "late", "plain", "session", "session_by_time", "versioned"]
    answer = wire.answer("ListTable", b"")
    assert (names, 6) == (list(schema.parse_message("ListTableResponse", answer.body).table_names), answer.rows)
    for name in ("far", "late"):
        wire.answer("DropIndex", drop_index("plain", name))
    wire.answer("DeleteDefinedColumn", undefine("plain", "c"))
    found = wire.ask("DescribeTable", table_name="plain")
    assert ([], ["d"]) == (list(found.index_metas), [each.name for each in found.table_meta.defined_column])
    assert ("plain", 0) == wire.answer("DeleteTable", body("DeleteTable", table_name="plain"))[1:]
    assert ["session", "session_by_time", "versioned"] == wire.engine.list_tables()
