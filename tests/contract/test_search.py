"""Search: what each query finds by a field's type and analyzer, orders, pages, and an index in step with its table."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.contract.backends import MESSAGE, PLAIN, put
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.port import FieldType, SearchIndexSchema, TableClient
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
    ("k", KEYWORD),
    ("tag", KEYWORD),
    ("n", LONG),
    ("x", FieldType("DOUBLE")),
    ("b", FieldType("BOOLEAN")),
    ("text", FieldType("TEXT", "single_word")),
    ("most", FieldType("TEXT", "max_word")),
    ("parts", FieldType("TEXT", "split")),
    ("fuzzy", FieldType("TEXT", "fuzzy", 1, 7)),
)
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
    """One page of keys."""
    search = Search(query, sorts, columns=())
    return client.search(PLAIN.ref, "search", search._replace(**options))  # type: ignore[arg-type]


def found(client: TableClient, query: Query, *sorts: Sorter) -> str:
    """The keys of the rows that a query finds, joined."""
    return "".join(str(row.key[0]) for row in ask(client, query, *sorts).rows)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (MatchAll(), "abcdef"),
        (Match("text", "QUICK"), "ab"),
        (Match("text", "fox reply"), "ab"),
        (Match("text", "fox quick", Operator.AND), "a"),
        (Match("text", "fox reply quick", Operator.OR, 2), "ab"),
        (Match("text", "fox reply quick", Operator.OR, 3), ""),
        (Match("text", "退款"), "cdf"),
        (Match("most", "退款"), "cd"),
        (Match("most", "退款", Operator.AND), "cd"),
        (Match("text", "!!"), ""),
        (Match("text", ""), ""),
        (MatchPhrase("text", "quick brown"), "a"),
        (MatchPhrase("text", "brown quick"), ""),
        (MatchPhrase("text", "quick reply"), "b"),
        (MatchPhrase("text", "退款"), "cd"),
        (MatchPhrase("most", "退款"), "cd"),
        (Term("text", "quick"), "ab"),
        (Term("text", "Quick"), ""),
        (Term("text", "qui"), ""),
        (Terms("text", ("fox", "reply", "nope")), "ab"),
        (Prefix("text", "qui"), "ab"),
        (Prefix("text", "quick brown"), ""),
        (Wildcard("text", "*ui*"), "ab"),
        (Wildcard("text", "r?ply"), "b"),
        (Wildcard("text", "r?pl"), ""),
        (HasField("text"), "abcdef"),
    ],
    ids=str,
)
def test_a_text_field_is_found_by_its_words(searched: TableClient, query: Query, keys: str) -> None:
    """Words are folded and looked for whole; characters of Chinese are words of their own, pairs in a max_word field;
    Term, Prefix and Wildcard are not analyzed."""
    assert keys == found(searched, query)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Match("parts", "quick"), "ab"),
        (Match("parts", "quick,"), "b"),
        (MatchPhrase("parts", "quick, quick"), "b"),
        (Term("parts", "please!!"), "c"),
        (Term("parts", "please"), ""),
        (Match("parts", "退款"), "c"),
        (Prefix("parts", "我要"), "d"),
        (Wildcard("parts", "*!"), "c"),
    ],
    ids=str,
)
def test_split_makes_words_at_white_space_alone(searched: TableClient, query: Query, keys: str) -> None:
    """Punctuation stays with its word."""
    assert keys == found(searched, query)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("quick", "ab"),
        ("QUICK", "ab"),
        ("uick b", "a"),
        ("quick reply", "b"),
        ("k, q", "b"),
        ("退款", "cd"),
        ("退", "cdf"),
        ("要退款了", "d"),
        ("!!", "c"),
        ("!", "c"),
        ("😀", "e"),
        ("テキ", "e"),
        ("のテキスト 😀", "e"),
        (" ", "abce"),
        ("%", ""),
        ("\0", ""),
        ("quack", ""),
    ],
)
def test_a_fuzzy_field_is_found_by_its_parts(searched: TableClient, text: str, keys: str) -> None:
    """A phrase on a fuzzy field is a part of its text whatever the case: Chinese, Japanese, emoji, punctuation and one
    character too."""
    assert keys == found(searched, MatchPhrase("fuzzy", text))


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Term("tag", "t1"), "bdf"),
        (Match("tag", "t1"), "bdf"),
        (MatchPhrase("tag", "t1"), "bdf"),
        (Match("tag", "t1 t0"), ""),
        (Term("tag", "T1"), ""),
        (Terms("tag", ("t0", "t9")), "ace"),
        (Prefix("tag", "t"), "abcdef"),
        (Prefix("tag", ""), "abcdef"),
        (Wildcard("tag", "?1"), "bdf"),
        (Wildcard("tag", "*"), "abcdef"),
        (Wildcard("tag", "t[01]"), ""),
        (Between("tag", "t0", "t1", end_inclusive=False), "ace"),
        (Between("tag", "t", "t00"), "ace"),
        (Term("k", "c"), "c"),
        (Between("k", "b", "d", start_inclusive=False), "cd"),
        (Term("n", 3), "d"),
        (Term("n", "3"), "d"),
        (Match("n", "3"), "d"),
        (Terms("n", (1, "2", 77)), "bc"),
        (Between("n", 2, 4, end_inclusive=False), "cd"),
        (Between("n", start=4), "ef"),
        (Between("n", end="1"), "ab"),
        (Between("n"), "abcdef"),
        (Term("x", 1.5), "d"),
        (Between("x", 0.75, 1.5), "cd"),
        (Between("x", 1, 2), "cde"),
        (Term("b", True), "def"),
        (Term("b", "false"), "abc"),
        (HasField("n"), "abcdef"),
    ],
    ids=str,
)
def test_other_fields_are_compared_whole(searched: TableClient, query: Query, keys: str) -> None:
    """A KEYWORD is equal, in a range by its characters, or fits a pattern; numbers and booleans take text that reads as
    one."""
    assert keys == found(searched, query)


T0, T1, QUICK = Term("tag", "t0"), Term("tag", "t1"), Match("text", "quick")


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Bool(), "abcdef"),
        (Bool(must=(T0, QUICK)), "a"),
        (Bool(filter=(T0, QUICK)), "a"),
        (Bool(must=(QUICK,), must_not=(T0,)), "b"),
        (Bool(must_not=(QUICK,)), "cdef"),
        (Bool(should=(QUICK, Term("n", 5))), "abf"),
        (Bool(should=(QUICK, T0, Term("n", 2)), minimum_should_match=2), "ac"),
        (Bool(should=(QUICK, T0), minimum_should_match=3), ""),
        (Bool(should=(QUICK,), must_not=(T0,)), "b"),
        (Bool(must=(T0,), should=(QUICK,)), "ace"),
        (Bool(must=(T0,), should=(QUICK,), minimum_should_match=1), "a"),
        (Bool(must=(Bool(should=(QUICK, Term("n", 4))), Bool(must_not=(Term("n", 0),)))), "be"),
        (Bool(must=(MatchPhrase("fuzzy", "退"), T1)), "df"),
        (Bool(should=(MatchPhrase("fuzzy", "uick"), MatchPhrase("fuzzy", "😀"))), "abe"),
        (Bool(should=(Wildcard("text", "fo?"), Prefix("text", "repl"))), "ab"),
    ],
    ids=str,
)
def test_bool_joins_queries(searched: TableClient, query: Query, keys: str) -> None:
    """All of must and filter, none of must_not, and as many of should as it says: one where there is nothing else."""
    assert keys == found(searched, query)


def test_a_mistyped_value_is_skipped_and_its_row_is_not(searched: TableClient) -> None:
    """A row is found by its other fields where one has another type, or none; must_not passes it."""
    put(searched, PLAIN, "g", n="3", x=3, tag=7, text=1, fuzzy=b"quick", b=1)

    assert "abcdefg" == found(searched, MatchAll())
    assert "d" == found(searched, Term("n", 3))
    assert "abcdef" == found(searched, HasField("x"))
    assert "cdefg" == found(searched, Bool(must_not=(QUICK,)))
    assert "g" == found(searched, Bool(must_not=(HasField("tag"),)))
    assert "g" == found(searched, Bool(must_not=(HasField("text"),)))
    assert "g" == found(searched, Term("k", "g"))


def test_an_index_follows_its_table(searched: TableClient) -> None:
    """A put, update or delete of a row is seen by the next search."""
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
    """An index finds rows that were written before it; deleted and made again, it finds what it found."""
    searched.delete_search_index("plain", "search")
    with pytest.raises(TableNotFound):
        found(searched, MatchAll())
    put(searched, PLAIN, "g", text="quick")
    searched.create_search_index(INDEX)

    assert ("abg", "ab") == (found(searched, QUICK), found(searched, MatchPhrase("fuzzy", "quick")))


def test_a_table_with_a_search_index_stays(searched: TableClient) -> None:
    """It is deleted when the index is."""
    with pytest.raises(InvalidInput, match=r"Table\[plain\] who has at least one search index cannot be deleted"):
        searched.delete_table("plain")
    searched.delete_search_index("plain", "search")
    searched.delete_table("plain")

    assert "plain" not in searched.list_tables()


@pytest.mark.parametrize(
    ("sorts", "keys"),
    [
        ((), "abcdef"),
        ((KeySort(),), "abcdef"),
        ((KeySort(True),), "fedcba"),
        ((FieldSort("n", True),), "fedcba"),
        ((FieldSort("tag"),), "acebdf"),
        ((FieldSort("tag", True),), "bdface"),
        ((FieldSort("tag", True), KeySort(True)), "fdbeca"),
        ((FieldSort("tag"), FieldSort("x", True)), "ecafdb"),
        ((FieldSort("b"), FieldSort("tag", True)), "bacdfe"),
        ((FieldSort("k", True),), "fedcba"),
    ],
    ids=str,
)
def test_rows_come_in_order(searched: TableClient, sorts: tuple[Sorter, ...], keys: str) -> None:
    """By fields and by key, ties by key; by key where nothing is said. Every page's rows are the next ones."""
    assert keys == found(searched, MatchAll(), *sorts)
    for query in (MatchAll(), HasField("n"), Bool(should=(QUICK, Bool(must_not=(QUICK,))))):
        pages = []
        token: bytes | None = b""
        while token is not None:
            page = ask(searched, query, *sorts, limit=2, token=token or None)
            pages.append("".join(str(row.key[0]) for row in page.rows))
            token = page.token
        assert [keys[:2], keys[2:4], keys[4:]] == pages


