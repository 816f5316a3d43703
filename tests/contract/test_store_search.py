"""Search in the store, on every backend: the index proposes rows, each is then checked, and pages are exact."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.backends import engine_client, on_engine
from tests.support.clocks import ManualClock
from tests.support.faults import Fault, FaultyClient
from tests.support.items import ids, load
from tests.support.pages import all_pages, forged_token, ids_on_pages
from tsmem.clock import Age
from tsmem.errors import Denied, InvalidInput, TableNotFound
from tsmem.port import FieldType, SearchIndexSchema, TableClient
from tsmem.rows import SESSION_NAMES, Put
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.layout import KEYWORD, LONG, TEXT_MAX_WORD, Layout, message_table, session_table
from tsmem.store.model import Total

SAID = {
    "plain": "Is my flight on time?", "plural": "Two FLIGHTS were late.", "within": "That inflight meal was bad",
    "a": "a", "empty": "",
}  # fmt: skip
"""Contents by message id. Each message is a microsecond later than the one before."""
ASIDE = Message("t", "aside", 1000, "tool", None, "Fuzzy flight data 🎉", Metadata({"n": 1}))


@pytest.fixture
def store_about_flights(store: MemoryStore) -> MemoryStore:
    """A store with the messages of SAID, and one message that has only search content."""
    load(store, [*(Message("s", name, n, "user", text) for n, (name, text) in enumerate(SAID.items())), ASIDE])
    return store


TEXTS = [
    ("FLIGHT", "aside plural plain", "within"), ("flight on tim", "plain", ""), ("uzzy fli", "aside", ""),
    ("a", "aside a", "within plural"), ("ights were", "", "plural"), ("ight were", "", ""), ("nothing", "", ""),
]  # fmt: skip
"""A text, the messages that contain it as words, and those that contain it only inside a word of the content."""


def test_search_ignores_case(store_about_flights: MemoryStore, backend: str) -> None:
    """Matches are in the content or the search content, newest first. A match inside a word of the content is found by
    the embedded engine, and is optional for the service."""
    newest = ids(store_about_flights.messages.search())
    for text, expected, within in TEXTS:
        found = expected.split() + (within.split() if backend == "engine" else [])
        assert [each for each in newest if each in found] == ids(store_about_flights.messages.search(text)), text
    assert [ASIDE] == list(store_about_flights.messages.search("fuzzy FLIGHT"))


CONDITIONS: list[tuple[dict[str, Any], list[str]]] = [
    ({"text": None}, ["aside", *list(SAID)[::-1]]), ({"session_id": "s"}, ["plural", "plain"]),
    ({"role": "tool"}, ["aside"]), ({"session_id": "s", "role": "tool"}, []), ({"since": 3}, ["aside"]),
    ({"until": 0}, ["plain"]), ({"since": 0, "until": 1}, ["plural", "plain"]),
    ({"filter": "exists(n)"}, ["aside"]), ({"filter": 'not exists(n) and session_id == "s"'}, ["plural", "plain"]),
]  # fmt: skip


def test_search_combines_text_with_other_conditions(store_about_flights: MemoryStore) -> None:
    for conditions, expected in CONDITIONS:
        found = ids(store_about_flights.messages.search(**{"text": "flight", **conditions}))
        assert expected == [each for each in found if each != "within" or "text" in conditions], conditions


def test_session_search_finds_search_content(store: MemoryStore) -> None:
    load(store, [Session("ada", "a", 1, "Red TEA"), Session("bob", "b", 2, "red team"), Session("eve", "d", 3)])
    store.sessions.put(Session("bob", "c", None, "red tea"))

    assert ["b", "a", "c"] == ids(store.sessions.search("ed te"))
    assert ["b", "c"] == ids(store.sessions.search("tea", user_id="bob"))
    assert ["a"] == ids(store.sessions.search("tea", until=1))


@on_engine
def test_an_age_in_a_search_counts_back_from_its_first_page(store: MemoryStore, clock: ManualClock) -> None:
    now = clock.now_us()
    load(store, [Session("u", f"s{n}", now - n * 1_000_000) for n in range(6)])
    first = store.sessions.search(since=Age(3_500_000), limit=2)

    assert ["s0", "s1"] == ids(first)
    clock.sleep(100)
    assert ["s2", "s3"] == ids(store.sessions.search(since=Age(3_500_000), limit=9, page_token=first.next_page_token))


@on_engine
def test_search_refuses_invalid_arguments_before_any_request(store: MemoryStore) -> None:
    before = store.cost.requests
    wrong: list[dict[str, Any]] = [{"text": ""}, {"user_id": ""}, {"limit": 0}, {"sort": "age"}, {"filter": "1 +"}]
    for each in wrong:
        with pytest.raises(InvalidInput):
            store.sessions.search(**each)
    assert before == store.cost.requests


def test_a_long_text_can_be_searched_for(store: MemoryStore) -> None:
    sentence = "ten words of this are fewer than there are here " * 2000 + "end"
    texts = [sentence, *(word * 90 for word in ("Привет-мир,", "naïve/", "hello-", "你好，", "ab.", "x"))]
    load(store, [Message("s", f"m{n}", n, content=f"({text} and more)") for n, text in enumerate(texts)])

    assert [[f"m{n}"] for n in range(len(texts))] == [ids(store.messages.search(text)) for text in texts]
    assert [] == ids(store.messages.search(sentence + "s"))


def test_a_deeply_nested_filter_matches_the_same_rows_in_search_and_listing(store: MemoryStore) -> None:
    load(store, [Message("s", "m", 1, "user", "words"), Message("s", "n", 2, "tool", "words")])
    test = 'role == "user"'
    for place in range(20):
        test = f'(role == "r{place}" {"or" if place % 2 else "and"} {test})'

    assert ids(store.messages.iterate("s", filter=test)) == ids(store.messages.search("words", filter=test))


@pytest.fixture
def store_about_tea(store: MemoryStore, tmp_path: Path) -> MemoryStore:
    """A store with 230 messages. Every other one says tea, and always three have the same time."""
    texts = ("green tea", "coffee")
    items = [Message("s", f"m{n:03d}", n // 3, "user", texts[n % 2], None, Metadata({"n": n})) for n in range(230)]
    with engine_client(tmp_path) as filling:
        load(MemoryStore(filling, target="test"), items)
    return store


WANTED: list[tuple[dict[str, Any], Callable[[int], bool]]] = [
    ({"until": 50}, lambda n: n < 153), ({"text": "tea"}, lambda n: n % 2 == 0),
    ({"text": "tea", "filter": "n < 100"}, lambda n: n % 2 == 0 and n < 100), ({"text": " "}, lambda n: n % 2 == 0),
    ({"filter": "n >= 215 or n < 3"}, lambda n: n >= 215 or n < 3),
    ({"text": "tea", "sort": "score"}, lambda n: n % 2 == 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("backend", "limit"), [("engine", 11), ("engine", 50), ("engine", 115), ("sdk", 50)], indirect=["backend"]
)
def test_search_pages_give_each_item_once_in_order(store_about_tea: MemoryStore, limit: int) -> None:
    for wanted, keeps in WANTED:
        whole = ids(store_about_tea.messages.search(**wanted, limit=None))
        expected = [f"m{n:03d}" for n in sorted(filter(keeps, range(230)), key=lambda n: (-(n // 3), n))]
        assert sorted(expected) == sorted(whole)
        assert wanted.get("sort") == "score" or expected == whole
        assert whole == ids_on_pages(lambda **more: store_about_tea.messages.search(**more).page(), limit, **wanted)


@on_engine
def test_rows_written_between_search_pages_repeat_no_item(store_about_tea: MemoryStore) -> None:
    first = store_about_tea.messages.search("tea", limit=3)
    given = ids(first)
    load(store_about_tea, [Message("s", f"new{n:03d}", 1000 + n, content="tea") for n in range(120)])
    store_about_tea.messages.delete("s", given[-1])
    second = store_about_tea.messages.search("tea", limit=3, page_token=first.next_page_token)

    assert (["m228", "m226", "m222"], ["m224", "m220", "m216"]) == (given, ids(second))


def test_a_token_belongs_to_its_search(store_about_tea: MemoryStore) -> None:
    first = store_about_tea.messages.search("tea", limit=2, until=50)
    assert 2 == len(ids(first))
    token = first.next_page_token or ""
    others: list[dict[str, Any]] = [{"text": "te"}, {"sort": "score"}, {"role": "user"}, {"until": 51}, {"filter": "n"}]
    for other in others:
        with pytest.raises(InvalidInput, match="belongs to another query"):
            store_about_tea.messages.search(**{"text": "tea", "until": 50, **other}, page_token=token)
    with pytest.raises(InvalidInput, match=r"damaged|another"):
        store_about_tea.messages.search("tea", until=50, page_token=token[:-9] + "AAAAAAAAA")


FORGED: list[tuple[Any, ...]] = [
    (3, "m003", 0), (3, "m003"), (), ("s", 3, "m003", 0, b""), (3, "m003", 0, b"", 0), ("3", "m003", 0, b""),
    (1, "m", 0, b""), (51, "m", 0, b""), (2**63, "m", 0, b""), (3, "m" * 1025, 0, b""), (3, b"\xff", 0, b""),
    (3, "m003", 101, b""), (3, "m003", -1, b""), (3, "m003", 0, b"junk"), (3, "m003", 0, b"[1]"),
]  # fmt: skip
"""Values that no page token of the search has: too few, too many, others than a time in the window, a message id, a
number of rows to skip and a token of the service."""


@on_engine
@pytest.mark.parametrize("sort", ["newest", "score"])
def test_a_forged_page_token_is_refused(store_about_tea: MemoryStore, sort: Any) -> None:
    wanted: dict[str, Any] = {"text": "tea", "session_id": "s", "since": 2, "until": 50, "sort": sort}
    real = store_about_tea.messages.search(**wanted, limit=3).page().next_page_token
    assert ids(store_about_tea.messages.search(**wanted, page_token=forged_token(real, 3, "m003", 0, b"")))
    for values in FORGED:
        token = forged_token(real, *values)
        for limit in (1, None):
            with pytest.raises(InvalidInput):
                ids(store_about_tea.messages.search(**wanted, limit=limit, page_token=token))


@on_engine
def test_a_page_token_with_a_forged_time_is_refused(store: MemoryStore) -> None:
    load(store, [Session("u", f"s{n}", n) for n in range(5)])
    first = store.sessions.recent(None, limit=2)
    assert ["s4", "s3"] == ids(first)
    forged = partial(forged_token, first.next_page_token, "u", "s3")
    assert ["s2"] == ids(store.sessions.recent(None, limit=1, page_token=forged(1, 3, 2, b"")))
    for times in ((0, 0), (0, 3), (2, 3), (-1, 3), (1, 2**63), (1, "3")):
        with pytest.raises(InvalidInput):
            ids(store.sessions.recent(None, page_token=forged(*times, 2, b"")))


@on_engine
def test_a_session_without_a_time_has_a_place_among_the_pages(store: MemoryStore) -> None:
    load(store, [Session("u", f"s{n}", None if n < 3 else n) for n in range(5)])

    assert [["s4", "s3"], ["s0", "s1"], ["s2"]] == [
        ids(page) for page in all_pages(lambda **more: store.sessions.search(**more).page(), 2)
    ]


TOTALS: list[tuple[dict[str, Any], Total, Total]] = [
    ({}, Total(230, 230), Total(230, 230)), ({"role": "user", "since": 70}, Total(20, 20), Total(20, 20)),
    ({"text": "tea"}, Total(115, 115), Total(None, 115)), ({"text": "tea", "until": 2}, Total(5, 5), Total(5, 5)),
    ({"filter": "n < 5"}, Total(5, None), Total(5, None)), ({"filter": "n < 50"}, Total(None, None), Total(None, None)),
]  # fmt: skip
"""A search, its total on the engine, and its total on the service."""


def test_a_search_total_is_exact_or_null(store_about_tea: MemoryStore, backend: str) -> None:
    """The total is the index's count if no row needs a check, and the number of results if one page holds them all."""
    for wanted, engine, service in TOTALS:
        found = store_about_tea.messages.search(**wanted, limit=10)
        ids(found)
        assert (engine if backend == "engine" else service) == found.total, wanted
    first = store_about_tea.messages.search("tea", limit=100)
    assert 100 == len(ids(first))
    second = store_about_tea.messages.search("tea", limit=100, page_token=first.next_page_token)
    assert (15, None) == (len(ids(second)), second.next_page_token)
    assert Total(115 if backend == "engine" else None, 115) == second.total


