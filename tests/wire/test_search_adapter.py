"""The TableStore adapter's search over the wire: the port's words in, the port's pages out, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.serving import Served, profile_of
from tests.wire.said import BY_KEY, LACKING, MISTYPED, ROWS, TABLE, columns, fill, key
from tsmem.adapters import sdk_search
from tsmem.adapters.sdk import ots
from tsmem.adapters.tablestore import TablestoreClient
from tsmem.clock import SystemClock
from tsmem.errors import InvalidInput, TableNotFound, Unavailable
from tsmem.port import Cost, FieldType, SearchIndexSchema
from tsmem.queries import (
    Between,
    Bool,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchAll,
    MatchPhrase,
    MayHold,
    Operator,
    Prefix,
    Query,
    ScoreSort,
    Search,
    SearchPage,
    Term,
    Terms,
    Wildcard,
)
from tsmem.retry import RetryingClient
from tsmem.rows import TableRef

FOUND: list[tuple[Query, set[int]]] = [
    (MatchAll(), set(range(ROWS))),
    (Match("text", "17 18"), {17, 18}),
    (Match("text", "17 18 is", minimum_should_match=2), {17, 18}),
    (Match("text", "is 17", Operator.AND), {17}),
    (Match("word", "key03"), {3}),
    (MatchPhrase("note", "岛 NOTE4"), {4, *range(40, 50)}),
    (MatchPhrase("text", "is 4"), {4}),
    (Term("number", 4), {4}),
    (Term("price", 0.25), {1}),
    (Term("even", False), set(range(1, ROWS, 2))),
    (Term("who", "w2"), set(range(2, ROWS, 3))),
    (Terms("word", ("key01", "key02", "none")), {1, 2}),
    (Terms("number", (3, 4)), {3, 4}),
    (Between("number", 3, 5), {3, 4, 5}),
    (Between("number", 3, 5, start_inclusive=False, end_inclusive=False), {4}),
    (Between("n", end=1), {0, 1}),
    (Between("price", start=12.25), {49}),
    (Between("word", "key48"), {48, 49}),
    (Prefix("word", "key0"), set(range(10))),
    (Wildcard("word", "key?9"), {9, 19, 29, 39, 49}),
    (HasField("number"), set(range(ROWS)) - {MISTYPED, LACKING}),
    (MayHold("text", "!!"), set(range(ROWS))),
    (Bool(must_not=(HasField("number"),)), {MISTYPED, LACKING}),
    (Bool(must=(Between("n", 3, 9),), filter=(Term("even", True),), must_not=(Term("n", 6),)), {4, 8}),
    (Bool(should=(Term("n", 1), Term("n", 2))), {1, 2}),
    (Bool(should=(Term("n", 1), Term("n", 2), Term("word", "key02")), minimum_should_match=2), {2}),
]


@pytest.fixture
def client(served: Served) -> Iterator[TablestoreClient]:
    """The adapter on a table of fifty rows with an index."""
    fill(served)
    client = TablestoreClient(profile_of(served.endpoint))
    yield client
    client.close()


def search(client: TablestoreClient, asked: Search) -> SearchPage:
    """One page."""
    return client.search(TABLE.ref, "said_index", asked)


def numbers(page: SearchPage) -> list[int]:
    """Which rows a page has, in its order."""
    return [row.key[1] for row in page.rows]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("query", "expected"), FOUND, ids=lambda value: str(value) if not isinstance(value, set) else ""
)
def test_each_query_finds_what_it_says(client: TablestoreClient, query: Query, expected: set[int]) -> None:
    """Every query of the port's, with the total, in key order."""
    page = search(client, Search(query, count=True, columns=()))

    assert ([n for n in BY_KEY if n in expected], len(expected), None) == (numbers(page), page.total, page.token)


def test_rows_come_value_for_value(client: TablestoreClient) -> None:
    """All columns, those named, or none; every type as it was written."""
    (row,) = search(client, Search(Term("n", 3))).rows

    assert (key(3), columns(3)) == (row.key, dict(row.columns))
    assert [type(value) for value in columns(3).values()] == [type(value) for value in row.columns.values()]
    (some,) = search(client, Search(Term("n", 3), columns=("raw", "number", "none"))).rows
    assert {"number": 3, "raw": b"\x00\xff\x03"} == dict(some.columns)
    (none,) = search(client, Search(Term("n", 3), columns=())).rows
    assert (key(3), {}) == (none.key, dict(none.columns))


def test_rows_are_sorted(client: TablestoreClient) -> None:
    """By fields and by key, up and down, also where the index has another order."""
    without = [n for n in BY_KEY if n in (MISTYPED, LACKING)]
    counted = [n for n in range(ROWS) if n not in without]

    assert counted + without == numbers(search(client, Search(MatchAll(), (FieldSort("number"),))))
    assert counted[::-1] + without == numbers(search(client, Search(MatchAll(), (FieldSort("number", True),))))
    assert BY_KEY == numbers(search(client, Search(MatchAll())))
    assert BY_KEY[::-1] == numbers(search(client, Search(MatchAll(), (KeySort(True),))))
    assert [n for n in BY_KEY if n % 2] == numbers(search(client, Search(MatchAll(), (FieldSort("even"),), 25)))


