"""Options of tables, kinds of secondary indexes, and definitions of search indexes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from tests.support.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.definitions import TableOptions
from tsmem.engine.rows.reads import GetRange, RowReader
from tsmem.errors import InvalidInput, TsmemError
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import MAX, MIN, ColumnType, Put, Range, Row, TableRef

KEY = (("k", ColumnType.STRING), ("n", ColumnType.INTEGER))
DEFINED = (("c", ColumnType.STRING),)
PLAIN, OTHER = TableSchema("t", KEY), TableSchema("other", KEY)
LOCAL, GLOBAL = IndexSchema("local", ("k", "c")), IndexSchema("global", ("c",), is_global=True)
INDEXED = TableSchema("t", KEY, (LOCAL, GLOBAL), DEFINED)
SEARCH = SearchIndexSchema("t", "search", (("c", FieldType("KEYWORD")),))
DAY = 86400


@pytest.fixture
def engine() -> Iterator[Engine]:
    with closing(Engine(None, ManualClock())) as engine:
        yield engine


def test_an_instance_holds_64_tables_and_secondary_indexes(engine: Engine) -> None:
    for number in range(62):
        engine.definitions.create_table(PLAIN._replace(name=f"t{number}"))
    engine.definitions.create_table(PLAIN._replace(defined_columns=DEFINED))
    engine.definitions.create_index("t", LOCAL)
    for create in (
        partial(engine.definitions.create_index, "t", GLOBAL),
        partial(engine.definitions.create_table, OTHER),
    ):
        with pytest.raises(TsmemError, match=r"Number of tables exceeds the quota:64\.") as caught:
            create()
        assert "OTSQuotaExhausted" == caught.value.service_code

    assert 64 == len(engine.list_tables())


def test_a_secondary_index_is_described_as_a_table_with_its_options(engine: Engine) -> None:
    engine.definitions.create_table(INDEXED._replace(time_to_live_s=DAY, deviation_s=5, allow_update=False))
    engine.definitions.update_table("t", TableOptions(time_to_live_s=3 * DAY, deviation_s=7))
    key = (("c", ColumnType.STRING), *KEY)

    schema = TableSchema("global", key, time_to_live_s=3 * DAY, allow_update=False, deviation_s=7)
    assert schema == engine.describe_table("global")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (TableOptions(time_to_live_s=DAY - 1), "TimeToLive cannot be less than 86400."),
        (TableOptions(time_to_live_s=2**31), "TimeToLive cannot be greater than"),
        (TableOptions(max_versions=2**31), "The maximum versions cannot be greater than"),
        (TableOptions(deviation_s=2**63), "deviation"),
    ],
)
def test_invalid_table_options_are_refused(engine: Engine, options: TableOptions, text: str) -> None:
    engine.definitions.create_table(PLAIN)
    with pytest.raises(InvalidInput, match=text) as caught:
        engine.definitions.update_table("t", options._replace(allow_update=False))

    assert "OTSParameterInvalid" == caught.value.service_code
    assert PLAIN == engine.describe_table("t")


@pytest.mark.parametrize("kind", ["secondary", "search"])
def test_a_table_with_an_index_has_one_version_and_no_ttl_with_updates(engine: Engine, kind: str) -> None:
    engine.definitions.create_table(INDEXED if kind == "secondary" else PLAIN)
    if kind == "search":
        engine.definitions.create_search_index(SEARCH)
    with pytest.raises(InvalidInput, match="Max versions of a table with index must be 1"):
        engine.definitions.update_table("t", TableOptions(max_versions=2))
    with pytest.raises(InvalidInput, match="Don't support allow update operation on table with index and ttl"):
        engine.definitions.update_table("t", TableOptions(time_to_live_s=DAY))
    engine.definitions.update_table("t", TableOptions(time_to_live_s=DAY, allow_update=False))
    with pytest.raises(InvalidInput, match="Don't support allow update operation"):
        engine.definitions.update_table("t", TableOptions(allow_update=True))


def test_a_column_that_an_index_carries_stays_declared(engine: Engine) -> None:
    engine.definitions.create_table(TableSchema("t", KEY, (IndexSchema("local", ("k", "n"), ("c",)),), DEFINED))
    with pytest.raises(InvalidInput, match="Defined column 'c' is used by index 'local'"):
        engine.definitions.delete_defined_columns("t", ("c",))


def test_a_local_index_begins_with_the_tables_first_key_column(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="Local index 'global' must begin with primary key column 'k'"):
        engine.definitions.create_table(INDEXED._replace(indexes=(GLOBAL._replace(is_global=False),)))
    engine.definitions.create_table(PLAIN)
    with pytest.raises(InvalidInput, match="Local index"):
        engine.definitions.create_index("t", GLOBAL._replace(is_global=False), DEFINED)
    engine.definitions.create_index("t", GLOBAL, DEFINED)
    engine.definitions.create_index("t", LOCAL)
    engine.write_rows([Put(PLAIN.ref, ("a", 1), {"c": "x"})])
    page = engine.get_range(GetRange(TableRef("global", ("c", "k", "n")), Range((MIN,) * 3, (MAX,) * 3)), RowReader)

    assert [Row(("x", "a", 1), {})] == page.rows
    assert (GLOBAL, LOCAL) == engine.describe_table("t").indexes