def test_a_page_of_a_text_search_costs_one_request(store_about_tea: MemoryStore) -> None:
    ids(store_about_tea.messages.search("tea", limit=1))  # one more request describes the index
    before = store_about_tea.cost.requests
    found = store_about_tea.messages.search("tea", limit=99)
    assert (99, 1, False) == (len(ids(found)), store_about_tea.cost.requests - before, found.next_page_token is None)


def with_indexes(client: TableClient, *message: tuple[str, FieldType]) -> MemoryStore:
    """Return a store whose search indexes have fewer fields than tsmem's own: the given ones, and a session's user and
    time."""
    store = MemoryStore(client, target="test")
    store.tables.apply(search=False)
    session = (("user_id", KEYWORD), ("update_time", LONG))
    for layout, fields in ((store.layout.session, session), (store.layout.message, message)):
        client.create_search_index(SearchIndexSchema(layout.schema.name, layout.search.name, fields))
    return store


KINDS = [
    TEXT_MAX_WORD, FieldType("TEXT", "min_word"), FieldType("TEXT", "single_word"),
    FieldType("TEXT", "single_word", case_sensitive=True), FieldType("TEXT", "split"),
    FieldType("TEXT", "split", delimiter=","), FieldType("TEXT", "split", delimiter="E"),
    FieldType("TEXT", "fuzzy", 1, 4), FieldType("TEXT", "fuzzy", 3, 7),
]  # fmt: skip


