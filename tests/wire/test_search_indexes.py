"""Search indexes as they are described: those that the wire made with all their options, those that the port made, and
what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import ManualClock
from tests.wire.raw_bodies import (
    INVALID,
    NO_TABLE,
    NOT_UTF8,
    NOW_MS,
    UNREADABLE,
    Refusal,
    Wire,
    body,
    instance,
)
from tsmem.adapters.local import LocalClient
from tsmem.engine.full_requests import TableOptions
from tsmem.engine.requests import BatchWriteRow
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType, Put, TableRef
from tsmem.server import schema
from tsmem.server.row_reader import read_row

LONG, DOUBLE, BOOLEAN, KEYWORD, TEXT, NESTED, GEO_POINT, DATE, VECTOR, IP = 1, 2, 3, 4, 5, 6, 7, 8, 9, 11
MISSING = ("OTSObjectNotExist", "search index [none] does not exist")
FUZZY = schema.make("FuzzyAnalyzerParameter", min_chars=2, max_chars=5).SerializeToString()


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A dispatcher in front of three tables."""
    with instance() as made:
        yield made


def field(name: str = "c", kind: int | None = KEYWORD, **more: Any) -> Any:
    """One field."""
    given = {} if kind is None else {"field_type": kind}
    return schema.make("FieldSchema", field_name=name, **given, **more)


def create(*fields: Any, table: str = "plain", name: str = "i", **more: Any) -> bytes:
    """The body of CreateSearchIndex."""
    time_to_live = {"time_to_live": more.pop("time_to_live")} if "time_to_live" in more else {}
    described = schema.make("IndexSchema", field_schemas=fields, **more)
    return body("CreateSearchIndex", table_name=table, index_name=name, schema=described, **time_to_live)


def named(action: str, table: str, name: str) -> bytes:
    """The body of an action on one search index."""
    return body(action, table_name=table, index_name=name)


def by(name: str | None) -> Any:
    """A sort by a field, or by score."""
    sort = schema.make("Sort")
    if name is None:
        sort.sorter.add().score_sort.order = 1
    else:
        sort.sorter.add().field_sort.field_name = name
    return sort


def describe(wire: Wire, name: str = "i") -> Any:
    """A search index of `plain`."""
    return wire.ask("DescribeSearchIndex", table_name="plain", index_name=name)


CREATE, DESCRIBE, DELETE, LIST = "CreateSearchIndex", "DescribeSearchIndex", "DeleteSearchIndex", "ListSearchIndex"
BAD_CREATIONS: dict[bytes, str] = {
    create(field(), field("d", None)): "The type of field 'd' is missing.",
    create(field("d")).replace(b"\x0a\x01d\x10\x04", b"\x0a\x01d\x10\x63"): "The type of field 'd' is missing.",
    create(field(), field("d"), field("c", LONG)): "Duplicated field name in the search index.",
    create(): "The number of fields must be in range: [1, 1000].",
    create(field("#c")): "Invalid field name: '#c'.",
    create(field(), name="i-i"): "Invalid index name: 'i-i'.",
    create(field(), table="versioned"): "Max versions of a table with a search index must be 1.",
    create(field("c", KEYWORD, analyzer="fuzzy")): "field: c of type KEYWORD cannot have an analyzer",
    create(field("c", TEXT, analyzer="clever")): "Unsupported operation: 'analyzer clever of field c'.",
    create(field("k", LONG)): "field: k of type LONG cannot hold the primary key column of type STRING",
    create(field(), index_sort=by("d")): "field: d does not exist",
    create(field("c", TEXT), index_sort=by("c")): "field: c of type TEXT cannot be sorted by",
    create(field(), index_sort=by(None)): "A search index cannot be sorted by score.",
}
THERE = ("OTSObjectNotExist", "search index [there] does not exist")
CASES: list[tuple[str, bytes, Refusal]] = [
    *((CREATE, data, (INVALID, said)) for data, said in BAD_CREATIONS.items()),
    *((CREATE, data, UNREADABLE) for data in (
        b"\xff", b"", create(field(NOT_UTF8)), create(field(NOT_UTF8, None)), create(field(), name=NOT_UTF8),
        create(field("c", TEXT, analyzer=NOT_UTF8)), create(field(), table=NOT_UTF8),
        create(field("c", TEXT, analyzer="fuzzy", analyzer_parameter=b"\xff")),
    )),
    (CREATE, create(field(), table="none"), NO_TABLE),
    (CREATE, create(field(), table="session_by_time"), NO_TABLE),
    (CREATE, create(field(), name="there"), ("OTSObjectAlreadyExist", "search index [there] already exists")),
    (DESCRIBE, named(DESCRIBE, "session", "there"), THERE),
    *((action, named(action, "plain", "none"), MISSING) for action in (DESCRIBE, DELETE)),
    *((action, named(action, "none", "there"), NO_TABLE) for action in (DESCRIBE, DELETE)),
    *((action, named(action, *names), UNREADABLE)
      for action in (DESCRIBE, DELETE) for names in ((NOT_UTF8, "there"), ("plain", NOT_UTF8))),
    *((action, b"\xff", UNREADABLE) for action in (DESCRIBE, DELETE, LIST)),
    (LIST, body(LIST, table_name="none"), NO_TABLE),
    (LIST, body(LIST, table_name=NOT_UTF8), UNREADABLE),
]  # fmt: skip


