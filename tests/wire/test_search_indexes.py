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

LONG, DOUBLE, BOOLEAN, KEYWORD, TEXT, NESTED, DATE, VECTOR = 1, 2, 3, 4, 5, 6, 8, 9
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


DESCRIBE, DELETE = "DescribeSearchIndex", "DeleteSearchIndex"
CASES: dict[str, tuple[str, bytes, Refusal]] = {
    "no message": ("CreateSearchIndex", b"\xff", UNREADABLE),
    "nothing": ("CreateSearchIndex", b"", UNREADABLE),
    "a field without a type": ("CreateSearchIndex", create(field(), field("d", None)),
                               (INVALID, "The type of field 'd' is missing.")),
    "a field of an unknown type": (
        "CreateSearchIndex",
        create(field("d", KEYWORD)).replace(b"\x0a\x01d\x10\x04", b"\x0a\x01d\x10\x63"),
        (INVALID, "The type of field 'd' is missing.")),
    "a field twice": ("CreateSearchIndex", create(field(), field("d"), field("c", LONG)),
                      (INVALID, "Duplicated field name in the search index.")),
    "no fields": ("CreateSearchIndex", create(), (INVALID, "The number of fields must be in range: [1, 1000].")),
    "a wrong field name": ("CreateSearchIndex", create(field("#c")), (INVALID, "Invalid field name: '#c'.")),
    "a field name that is no UTF-8": ("CreateSearchIndex", create(field(NOT_UTF8)), UNREADABLE),
    "an untyped field whose name is no UTF-8": ("CreateSearchIndex", create(field(NOT_UTF8, None)), UNREADABLE),
    "an analyzer that is no UTF-8": (
        "CreateSearchIndex", create(field("c", TEXT, analyzer=NOT_UTF8)), UNREADABLE),
    "parameters of an analyzer that are none": (
        "CreateSearchIndex", create(field("c", TEXT, analyzer="fuzzy", analyzer_parameter=b"\xff")), UNREADABLE),
    "a wrong index name": ("CreateSearchIndex", create(field(), name="i-i"), (INVALID, "Invalid index name: 'i-i'.")),
    "an index name that is no UTF-8": ("CreateSearchIndex", create(field(), name=NOT_UTF8), UNREADABLE),
    "a table that is no UTF-8": ("CreateSearchIndex", create(field(), table=NOT_UTF8), UNREADABLE),
    "a missing table": ("CreateSearchIndex", create(field(), table="none"), NO_TABLE),
    "a secondary index for a table": ("CreateSearchIndex", create(field(), table="session_by_time"), NO_TABLE),
    "a table of several versions": ("CreateSearchIndex", create(field(), table="versioned"),
                                    (INVALID, "Max versions of a table with a search index must be 1.")),
    "an analyzer of a field that is no text": (
        "CreateSearchIndex", create(field("c", KEYWORD, analyzer="fuzzy")),
        (INVALID, "field: c of type KEYWORD cannot have an analyzer")),
    "an unknown analyzer": (
        "CreateSearchIndex", create(field("c", TEXT, analyzer="clever")),
        (INVALID, "Unsupported operation: 'analyzer clever of field c'.")),
    "a key column in a number": (
        "CreateSearchIndex", create(field("k", LONG)),
        (INVALID, "field: k of type LONG cannot hold the primary key column of type STRING")),
    "a sort by a field that is not there": (
        "CreateSearchIndex", create(field(), index_sort=by("d")), (INVALID, "field: d does not exist")),
    "a sort by a text": (
        "CreateSearchIndex", create(field("c", TEXT), index_sort=by("c")),
        (INVALID, "field: c of type TEXT cannot be sorted by")),
    "a sort by score": (
        "CreateSearchIndex", create(field(), index_sort=by(None)),
        (INVALID, "A search index cannot be sorted by score.")),
    "an index that is there": ("CreateSearchIndex", create(field(), name="there"),
                               ("OTSObjectAlreadyExist", "search index [there] already exists")),
    "describing a missing index": (DESCRIBE, named(DESCRIBE, "plain", "none"), MISSING),
    "describing another table's index": (DESCRIBE, named(DESCRIBE, "session", "there"),
                                         ("OTSObjectNotExist", "search index [there] does not exist")),
    "describing an index of a missing table": (DESCRIBE, named(DESCRIBE, "none", "there"), NO_TABLE),
    "describing what is no message": (DESCRIBE, b"\xff", UNREADABLE),
    "describing with a table that is no UTF-8": (DESCRIBE, named(DESCRIBE, NOT_UTF8, "there"), UNREADABLE),
    "describing with a name that is no UTF-8": (DESCRIBE, named(DESCRIBE, "plain", NOT_UTF8), UNREADABLE),
    "deleting a missing index": (DELETE, named(DELETE, "plain", "none"), MISSING),
    "deleting an index of a missing table": (DELETE, named(DELETE, "none", "there"), NO_TABLE),
    "deleting what is no message": (DELETE, b"\xff", UNREADABLE),
    "deleting with a table that is no UTF-8": (DELETE, named(DELETE, NOT_UTF8, "there"), UNREADABLE),
    "deleting with a name that is no UTF-8": (DELETE, named(DELETE, "plain", NOT_UTF8), UNREADABLE),
    "listing those of a missing table": ("ListSearchIndex", body("ListSearchIndex", table_name="none"), NO_TABLE),
    "listing what is no message": ("ListSearchIndex", b"\xff", UNREADABLE),
    "listing with a table that is no UTF-8": (
        "ListSearchIndex", body("ListSearchIndex", table_name=NOT_UTF8), UNREADABLE),
}  # fmt: skip
"""By what is wrong: the action, the body, and what is said of it."""


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_request_is_refused(wire: Wire, name: str) -> None:
    """Nothing is made, deleted or passed over."""
    wire.answer("CreateSearchIndex", create(field(), name="there"))
    action, data, refusal = CASES[name]

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
    """One character at least, the longest no shorter than the shortest and six more at most."""
    given = {name: value for name, value in (("min_chars", shortest), ("max_chars", longest)) if value is not None}
    parameter = schema.make("FuzzyAnalyzerParameter", **given).SerializeToString()
    request = create(field("c", TEXT, analyzer="fuzzy", analyzer_parameter=parameter))

    if is_right:
        wire.answer("CreateSearchIndex", request)
    else:
        code, text = wire.refused("CreateSearchIndex", request)
        assert (INVALID, True) == (code, text.startswith("field: c cannot be cut into "))