@on_engine
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_search_finds_whole_words_with_every_analyzer_option(empty_client: TableClient, kind: FieldType) -> None:
    """The texts have letters that fold to several, final sigmas, case that an index keeps, and words that its delimiter
    splits. The role is checked on the row, because this index has no such field."""
    library = (("session_id", KEYWORD), ("message_id", KEYWORD), ("create_time", LONG), ("content", kind))
    store = with_indexes(empty_client, *library)
    said = {
        "upper": "Flight on Time,late again", "lower": "flight", "german": "Die Straße.", "greek": "Ο δρόμος, λέει",
        "street": "ΟΔΌΣ", "chinese": "我要退款, 谢谢", "japanese": "予約をキャンセルしたい", "emoji": "done 🎉 thanks",
        "marks": "really?! no!!", "folded": "\u0149, so \u01f05",
    }  # fmt: skip
    load(store, [Message("s", name, -n, "user", text) for n, (name, text) in enumerate(said.items())])
    wanted = {
        "flight": "upper lower", "FLIGHT": "upper lower", "time": "upper", "straße": "german", "STRAẞE": "german",
        "ſtrasse": "german", "δρόμος": "greek", "οδός": "street", "on time": "upper", "time,late": "upper",
        "Ο δρόμος,": "greek", "late again": "upper", "time on": "", "款": "chinese", "退款": "chinese", "🎉": "emoji",
        "🎉 ": "emoji", "🎉🎉": "", "!!": "marks", "?! ": "marks", "!! ": "", "キャンセル": "japanese",
        "\u02bcN, SO": "folded", "\u030c5": "folded",
    }  # fmt: skip

    assert wanted == {text: " ".join(ids(store.messages.search(text))) for text in wanted}
    assert [] == ids(store.messages.search("flight", role="tool"))