@pytest.mark.parametrize(("action", "data", "refusal"), CASES)
def test_a_wrong_request_is_refused(wire: Wire, action: str, data: bytes, refusal: Refusal) -> None:
    wire.answer(CREATE, create(field(), name="there"))

    assert refusal == wire.refused(action, data)


TOO_LONG_A_LIFE = "The time to live of a search index cannot be longer than that of its table."
NOT_ALIVE = "TimeToLive cannot be 0 or less than -1."
UPDATES = "Don't support allow update operation on table with index and ttl"


@pytest.mark.parametrize(
    ("of_table", "updates", "of_index", "said"),
    [
        (-1, True, 10, UPDATES), (-1, True, 0, NOT_ALIVE), (-1, True, -5, NOT_ALIVE), (-1, True, -1, None),
        (-1, False, 10, None), (-1, False, 0, NOT_ALIVE), (86400, False, 86400, None), (86400, False, -1, None),
        (86400, False, 86401, TOO_LONG_A_LIFE), (-1, False, 2**31 - 1, None),
    ],
)  # fmt: skip
def test_rows_of_an_index_live_no_longer_than_those_of_its_table(
    wire: Wire, of_table: int, updates: bool, of_index: int, said: str | None
) -> None:
    """For ever, or some seconds where rows are never updated."""
    wire.engine.update_table("plain", TableOptions(time_to_live_s=of_table, allow_update=updates))
    request = create(field(), time_to_live=of_index)

    if said is None:
        wire.answer("CreateSearchIndex", request)
        assert of_index == describe(wire).time_to_live
    else:
        assert (INVALID, said) == wire.refused("CreateSearchIndex", request)


@pytest.mark.parametrize(
    ("shortest", "longest", "is_right"),
    [
        (1, 7, True), (2, 8, True), (3, 3, True), (None, 7, True), (5, None, True), (None, None, True),
        (1, 8, False), (None, 8, False), (3, 2, False), (0, 3, False), (-1, 3, False), (-3, -2, False),
        (None, 0, False), (0, None, False), (2**31 - 1, 2**31 - 1, True), (-(2**31), 2**31 - 1, False),
    ],
)  # fmt: skip
def test_parts_of_a_fuzzy_field_have_bounds(
    wire: Wire, shortest: int | None, longest: int | None, is_right: bool
) -> None:
    given = {name: value for name, value in (("min_chars", shortest), ("max_chars", longest)) if value is not None}
    parameter = schema.make("FuzzyAnalyzerParameter", **given).SerializeToString()
    request = create(field("c", TEXT, analyzer="fuzzy", analyzer_parameter=parameter))

    if is_right:
        wire.answer("CreateSearchIndex", request)
    else:
        code, text = wire.refused("CreateSearchIndex", request)
        assert (INVALID, True) == (code, text.startswith("field: c cannot be cut into "))


