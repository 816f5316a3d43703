"""Queries of every kind on the embedded engine beside plain Python: random rows, queries, orders and pages.

The reference knows the types KEYWORD, LONG, single_word and fuzzy, and texts of the letters that are drawn here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from fnmatch import fnmatchcase
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clocks import ManualClock
from tests.support.pages import all_keys, pages
from tsmem.adapters.local import LocalClient
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

Rows = dict[Key, dict[str, Value]]

TABLE = TableSchema("t", (("k", ColumnType.STRING), ("i", ColumnType.INTEGER)))
FIELDS = {
    "k": FieldType("KEYWORD"),
    "tag": FieldType("KEYWORD"),
    "n": FieldType("LONG"),
    "text": FieldType("TEXT", "single_word"),
    "fuzzy": FieldType("TEXT", "fuzzy", 1, 7),
}
INDEX = SearchIndexSchema("t", "search", tuple(FIELDS.items()))

# Plain Python


@lru_cache(maxsize=100_000)
def words(text: str) -> tuple[str, ...]:
    """Return runs of letters, and each Chinese character and emoji."""
    return tuple(re.findall(r"[a-zß]+|[一-鿿]|😀", text.casefold()))


def value_of(row: Mapping[str, Value], field: str) -> Value | None:
    value = row.get(field)
    return value if type(value) is (int if field == "n" else str) else None


def passes(query: Query, row: Mapping[str, Value]) -> bool:
    """Tell if a row, its key among its columns, matches."""
    if isinstance(query, MatchAll):
        return True
    if isinstance(query, Bool):
        least = query.minimum_should_match
        if least is None:
            least = 1 if query.should and not query.must and not query.filter else 0
        return (
            all(passes(part, row) for part in (*query.must, *query.filter))
            and not any(passes(part, row) for part in query.must_not)
            and sum(passes(part, row) for part in query.should) >= least
        )
    value = value_of(row, query.field)
    if value is None or isinstance(query, HasField):
        return value is not None
    if query.field == "fuzzy":
        assert isinstance(query, MatchPhrase)
        return bool(query.text) and query.text.casefold() in str(value).casefold()
    return has_words(query, words(str(value))) if query.field == "text" else is_equal(query, value)


def has_words(query: Query, found: tuple[str, ...]) -> bool:
    if isinstance(query, Match):
        wanted = set(words(query.text))
        least = len(wanted) if query.operator is Operator.AND else max(1, query.minimum_should_match or 1)
        return bool(wanted) and len(wanted & set(found)) >= least
    if isinstance(query, MatchPhrase):
        phrase = words(query.text)
        return bool(phrase) and any(phrase == found[at : at + len(phrase)] for at in range(len(found)))
    if isinstance(query, Term | Terms):
        return any(value in found for value in (query.values if isinstance(query, Terms) else (query.value,)))
    if isinstance(query, Prefix):
        return any(word.startswith(query.text) for word in found)
    assert isinstance(query, Wildcard)
    return any(fnmatchcase(word, query.pattern) for word in found)


def is_equal(query: Query, value: Value) -> bool:
    if isinstance(query, Term | Terms):
        return value in (query.values if isinstance(query, Terms) else (query.value,))
    if isinstance(query, Match | MatchPhrase):
        return value == query.text
    if isinstance(query, Prefix):
        return str(value).startswith(query.text)
    if isinstance(query, Wildcard):
        return fnmatchcase(str(value), query.pattern)
    assert isinstance(query, Between)
    low = query.start is None or query.start < value or (query.start_inclusive and query.start == value)  # type: ignore[operator]
    high = query.end is None or value < query.end or (query.end_inclusive and query.end == value)  # type: ignore[operator]
    return low and high


def expected(rows: Rows, query: Query, sorts: tuple[Sorter, ...]) -> list[Key]:
    """Return the keys of all rows that match, in order."""
    whole = {key: {"k": key[0], **rows[key]} for key in sorted(rows)}
    found = [key for key, row in whole.items() if passes(query, row)]
    for sort in reversed(sorts):
        if isinstance(sort, KeySort):
            found.sort(reverse=sort.descending)
        elif isinstance(sort, FieldSort):
            values = {key: value for key in found if (value := value_of(whole[key], sort.field)) is not None}
            there = sorted(values, key=values.__getitem__, reverse=sort.descending)
            found = there + [key for key in found if key not in values]
    return found


# What is drawn

texts = st.lists(
    st.sampled_from(["ab", "Ab", "abc", "b", "退款", "款", "ß", "SS", "!!", "😀", "a-b", " "]), max_size=5
).map(" ".join) | st.text("aAb退款!ß😀 ", max_size=6)
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

named = st.sampled_from(["k", "tag"])
asked = st.sampled_from(["a", "b", "ab", "abc", "退", "款", "a[b", "B"])
some_words = st.sampled_from(["ab", "退", "ss", "AB", "zz"])
bounds = st.none() | numbers
leaves: st.SearchStrategy[Query] = st.one_of(
    st.just(MatchAll()),
    st.builds(HasField, st.sampled_from(sorted(FIELDS))),
    st.builds(Term, named, asked)
    | st.builds(Term, st.just("n"), numbers)
    | st.builds(Term, st.just("text"), some_words),
    st.builds(Terms, named, st.lists(asked, min_size=1, max_size=3).map(tuple)),
    st.builds(Terms, st.just("text"), st.lists(some_words, min_size=1, max_size=3).map(tuple)),
    st.builds(Between, st.just("n"), bounds, bounds, st.booleans(), st.booleans()),
    st.builds(Between, named, asked, asked, st.booleans(), st.booleans()),
    st.builds(Prefix, named, asked) | st.builds(Prefix, st.just("text"), st.sampled_from(["a", "ab", "退", "s"])),
    st.builds(Wildcard, named, st.text("ab*?退B", max_size=4)),
    st.builds(Wildcard, st.just("text"), st.text("ab*?退", min_size=1, max_size=4)),
    st.builds(Match, st.just("text"), texts, st.sampled_from(Operator)),
    st.builds(Match, st.just("text"), texts, st.just(Operator.OR), st.integers(1, 3)),
    st.builds(MatchPhrase, st.sampled_from(["text", "fuzzy"]), texts),
    st.builds(Match, named, asked),
)
some = st.deferred(lambda: st.lists(queries, max_size=2).map(tuple))
queries: st.SearchStrategy[Query] = leaves | st.deferred(
    lambda: st.builds(Bool, some, some, some, some, st.none() | st.integers(0, 2))
)
orders = st.lists(
    st.builds(KeySort, st.booleans()) | st.builds(FieldSort, st.sampled_from(["k", "tag", "n"]), st.booleans()),
    max_size=3,
).map(tuple)

THOROUGH = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


def fresh() -> LocalClient:
    client = LocalClient(None, ManualClock())
    client.create_table(TABLE)
    client.create_search_index(INDEX)
    return client


@THOROUGH
@given(
    rows=st.dictionaries(keys, columns, max_size=12),
    searches=st.lists(st.tuples(queries, orders, st.sampled_from([1, 2, 3, 100])), min_size=1, max_size=8),
)
def test_pages_of_a_few_rows(rows: Rows, searches: list[tuple[Query, tuple[Sorter, ...], int]]) -> None:
    """All pages joined are what plain Python finds, in order, and the total is exact."""
    with closing(fresh()) as client:
        for key, values in rows.items():
            client.put_row(Put(TABLE.ref, key, values))
        for query, sorts, limit in searches:
            found = list(pages(client, TABLE.ref, "search", Search(query, sorts, limit, count=True, columns=())))
            wanted = expected(rows, query, sorts)
            assert wanted == [row.key for page in found for row in page.rows]
            assert {(len(wanted), True)} == {(page.total, page.total_is_exact) for page in found}


@pytest.fixture(scope="module")
def many() -> Iterator[tuple[LocalClient, Rows]]:
    """A store that is larger than every limit inside the search: of most words it has thousands of rows."""
    draw = random.Random(7)
    vocabulary = ["ab", "Abc", "b", "退款", "款", "ß", "SS", "!!", "😀", "a-b"]
    with closing(fresh()) as client:
        rows: Rows = {}
        for number in range(12_000):
            said = draw.choices(vocabulary, range(1, 11), k=draw.randrange(4))
            row: dict[str, Value] = {"text": " ".join(said), "fuzzy": "".join(said), "tag": draw.choice("aab退")}
            row["n"] = draw.choice((number, number % 4 - 2, "none"))
            for name in draw.sample(sorted(row), draw.choice((0, 0, 1))):
                del row[name]
            rows[draw.choice("abcd"), number] = row
        writes = [Put(TABLE.ref, key, row) for key, row in rows.items()]
        for start in range(0, len(writes), 200):
            assert not any(client.write_rows(writes[start : start + 200]))
        yield client, rows


@settings(THOROUGH, max_examples=150)
@given(query=queries, sorts=orders, limit=st.sampled_from([1, 20, 100]))
def test_pages_of_many_rows(
    many: tuple[LocalClient, Rows], query: Query, sorts: tuple[Sorter, ...], limit: int
) -> None:
    """The first three pages are what plain Python finds, in order; a total that is not exact is not too small."""
    client, rows = many
    wanted = expected(rows, query, sorts)
    found = pages(client, TABLE.ref, "search", Search(query, sorts, limit, count=True, columns=()))
    for start, page in zip(range(0, 3 * limit, limit), found, strict=False):
        assert wanted[start : start + limit] == [row.key for row in page.rows]
        assert page.total is not None
        assert page.total == len(wanted) if page.total_is_exact else page.total >= len(wanted)


writes: st.SearchStrategy[Write] = st.one_of(
    st.builds(lambda key, values: Put(TABLE.ref, key, values), keys, columns),
    st.builds(lambda key, values: Update(TABLE.ref, key, values), keys, columns.filter(bool)),
    st.builds(
        lambda key, names: Update(TABLE.ref, key, {}, tuple(names)),
        keys,
        st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3, unique=True),
    ),
    st.builds(lambda key: Delete(TABLE.ref, key), keys),
)


@THOROUGH
@given(batches=st.lists(st.lists(writes, min_size=1, max_size=6), max_size=6), asked=st.lists(queries, max_size=8))
def test_an_index_finds_what_a_rebuilt_one_finds(batches: list[list[Write]], asked: list[Query]) -> None:
    with closing(fresh()) as client:
        for batch in batches:
            client.write_rows(batch)
        followed = [all_keys(client, TABLE.ref, "search", Search(query)) for query in asked]
        client.delete_search_index("t", "search")
        client.create_search_index(INDEX)

        assert followed == [all_keys(client, TABLE.ref, "search", Search(query)) for query in asked]
