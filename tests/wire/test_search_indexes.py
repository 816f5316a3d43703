"""Search indexes over the wire: how they are described, whoever made them, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clocks import ManualClock
from tests.wire.raw_bodies import INVALID, NO_TABLE, NOT_UTF8, NOW_MS, UNREADABLE, Refusal, Wire, body, instance
from tsmem.engine.definitions import TableOptions
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType
from tsmem.server.wire import schema

LONG, DOUBLE, BOOLEAN, KEYWORD, TEXT, NESTED, GEO_POINT, DATE, VECTOR, IP = 1, 2, 3, 4, 5, 6, 7, 8, 9, 11
MISSING = ("OTSObjectNotExist", "search index [none] does not exist")
FUZZY = schema.new_message("FuzzyAnalyzerParameter", min_chars=2, max_chars=5).SerializeToString()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with instance() as made:
        yield made


def field(name: str = "c", kind: int | None = KEYWORD, **more: Any) -> Any:
    given = {} if kind is None else {"field_type": kind}
    return schema.new_message("FieldSchema", field_name=name, **given, **more)


def create(*fields: Any, table: str = "plain", name: str = "i", **more: Any) -> bytes:
    time_to_live = {"time_to_live": more.pop("time_to_live")} if "time_to_live" in more else {}
    described = schema.new_message("IndexSchema", field_schemas=fields, **more)
    return body("CreateSearchIndex", table_name=table, index_name=name, schema=described, **time_to_live)


def named(action: str, table: str, name: str) -> bytes:
    return body(action, table_name=table, index_name=name)


def by(**sorter: dict[str, Any]) -> Any:
    return schema.new_message("Sort", sorter=[sorter])


def describe(wire: Wire, name: str = "i") -> Any:
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
    create(field(), index_sort=by(field_sort={"field_name": "d"})): "field: d does not exist",
    create(
        field("c", TEXT), index_sort=by(field_sort={"field_name": "c"})
    ): "field: c of type TEXT cannot be sorted by",
    create(field(), index_sort=by(score_sort={"order": 1})): "A search index cannot be sorted by score.",
}
THERE = ("OTSObjectNotExist", "search index [there] does not exist")
CASES: list[tuple[str, bytes, Refusal]] = [
    *((CREATE, data, (INVALID, said)) for data, said in BAD_CREATIONS.items()),
    *((CREATE, data, UNREADABLE) for data in (
        b"\xff", b"", create(field(NOT_UTF8)), create(field(NOT_UTF8, None)), create(field(), name=NOT_UTF8),
        create(field("c", TEXT, analyzer=NOT_UTF8)), create(field(), table=NOT_UTF8),
        create(field("c", TEXT, analyzer="fuzzy", analyzer_parameter=b"\xff")),
    )),
    *((CREATE, create(field(), table=table), NO_TABLE) for table in ("none", "session_by_time")),
    (CREATE, create(field(), name="there"), ("OTSObjectAlreadyExist", "search index [there] already exists")),
    (DESCRIBE, named(DESCRIBE, "session", "there"), THERE),
    *((action, named(action, *names), refusal) for action in (DESCRIBE, DELETE) for names, refusal in (
        (("plain", "none"), MISSING), (("none", "there"), NO_TABLE), ((NOT_UTF8, "there"), UNREADABLE),
        (("plain", NOT_UTF8), UNREADABLE),
    )),
    *((action, b"\xff", UNREADABLE) for action in (DESCRIBE, DELETE, LIST)),
    (LIST, body(LIST, table_name="none"), NO_TABLE), (LIST, body(LIST, table_name=NOT_UTF8), UNREADABLE),
]  # fmt: skip


def test_a_wrong_request_is_refused(wire: Wire) -> None:
    wire.answer(CREATE, create(field(), name="there"))

    assert CASES == [(action, data, wire.refused(action, data)) for action, data, _ in CASES]


def refusal_of(wire: Wire, request: bytes) -> str | None:
    """Create an index and delete it again. Return why not; None if it was made."""
    try:
        wire.answer(CREATE, request)
    except InvalidInput as error:
        return error.message
    wire.engine.delete_search_index("plain", "i")
    return None


def test_rows_of_an_index_live_no_longer_than_those_of_its_table(wire: Wire) -> None:
    """For ever, or some seconds where rows are never updated."""
    too_long = "The time to live of a search index cannot be longer than that of its table."
    not_alive = "TimeToLive cannot be 0 or less than -1."
    updates = "Don't support allow update operation on table with index and ttl"
    cases = [
        (-1, True, 10, updates), (-1, True, 0, not_alive), (-1, True, -5, not_alive), (-1, True, -1, None),
        (-1, False, 10, None), (-1, False, 0, not_alive), (86400, False, 86400, None), (86400, False, -1, None),
        (86400, False, 86401, too_long), (-1, False, 2**31 - 1, None),
    ]  # fmt: skip
    for of_table, allow_update, of_index, said in cases:
        wire.engine.update_table("plain", TableOptions(time_to_live_s=of_table, allow_update=allow_update))
        assert said == refusal_of(wire, create(field(), time_to_live=of_index)), (of_table, allow_update, of_index)


def test_parts_of_a_fuzzy_field_have_bounds(wire: Wire) -> None:
    """From 1 character on, and the longest at most 6 longer than the shortest."""
    right = [(1, 7), (2, 8), (3, 3), (None, 7), (5, None), (None, None), (2**31 - 1, 2**31 - 1)]
    wrong = [(1, 8), (None, 8), (3, 2), (0, 3), (-3, -2), (None, 0), (0, None), (-(2**31), 2**31 - 1)]
    for shortest, longest in right + wrong:
        given = {name: size for name, size in (("min_chars", shortest), ("max_chars", longest)) if size is not None}
        parameter = schema.new_message("FuzzyAnalyzerParameter", **given).SerializeToString()
        said = refusal_of(wire, create(field("c", TEXT, analyzer="fuzzy", analyzer_parameter=parameter)))
        assert ((shortest, longest) in right) is (said is None), (shortest, longest)
        assert said is None or said.startswith("field: c cannot be cut into ")


def test_key_columns_are_fields_of_types_that_hold_them(wire: Wire) -> None:
    """A text is text, a date, a place or an address; a number is a number or a date, and bytes are a vector."""
    key = tuple(zip("sib", (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY), strict=True))
    wire.engine.create_table(TableSchema("keyed", key))
    right = {"s": {KEYWORD, TEXT, GEO_POINT, DATE, IP}, "i": {LONG, DATE}, "b": {VECTOR}}
    for name, kinds in right.items():
        for kind in range(1, 14):
            request = create(field(name, kind), table="keyed", name=f"{name}{kind}")
            if kind in kinds:
                wire.answer(CREATE, request)
            else:
                assert "cannot hold the primary key column" in wire.refused(CREATE, request)[1]


def test_every_option_of_a_field_is_kept(wire: Wire) -> None:
    off = {"index": False, "store": False, "enable_sort_and_agg": False, "is_array": True}
    on = {"index": True, "store": True, "enable_sort_and_agg": True, "is_array": False}
    wire.engine.update_table("plain", TableOptions(allow_update=False))
    fields = [
        field("a", KEYWORD, is_virtual_field=True, source_field_names=["x", "y"], **off),
        field("b", TEXT, analyzer="fuzzy", analyzer_parameter=FUZZY, enable_highlighting=True, **off),
        field("d", DATE, date_formats=["yyyy-MM-dd", "epoch_millis"], **on),
        field("n", NESTED, field_schemas=[field("inner", LONG, **on)], **off), field("l", LONG, **on),
    ]  # fmt: skip
    sort = by(pk_sort={"order": 1})
    setting = schema.new_message("IndexSetting", routing_fields=["k"], routing_partition_size=3, number_of_shards=2)
    wire.answer(CREATE, create(*fields, index_setting=setting, index_sort=sort, time_to_live=86400))
    found = describe(wire)

    assert fields == list(found.schema.field_schemas)
    assert (setting, sort, 86400) == (found.schema.index_setting, found.schema.index_sort, found.time_to_live)


@pytest.mark.parametrize("kind", [LONG, KEYWORD, TEXT, NESTED, 13])
def test_what_is_not_said_is_filled_in(wire: Wire, kind: int) -> None:
    """A field is indexed and stored, is no array, and sorts where its type can; a text is cut into single words; a
    nested field, for which rows have no one order, leaves the index without a sort."""
    wire.answer(CREATE, create(field("c", kind)))
    found = describe(wire)
    sorts = kind not in (TEXT, NESTED)
    wanted = field("c", kind, index=True, store=True, enable_sort_and_agg=sorts, is_array=False)
    if kind == TEXT:
        wanted.analyzer = "single_word"

    assert [wanted] == list(found.schema.field_schemas)
    assert schema.new_message("IndexSetting", routing_partition_size=1) == found.schema.index_setting
    assert ([0] if kind != NESTED else []) == [each.pk_sort.order for each in found.schema.index_sort.sorter]
    assert (NOW_MS // 1000, -1, 3) == (found.create_time, found.time_to_live, found.index_status.status)
    assert (2, NOW_MS * 1_000_000) == (found.sync_stat.sync_phase, found.sync_stat.current_sync_timestamp)
    assert isinstance(wire.clock, ManualClock)
    wire.clock.time_us = 2**63 // 1000 + 1  # nanoseconds end with 64 bits
    assert 2**63 - 1 == describe(wire).sync_stat.current_sync_timestamp


def test_the_port_and_the_wire_describe_the_same_index(wire: Wire) -> None:
    fuzzy = [FieldType("TEXT", "fuzzy", *sizes) for sizes in ((2, 5), (2, None), (None, 5), (None, None))]
    kinds = [FieldType("TEXT", name) for name in ("max_word", "min_word", "single_word", "split")] + fuzzy
    kinds += [FieldType(name) for name in ("KEYWORD", "LONG", "DOUBLE", "BOOLEAN", "NESTED")]
    wire.engine.create_search_index(SearchIndexSchema("plain", "i", tuple(zip("abcdefghijlmn", kinds, strict=True))))
    described = describe(wire).schema.field_schemas
    assert field("e", TEXT, analyzer="fuzzy", analyzer_parameter=FUZZY, index=True, store=True,
                 enable_sort_and_agg=False, is_array=False) == described[4]  # fmt: skip
    wire.answer(CREATE, create(*described, field("t", TEXT), name="j"))

    expected = (*zip("abcdefghijlmn", kinds, strict=True), ("t", FieldType("TEXT", "single_word")))
    assert expected == wire.engine.describe_search_index("plain", "j").fields


def test_indexes_are_listed_and_deleted(wire: Wire) -> None:
    for table, name in (("session", "s"), ("plain", "b"), ("plain", "a")):
        wire.answer(CREATE, create(field(), table=table, name=name))

    def listed(**fields: str) -> list[tuple[str, str]]:
        return [(each.table_name, each.index_name) for each in wire.ask(LIST, **fields).indices]

    assert [("plain", "a"), ("plain", "b"), ("session", "s")] == listed()
    assert ("plain", 0) == wire.answer(DELETE, named(DELETE, "plain", "a"))[1:]
    assert ([("plain", "b")], []) == (listed(table_name="plain"), listed(table_name="versioned"))
