"""Requests on tables, secondary indexes, defined columns and search indexes that are refused with the service's code
and message, and change nothing.

Refusals that tests/contract/test_tables.py checks are not repeated here.
"""

from __future__ import annotations

import pytest

from tests.support import raw_bodies as raw
from tests.support import raw_tables as t
from tests.support.raw_bodies import NO_TABLE, Refusal, Refused, Wire, body, invalid, unsupported
from tsmem.server.wire import schema

EXISTS = ("OTSObjectAlreadyExist", "Requested table already exists.")
NO_TTL = invalid("Time-to-live is missing while creating table.")
FULL_ROW = invalid("Table options must not contain updateFullRow.")
WITH_VERSIONS = invalid("Max versions of a table with index must be 1.")
UNDEFINED = invalid("Index 'i' uses column 'z', which the table does not define.")
DEVIATION = invalid("The deviation of cell versions must be in range: [1, 9223372036854775807].")
DEFINED_COUNT = invalid("The number of defined columns must be in range: [0, 32].")


def units(kind: str) -> Refusal:
    return invalid(f"The reserved {kind} capacity unit must be in range: [0, 100000].")


def reserve(read: int, write: int) -> bytes:
    return body("UpdateTable", table_name="plain", reserved_throughput=t.throughput(read, write))


def auto_increment_table() -> bytes:
    """Encode a CreateTable with an auto-increment key column."""
    message = schema.parse_message("CreateTableRequest", t.create((("k", t.STRING),)))
    message.table_meta.primary_key.add(name="l", type=t.INTEGER, option=1)
    data: bytes = message.SerializeToString()
    return data


TABLES: dict[str, tuple[bytes, Refusal]] = {
    "a stream": (
        t.create(stream_spec=schema.new_message("StreamSpecification", enable_stream=True)), unsupported("stream")),
    "encryption": (
        t.create(sse_spec=schema.new_message("SSESpecification", enable=True)), unsupported("server-side encryption")),
    "local transactions": (t.create(enable_local_txn=True), unsupported("local transaction")),
    "an auto-increment key": (auto_increment_table(), unsupported("auto-increment primary key column")),
    "update_full_row": (t.create_with(update_full_row=True), unsupported("update_full_row")),
    "no time to live": (t.create_with(time_to_live=None), NO_TTL),
    "no max_versions": (t.create_with(max_versions=None), invalid("MaxVersions is missing while creating table.")),
    "a deviation of 0": (t.create_with(deviation_cell_version_in_sec=0), DEVIATION),
    "read units below 0": (t.create(units=(-1, 0)), units("read")),
    "write units over 100,000": (t.create(units=(0, 100_001)), units("write")),
    "a name of 256 characters": (t.create(name="x" * 256), invalid(f"Invalid table name: '{'x' * 256}'.")),
    "a wrong defined column": (t.create(defined=(("#n", t.INTEGER),)), invalid("Invalid column name: '#n'.")),
    "a defined key column": (t.create(defined=(("k", t.STRING_COLUMN),)), invalid("Duplicated column name: 'k'.")),
    "a column defined twice": (t.create(defined=[("n", t.INTEGER)] * 2), invalid("Duplicated column name: 'n'.")),
    "33 defined columns": (t.create(defined=[(f"n{n}", t.INTEGER) for n in range(33)]), DEFINED_COUNT),
    "the name of an index": (t.create(name="session_by_time"), EXISTS),
    "an index with its table's name": (t.create_with(t.index("new", ["k", "n"])), EXISTS),
    "an index twice": (t.create_with(t.index("i", ["k", "n"]), t.index("i", ["k", "l"])), EXISTS),
    "the name of another table's index": (t.create_with(t.index("session_by_time", ["k", "n"])), EXISTS),
    "an index that carries an undefined column": (t.create_with(t.index("i", ["k", "n"], ["z"])), UNDEFINED),
    "an index on a double": (
        t.create_with(t.index("i", ["k", "x"])), invalid("DOUBLE is an invalid type for the primary key column 'x'.")),
    "an index with a column twice": (
        t.create_with(t.index("i", ["k", "n", "n"])), invalid("Duplicated primary key name: 'n'.")),
    "an index that carries its key": (
        t.create_with(t.index("i", ["k", "n"], ["n"])), invalid("Index 'i' carries column 'n', which is in its key.")),
    "an index that carries a column twice": (
        t.create_with(t.index("i", ["k", "n"], ["x", "x"])), invalid("Duplicated column name: 'x'.")),
    "a wrong index name": (t.create_with(t.index("i-i", ["k", "n"])), invalid("Invalid index name: 'i-i'.")),
    "an index beside 2 versions": (t.create_with(t.index("i", ["k", "n"]), max_versions=2), WITH_VERSIONS),
}  # fmt: skip
"""CreateTable requests and their errors, by what is wrong."""

