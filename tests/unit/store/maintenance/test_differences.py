"""Differences between tables or indexes and their definition: which are reported, and which are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clocks import ManualClock
from tsmem.adapters.local import LocalClient
from tsmem.engine import Engine
from tsmem.port import FieldType
from tsmem.store.layout import DEFAULT
from tsmem.store.maintenance import differences

TABLE, MESSAGES = DEFAULT.session.schema, DEFAULT.message.search


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reserved_units": (5, 0)}, "reserved throughput is 5 read and 0 write units, which cost money, not 0 and 0"),
        ({"reserved_units": (0, 1)}, "reserved throughput is 0 read and 1 write units, which cost money, not 0 and 0"),
        ({"deviation_s": 1000}, "cell versions may be 1000 s from now, not 86400"),
        ({"allow_update": False}, "updates are not allowed"),
    ],
)
def test_a_table_option_that_differs_is_named(change: dict[str, object], said: str) -> None:
    assert [said] == differences.of_table(TABLE, TABLE._replace(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (FieldType("TEXT", "single_word"), "TEXT single_word, not TEXT max_word"),
        (FieldType("TEXT", "fuzzy", 1, 7), "TEXT fuzzy(1..7), not TEXT max_word"),
        (FieldType("KEYWORD"), "KEYWORD, not TEXT max_word"),
    ],
)
def test_a_field_type_or_analyzer_that_differs_is_named(kind: FieldType, said: str) -> None:
    found = MESSAGES._replace(fields=(*MESSAGES.fields, ("content", kind)))  # the last field of a name wins

    assert [f"field content is {said}"] == differences.of_search(MESSAGES, found, "create_time")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"not_indexed": {"role"}}, "field role is kept and not indexed (index is false)"),
        ({"arrays": {"role"}}, "field role holds lists of values (is_array is true)"),
        ({"not_sorted": {"create_time"}}, "field create_time cannot be sorted by (enable_sort_and_agg is false)"),
    ],
)
def test_a_field_that_cannot_be_searched_or_sorted_is_named(change: dict[str, set[str]], said: str) -> None:
    found = MESSAGES._replace(**{name: frozenset(names) for name, names in change.items()})  # type: ignore[arg-type]

    assert [said] == differences.of_search(MESSAGES, found, "create_time")


def test_differences_that_no_search_needs_are_not_reported() -> None:
    found = MESSAGES._replace(not_sorted=frozenset({"role"}), not_indexed=frozenset({"x"}), arrays=frozenset({"y"}))

    assert [] == differences.of_search(MESSAGES, found, "create_time")


def test_the_local_store_describes_version_deviation(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    engine = Engine(path, ManualClock())
    engine.definitions.create_table(TABLE._replace(deviation_s=1000))
    engine.close()
    client = LocalClient(path, ManualClock())
    try:
        assert TABLE._replace(deviation_s=1000) == client.describe_table("session")
    finally:
        client.close()