@pytest.mark.parametrize("descending", [False, True])
def test_rows_without_a_field_come_last(searched: TableClient, descending: bool) -> None:
    """In both directions, in order of their keys, and on whatever page they are."""
    for key in ("A", "z"):
        put(searched, PLAIN, key)
    expected = ("fedcba" if descending else "abcdef") + "Az"
    for limit in (1, 3, 7, 8):
        keys = ""
        token: bytes | None = b""
        while token is not None:
            page = ask(searched, MatchAll(), FieldSort("n", descending), limit=limit, token=token or None)
            keys += "".join(str(row.key[0]) for row in page.rows)
            token = page.token
        assert expected == keys


def test_the_best_score_comes_first(searched: TableClient) -> None:
    """A row that has more of the words, or one twice, is better; scores fall; none is given without ScoreSort."""
    page = ask(searched, Match("text", "quick reply"), ScoreSort())

    assert ["b", "a"] == [row.key[0] for row in page.rows]
    scores = [score for score in page.scores if score is not None]
    assert len(scores) == 2
    assert scores[0] > scores[1] > 0
    assert [None, None] == ask(searched, Match("text", "quick reply")).scores


def test_pages_follow_the_score(searched: TableClient) -> None:
    """A token goes on in the order of score."""
    query = Bool(should=(QUICK, Match("text", "reply"), MatchPhrase("fuzzy", "退")))
    whole = [row.key for row in ask(searched, query, ScoreSort()).rows]
    pages = []
    token: bytes | None = b""
    while token is not None:
        page = ask(searched, query, ScoreSort(), limit=1, token=token or None)
        pages += [row.key for row in page.rows]
        token = page.token

    assert 5 == len(whole)
    assert whole == pages