def test_scores_are_given_where_rows_are_scored(client: TablestoreClient) -> None:
    """One a row, best first; None elsewhere."""
    query = Bool(must=(Match("text", "this"),), should=(Match("text", "17"),))
    scored = search(client, Search(query, (ScoreSort(),)))
    scores = [score for score in scored.scores if score is not None]

    assert ROWS == len(scores)
    assert sorted(scores, reverse=True) == scores
    assert [None] * ROWS == search(client, Search(query)).scores


@pytest.mark.parametrize(
    "sorts", [(), (FieldSort("number", True),), (FieldSort("even"), KeySort(True)), (ScoreSort(),)]
)
def test_pages_join_to_the_whole(client: TablestoreClient, sorts: tuple[FieldSort | KeySort | ScoreSort, ...]) -> None:
    """By token, no row twice, none left out; the total is None where it was not asked for."""
    asked = Search(Match("text", "this"), sorts, columns=())
    found: list[int] = []
    page = search(client, asked._replace(limit=7))
    assert page.total is None
    while True:
        found += numbers(page)
        if page.token is None:
            break
        page = search(client, asked._replace(limit=7, token=page.token))

    assert numbers(search(client, asked)) == found
    assert ROWS == len(found)


def test_offsets_and_counts(client: TablestoreClient) -> None:
    """Rows are passed over; a limit of 0 counts alone."""
    assert BY_KEY[10:13] == numbers(search(client, Search(MatchAll(), limit=3, offset=10)))
    assert ([], [], None, ROWS) == search(client, Search(MatchAll(), limit=0, count=True))


def test_a_search_costs_one_request(client: TablestoreClient) -> None:
    """Also one that fails; rows scanned are those that came, and capacity is not told."""
    search(client, Search(MatchAll(), limit=7))
    assert Cost(1, 0, 0, 7) == client.meter.total
    with pytest.raises(InvalidInput):
        search(client, Search(Term("none", 1)))
    assert Cost(2, 0, 0, 7) == client.meter.total


def test_what_is_wrong_is_one_of_our_errors(client: TablestoreClient) -> None:
    """A missing table or index is not found; a missing field, a limit too great and a token of another sort are wrong
    input, and a field's has a hint."""
    with pytest.raises(TableNotFound):
        client.search(TableRef("none", ("k",)), "said_index", Search(MatchAll()))
    with pytest.raises(TableNotFound, match=r"search index \[none\] does not exist"):
        client.search(TABLE.ref, "none", Search(MatchAll()))
    with pytest.raises(InvalidInput, match="field: none does not exist") as caught:
        search(client, Search(HasField("none")))
    assert "index" in (caught.value.hint or "")
    token = search(client, Search(MatchAll(), limit=7)).token
    for asked in (
        Search(MatchAll(), limit=101),
        Search(MatchAll(), limit=100, offset=99_901),
        Search(MatchAll(), (FieldSort("number"),), token=token),
        Search(MatchAll(), token=b"nonsense"),
        Search(Term("word", "\ud800")),
        Search(Term("number", 2**63)),
        Search(MatchAll(), limit=2**31),
    ):
        with pytest.raises(InvalidInput):
            search(client, asked)


def test_fields_are_described_as_they_were_made(served: Served, client: TablestoreClient) -> None:
    """With what their analyzers were told, whether the adapter made the index or the engine."""
    fields = (
        ("a", FieldType("TEXT", "split", delimiter="-")),
        ("b", FieldType("TEXT", "single_word", case_sensitive=True)),
        ("c", FieldType("TEXT", "fuzzy", 2, 5)),
        ("d", FieldType("TEXT", "max_word")),
        ("e", FieldType("TEXT", "split")),
        ("f", FieldType("TEXT", "single_word")),
    )
    other = SearchIndexSchema("said", "wired", (*fields, ("g", FieldType("TEXT", "split", case_sensitive=True))))
    client.create_search_index(SearchIndexSchema("said", "made", fields))
    served.engine.create_search_index(other)

    assert fields == client.describe_search_index("said", "made").fields
    assert fields == served.engine.describe_search_index("said", "made").fields
    assert other == client.describe_search_index("said", "wired")
    with pytest.raises(InvalidInput, match="cannot make a case-sensitive field"):
        client.create_search_index(other._replace(name="again"))


def test_an_answer_of_a_part_of_the_index_is_none() -> None:
    """Rows that are missing would be taken for rows that are not there."""
    asked = Search(MatchAll(), count=True)
    whole, part = (ots.SearchResponse([], [], [], b"", complete, 0, []) for complete in (True, False))

    assert SearchPage([], [], None, 0) == sdk_search.page(TABLE.ref, whole, asked)
    with pytest.raises(Unavailable, match="a part of the search index did not answer"):
        sdk_search.page(TABLE.ref, part, asked)


def test_a_search_is_repeated(served: Served, client: TablestoreClient) -> None:
    """What the service refuses for now, and an answer of a part of the index, are asked for again."""
    pages = [Unavailable("a part of the search index did not answer"), Unavailable("refused")]
    found = client.search

    def failing(*asked: object) -> SearchPage:
        if pages:
            raise pages.pop()
        return found(*asked)  # type: ignore[arg-type]

    client.search = failing  # type: ignore[method-assign, assignment]
    retrying = RetryingClient(client, SystemClock(), seed=1)

    assert BY_KEY == numbers(retrying.search(TABLE.ref, "said_index", Search(MatchAll(), columns=())))
