"""What the dispatcher refuses, bounds and names, with bodies made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wire.raw_http import Stub, request, running
from tsmem.clock import SystemClock
from tsmem.engine import Engine
from tsmem.errors import InvalidInput, TsmemError
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType, Put
from tsmem.server.actions.row_actions import MAX_ANSWER_BYTES
from tsmem.server.dispatch import ACTIONS, Dispatcher
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import encode_row

NOTES = TableSchema("notes", (("k", ColumnType.STRING),))
MB = 1024 * 1024


class Vanishing(Engine):
    """An engine whose list of tables is old: one of them was deleted since."""

    def list_tables(self) -> list[str]:
        """Those that are there, and one that is not."""
        return ["gone", *super().list_tables()]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine with a table."""
    engine = Vanishing(tmp_path / "memory.db", SystemClock())
    engine.create_table(NOTES)
    yield engine
    engine.close()


def answer(engine: Engine, action: str, **fields: Any) -> Any:
    """What an action answers to a request of these fields."""
    body = schema.new_message(f"{action}Request", **fields).SerializeToString()
    return schema.parse_message(f"{action}Response", Dispatcher(engine, SystemClock()).answer(action, body).body)


def refusal(engine: Engine, action: str, **fields: Any) -> tuple[str | None, str]:
    """Code and message of the error that it answers."""
    with pytest.raises(TsmemError) as caught:
        answer(engine, action, **fields)
    return caught.value.service_code, caught.value.message


def table(read: int = 0, write: int = 0, **more: Any) -> dict[str, Any]:
    """The fields of CreateTable."""
    meta = schema.new_message("TableMeta", table_name="more")
    meta.primary_key.add(name="k", type=2)
    unit = schema.new_message("CapacityUnit", read=read, write=write)
    return {
        "table_meta": meta,
        "reserved_throughput": schema.new_message("ReservedThroughput", capacity_unit=unit),
        "table_options": schema.new_message("TableOptions", time_to_live=-1, max_versions=1),
        **more,
    }


def test_search_indexes_are_listed_while_tables_vanish(engine: Engine) -> None:
    """A table that was deleted since the tables were listed has none; one that is named and missing is an error."""
    engine.create_search_index(SearchIndexSchema("notes", "by_text", (("text", FieldType("TEXT")),)))
    found = answer(engine, "ListSearchIndex").indices

    assert [("notes", "by_text")] == [(index.table_name, index.index_name) for index in found]
    assert "OTSObjectNotExist" == refusal(engine, "ListSearchIndex", table_name="gone")[0]


def test_a_table_for_local_transactions_is_refused(engine: Engine) -> None:
    """Its transactions could not be started; a table that asks for none is made."""
    wanted = ("OTSParameterInvalid", "Unsupported operation: 'local transaction'.")

    assert wanted == refusal(engine, "CreateTable", **table(enable_local_txn=True))
    answer(engine, "CreateTable", **table(enable_local_txn=False))


@pytest.mark.parametrize(("read", "write"), [(-1, 0), (0, -1), (100_001, 0), (0, 100_001), (-(2**31), 0)])
def test_reserved_throughput_beyond_the_limits_is_refused(engine: Engine, read: int, write: int) -> None:
    """Of a table that is made, and of one that is changed."""
    kind = "read" if read else "write"
    wanted = ("OTSParameterInvalid", f"The reserved {kind} capacity unit must be in range: [0, 100000].")
    given = table(read, write)

    assert wanted == refusal(engine, "CreateTable", **given)
    throughput = given["reserved_throughput"]
    assert wanted == refusal(engine, "UpdateTable", table_name="notes", reserved_throughput=throughput)
    answer(engine, "CreateTable", **table(100_000, 100_000))