def test_a_page_is_counted_cut_and_offset(searched: TableClient) -> None:
    """The total is of all rows; limit 0 counts alone; an offset passes rows over; nothing is left behind the last."""
    page = ask(searched, MatchAll(), limit=2, offset=3, count=True)
    assert (["d", "e"], 6, True) == ([row.key[0] for row in page.rows], page.total, page.token is not None)
    page = ask(searched, MatchAll(), limit=3, offset=3)
    assert (["d", "e", "f"], None, None) == ([row.key[0] for row in page.rows], page.total, page.token)
    page = ask(searched, QUICK, limit=0, count=True)
    assert ([], 2, None) == (page.rows, page.total, page.token)
    assert [] == ask(searched, QUICK, FieldSort("n"), offset=5).rows


def test_columns_are_read_as_asked(searched: TableClient) -> None:
    """All of them, those that are named and there, or the key alone."""
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
    """A table with several key columns pages by all of them; its key columns are fields as others are."""
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
        keys: list[object] = []
        token: bytes | None = b""
        while token is not None:
            search = Search(MatchAll(), sorts, 5, token=token or None, columns=())
            page = client.search(MESSAGE.ref, "search", search)
            keys += [row.key for row in page.rows]
            token = page.token
        assert order == keys
    page = client.search(MESSAGE.ref, "search", Search(Term("message_id", "m07"), columns=()))
    assert [("s1", 1, "m07")] == [row.key for row in page.rows]