def test_key_columns_are_fields_of_types_that_hold_them(wire: Wire) -> None:
    """A text is text, a date, a place or an address; a number is a number or a date, and bytes are a vector."""
    key = tuple(zip("sib", (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY), strict=True))
    wire.engine.create_table(TableSchema("keyed", key))

    def fits(name: str, kind: int) -> bool:
        try:
            wire.answer("CreateSearchIndex", create(field(name, kind), table="keyed", name=f"{name}{kind}"))
        except InvalidInput:
            return False
        return True

    kinds = range(1, 14)
    assert {KEYWORD, TEXT, GEO_POINT, DATE, IP} == {kind for kind in kinds if fits("s", kind)}
    assert {LONG, DATE} == {kind for kind in kinds if fits("i", kind)}
    assert {VECTOR} == {kind for kind in kinds if fits("b", kind)}


def test_an_index_is_sorted_by_fields_that_it_has(wire: Wire) -> None:
    puts = [Put(TableRef("plain", ("k",)), (key,), {"c": number}) for key, number in (("a", 2), ("b", 1), ("d", 3))]
    wire.engine.write_rows(BatchWriteRow(puts))
    wire.answer("CreateSearchIndex", create(field("c", LONG), index_sort=by("c")))
    query = schema.make("SearchQuery", query=schema.make("Query", type=11, query=b"")).SerializeToString()
    found = wire.ask("Search", table_name="plain", index_name="i", search_query=query)

    assert [("b",), ("a",), ("d",)] == [read_row(row).key for row in found.rows]


def test_every_option_of_a_field_is_kept(wire: Wire) -> None:
    off = {"index": False, "store": False, "enable_sort_and_agg": False, "is_array": True}
    on = {"index": True, "store": True, "enable_sort_and_agg": True, "is_array": False}
    wire.engine.update_table("plain", TableOptions(allow_update=False))
    fields = [
        field("a", KEYWORD, is_virtual_field=True, source_field_names=["x", "y"], **off),
        field("b", TEXT, analyzer="fuzzy", analyzer_parameter=FUZZY, enable_highlighting=True, **off),
        field("d", DATE, date_formats=["yyyy-MM-dd", "epoch_millis"], **on),
        field("n", NESTED, field_schemas=[field("inner", LONG, **on)], **off),
        field("t", TEXT, analyzer="max_word", **on),
    ]
    sort = schema.make("Sort")
    sort.sorter.add().pk_sort.order = 1
    setting = schema.make("IndexSetting", routing_fields=["k"], routing_partition_size=3, number_of_shards=2)
    request = create(*fields, index_setting=setting, index_sort=sort, time_to_live=86400)
    assert ("plain", 0) == wire.answer("CreateSearchIndex", request)[1:]
    found = describe(wire)

    assert fields == list(found.schema.field_schemas)
    assert (setting, sort, 86400) == (found.schema.index_setting, found.schema.index_sort, found.time_to_live)


