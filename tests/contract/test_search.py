"""Search: what each query finds by a field's type and analyzer, orders, pages, and an index in step with its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from tests.contract.backends import MESSAGE, PLAIN, put
from tests.support.pages import all_keys, pages
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.port import FieldType, SearchIndexSchema, TableClient
from tsmem.queries import (
    Between,
    Bool,
    Contains,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchAll,
    MatchPhrase,
    Operator,
    Prefix,
    Query,
    ScoreSort,
    Search,
    SearchPage,
    Sorter,
    Term,
    Terms,
    Wildcard,
)
from tsmem.rows import Delete, Row, Update, Value

KEYWORD, LONG = FieldType("KEYWORD"), FieldType("LONG")
FIELDS = (
    ("k", KEYWORD), ("tag", KEYWORD), ("n", LONG), ("x", FieldType("DOUBLE")), ("b", FieldType("BOOLEAN")),
    ("text", FieldType("TEXT", "single_word")), ("most", FieldType("TEXT", "max_word")),
    ("parts", FieldType("TEXT", "split")), ("fuzzy", FieldType("TEXT", "fuzzy", 1, 7)),
)  # fmt: skip
INDEX = SearchIndexSchema("plain", "search", FIELDS)

TEXTS = {
    "a": "The Quick brown fox",
    "b": "a quick, quick reply",
    "c": "退款 please!!",
    "d": "我要退款了",
    "e": "日本語のテキスト 😀",
    "f": "款退",
}


@pytest.fixture
def searched(client: TableClient) -> TableClient:
    """A search index over rows with the same text in every text field, some tags and numbers."""
    client.create_search_index(INDEX)
    for number, (key, text) in enumerate(TEXTS.items()):
        put(client, PLAIN, key, text=text, most=text, parts=text, fuzzy=text, n=number, x=number / 2, b=number > 2,
            tag=f"t{number % 2}")  # fmt: skip
    return client


def ask(client: TableClient, query: Query, *sorts: Sorter, **options: object) -> SearchPage:
    """Return one page of keys."""
    search = Search(query, sorts, columns=())
    return client.search(PLAIN.ref, "search", search._replace(**options))  # type: ignore[arg-type]


def joined(rows: Iterable[Row]) -> str:
    return "".join(str(row.key[0]) for row in rows)


def found(client: TableClient, query: Query, *sorts: Sorter) -> str:
    """Return the keys of the rows that a query finds, joined."""
    return joined(ask(client, query, *sorts).rows)


def paged(client: TableClient, query: Query, limit: int, *sorts: Sorter) -> list[str]:
    """Return the keys of each page."""
    search = Search(query, sorts, limit, columns=())
    return [joined(page.rows) for page in pages(client, PLAIN.ref, "search", search)]


T0, T1, QUICK = Term("tag", "t0"), Term("tag", "t1"), Match("text", "quick")
QUERIES: dict[str, list[tuple[Query, str]]] = {
    "words of a text are folded and whole, and characters of Chinese are words": [
        (MatchAll(), "abcdef"), (Match("text", "QUICK"), "ab"), (Match("text", "fox reply"), "ab"),
        (Match("text", "fox quick", Operator.AND), "a"), (Match("text", "fox reply quick", Operator.OR, 2), "ab"),
        (Match("text", "fox reply quick", Operator.OR, 3), ""), (Match("text", "退款"), "cdf"),
        (Match("most", "退款"), "cd"), (Match("most", "退款", Operator.AND), "cd"), (Match("text", "!!"), ""),
        (Match("text", ""), ""), (MatchPhrase("text", "quick brown"), "a"), (MatchPhrase("text", "brown quick"), ""),
        (MatchPhrase("text", "quick reply"), "b"), (MatchPhrase("text", "退款"), "cd"),
        (MatchPhrase("most", "退款"), "cd"), (Term("text", "quick"), "ab"), (Term("text", "Quick"), ""),
        (Term("text", "qui"), ""), (Terms("text", ("fox", "reply", "nope")), "ab"), (Prefix("text", "qui"), "ab"),
        (Prefix("text", "quick brown"), ""), (Wildcard("text", "*ui*"), "ab"), (Wildcard("text", "r?ply"), "b"),
        (Wildcard("text", "r?pl"), ""), (HasField("text"), "abcdef"),
    ],
    "split makes words at white space alone": [
        (Match("parts", "quick"), "ab"), (Match("parts", "quick,"), "b"), (MatchPhrase("parts", "quick, quick"), "b"),
        (Term("parts", "please!!"), "c"), (Term("parts", "please"), ""), (Match("parts", "退款"), "c"),
        (Prefix("parts", "我要"), "d"), (Wildcard("parts", "*!"), "c"),
    ],
    "other fields are compared whole, and take text that reads as their type": [
        (Term("tag", "t1"), "bdf"), (Match("tag", "t1"), "bdf"), (MatchPhrase("tag", "t1"), "bdf"),
        (Match("tag", "t1 t0"), ""), (Term("tag", "T1"), ""), (Terms("tag", ("t0", "t9")), "ace"),
        (Prefix("tag", "t"), "abcdef"), (Prefix("tag", ""), "abcdef"), (Wildcard("tag", "?1"), "bdf"),
        (Wildcard("tag", "*"), "abcdef"), (Wildcard("tag", "t[01]"), ""),
        (Between("tag", "t0", "t1", end_inclusive=False), "ace"), (Between("tag", "t", "t00"), "ace"),
        (Term("k", "c"), "c"), (Between("k", "b", "d", start_inclusive=False), "cd"), (Term("n", 3), "d"),
        (Term("n", "3"), "d"), (Match("n", "3"), "d"), (Terms("n", (1, "2", 77)), "bc"),
        (Between("n", 2, 4, end_inclusive=False), "cd"), (Between("n", start=4), "ef"), (Between("n", end="1"), "ab"),
        (Between("n"), "abcdef"), (Term("x", 1.5), "d"), (Between("x", 0.75, 1.5), "cd"), (Between("x", 1, 2), "cde"),
        (Term("b", True), "def"), (Term("b", "false"), "abc"), (HasField("n"), "abcdef"),
    ],
    "all of must and filter, none of must_not, and so many of should": [
        (Bool(), "abcdef"), (Bool(must=(T0, QUICK)), "a"), (Bool(filter=(T0, QUICK)), "a"),
        (Bool(must=(QUICK,), must_not=(T0,)), "b"), (Bool(must_not=(QUICK,)), "cdef"),
        (Bool(should=(QUICK, Term("n", 5))), "abf"),
        (Bool(should=(QUICK, T0, Term("n", 2)), minimum_should_match=2), "ac"),
        (Bool(should=(QUICK, T0), minimum_should_match=3), ""), (Bool(should=(QUICK,), must_not=(T0,)), "b"),
        (Bool(must=(T0,), should=(QUICK,)), "ace"), (Bool(must=(T0,), should=(QUICK,), minimum_should_match=1), "a"),
        (Bool(must=(Bool(should=(QUICK, Term("n", 4))), Bool(must_not=(Term("n", 0),)))), "be"),
        (Bool(must=(MatchPhrase("fuzzy", "退"), T1)), "df"),
        (Bool(should=(MatchPhrase("fuzzy", "uick"), MatchPhrase("fuzzy", "😀"))), "abe"),
        (Bool(should=(Wildcard("text", "fo?"), Prefix("text", "repl"))), "ab"),
    ],
}  # fmt: skip
PARTS = [
    ("quick", "ab"), ("QUICK", "ab"), ("uick b", "a"), ("quick reply", "b"), ("k, q", "b"), ("退款", "cd"),
    ("退", "cdf"), ("要退款了", "d"), ("!!", "c"), ("!", "c"), ("😀", "e"), ("テキ", "e"),
    ("のテキスト 😀", "e"), (" ", "abce"), ("%", ""), ("\0", ""), ("quack", ""),
]  # fmt: skip
"""What a phrase on a fuzzy field finds: a part of the text, whatever its case."""


@pytest.mark.parametrize("rule", QUERIES)
def test_a_query_finds(searched: TableClient, rule: str) -> None:
    assert [] == [(query, keys, said) for query, keys in QUERIES[rule] if (said := found(searched, query)) != keys]


def test_a_fuzzy_field_is_found_by_its_parts(searched: TableClient) -> None:
    assert PARTS == [(text, found(searched, MatchPhrase("fuzzy", text))) for text, _ in PARTS]


CONTAINED = [
    ("quick", "ab", "ab"), ("QUICK, qu", "b", ""), ("ick brow", "a", ""), ("Quick BROWN", "a", "a"),
    ("退款", "cd", "c"), ("!!", "c", "c"), ("x", "a", ""), ("テキスト 😀", "e", ""), ("quack", "", ""),
]  # fmt: skip
"""A text, the rows that have it, and those that have it as whole words."""


@pytest.mark.parametrize("field", ["text", "most", "parts", "fuzzy"])
def test_contains_finds_whole_words_everywhere_and_every_part_on_the_engine(
    searched: TableClient, backend: str, field: str
) -> None:
    for text, exact, least in CONTAINED:
        page, first = (ask(searched, Contains(field, text), limit=limit, count=True) for limit in (100, 1))
        if backend == "engine":
            assert (exact, exact[:1]) == (joined(page.rows), joined(first.rows))
            assert {(len(exact), True)} == {(each.total, each.total_is_exact) for each in (page, first)}
            assert set(TEXTS) - set(exact) == set(found(searched, Bool(must_not=(Contains(field, text),))))
        else:
            assert set(least) <= set(joined(page.rows))


def test_a_mistyped_value_is_skipped_and_its_row_is_not(searched: TableClient) -> None:
    put(searched, PLAIN, "g", n="3", x=3, tag=7, text=1, fuzzy=b"quick", b=1)

    assert "abcdefg" == found(searched, MatchAll())
    assert "d" == found(searched, Term("n", 3))
    assert "abcdef" == found(searched, HasField("x"))
    assert "cdefg" == found(searched, Bool(must_not=(QUICK,)))
    assert "g" == found(searched, Bool(must_not=(HasField("tag"),)))
    assert "g" == found(searched, Bool(must_not=(HasField("text"),)))
    assert "g" == found(searched, Term("k", "g"))


def test_an_index_follows_its_table(searched: TableClient) -> None:
    searched.update_row(Update(PLAIN.ref, ("a",), {"tag": "new"}))
    assert ("a", "ab") == (found(searched, Term("tag", "new")), found(searched, QUICK))
    searched.update_row(Update(PLAIN.ref, ("a",), {"text": "slow"}, ("fuzzy",)))
    assert ("b", "a") == (found(searched, QUICK), found(searched, Match("text", "slow")))
    assert "b" == found(searched, MatchPhrase("fuzzy", "uick"))
    put(searched, PLAIN, "b", fuzzy="quicker")
    assert ("", "b") == (found(searched, QUICK), found(searched, MatchPhrase("fuzzy", "uick")))
    searched.delete_row(Delete(PLAIN.ref, ("b",)))
    assert ("", "acdef") == (found(searched, MatchPhrase("fuzzy", "uick")), found(searched, MatchAll()))
    put(searched, PLAIN, "b")
    assert ("", "abcdef") == (found(searched, MatchPhrase("fuzzy", "uick")), found(searched, MatchAll()))


def test_a_later_index_has_the_rows_there(searched: TableClient) -> None:
    searched.delete_search_index("plain", "search")
    with pytest.raises(TableNotFound):
        found(searched, MatchAll())
    put(searched, PLAIN, "g", text="quick")
    searched.create_search_index(INDEX)

    assert ("abg", "ab") == (found(searched, QUICK), found(searched, MatchPhrase("fuzzy", "quick")))


def test_a_table_with_a_search_index_stays(searched: TableClient) -> None:
    with pytest.raises(InvalidInput, match=r"Table\[plain\] who has at least one search index cannot be deleted"):
        searched.delete_table("plain")
    searched.delete_search_index("plain", "search")
    searched.delete_table("plain")

    assert "plain" not in searched.list_tables()


ORDERS: list[tuple[tuple[Sorter, ...], str]] = [
    ((), "abcdef"), ((KeySort(),), "abcdef"), ((KeySort(True),), "fedcba"), ((FieldSort("n", True),), "fedcba"),
    ((FieldSort("tag"),), "acebdf"), ((FieldSort("tag", True),), "bdface"),
    ((FieldSort("tag", True), KeySort(True)), "fdbeca"), ((FieldSort("tag"), FieldSort("x", True)), "ecafdb"),
    ((FieldSort("b"), FieldSort("tag", True)), "bacdfe"), ((FieldSort("k", True),), "fedcba"),
]  # fmt: skip


def test_rows_come_in_order_page_by_page(searched: TableClient) -> None:
    for sorts, keys in ORDERS:
        assert keys == found(searched, MatchAll(), *sorts)
        for query in (MatchAll(), HasField("n"), Bool(should=(QUICK, Bool(must_not=(QUICK,))))):
            assert [keys[:2], keys[2:4], keys[4:]] == paged(searched, query, 2, *sorts)


@pytest.mark.parametrize("limit", [1, 4, 9, 10])
def test_rows_without_a_field_come_last(searched: TableClient, limit: int) -> None:
    put(searched, PLAIN, "A")
    put(searched, PLAIN, "z", x=9.0)
    put(searched, PLAIN, "y", x=10.0)

    assert "abcdefAyz" == "".join(paged(searched, MatchAll(), limit, FieldSort("n")))
    assert "fedcbaAyz" == "".join(paged(searched, MatchAll(), limit, FieldSort("n", True)))
    assert "abcdefyzA" == "".join(paged(searched, MatchAll(), limit, FieldSort("n"), FieldSort("x", True)))


def test_the_best_score_comes_first(searched: TableClient) -> None:
    page = ask(searched, Match("text", "quick reply"), ScoreSort())

    assert ["b", "a"] == list(joined(page.rows))
    scores = [score for score in page.scores if score is not None]
    assert len(scores) == 2
    assert scores[0] > scores[1] > 0
    assert [None, None] == ask(searched, Match("text", "quick reply")).scores


def test_pages_follow_the_score(searched: TableClient) -> None:
    query = Bool(should=(QUICK, Match("text", "reply"), MatchPhrase("fuzzy", "退")))
    whole = found(searched, query, ScoreSort())

    assert 5 == len(whole)
    assert list(whole) == paged(searched, query, 1, ScoreSort())


def test_a_page_is_counted_cut_and_offset(searched: TableClient) -> None:
    page = ask(searched, MatchAll(), limit=2, offset=3, count=True)
    assert (["d", "e"], 6, True) == (list(joined(page.rows)), page.total, page.token is not None)
    page = ask(searched, MatchAll(), limit=3, offset=3)
    assert (["d", "e", "f"], None, None) == (list(joined(page.rows)), page.total, page.token)
    page = ask(searched, QUICK, limit=0, count=True)
    assert ([], 2, None) == (page.rows, page.total, page.token)
    assert [] == ask(searched, QUICK, FieldSort("n"), offset=5).rows


def test_columns_are_read_as_asked(searched: TableClient) -> None:
    put(searched, PLAIN, "a", n=1, other=b"\0")
    cases: list[tuple[Sequence[str] | None, dict[str, Value]]] = [
        (None, {"n": 1, "other": b"\0"}),
        (("other", "nope"), {"other": b"\0"}),
        (("nope",), {}),
        ((), {}),
    ]
    for columns, expected in cases:
        assert [Row(("a",), expected)] == ask(searched, Term("k", "a"), columns=columns).rows


def test_a_wider_key_is_followed_to_its_end(client: TableClient) -> None:
    fields = (("session_id", KEYWORD), ("create_time", LONG), ("message_id", KEYWORD), ("role", KEYWORD))
    client.create_search_index(SearchIndexSchema("message", "search", fields))
    expected = []
    for number in range(12):
        key = (f"s{number % 2}", number % 3, f"m{number:02}")
        put(client, MESSAGE, *key, role="user" if number % 4 else "tool")
        expected.append(key)
    for sorts, order in (
        ((), sorted(expected)),
        ((KeySort(True),), sorted(expected, reverse=True)),
        ((FieldSort("create_time", True),), sorted(expected, key=lambda key: (-key[1], key))),
        ((FieldSort("message_id", True),), sorted(expected, key=lambda key: key[2], reverse=True)),
    ):
        assert order == all_keys(client, MESSAGE.ref, "search", Search(MatchAll(), sorts, 5, columns=()))
    page = client.search(MESSAGE.ref, "search", Search(Term("message_id", "m07"), columns=()))
    assert [("s1", 1, "m07")] == [row.key for row in page.rows]


def test_what_is_not_there_is_named(searched: TableClient) -> None:
    with pytest.raises(TableNotFound):
        searched.search(PLAIN.ref, "nope", Search(MatchAll()))
    with pytest.raises(TableNotFound):
        searched.search(PLAIN.ref._replace(name="nope"), "search", Search(MatchAll()))
    for query in (Match("nope", "x"), Bool(must_not=(Term("nope", 1),)), HasField("nope")):
        with pytest.raises(InvalidInput, match="field: nope does not exist"):
            ask(searched, query)
    with pytest.raises(InvalidInput, match="field: nope does not exist"):
        ask(searched, MatchAll(), FieldSort("nope"))


def test_what_a_type_cannot_answer_is_refused(searched: TableClient) -> None:
    queries: list[Query] = [
        Term("n", "three"), Term("b", "yes"), Prefix("n", "3"), Wildcard("x", "*"), Between("text", "a", "b"),
        Between("fuzzy", "a", "b"), Terms("tag", ()),
    ]  # fmt: skip
    for query in queries:
        with pytest.raises(InvalidInput):
            ask(searched, query)
    with pytest.raises(InvalidInput):
        ask(searched, MatchAll(), FieldSort("text"))


def test_what_is_out_of_bounds_is_refused(searched: TableClient) -> None:
    every: list[dict[str, object]] = [
        {"limit": -1}, {"limit": 101, "columns": None}, {"limit": 1001}, {"offset": -1},
        {"offset": 99_991, "limit": 10}, {"token": b"no token"}, {"token": b"[1,2,3,4]"},
    ]  # fmt: skip
    for options in every:
        with pytest.raises(InvalidInput):
            ask(searched, MatchAll(), **options)


def test_a_token_belongs_to_its_search(searched: TableClient) -> None:
    token = ask(searched, MatchAll(), limit=2).token

    assert ["c"] == [row.key[0] for row in ask(searched, MatchAll(), limit=1, token=token).rows]
    with pytest.raises(InvalidInput):
        ask(searched, QUICK, limit=2, token=token)
    with pytest.raises(InvalidInput):
        ask(searched, MatchAll(), limit=2, token=token, offset=2)
