"""Search in the port: what each query finds by a field's type and analyzer, orders, pages, and an index that follows
its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

import pytest

from tests.support.backends import MESSAGE, PLAIN, on_engine, put
from tests.support.pages import all_keys, search_pages
from tsmem import queries as q
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.port import FieldType, SearchIndexSchema, TableClient
from tsmem.rows import Delete, Key, Put, Row, Update, Value, Write

KEYWORD, LONG = FieldType("KEYWORD"), FieldType("LONG")
FIELDS = (
    ("k", KEYWORD), ("tag", KEYWORD), ("n", LONG), ("x", FieldType("DOUBLE")), ("b", FieldType("BOOLEAN")),
    ("text", FieldType("TEXT", "single_word")), ("most", FieldType("TEXT", "max_word")),
    ("parts", FieldType("TEXT", "split")), ("fuzzy", FieldType("TEXT", "fuzzy", 1, 7)),
)  # fmt: skip
INDEX = SearchIndexSchema("plain", "search", FIELDS)

TEXTS = {
    "a": "The Quick brown fox", "b": "a quick, quick reply", "c": "退款 please!!", "d": "我要退款了",
    "e": "日本語のテキスト 😀", "f": "款退",
}  # fmt: skip


@pytest.fixture
def searched(client: TableClient) -> TableClient:
    """A client whose table `plain` has a search index. Each row has one text in all its text fields, and some tags and
    numbers."""
    client.create_search_index(INDEX)
    for number, (key, text) in enumerate(TEXTS.items()):
        texts = dict.fromkeys(("text", "most", "parts", "fuzzy"), text)
        put(client, PLAIN, key, **texts, n=number, x=number / 2, b=number > 2, tag=f"t{number % 2}")
    return client


def ask(client: TableClient, query: q.Query, *sorts: q.Sorter, **options: object) -> q.SearchPage:
    search = q.Search(query, sorts, columns=())
    return client.search(PLAIN.ref, "search", search._replace(**options))  # type: ignore[arg-type]


def joined(rows: Iterable[Row]) -> str:
    return "".join(str(row.key[0]) for row in rows)


def keys_found(client: TableClient, query: q.Query, *sorts: q.Sorter) -> str:
    return joined(ask(client, query, *sorts).rows)


def all_pages_of(client: TableClient, query: q.Query, limit: int, *sorts: q.Sorter) -> list[str]:
    search = q.Search(query, sorts, limit, columns=())
    return [joined(page.rows) for page in search_pages(client, PLAIN.ref, "search", search)]


T0, QUICK = q.Term("tag", "t0"), q.Match("text", "quick")
QUERIES: dict[str, list[tuple[q.Query, str]]] = {
    "words of a text are folded and whole, and characters of Chinese are words": [
        (q.MatchAll(), "abcdef"), (q.Match("text", "QUICK"), "ab"), (q.Match("text", "fox reply"), "ab"),
        (q.Match("text", "fox quick", all_words=True), "a"),
        (q.Match("text", "fox reply quick", minimum_should_match=2), "ab"),
        (q.Match("text", "fox reply quick", minimum_should_match=3), ""), (q.Match("text", "退款"), "cdf"),
        (q.Match("most", "退款"), "cd"), (q.Match("most", "退款", all_words=True), "cd"), (q.Match("text", "!!"), ""),
        (q.Match("text", ""), ""), (q.MatchPhrase("text", "quick brown"), "a"),
        (q.MatchPhrase("text", "brown quick"), ""), (q.MatchPhrase("text", "quick reply"), "b"),
        (q.MatchPhrase("text", "退款"), "cd"), (q.MatchPhrase("most", "退款"), "cd"), (q.Term("most", "退款"), "cd"),
        (q.Term("text", "quick"), "ab"), (q.Term("text", "Quick"), ""), (q.Term("text", "qui"), ""),
        (q.Terms("text", ("fox", "reply", "nope")), "ab"), (q.Prefix("text", "qui"), "ab"),
        (q.Prefix("text", "quick brown"), ""), (q.Wildcard("text", "*ui*"), "ab"), (q.Wildcard("text", "r?ply"), "b"),
        (q.Wildcard("text", "r?pl"), ""), (q.HasField("text"), "abcdef"),
    ],
    "split makes words at white space alone": [
        (q.Match("parts", "quick"), "ab"), (q.Match("parts", "quick,"), "b"),
        (q.MatchPhrase("parts", "quick, quick"), "b"), (q.Term("parts", "please!!"), "c"),
        (q.Term("parts", "please"), ""), (q.Match("parts", "退款"), "c"), (q.Prefix("parts", "我要"), "d"),
        (q.Wildcard("parts", "*!"), "c"),
    ],
    "other fields are compared whole, and take text that reads as their type": [
        (q.Term("tag", "t1"), "bdf"), (q.Match("tag", "t1"), "bdf"), (q.MatchPhrase("tag", "t1"), "bdf"),
        (q.Match("tag", "t1 t0"), ""), (q.Term("tag", "T1"), ""), (q.Terms("tag", ("t0", "t9")), "ace"),
        (q.Prefix("tag", "t"), "abcdef"), (q.Prefix("tag", ""), "abcdef"), (q.Wildcard("tag", "?1"), "bdf"),
        (q.Wildcard("tag", "*"), "abcdef"), (q.Wildcard("tag", "t[01]"), ""),
        (q.Between("tag", "t0", "t1", end_inclusive=False), "ace"), (q.Between("tag", "t", "t00"), "ace"),
        (q.Term("k", "c"), "c"), (q.Between("k", "b", "d", start_inclusive=False), "cd"), (q.Term("n", 3), "d"),
        (q.Term("n", "3"), "d"), (q.Match("n", "3"), "d"), (q.Terms("n", (1, "2", 77)), "bc"),
        (q.Between("n", 2, 4, end_inclusive=False), "cd"), (q.Between("n", start=4), "ef"),
        (q.Between("n", end="1"), "ab"), (q.Between("n"), "abcdef"), (q.Term("x", 1.5), "d"),
        (q.Between("x", 0.75, 1.5), "cd"), (q.Between("x", 1, 2), "cde"), (q.Term("b", True), "def"),
        (q.Term("b", "false"), "abc"), (q.HasField("n"), "abcdef"),
    ],
    "all of must and filter, none of must_not, and so many of should": [
        (q.Bool(), "abcdef"), (q.Bool(must=(T0, QUICK)), "a"), (q.Bool(filter=(T0, QUICK)), "a"),
        (q.Bool(must=(QUICK,), must_not=(T0,)), "b"), (q.Bool(must_not=(QUICK,)), "cdef"),
        (q.Bool(should=(QUICK, q.Term("n", 5))), "abf"),
        (q.Bool(should=(QUICK, T0, q.Term("n", 2)), minimum_should_match=2), "ac"),
        (q.Bool(should=(QUICK, T0), minimum_should_match=3), ""), (q.Bool(should=(QUICK,), must_not=(T0,)), "b"),
        (q.Bool(must=(T0,), should=(QUICK,)), "ace"),
        (q.Bool(must=(T0,), should=(QUICK,), minimum_should_match=1), "a"),
        (q.Bool(must=(q.Bool(should=(QUICK, q.Term("n", 4))), q.Bool(must_not=(q.Term("n", 0),)))), "be"),
        (q.Bool(should=(q.Wildcard("text", "fo?"), q.Prefix("text", "repl"))), "ab"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("rule", QUERIES)
def test_a_query_finds(searched: TableClient, rule: str) -> None:
    assert [] == [
        (query, keys, found) for query, keys in QUERIES[rule] if (found := keys_found(searched, query)) != keys
    ]


CONTAINED = [
    ("quick", "ab", "ab"), ("QUICK, qu", "b", ""), ("ick brow", "a", ""), ("Quick BROWN", "a", "a"),
    ("退款", "cd", "c"), ("退", "cdf", ""), ("!!", "c", "c"), ("!", "c", ""), ("x", "a", ""), ("テキスト 😀", "e", ""),
    ("😀", "e", "e"), (" ", "abce", ""), ("%", "", ""), ("\0", "", ""), ("quack", "", ""),
]  # fmt: skip
"""A text, the rows that contain it, and the rows that contain it as whole words."""


@pytest.mark.parametrize("field", ["text", "most", "parts", "fuzzy"])
def test_contains_finds_whole_words_and_on_the_engine_any_part_of_a_word(
    searched: TableClient, backend: str, field: str
) -> None:
    for text, exact, least in CONTAINED:
        assert exact == keys_found(searched, q.MatchPhrase("fuzzy", text))
        page, first = (ask(searched, q.Contains(field, text), limit=limit, count=True) for limit in (100, 1))
        if backend == "engine":
            assert (exact, exact[:1]) == (joined(page.rows), joined(first.rows))
            assert {(len(exact), True)} == {(each.total, each.total_is_exact) for each in (page, first)}
            assert set(TEXTS) - set(exact) == set(keys_found(searched, q.Bool(must_not=(q.Contains(field, text),))))
        else:
            assert set(least) <= set(joined(page.rows))


def test_a_value_of_the_wrong_type_is_not_indexed_and_its_row_is(searched: TableClient) -> None:
    put(searched, PLAIN, "g", n="3", x=3, tag=7, text=1, fuzzy=b"quick", b=1)
    without: list[tuple[q.Query, str]] = [
        (q.MatchAll(), "abcdefg"), (q.Term("n", 3), "d"), (q.HasField("x"), "abcdef"),
        (q.Bool(must_not=(QUICK,)), "cdefg"), (q.Bool(must_not=(q.HasField("tag"),)), "g"),
        (q.Bool(must_not=(q.HasField("text"),)), "g"), (q.Term("k", "g"), "g"),
    ]  # fmt: skip
    assert without == [(query, keys_found(searched, query)) for query, _ in without]


def test_a_search_index_follows_puts_updates_and_deletes(searched: TableClient) -> None:
    def keys_of_each(*queries: q.Query) -> list[str]:
        return [keys_found(searched, query) for query in queries]

    part, slow = q.MatchPhrase("fuzzy", "uick"), q.Match("text", "slow")
    searched.write_row(Update(PLAIN.ref, ("a",), {"tag": "new"}))
    assert ["a", "ab"] == keys_of_each(q.Term("tag", "new"), QUICK)
    searched.write_row(Update(PLAIN.ref, ("a",), {"text": "slow"}, ("fuzzy",)))
    assert ["b", "a", "b"] == keys_of_each(QUICK, slow, part)
    put(searched, PLAIN, "b", fuzzy="quicker")
    assert ["", "b"] == keys_of_each(QUICK, part)
    searched.write_row(Delete(PLAIN.ref, ("b",)))
    assert ["", "acdef"] == keys_of_each(part, q.MatchAll())
    put(searched, PLAIN, "b")
    assert ["", "abcdef"] == keys_of_each(part, q.MatchAll())


@on_engine
def test_a_search_index_follows_a_batch_of_mixed_writes(searched: TableClient) -> None:
    """The batch puts, updates and deletes rows that existed before and rows that did not."""
    steps: dict[str, Write | None] = {}
    for number, (before, *kinds) in enumerate(product((False, True), range(3), range(3), range(3))):
        key = (f"{number:03}",)
        if before:
            put(searched, PLAIN, *key, text="lazy")
        each = (Put(PLAIN.ref, key, {"text": "quick"}), Put(PLAIN.ref, key, {"text": "slow"}), Delete(PLAIN.ref, key))
        writes: list[Write] = [each[kind] for kind in kinds]
        assert [None] * 3 == searched.write_rows(writes)
        steps[key[0]] = writes[-1]
    for text in ("quick", "slow", "lazy"):
        expected = [key for key, write in steps.items() if isinstance(write, Put) and write.columns["text"] == text]
        hits = all_keys(searched, PLAIN.ref, "search", q.Search(q.MatchPhrase("text", text), limit=100, columns=()))
        assert expected == sorted({str(key[0]) for key in hits} - TEXTS.keys()), text


def test_a_new_search_index_includes_existing_rows(searched: TableClient) -> None:
    searched.delete_search_index("plain", "search")
    with pytest.raises(TableNotFound):
        keys_found(searched, q.MatchAll())
    put(searched, PLAIN, "g", text="quick")
    searched.create_search_index(INDEX)

    assert ("abg", "ab") == (keys_found(searched, QUICK), keys_found(searched, q.MatchPhrase("fuzzy", "quick")))


def test_a_search_index_is_described_as_it_was_created(client: TableClient) -> None:
    kinds = [FieldType("TEXT", "split", delimiter="-"), FieldType("TEXT", "single_word", case_sensitive=True)]
    made = INDEX._replace(fields=(*FIELDS, *zip("cd", kinds, strict=True)))
    client.create_search_index(made)

    assert (made, ["search"]) == (client.describe_search_index("plain", "search"), client.list_search_indexes("plain"))


def test_a_table_with_a_search_index_cannot_be_deleted(searched: TableClient) -> None:
    with pytest.raises(InvalidInput, match=r"Table\[plain\] who has at least one search index cannot be deleted"):
        searched.delete_table("plain")
    searched.delete_search_index("plain", "search")
    searched.delete_table("plain")


ORDERS: list[tuple[tuple[q.Sorter, ...], str]] = [
    ((), "abcdef"), ((q.KeySort(),), "abcdef"), ((q.KeySort(True),), "fedcba"), ((q.FieldSort("n", True),), "fedcba"),
    ((q.FieldSort("tag"),), "acebdf"), ((q.FieldSort("tag", True),), "bdface"),
    ((q.FieldSort("tag", True), q.KeySort(True)), "fdbeca"), ((q.FieldSort("tag"), q.FieldSort("x", True)), "ecafdb"),
    ((q.FieldSort("b"), q.FieldSort("tag", True)), "bacdfe"), ((q.FieldSort("k", True),), "fedcba"),
]  # fmt: skip


def test_search_pages_keep_the_sort_order(searched: TableClient) -> None:
    for sorts, keys in ORDERS:
        assert keys == keys_found(searched, q.MatchAll(), *sorts)
        for query in (q.MatchAll(), q.Bool(should=(QUICK, q.Bool(must_not=(QUICK,))))):
            assert [keys[:2], keys[2:4], keys[4:]] == all_pages_of(searched, query, 2, *sorts)


@pytest.mark.parametrize("limit", [1, 4, 10])
def test_rows_without_the_sort_field_come_last(searched: TableClient, limit: int) -> None:
    for key, columns in (("A", {}), ("z", {"x": 9.0}), ("y", {"x": 10.0})):
        put(searched, PLAIN, key, **columns)

    assert "abcdefAyz" == "".join(all_pages_of(searched, q.MatchAll(), limit, q.FieldSort("n")))
    assert "fedcbaAyz" == "".join(all_pages_of(searched, q.MatchAll(), limit, q.FieldSort("n", True)))
    assert "abcdefAyz" == "".join(all_pages_of(searched, q.MatchAll(), limit, q.ScoreSort(), q.FieldSort("n")))
    assert "abcdefyzA" == "".join(all_pages_of(searched, q.MatchAll(), limit, q.FieldSort("n"), q.FieldSort("x", True)))


def test_the_best_score_comes_first(searched: TableClient) -> None:
    query = q.Bool(should=(QUICK, q.Match("text", "reply"), q.MatchPhrase("fuzzy", "退")))
    page = ask(searched, query, q.ScoreSort())
    scores = [score for score in page.scores if score is not None]

    assert sorted(scores, reverse=True) == scores
    assert (5, "b", True) == (len(scores), joined(page.rows)[0], scores[-1] > 0)
    assert list(joined(page.rows)) == all_pages_of(searched, query, 1, q.ScoreSort())
    assert [None] * 5 == ask(searched, query).scores


def test_search_total_limit_and_offset(searched: TableClient) -> None:
    page = ask(searched, q.MatchAll(), limit=2, offset=3, count=True)
    assert (["d", "e"], 6, True) == (list(joined(page.rows)), page.total, page.token is not None)
    page = ask(searched, q.MatchAll(), limit=3, offset=3, count=True)
    assert (["d", "e", "f"], 6, None) == (list(joined(page.rows)), page.total, page.token)
    page = ask(searched, QUICK, limit=0, count=True)
    assert ([], 2, None) == (page.rows, page.total, page.token)
    assert [] == ask(searched, QUICK, q.FieldSort("n"), offset=5).rows


def test_a_search_returns_the_requested_columns(searched: TableClient) -> None:
    put(searched, PLAIN, "a", n=1, other=b"\0")
    cases: list[tuple[Sequence[str] | None, dict[str, Value]]] = [
        (None, {"n": 1, "other": b"\0"}), (("other", "nope"), {"other": b"\0"}), (("nope",), {}), ((), {}),
    ]  # fmt: skip
    for columns, expected in cases:
        assert [Row(("a",), expected)] == ask(searched, q.Term("k", "a"), columns=columns).rows


def test_search_pages_work_on_a_key_of_three_columns(client: TableClient) -> None:
    fields = (("session_id", KEYWORD), ("create_time", LONG), ("message_id", KEYWORD))
    client.create_search_index(SearchIndexSchema("message", "search", fields))
    keys: list[Key] = [(f"s{number % 2}", number % 3, f"m{number:02}") for number in range(12)]
    for key in keys:
        put(client, MESSAGE, *key)
    for sort, order in (
        (q.KeySort(True), sorted(keys, reverse=True)), (q.FieldSort("message_id"), keys),
        (q.FieldSort("create_time", True), sorted(keys, key=lambda key: (-int(key[1]), key))),
    ):  # fmt: skip
        assert order == all_keys(client, MESSAGE.ref, "search", q.Search(q.MatchAll(), (sort,), 5, columns=()))


def test_a_search_on_a_missing_table_index_or_field_names_it(searched: TableClient) -> None:
    for table, index in ((PLAIN.ref, "nope"), (PLAIN.ref._replace(name="nope"), "search")):
        with pytest.raises(TableNotFound):
            searched.search(table, index, q.Search(q.MatchAll()))
    for query in (q.Match("nope", "x"), q.Bool(must_not=(q.Term("nope", 1),)), q.HasField("nope")):
        with pytest.raises(InvalidInput, match="field: nope does not exist"):
            ask(searched, query)
    with pytest.raises(InvalidInput, match="field: nope does not exist"):
        ask(searched, q.MatchAll(), q.FieldSort("nope"))


def test_a_query_that_the_field_type_cannot_answer_is_refused(searched: TableClient) -> None:
    for query in (
        q.Term("n", "three"), q.Term("b", "yes"), q.Prefix("n", "3"), q.Wildcard("x", "*"), q.Between("text", "a", "b"),
        q.Between("fuzzy", "a", "b"), q.Terms("tag", ()),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            ask(searched, query)


def test_search_limits_are_enforced(searched: TableClient) -> None:
    """A page has at most 100 rows if columns are read from the table, and 1000 if the index or the key has all of
    them."""
    every: list[dict[str, object]] = [
        {"limit": -1}, {"limit": 101, "columns": None}, {"limit": 101, "columns": ("n", "other")}, {"limit": 1001},
        {"offset": -1}, {"offset": 99_991, "limit": 10}, {"token": b"no token"}, {"token": b"[1,2,3,4]"},
        {"sorts": (q.FieldSort("text"),)},
    ]  # fmt: skip
    for options in every:
        with pytest.raises(InvalidInput):
            ask(searched, q.MatchAll(), **options)
    assert "abcdef" == joined(ask(searched, q.MatchAll(), limit=1000, columns=("n", "k")).rows)


def test_a_token_belongs_to_its_search(searched: TableClient) -> None:
    searched.create_search_index(INDEX._replace(name="other"))
    by_number = q.FieldSort("n", True)
    token = ask(searched, q.MatchAll(), by_number, limit=2).token
    search = q.Search(q.MatchAll(), (by_number,), 1, token=token, columns=())

    assert "d" == joined(searched.search(PLAIN.ref, "search", search).rows)
    for other in (search._replace(query=QUICK), search._replace(sorts=(q.FieldSort("n"),)), search._replace(offset=2)):
        with pytest.raises(InvalidInput):
            searched.search(PLAIN.ref, "search", other)
    with pytest.raises(InvalidInput):
        searched.search(PLAIN.ref, "other", search)