def test_what_is_not_there_is_named(searched: TableClient) -> None:
    """A missing table or index is TableNotFound; a field that is not in the index is InvalidInput and named."""
    with pytest.raises(TableNotFound):
        searched.search(PLAIN.ref, "nope", Search(MatchAll()))
    with pytest.raises(TableNotFound):
        searched.search(PLAIN.ref._replace(name="nope"), "search", Search(MatchAll()))
    for query in (Match("nope", "x"), Bool(must_not=(Term("nope", 1),)), HasField("nope")):
        with pytest.raises(InvalidInput, match="field: nope does not exist"):
            ask(searched, query)
    with pytest.raises(InvalidInput, match="field: nope does not exist"):
        ask(searched, MatchAll(), FieldSort("nope"))


@pytest.mark.parametrize(
    "query",
    [
        Term("n", "three"),
        Term("b", "yes"),
        Prefix("n", "3"),
        Wildcard("x", "*"),
        Between("text", "a", "b"),
        Between("fuzzy", "a", "b"),
        Terms("tag", ()),
    ],
    ids=str,
)
def test_what_a_type_cannot_answer_is_refused(searched: TableClient, query: Query) -> None:
    """A query that means nothing for a field's type is InvalidInput."""
    with pytest.raises(InvalidInput):
        ask(searched, query)


@pytest.mark.parametrize(
    "options",
    [
        {"limit": -1},
        {"limit": 101, "columns": None},
        {"limit": 1001},
        {"offset": -1},
        {"offset": 99_991, "limit": 10},
        {"token": b"no token"},
        {"token": b"[1,2,3,4]"},
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_refused(searched: TableClient, options: dict[str, object]) -> None:
    """Limits, offsets and tokens that cannot be are InvalidInput."""
    with pytest.raises(InvalidInput):
        ask(searched, MatchAll(), **options)


def test_a_token_belongs_to_its_search(searched: TableClient) -> None:
    """With another query it is refused, and so it is with an offset."""
    token = ask(searched, MatchAll(), limit=2).token

    assert ["c"] == [row.key[0] for row in ask(searched, MatchAll(), limit=1, token=token).rows]
    with pytest.raises(InvalidInput):
        ask(searched, QUICK, limit=2, token=token)
    with pytest.raises(InvalidInput):
        ask(searched, MatchAll(), limit=2, token=token, offset=2)


def test_a_field_may_not_be_sorted_by(searched: TableClient) -> None:
    """A TEXT field has no order."""
    with pytest.raises(InvalidInput):
        ask(searched, MatchAll(), FieldSort("text"))


def test_rows_without_the_first_field_go_by_the_next(searched: TableClient) -> None:
    """They come last, those with the second field before those without it."""
    put(searched, PLAIN, "A")
    put(searched, PLAIN, "z", x=9.0)
    put(searched, PLAIN, "y", x=10.0)
    for limit in (1, 2, 100):
        keys = ""
        token: bytes | None = b""
        while token is not None:
            page = ask(searched, MatchAll(), FieldSort("n"), FieldSort("x", True), limit=limit, token=token or None)
            keys += "".join(str(row.key[0]) for row in page.rows)
            token = page.token
        assert "abcdefyzA" == keys