def test_an_answer_of_many_large_rows_is_refused(engine: Engine) -> None:
    """More than 64 MB in one BatchGetRow, also out of several tables; what fits is answered."""
    engine.create_table(NOTES._replace(name="others"))
    for name in ("notes", "others"):
        put = Put(NOTES._replace(name=name).ref, ("a",), {"c": b"x" * (2 * MB)})
        assert engine.write_rows([put])[0].error is None
    key = encode_row(("k",), ("a",))

    def asked(*counts: int) -> list[Any]:
        return [
            schema.new_message("TableInBatchGetRowRequest", table_name=name, primary_key=[key] * count, max_versions=1)
            for name, count in zip(("notes", "others"), counts, strict=True)
        ]

    wanted = ("OTSParameterInvalid", f"The total data size of BatchGetRow response exceeds the limit: {64 * MB}.")
    assert 64 * MB == MAX_ANSWER_BYTES
    assert wanted == refusal(engine, "BatchGetRow", tables=asked(100, 0))
    assert wanted == refusal(engine, "BatchGetRow", tables=asked(20, 20))
    found = answer(engine, "BatchGetRow", tables=asked(21, 10)).tables
    assert [21, 10] == [sum(row.is_ok for row in group.rows) for group in found]


def test_many_rows_are_answered_in_order(engine: Engine) -> None:
    """However many are read at once: each in its place, those that are missing included."""
    engine.write_rows([Put(NOTES.ref, (f"{n:03}",), {"n": n}) for n in range(0, 100, 2)])
    keys = [encode_row(("k",), (f"{n:03}",)) for n in range(100)]
    group = schema.new_message("TableInBatchGetRowRequest", table_name="notes", primary_key=keys, max_versions=1)
    rows = answer(engine, "BatchGetRow", tables=[group]).tables[0].rows

    assert [n % 2 == 0 for n in range(100)] == [bool(row.row) for row in rows]
    assert all(f"{n:03}".encode() in rows[n].row for n in range(0, 100, 2))


def test_every_action_that_is_known_is_answered(engine: Engine) -> None:
    """With an answer or an error of its own, never that there is no such operation."""
    dispatcher = Dispatcher(engine, SystemClock())
    for action in ACTIONS:
        with pytest.raises(TsmemError) as caught:
            dispatcher.answer(action, b"\xff")
        assert "Unsupported operation" not in caught.value.message


@pytest.mark.parametrize(
    ("action", "fields", "named"),
    [
        ("GetRow", {"table_name": "notes", "primary_key": b"", "max_versions": 1}, "notes"),
        ("CreateTable", table(), "more"),
        ("DropIndex", {"main_table_name": "notes", "index_name": "i"}, "notes"),
        ("DescribeSearchIndex", {"table_name": "notes", "index_name": "i"}, "notes"),
        ("ListTable", {}, ""),
        ("Nothing", None, ""),
    ],
)
def test_the_tables_of_a_request_are_known_without_carrying_it_out(
    engine: Engine, action: str, fields: dict[str, Any] | None, named: str
) -> None:
    """For the log of what failed."""
    body = b"" if fields is None else schema.new_message(f"{action}Request", **fields).SerializePartialToString()

    assert named == Dispatcher(engine, SystemClock()).tables(action, body)


def test_the_tables_of_a_batch_are_named_once_each(engine: Engine) -> None:
    """In the order in which they come; what cannot be read has no name."""
    groups = [
        schema.new_message("TableInBatchGetRowRequest", table_name=name, primary_key=[], max_versions=1)
        for name in ("b", "a", "b")
    ]
    dispatcher = Dispatcher(engine, SystemClock())

    assert "b,a" == dispatcher.tables(
        "BatchGetRow", schema.new_message("BatchGetRowRequest", tables=groups).SerializeToString()
    )
    assert "" == dispatcher.tables("GetRow", b"\xff")
    assert "" == dispatcher.tables("DeleteTable", b"\n\x01\xff")


@pytest.mark.parametrize("error", [InvalidInput("wrong"), ZeroDivisionError("a bug")])
def test_a_request_that_failed_is_logged_with_its_table(error: Exception) -> None:
    """Whoever's fault it was."""

    def fail() -> None:
        raise error

    with running(Stub(doing=fail)) as here:
        here.ask(request(b"notes"))

    assert ["notes"] == [entry.table for entry in here.log]