OTHERS: dict[str, Refused] = {
    "a stream": ("UpdateTable", t.update(stream=True), unsupported("stream")),
    "update_full_row": ("UpdateTable", t.update(update_full_row=True), FULL_ROW),
    "update_full_row that is off": ("UpdateTable", t.update(update_full_row=False), FULL_ROW),
    "throughput below 0": ("UpdateTable", reserve(-1, 0), units("read")),
    "throughput over the limit": ("UpdateTable", reserve(0, 100_001), units("write")),
    "an update of a missing table": ("UpdateTable", t.update("none", max_versions=1), NO_TABLE),
    "an update of an index": (
        "UpdateTable", t.update("session_by_time", max_versions=1), invalid("Can't write index table directly")),
    "a deletion of an index": (
        "DeleteTable", body("DeleteTable", table_name="session_by_time"), invalid("Can't write index table directly")),
    "an index of an index": ("CreateIndex", t.add_index("session_by_time", t.index("i", ["user_id"])), NO_TABLE),
    "an index with a table's name": ("CreateIndex", t.add_index("session", t.index("plain", ["user_id"])), EXISTS),
    "an index of a table of several versions": (
        "CreateIndex", t.add_index("versioned", t.index("i", ["k"])), WITH_VERSIONS),
    "another table's index": (
        "DropIndex", t.drop_index("plain", "session_by_time"),
        ("OTSObjectNotExist", "Requested index 'session_by_time' does not exist.")),
    "a column of a missing table": ("AddDefinedColumn", t.define("none", ("n", t.INTEGER)), NO_TABLE),
    "a column of another type": (
        "AddDefinedColumn", t.define("session", ("update_time", t.STRING_COLUMN)),
        invalid("Defined column 'update_time' is of type INTEGER, not STRING.")),
    "a key column": (
        "AddDefinedColumn", t.define("session", ("user_id", t.STRING_COLUMN)),
        invalid("Duplicated column name: 'user_id'.")),
    "33 columns in all": (
        "AddDefinedColumn", t.define("session", *((f"n{n}", t.INTEGER) for n in range(32))), DEFINED_COUNT),
    "no column of a missing table": ("DeleteDefinedColumn", t.undefine("none", "n"), NO_TABLE),
    "a missing column": (
        "DeleteDefinedColumn", t.undefine("session", "none"), invalid("Defined column 'none' does not exist.")),
    "a column that an index uses": (
        "DeleteDefinedColumn", t.undefine("session", "update_time"),
        invalid("Defined column 'update_time' is used by index 'session_by_time'.")),
    "an unknown action": ("GetStreamRecord", b"", unsupported("GetStreamRecord")),
    "a description of another table's search index": (
        t.DESCRIBE, t.naming(t.DESCRIBE, "session", "there"),
        ("OTSObjectNotExist", "search index [there] does not exist")),
    "a description without its table": (t.DESCRIBE, t.naming(t.DESCRIBE, "none", "there"), NO_TABLE),
}  # fmt: skip
"""Requests of every other action and their errors, by what is wrong."""

SEARCH_INDEXES: dict[str, tuple[bytes, Refusal]] = {
    "no type": (t.create_search(t.field(), t.field("d", None)), invalid("The type of field 'd' is missing.")),
    "an unknown type": (
        t.create_search(t.field("d")).replace(b"\x0a\x01d\x10\x04", b"\x0a\x01d\x10\x63"),
        invalid("The type of field 'd' is missing.")),
    "a field twice": (
        t.create_search(t.field(), t.field("c", t.LONG)), invalid("Duplicated field name in the search index.")),
    "no fields": (t.create_search(), invalid("The number of fields must be in range: [1, 1000].")),
    "a wrong field name": (t.create_search(t.field("#c")), invalid("Invalid field name: '#c'.")),
    "a wrong name": (t.create_search(t.field(), name="i-i"), invalid("Invalid index name: 'i-i'.")),
    "a name that exists": (
        t.create_search(t.field(), name="there"), ("OTSObjectAlreadyExist", "search index [there] already exists")),
    "a table of several versions": (
        t.create_search(t.field(), table="versioned"),
        invalid("Max versions of a table with a search index must be 1.")),
    "a secondary index": (t.create_search(t.field(), table="session_by_time"), NO_TABLE),
    "an analyzer of no text": (
        t.create_search(t.field("c", t.KEYWORD, analyzer="fuzzy")),
        invalid("field: c of type KEYWORD cannot have an analyzer")),
    "an unknown analyzer": (
        t.create_search(t.field("c", t.TEXT, analyzer="clever")), unsupported("analyzer clever of field c")),
    "a sort by no field": (
        t.create_search(t.field(), index_sort=t.sort_by(field_sort={"field_name": "d"})),
        invalid("field: d does not exist")),
    "a sort by text": (
        t.create_search(t.field("c", t.TEXT), index_sort=t.sort_by(field_sort={"field_name": "c"})),
        invalid("field: c of type TEXT cannot be sorted by")),
    "a sort by score": (
        t.create_search(t.field(), index_sort=t.sort_by(score_sort={"order": 1})),
        invalid("A search index cannot be sorted by score.")),
}  # fmt: skip
"""CreateSearchIndex requests and their errors, by what is wrong."""

REFUSED = [
    *(pytest.param("CreateTable", *case, id=f"a table: {name}") for name, case in TABLES.items()),
    *(pytest.param(t.CREATE, *case, id=f"a search index: {name}") for name, case in SEARCH_INDEXES.items()),
    *(pytest.param(*case, id=name) for name, case in OTHERS.items()),
]


@pytest.mark.parametrize(("action", "data", "refusal"), REFUSED)
def test_an_invalid_change_of_tables_or_indexes_is_refused(
    unchanged: Wire, action: str, data: bytes, refusal: Refusal
) -> None:
    assert refusal == unchanged.refused(action, data)


def test_unsupported_options_are_accepted_when_they_are_off() -> None:
    off = {"stream_spec": schema.new_message("StreamSpecification", enable_stream=False), "enable_local_txn": False,
           "sse_spec": schema.new_message("SSESpecification", enable=False)}  # fmt: skip
    with raw.instance() as wire:
        wire.answer("CreateTable", t.create(options={"update_full_row": False}, units=(100_000, 100_000), **off))
        wire.answer("UpdateTable", t.update("new", stream=False, max_versions=2))

        assert 2 == wire.ask("DescribeTable", table_name="new").table_options.max_versions