@pytest.mark.parametrize("kind", [LONG, DOUBLE, BOOLEAN, KEYWORD, TEXT, NESTED, DATE, VECTOR, 7, 10, 11, 12, 13])
def test_what_is_not_said_is_filled_in(wire: Wire, kind: int) -> None:
    """A field is indexed and stored, is no array, and sorts where its type can; a text is cut into single words; a
    nested field, for which rows have no one order, leaves the index without a sort."""
    wire.answer("CreateSearchIndex", create(field("c", kind)))
    found = describe(wire)
    sorts = kind not in (TEXT, NESTED)
    wanted = field("c", kind, index=True, store=True, enable_sort_and_agg=sorts, is_array=False)
    if kind == TEXT:
        wanted.analyzer = "single_word"

    assert [wanted] == list(found.schema.field_schemas)
    assert schema.make("IndexSetting", routing_partition_size=1) == found.schema.index_setting
    assert ([0] if kind != NESTED else []) == [each.pk_sort.order for each in found.schema.index_sort.sorter]
    assert (NOW_MS // 1000, -1, 3) == (found.create_time, found.time_to_live, found.index_status.status)
    assert (2, NOW_MS * 1_000_000) == (found.sync_stat.sync_phase, found.sync_stat.current_sync_timestamp)


def test_the_time_of_the_index_ends_with_its_64_bits(wire: Wire) -> None:
    wire.answer("CreateSearchIndex", create(field("c", KEYWORD)))
    assert isinstance(wire.clock, ManualClock)
    wire.clock.time_us = 2**63 // 1000 + 1

    assert 2**63 - 1 == describe(wire).sync_stat.current_sync_timestamp


SCHEMA = SearchIndexSchema("plain", "i", (
    ("a", FieldType("KEYWORD")), ("b", FieldType("LONG")), ("c", FieldType("TEXT", "max_word")),
    ("d", FieldType("TEXT", "fuzzy", 2, 5)), ("e", FieldType("DOUBLE")), ("f", FieldType("BOOLEAN")),
    ("g", FieldType("TEXT", "fuzzy", 2)), ("h", FieldType("TEXT", "fuzzy", None, 5)),
    ("i", FieldType("TEXT", "fuzzy")), ("j", FieldType("TEXT", "single_word")),
))  # fmt: skip


def test_an_index_that_the_port_made_is_described(wire: Wire) -> None:
    wire.engine.create_search_index(SCHEMA)
    found = describe(wire)
    short, long = (
        schema.make("FuzzyAnalyzerParameter", **{name: value}).SerializeToString()
        for name, value in (("min_chars", 2), ("max_chars", 5))
    )

    assert [
        ("a", KEYWORD, "", b"", True), ("b", LONG, "", b"", True), ("c", TEXT, "max_word", b"", False),
        ("d", TEXT, "fuzzy", FUZZY, False), ("e", DOUBLE, "", b"", True), ("f", BOOLEAN, "", b"", True),
        ("g", TEXT, "fuzzy", short, False), ("h", TEXT, "fuzzy", long, False), ("i", TEXT, "fuzzy", b"", False),
        ("j", TEXT, "single_word", b"", False),
    ] == [
        (each.field_name, each.field_type, each.analyzer, each.analyzer_parameter, each.enable_sort_and_agg)
        for each in found.schema.field_schemas
    ]  # fmt: skip
    assert {(True, True, False)} == {(each.index, each.store, each.is_array) for each in found.schema.field_schemas}
    assert (-1, 1, 1) == (
        found.time_to_live, found.schema.index_setting.routing_partition_size, len(found.schema.index_sort.sorter),
    )  # fmt: skip


def test_an_index_that_the_wire_made_is_the_ports(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with instance(path) as made:
        made.engine.create_search_index(SCHEMA)
        described = describe(made).schema
        fields = [*described.field_schemas, field("t", TEXT), field("u", TEXT, analyzer="split"),
                  field("v", TEXT, analyzer="max_word", analyzer_parameter=FUZZY),
                  field("w", KEYWORD), field("x", NESTED)]  # fmt: skip
        made.answer("CreateSearchIndex", create(*fields, name="j"))
        client = LocalClient(path, made.clock)
        try:
            found = client.describe_search_index("plain", "j")
        finally:
            client.close()

    more = (
        ("t", FieldType("TEXT", "single_word")),
        ("u", FieldType("TEXT", "split")),
        ("v", FieldType("TEXT", "max_word")),
        ("w", FieldType("KEYWORD")),
        ("x", FieldType("NESTED")),
    )
    assert SearchIndexSchema("plain", "j", (*SCHEMA.fields, *more)) == found


def test_indexes_are_listed_and_deleted(wire: Wire) -> None:
    for table, name in (("session", "s"), ("plain", "b"), ("plain", "a")):
        wire.answer("CreateSearchIndex", create(field(), table=table, name=name))

    def listed(**fields: str) -> list[tuple[str, str]]:
        answer = wire.answer("ListSearchIndex", body("ListSearchIndex", **fields))
        found = schema.parse("ListSearchIndexResponse", answer.body).indices
        assert (fields.get("table_name", ""), len(found)) == answer[1:]
        return [(each.table_name, each.index_name) for each in found]

    assert [("plain", "a"), ("plain", "b"), ("session", "s")] == listed()
    assert [("plain", "a"), ("plain", "b")] == listed(table_name="plain")
    assert [] == listed(table_name="versioned")
    assert ("plain", 0) == wire.answer(DELETE, named(DELETE, "plain", "a"))[1:]
    assert [("plain", "b")] == listed(table_name="plain")
    assert ("plain", 0) == wire.answer(DESCRIBE, named(DESCRIBE, "plain", "b"))[1:]
