"""Successful requests on tables, secondary indexes and search indexes, and what descriptions then contain."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support import raw_tables as t
from tests.support.clocks import ManualClock
from tests.support.raw_bodies import NOW_MS, Wire, body, getting, wanted
from tsmem.clock import SystemClock
from tsmem.engine import Engine
from tsmem.engine.definitions import TableOptions
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType
from tsmem.server.dispatch import Dispatcher
from tsmem.server.wire import schema

# Tables


def test_a_table_description_has_the_created_schema_and_the_services_defaults(wire: Wire) -> None:
    key = (("k", t.STRING), ("l", t.INTEGER), ("m", t.BINARY))
    defined = (("n", 1), ("x", 2), ("y", 3), ("z", 4), ("b", 7))
    options = {"deviation_cell_version_in_sec": 7, "allow_update": False, "time_to_live": 90000}
    indexes = t.index("near", ["k", "n"], ["x", "y"]), t.index("far", ["z", "k"], [], t.GLOBAL)
    wire.answer("CreateTable", t.create(key, defined, *indexes, options=options))
    found = wire.ask("DescribeTable", table_name="new")

    assert key == tuple((each.name, each.type) for each in found.table_meta.primary_key)
    assert defined == tuple((each.name, each.type) for each in found.table_meta.defined_column)
    assert schema.new_message("TableOptions", max_versions=1, **options) == found.table_options
    assert (1, False) == (found.table_status, found.stream_details.enable_stream)
    unit = found.reserved_throughput_details.capacity_unit
    assert (0, 0) == (unit.read, unit.write)
    assert [("near", t.LOCAL, 1, 2, ["x", "y"]), ("far", t.GLOBAL, 0, 2, [])] == [
        (each.name, each.index_type, each.index_update_mode, each.index_sync_phase, list(each.defined_column))
        for each in found.index_metas
    ]
    assert [["k", "n"], ["z", "k"]] == [list(each.primary_key)[:2] for each in found.index_metas]


def test_update_table_changes_one_option_and_describes_all_of_them(wire: Wire) -> None:
    wire.answer("CreateTable", t.create())
    wanted = {"time_to_live": -1, "max_versions": 1, "deviation_cell_version_in_sec": 86400, "allow_update": True}
    assert schema.new_message("TableOptions", **wanted) == wire.ask("DescribeTable", table_name="new").table_options

    changes: list[dict[str, Any]] = [
        {"deviation_cell_version_in_sec": 5}, {"allow_update": False}, {"max_versions": 3}, {"time_to_live": 86400},
    ]  # fmt: skip
    for changed in changes:
        answer = wire.parsed("UpdateTable", t.update("new", **changed))
        wanted.update(changed)
        assert schema.new_message("TableOptions", **wanted) == answer.table_options
        assert answer.table_options == wire.ask("DescribeTable", table_name="new").table_options


def test_indexes_and_defined_columns_are_added_and_deleted(wire: Wire) -> None:
    """A new index includes existing rows only if the request says so."""
    wire.answer("AddDefinedColumn", t.define("plain", ("c", t.INTEGER), ("d", t.STRING_COLUMN)))
    wire.answer("CreateIndex", t.add_index("plain", t.index("far", ["c"], [], t.GLOBAL)))
    late = t.add_index("plain", t.index("late", ["k", "c"]), with_rows=False)
    wire.answer("CreateIndex", late)
    state: Any = wire.state()
    assert ([(1, "a")], []) == ([each.key for each in state["far"][1]], state["late"][1])
    kinds = [each.index_type for each in wire.ask("DescribeTable", table_name="plain").index_metas]
    assert [t.GLOBAL, t.LOCAL] == kinds

    answer = wire.answer("ListTable", b"")
    names = list(schema.parse_message("ListTableResponse", answer.body).table_names)
    assert (["far", "late", "plain", "session", "session_by_time", "versioned"], 6) == (names, answer.rows)
    for name in ("far", "late"):
        wire.answer("DropIndex", t.drop_index("plain", name))
    wire.answer("DeleteDefinedColumn", t.undefine("plain", "c"))
    found = wire.ask("DescribeTable", table_name="plain")
    assert ([], ["d"]) == (list(found.index_metas), [each.name for each in found.table_meta.defined_column])
    wire.answer("DeleteTable", body("DeleteTable", table_name="plain"))
    assert ["session", "session_by_time", "versioned"] == wire.engine.list_tables()


@pytest.mark.parametrize(
    ("action", "data", "tables"),
    [
        ("GetRow", getting("notes"), "notes"),
        ("CreateTable", t.create(name="more"), "more"),
        ("DropIndex", t.drop_index("notes", "i"), "notes"),
        ("ListTable", b"", ""),
        ("BatchGetRow", body("BatchGetRow", tables=[wanted("k", table=name) for name in "bab"]), "b,a"),
        ("DeleteTable", b"\n\x01\xff", ""),
    ],
)
def test_the_log_names_each_table_of_a_request_once(unchanged: Wire, action: str, data: bytes, tables: str) -> None:
    assert tables == unchanged.dispatcher.parse(action, data).tables


# Search indexes


def describe(wire: Wire, name: str = "i") -> Any:
    return wire.ask("DescribeSearchIndex", table_name="plain", index_name=name)


def refusal_of(wire: Wire, request: bytes) -> str | None:
    """Create an index and delete it again. Return the error message if it was refused, else None."""
    try:
        wire.answer(t.CREATE, request)
    except InvalidInput as error:
        return error.message
    wire.engine.definitions.delete_search_index("plain", "i")
    return None


def test_search_index_ttl_is_at_most_the_table_ttl_and_needs_a_table_without_updates(wire: Wire) -> None:
    too_long = "The time to live of a search index cannot be longer than that of its table."
    not_alive = "TimeToLive cannot be 0 or less than -1."
    updates = "Don't support allow update operation on table with index and ttl"
    cases = [
        (-1, True, 10, updates), (-1, True, 0, not_alive), (-1, True, -5, not_alive), (-1, True, -1, None),
        (-1, False, 10, None), (-1, False, 0, not_alive), (86400, False, 86400, None), (86400, False, -1, None),
        (86400, False, 86401, too_long), (-1, False, 2**31 - 1, None),
    ]  # fmt: skip
    for of_table, allow_update, of_index, said in cases:
        wire.engine.definitions.update_table("plain", TableOptions(time_to_live_s=of_table, allow_update=allow_update))
        found = refusal_of(wire, t.create_search(t.field(), time_to_live=of_index))
        assert said == found, (of_table, allow_update, of_index)


def test_fuzzy_min_chars_is_at_least_1_and_max_chars_at_most_6_more(wire: Wire) -> None:
    right = [(1, 7), (2, 8), (3, 3), (None, 7), (5, None), (None, None), (2**31 - 1, 2**31 - 1)]
    wrong = [(1, 8), (None, 8), (3, 2), (0, 3), (-3, -2), (None, 0), (0, None), (-(2**31), 2**31 - 1)]
    for shortest, longest in right + wrong:
        given = {name: size for name, size in (("min_chars", shortest), ("max_chars", longest)) if size is not None}
        parameter = schema.new_message("FuzzyAnalyzerParameter", **given).SerializeToString()
        said = refusal_of(wire, t.create_search(t.field("c", t.TEXT, analyzer="fuzzy", analyzer_parameter=parameter)))
        assert ((shortest, longest) in right) is (said is None), (shortest, longest)
        assert said is None or said.startswith("field: c cannot be cut into ")


def test_a_search_field_on_a_key_column_needs_a_matching_type(wire: Wire) -> None:
    key = tuple(zip("sib", (ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY), strict=True))
    wire.engine.definitions.create_table(TableSchema("keyed", key))
    right = {"s": {t.KEYWORD, t.TEXT, t.GEO_POINT, t.DATE, t.IP}, "i": {t.LONG, t.DATE}, "b": {t.VECTOR}}
    for name, kinds in right.items():
        for kind in range(1, 14):
            request = t.create_search(t.field(name, kind), table="keyed", name=f"{name}{kind}")
            if kind in kinds:
                wire.answer(t.CREATE, request)
            else:
                assert "cannot hold the primary key column" in wire.refused(t.CREATE, request)[1]


def test_a_search_index_is_described_with_every_option_it_was_created_with(wire: Wire) -> None:
    fuzzy = schema.new_message("FuzzyAnalyzerParameter", min_chars=2, max_chars=5).SerializeToString()
    off = {"index": False, "store": False, "enable_sort_and_agg": False, "is_array": True}
    on = {"index": True, "store": True, "enable_sort_and_agg": True, "is_array": False}
    wire.engine.definitions.update_table("plain", TableOptions(allow_update=False))
    fields = [
        t.field("a", t.KEYWORD, is_virtual_field=True, source_field_names=["x", "y"], **off),
        t.field("b", t.TEXT, analyzer="fuzzy", analyzer_parameter=fuzzy, enable_highlighting=True, **off),
        t.field("d", t.DATE, date_formats=["yyyy-MM-dd", "epoch_millis"], **on),
        t.field("n", t.NESTED, field_schemas=[t.field("inner", t.LONG, **on)], **off), t.field("l", t.LONG, **on),
    ]  # fmt: skip
    sort = t.sort_by(pk_sort={"order": 1})
    setting = schema.new_message("IndexSetting", routing_fields=["k"], routing_partition_size=3, number_of_shards=2)
    wire.answer(t.CREATE, t.create_search(*fields, index_setting=setting, index_sort=sort, time_to_live=86400))
    found = describe(wire)

    assert fields == list(found.schema.field_schemas)
    assert (setting, sort, 86400) == (found.schema.index_setting, found.schema.index_sort, found.time_to_live)


@pytest.mark.parametrize("kind", [t.LONG, t.KEYWORD, t.TEXT, t.NESTED, 13])
def test_missing_options_of_a_search_index_are_filled_in(wire: Wire, kind: int) -> None:
    """An index with a nested field has no sort, because such a field can have several values in a row."""
    wire.answer(t.CREATE, t.create_search(t.field("c", kind)))
    found = describe(wire)
    sorts = kind not in (t.TEXT, t.NESTED)
    wanted = t.field("c", kind, index=True, store=True, enable_sort_and_agg=sorts, is_array=False)
    if kind == t.TEXT:
        wanted.analyzer = "single_word"

    assert [wanted] == list(found.schema.field_schemas)
    assert schema.new_message("IndexSetting", routing_partition_size=1) == found.schema.index_setting
    assert ([0] if kind != t.NESTED else []) == [each.pk_sort.order for each in found.schema.index_sort.sorter]
    assert (NOW_MS // 1000, -1, 3) == (found.create_time, found.time_to_live, found.index_status.status)
    assert (2, NOW_MS * 1_000_000) == (found.sync_stat.sync_phase, found.sync_stat.current_sync_timestamp)
    assert isinstance(wire.clock, ManualClock)
    wire.clock.time_us = 2**63 // 1000 + 1  # nanoseconds overflow 64 bits
    assert 2**63 - 1 == describe(wire).sync_stat.current_sync_timestamp


def test_a_search_index_created_from_its_own_description_is_the_same(wire: Wire) -> None:
    fuzzy = [FieldType("TEXT", "fuzzy", *sizes) for sizes in ((2, 5), (2, None), (None, 5), (None, None))]
    kinds = [FieldType("TEXT", name) for name in ("max_word", "min_word", "single_word", "split")] + fuzzy
    kinds += [FieldType(name) for name in ("KEYWORD", "LONG", "DOUBLE", "BOOLEAN", "NESTED")]
    fields = tuple(zip("abcdefghijlmn", kinds, strict=True))
    wire.engine.definitions.create_search_index(SearchIndexSchema("plain", "i", fields))
    described = describe(wire).schema.field_schemas
    parameter = schema.parse_message("FuzzyAnalyzerParameter", described[4].analyzer_parameter)
    assert ("fuzzy", 2, 5) == (described[4].analyzer, parameter.min_chars, parameter.max_chars)
    wire.answer(t.CREATE, t.create_search(*described, t.field("t", t.TEXT), name="j"))

    assert (*fields, ("t", FieldType("TEXT", "single_word"))) == wire.engine.describe_search_index(
        "plain", "j"
    ).schema.fields


def test_search_indexes_are_listed_and_deleted(wire: Wire) -> None:
    for table, name in (("session", "s"), ("plain", "b"), ("plain", "a")):
        wire.answer(t.CREATE, t.create_search(t.field(), table=table, name=name))

    def listed(**fields: str) -> list[tuple[str, str]]:
        return [(each.table_name, each.index_name) for each in wire.ask(t.LIST, **fields).indices]

    assert [("plain", "a"), ("plain", "b"), ("session", "s")] == listed()
    wire.answer(t.DELETE, t.naming(t.DELETE, "plain", "a"))
    assert ([("plain", "b")], []) == (listed(table_name="plain"), listed(table_name="versioned"))


class EngineWithVanishedTable(Engine):
    """An engine whose list of tables contains one that was just deleted."""

    def list_tables(self) -> list[str]:
        return ["gone", *super().list_tables()]


def test_search_indexes_are_listed_while_a_table_is_deleted() -> None:
    engine = EngineWithVanishedTable(None, SystemClock())
    engine.definitions.create_table(TableSchema("notes", (("k", ColumnType.STRING),)))
    engine.definitions.create_search_index(SearchIndexSchema("notes", "by_text", (("text", FieldType("TEXT")),)))
    dispatcher = Dispatcher(engine, SystemClock())
    answer = dispatcher.answer(dispatcher.parse(t.LIST, b""))
    engine.close()

    found = schema.parse_message("ListSearchIndexResponse", answer.body).indices
    assert [("notes", "by_text")] == [(each.table_name, each.index_name) for each in found]