def test_a_search_needs_only_the_fields_that_it_uses(empty_client: TableClient) -> None:
    store = with_indexes(empty_client, ("content", TEXT_MAX_WORD))
    load(store, [Session("u", "s", 1, "tea"), *(Message("s", f"m{n}", n, content="tea") for n in range(3))])

    assert ["s"] == ids(store.sessions.search(user_id="u"))
    assert {"m1", "m2"} == set(ids(store.messages.search("tea", since=1, sort="score")))
    tools = store.messages.search(role="tool", sort="score", limit=1)
    assert ([], Total(0, 3)) == (ids(tools), tools.total)
    for search, lacks in ((store.sessions.search, "text field search_content"), (store.messages.search, "create_time")):
        with pytest.raises(InvalidInput, match=f"no (field |LONG field )?{lacks}"):
            search("tea")


def test_a_search_without_its_index_fails_and_names_the_indexes_that_exist(empty_client: TableClient) -> None:
    store = MemoryStore(empty_client, target="test")
    theirs = SearchIndexSchema("message", "theirs", (("content", TEXT_MAX_WORD),))
    for make in (
        lambda: None, lambda: store.tables.apply(search=False), lambda: empty_client.create_search_index(theirs),
    ):  # fmt: skip
        make()
        with pytest.raises(TableNotFound) as caught:
            store.messages.search("tea")
    assert "theirs" in str(caught.value.hint)


