"""The engine's search beside plain Python: random rows, queries, orders, pages; and an index beside a rebuilt one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clocks import ManualClock
from tests.unit.search_reference import FIELDS, Rows, search
from tsmem.adapters.local import LocalClient
from tsmem.engine import search as searching
from tsmem.engine import search_terms, search_tree, search_walk
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import (
    Between,
    Bool,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchAll,
    MatchPhrase,
    Operator,
    Prefix,
    Query,
    Search,
    Sorter,
    Term,
    Terms,
    Wildcard,
)
from tsmem.rows import ColumnType, Delete, Key, Put, Update, Value, Write

pytestmark = pytest.mark.slow

TABLE = TableSchema("t", (("k", ColumnType.STRING), ("i", ColumnType.INTEGER)))
KINDS = {
    name: FieldType("TEXT", kind, 1, 7) if kind in ("single_word", "fuzzy") else FieldType(kind)
    for name, kind in FIELDS.items()
}
INDEX = SearchIndexSchema("t", "search", tuple(KINDS.items()))

words = st.sampled_from(["ab", "Ab", "abc", "b", "退款", "款", "ß", "SS", "!!", "😀", "a-b", " "])
texts = st.lists(words, max_size=5).map(lambda parts: " ".join(parts)) | st.text("aAb退款!ß😀 ", max_size=6)
tags = st.sampled_from(["", "a", "ab", "b", "B", "退", "\U0010ffff", "a[b"])
numbers = st.integers(-2, 3)
keys: st.SearchStrategy[Key] = st.tuples(st.sampled_from("abcd"), st.integers(0, 2))
VALUES: dict[str, st.SearchStrategy[Value]] = {
    "tag": tags | numbers,
    "n": numbers | tags | st.booleans(),
    "text": texts | numbers,
    "fuzzy": texts | st.just(b"ab"),
}
columns = st.fixed_dictionaries({}, optional=VALUES)
rows: st.SearchStrategy[Rows] = st.dictionaries(keys, columns, max_size=12)

patterns = st.text("ab*?退[B", max_size=4)
named = st.sampled_from(["k", "tag"])
asked = st.sampled_from(["a", "b", "ab", "abc", "退", "款", "a[b", "B"])
bounds = st.none() | numbers
leaves: st.SearchStrategy[Query] = st.one_of(
    st.just(MatchAll()),
    st.builds(Term, named, asked),
    st.builds(Term, st.just("n"), numbers),
    st.builds(Term, st.just("text"), st.sampled_from(["ab", "退", "ss", "AB", "zz"])),
    st.builds(Terms, named, st.lists(asked, min_size=1, max_size=3).map(tuple)),
    st.builds(Terms, st.just("text"), st.lists(st.sampled_from(["ab", "退", "b"]), min_size=1).map(tuple)),
    st.builds(Between, st.just("n"), bounds, bounds, st.booleans(), st.booleans()),
    st.builds(Between, named, asked, asked, st.booleans(), st.booleans()),
    st.builds(Prefix, named, asked),
    st.builds(Prefix, st.just("text"), st.sampled_from(["a", "ab", "退", "s"])),
    st.builds(Wildcard, named, patterns.filter(lambda pattern: "[" not in pattern)),
    st.builds(Wildcard, st.just("text"), st.text("ab*?退", min_size=1, max_size=4)),
    st.builds(HasField, st.sampled_from(sorted(FIELDS))),
    st.builds(Match, st.just("text"), texts, st.sampled_from(Operator)),
    st.builds(Match, st.just("text"), texts, st.just(Operator.OR), st.integers(1, 3)),
    st.builds(MatchPhrase, st.just("text"), texts),
    st.builds(MatchPhrase, st.just("fuzzy"), texts),
    st.builds(Match, named, asked),
)
some = st.deferred(lambda: st.lists(queries, max_size=2).map(tuple))
queries: st.SearchStrategy[Query] = leaves | st.deferred(
    lambda: st.builds(Bool, some, some, some, some, st.none() | st.integers(0, 2))
)
sorters: st.SearchStrategy[Sorter] = st.builds(KeySort, st.booleans()) | st.builds(
    FieldSort, st.sampled_from(["k", "tag", "n"]), st.booleans()
)
orders = st.lists(sorters, max_size=3).map(tuple)

THOROUGH = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def fresh(index: SearchIndexSchema | None = INDEX) -> LocalClient:
    """A store in a temporary file with the table, and the index if there is one."""
    client = LocalClient(None, ManualClock())
    client.create_table(TABLE)
    if index is not None:
        client.create_search_index(index)
    return client


def everything(client: LocalClient, query: Query, sorts: tuple[Sorter, ...] = (), limit: int = 100) -> list[Key]:
    """The keys of all pages; their number is the total."""
    found: list[Key] = []
    token = None
    while True:
        page = client.search(TABLE.ref, "search", Search(query, sorts, limit, token=token, count=True, columns=()))
        found += [row.key for row in page.rows]
        token = page.token
        if token is None:
            assert page.total == len(found)
            return found


@contextmanager
def as_if_large(enough: int) -> Iterator[None]:
    """As in a table in which so few rows are many: then rows are walked in order, and walks are given up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_tree, "ENOUGH", enough)
        patch.setattr(searching, "WALKED_AT_MOST", enough)
        patch.setattr(search_walk, "SORTED_AT_MOST", enough)
        patch.setattr(search_walk, "RARE", enough // 2)
        patch.setattr(search_tree, "FEW_ENOUGH", enough // 2)
        patch.setattr(search_terms, "FEW", enough // 2)
        patch.setattr(searching, "FEW", enough // 2)
        yield


@THOROUGH
@given(
    rows=rows,
    asked=st.lists(st.tuples(queries, orders, st.sampled_from([1, 2, 3, 100])), min_size=1, max_size=8),
    enough=st.sampled_from([1, 2, 4, 10_000]),
)
def test_a_search_finds_what_plain_python_finds(
    rows: Rows, asked: list[tuple[Query, tuple[Sorter, ...], int]], enough: int
) -> None:
    """Random queries over random rows: the same rows, in the same order, on whatever pages, and as many of them."""
    with closing(fresh()) as client, as_if_large(enough):
        for key, values in rows.items():
            client.put_row(Put(TABLE.ref, key, values))
        for query, sorts, limit in asked:
            assert search(rows, query, sorts) == everything(client, query, sorts, limit)


puts = st.builds(lambda key, values: Put(TABLE.ref, key, values), keys, columns)
updates = st.builds(lambda key, values: Update(TABLE.ref, key, values), keys, columns.filter(bool))
removals = st.builds(
    lambda key, names: Update(TABLE.ref, key, {}, tuple(names)),
    keys,
    st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True),
)
deletes = st.builds(lambda key: Delete(TABLE.ref, key), keys)
writes: st.SearchStrategy[Write] = st.one_of(puts, updates, removals, deletes)


@THOROUGH
@given(batches=st.lists(st.lists(writes, min_size=1, max_size=6), max_size=6), asked=st.lists(queries, max_size=8))
def test_an_index_finds_what_a_rebuilt_one_finds(batches: list[list[Write]], asked: list[Query]) -> None:
    """After random writes, with keys that come again, the index that followed them is as good as a new one."""
    with closing(fresh()) as client:
        for batch in batches:
            client.write_rows(batch)
        followed = [everything(client, query) for query in asked]
        client.delete_search_index("t", "search")
        client.create_search_index(INDEX)

        assert [everything(client, query) for query in asked] == followed