def test_key_columns_are_fields_of_types_that_hold_them(wire: Wire) -> None:
    """A text is no number and no boolean, a number is a number or a date, and bytes are a vector at most."""
    key = tuple(zip("sib", (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY), strict=True))
    wire.engine.create_table(TableSchema("keyed", key))

    def fits(name: str, kind: int) -> bool:
        try:
            wire.answer("CreateSearchIndex", create(field(name, kind), table="keyed", name=f"{name}{kind}"))
        except InvalidInput:
            return False
        return True

    kinds = range(1, 14)
    assert {LONG, DOUBLE, BOOLEAN} == {kind for kind in kinds if not fits("s", kind)}
    assert {LONG, DATE} == {kind for kind in kinds if fits("i", kind)}
    assert {VECTOR} == {kind for kind in kinds if fits("b", kind)}


def test_an_index_is_sorted_by_fields_that_it_has(wire: Wire) -> None:
    """What is found stands in that order where a search says none."""
    puts = [Put(TableRef("plain", ("k",)), (key,), {"c": number}) for key, number in (("a", 2), ("b", 1), ("d", 3))]
    wire.engine.write_rows(BatchWriteRow(puts))
    wire.answer("CreateSearchIndex", create(field("c", LONG), index_sort=by("c")))
    query = schema.make("SearchQuery", query=schema.make("Query", type=11, query=b"")).SerializeToString()
    found = wire.ask("Search", table_name="plain", index_name="i", search_query=query)

    assert [("b",), ("a",), ("d",)] == [read_row(row).key for row in found.rows]


def test_every_option_of_a_field_is_kept(wire: Wire) -> None:
    """What was said when the index was made is said again, also what this server makes nothing of."""
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
    """It is in nanoseconds, which end in 2262."""
    wire.answer("CreateSearchIndex", create(field("c", KEYWORD)))
    assert isinstance(wire.clock, ManualClock)
    wire.clock.time_us = 2**63 // 1000 + 1

    assert 2**63 - 1 == describe(wire).sync_stat.current_sync_timestamp


def test_a_sort_that_is_said_stands_alone(wire: Wire) -> None:
    """The service adds its own only where there is none."""
    sort = schema.make("Sort")
    sort.sorter.add().pk_sort.order = 1
    wire.answer("CreateSearchIndex", create(field(), index_sort=sort))

    assert sort == describe(wire).schema.index_sort


SCHEMA = SearchIndexSchema(
    "plain",
    "i",
    (
        ("a", FieldType("KEYWORD")),
        ("b", FieldType("LONG")),
        ("c", FieldType("TEXT", "max_word")),
        ("d", FieldType("TEXT", "fuzzy", 2, 5)),
        ("e", FieldType("DOUBLE")),
        ("f", FieldType("BOOLEAN")),
        ("g", FieldType("TEXT", "fuzzy", 2)),
        ("h", FieldType("TEXT", "fuzzy", None, 5)),
        ("i", FieldType("TEXT", "fuzzy")),
        ("j", FieldType("TEXT", "single_word")),
    ),
)


def test_an_index_that_the_port_made_is_described(wire: Wire) -> None:
    """Types, analyzers and their parameters, with what is filled in for any other."""
    wire.engine.create_search_index(SCHEMA)
    found = describe(wire)
    short, long = (
        schema.make("FuzzyAnalyzerParameter", **{name: value}).SerializeToString()
        for name, value in (("min_chars", 2), ("max_chars", 5))
    )

    assert [
        ("a", KEYWORD, "", b"", True),
        ("b", LONG, "", b"", True),
        ("c", TEXT, "max_word", b"", False),
        ("d", TEXT, "fuzzy", FUZZY, False),
        ("e", DOUBLE, "", b"", True),
        ("f", BOOLEAN, "", b"", True),
        ("g", TEXT, "fuzzy", short, False),
        ("h", TEXT, "fuzzy", long, False),
        ("i", TEXT, "fuzzy", b"", False),
        ("j", TEXT, "single_word", b"", False),
    ] == [
        (each.field_name, each.field_type, each.analyzer, each.analyzer_parameter, each.enable_sort_and_agg)
        for each in found.schema.field_schemas
    ]
    assert {(True, True, False)} == {(each.index, each.store, each.is_array) for each in found.schema.field_schemas}
    assert (-1, 1, 1) == (
        found.time_to_live, found.schema.index_setting.routing_partition_size, len(found.schema.index_sort.sorter),
    )  # fmt: skip


def test_an_index_that_the_wire_made_is_the_ports(tmp_path: Path) -> None:
    """The local adapter describes it with the same types and analyzers, and the parameters of fuzzy ones alone."""
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
    """Of one table, or of all, in order; what is deleted is gone, and its table can be."""
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