def test_a_missing_index_is_not_found_where_indexes_may_not_be_listed(empty_client: TableClient) -> None:
    """A policy can allow searching without allowing ots:ListSearchIndex."""
    MemoryStore(empty_client, target="test").tables.apply(search=False)
    refused = FaultyClient(empty_client, Fault("list_search_indexes", Denied("not allowed")))
    with pytest.raises(TableNotFound):
        MemoryStore(refused, target="test").messages.search("tea")
    assert "list_search_indexes" in refused.names()


FILTERS = {
    "n == 5": "s1 s0", "n > 2.5": "s1 s0", "n < 5": "s2", "score == 5": "s1 s0", "score >= 5.0": "s1 s0",
    "score < 1.0": "s2", 'topic == "a"': "s0", 'topic in ["a", "b"]': "s0", "topic == 1": "s1", "vip": "s0",
    "vip == False": "s2", 'vip == "True"': "s1", "not vip": "s3 s2 s1", 'not (topic == "a" or n < 5)': "s3 s1",
    "exists(topic) and not exists(unknown)": "s2 s1 s0", 'startswith(topic, "b")': "s2", 'contains(topic, "B")': "s2",
    'startswith(metadata.topic, "")': "s2 s0", 'startswith(session_id, "s") and vip == true': "s0",
    'startswith(topic, "B") or contains(n, "5")': "", 'not contains(topic, "a")': "s3 s2 s1",
}  # fmt: skip


def test_a_filter_matches_the_same_rows_with_and_without_an_indexed_field(empty_client: TableClient) -> None:
    """A row whose value has another type than the field is found as in any other listing."""
    names = SESSION_NAMES._replace(search_fields={"topic": "keyword", "n": "long", "score": "double", "vip": "boolean"})
    store = MemoryStore(empty_client, Layout(session_table(names), message_table()), target="test")
    store.tables.apply()
    values: list[dict[str, Any]] = [
        {"topic": "a", "n": 5, "score": 5.0, "vip": True}, {"topic": 1, "n": 5.0, "score": 5, "vip": "True"},
        {"topic": "b" * 5000, "n": 2, "score": 0.5, "vip": False}, {},
    ]  # fmt: skip
    load(store, [Session("u", f"s{n}", n, metadata=Metadata(each)) for n, each in enumerate(values)])

    assert FILTERS == {text: " ".join(ids(store.sessions.search(filter=text))) for text in FILTERS}
    assert FILTERS == {text: " ".join(ids(store.sessions.recent(None, filter=text))) for text in FILTERS}
    assert FILTERS == {text: " ".join(ids(store.sessions.iterate(None, filter=text))[::-1]) for text in FILTERS}


def test_recent_for_everyone_lists_whole_sessions_latest_first(store: MemoryStore, empty_client: TableClient) -> None:
    """Sessions of the same time come in order of their ids. A session whose update time is not an integer is left
    out."""
    sessions = [Session(f"u{n % 3}", f"s{n:03d}", n // 2, "x", Metadata({"n": n})) for n in range(150)]
    load(store, [*sessions, Session("u0", "undated")])
    empty_client.write_row(Put(store.layout.session.ref, ("u1", "odd"), {"update_time": 5.0}))
    expected = sorted(sessions, key=lambda s: (-(s.update_time or 0), s.user_id, s.session_id))

    assert expected == list(store.sessions.recent(None, limit=None))
    assert expected[:50] == list(store.sessions.recent(None))
    assert [s.session_id for s in expected] == ids_on_pages(
        lambda **more: store.sessions.recent(None, **more).page(), 40
    )
    assert ["s010", "s011"] == sorted(ids(store.sessions.recent(None, since=5, until=5)))
    assert ["s007"] == ids(store.sessions.recent(None, filter="n == 7"))
