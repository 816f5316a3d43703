"""Search as the store means it: indexes nominate, the row decides, and pages are exact, on every backend."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.clocks import ManualClock
from tests.contract.faults import FaultyClient
from tsmem.clock import Age
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.port import FieldType, SearchIndexSchema, TableClient
from tsmem.rows import Put
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.layout import KEYWORD, LONG, TEXT_MAX_WORD, Layout, message_table, session_table
from tsmem.store.layout import MESSAGE_NAMES as MESSAGE
from tsmem.store.layout import SESSION_NAMES as SESSION
from tsmem.store.model import Total
from tsmem.store.records import Record
from tsmem.store.search import Found
from tsmem.store.tally import Tally

SAID = {
    "plain": "Is my flight on time?",
    "plural": "Two FLIGHTS were late.",
    "within": "That inflight meal was bad",
    "chinese": "我要退款, 谢谢",
    "japanese": "予約をキャンセルしたい",
    "emoji": "done 🎉 thanks",
    "marks": "really?! no!!",
    "empty": "",
    "a": "a",
    "german": "Die STRASSE ist lang",
}
"""Contents by message id, each a microsecond later than the one before."""


def load(store: MemoryStore, items: Iterable[Session | Message]) -> None:
    """Write all of them."""
    store.transfer.load((Record(n, item) for n, item in enumerate(items)), tally=Tally())


def ids(found: Iterable[Session | Message]) -> list[str]:
    """Message ids, or session ids, in order."""
    return [item.message_id if isinstance(item, Message) else item.session_id for item in found]


@pytest.fixture
def said(store: MemoryStore) -> MemoryStore:
    """A store with messages in many scripts, and one that has nothing but a search content."""
    load(store, [Message("s", name, n, "user", text) for n, (name, text) in enumerate(SAID.items())])
    store.messages.put(Message("t", "aside", 1000, "tool", None, "Fuzzy flight data 🎉", Metadata({"n": 1})))
    return store


# Text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flight", ["aside", "plural", "plain"]),
        ("FLIGHT", ["aside", "plural", "plain"]),
        ("my flight", ["plain"]),
        ("flight on tim", ["plain"]),
        ("time?", ["plain"]),
        ("flights were", ["plural"]),
        ("uzzy fli", ["aside"]),
        ("退款", ["chinese"]),
        ("退", ["chinese"]),
        ("谢谢", ["chinese"]),
        ("キャンセル", ["japanese"]),
        ("🎉", ["aside", "emoji"]),
        ("🎉 thanks", ["emoji"]),
        ("?", ["marks", "plain"]),
        ("!!", ["marks"]),
        ("?!", ["marks"]),
        ("?! ", ["marks"]),
        ("!! ", []),
        ("?!?", []),
        ("🎉 ", ["emoji"]),
        ("🎉🎉", []),
        ("a", ["aside", "a"]),
        ("straße", ["german"]),
        ("strasse", ["german"]),
        ("nothing of it", []),
        ("time on", []),
    ],
)
def test_text_is_found_whatever_its_script_and_case(said: MemoryStore, text: str, expected: list[str]) -> None:
    """In the content or the search content, newest first."""
    assert expected == ids(said.messages.search(text))


def test_what_is_found_is_whole(said: MemoryStore) -> None:
    """The item as it was written, metadata included, with nothing read again."""
    [found] = said.messages.search("fuzzy FLIGHT")

    assert Message("t", "aside", 1000, "tool", None, "Fuzzy flight data 🎉", Metadata({"n": 1})) == found


def test_without_text_all_is_found(said: MemoryStore) -> None:
    """Newest first."""
    assert ["aside", *list(SAID)[::-1]] == ids(said.messages.search())


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"session_id": "s"}, ["plural", "plain"]),
        ({"role": "tool"}, ["aside"]),
        ({"session_id": "s", "role": "tool"}, []),
        ({"since": 1}, ["aside", "plural"]),
        ({"until": 0}, ["plain"]),
        ({"since": 0, "until": 1}, ["plural", "plain"]),
        ({"filter": "exists(n)"}, ["aside"]),
        ({"filter": 'not exists(n) and session_id == "s"'}, ["plural", "plain"]),
    ],
)
def test_conditions_hold_beside_the_text(said: MemoryStore, conditions: dict[str, Any], expected: list[str]) -> None:
    """Session, role, a window whose ends are included, and a filter on anything."""
    assert expected == ids(said.messages.search("flight", **conditions))


def test_sessions_are_found_by_search_content(store: MemoryStore) -> None:
    """Any part of it; those without an update time come last, and are in no window."""
    undated = Session("bob", "c", None, "red tea")
    load(store, [Session("ada", "a", 1, "Red TEA"), Session("bob", "b", 2, "red team"), Session("eve", "d", 3)])
    store.sessions.put(undated)

    assert ["b", "a", "c"] == ids(store.sessions.search("ed te"))
    assert ["b", "c"] == ids(store.sessions.search("tea", user_id="bob"))
    assert ["a"] == ids(store.sessions.search("tea", until=1))


def test_ages_count_back_from_the_search(store: MemoryStore, clock: ManualClock) -> None:
    """A page token keeps the point in time that the first page had."""
    now = clock.now_us()
    load(store, [Session("u", f"s{n}", now - n * 1_000_000) for n in range(6)])
    first = store.sessions.search(since=Age(3_500_000), limit=2)

    assert ["s0", "s1"] == ids(first)
    clock.sleep(100)
    assert ["s2", "s3"] == ids(store.sessions.search(since=Age(3_500_000), limit=9, page_token=first.next_page_token))


def test_writing_and_deleting_is_seen_by_the_next_search(store: MemoryStore) -> None:
    """What a row no longer says is no longer found."""
    store.messages.put(Message("s", "m", 1, content="red tea"))
    assert ["m"] == ids(store.messages.search("tea"))
    store.messages.update("s", "m", create_time=1, content="green coffee")
    assert ([], ["m"]) == (ids(store.messages.search("tea")), ids(store.messages.search("coffee")))
    store.messages.delete("s", "m", create_time=1)
    assert [] == ids(store.messages.search("coffee"))


@pytest.mark.parametrize("wrong", [{"text": ""}, {"user_id": ""}, {"limit": 0}, {"sort": "age"}, {"filter": "1 +"}])
def test_what_cannot_be_searched_for_is_refused(store: MemoryStore, wrong: dict[str, Any]) -> None:
    """Before anything is asked."""
    before = store.cost.requests
    with pytest.raises(InvalidInput):
        store.sessions.search(**wrong)
    assert before == store.cost.requests


def test_a_text_as_long_as_a_message_is_found(store: MemoryStore) -> None:
    """And one that differs at its end is not."""
    text = "ten words of this are fewer than there are here " * 2000 + "end"
    store.messages.put(Message("s", "m", 1, content=f"({text})"))

    assert (["m"], []) == (ids(store.messages.search(text)), ids(store.messages.search(text + "s")))


# Pages


@pytest.mark.parametrize("word", ["Привет-мир,", "naïve/", "hello-", "你好，", "ab.", "x"])
def test_a_long_text_without_spaces_is_found(store: MemoryStore, word: str) -> None:
    """What is asked of the index ends with a whole word, whatever stands between the words."""
    text = word * 90
    load(store, [Message("s", "m", 1, "user", f"{text} and more"), Message("s", "n", 2, "user", "other")])

    assert ["m"] == ids(store.messages.search(text))


def test_a_filter_may_be_nested_deeper_than_a_query(store: MemoryStore) -> None:
    """What the service would not take is left to the rows."""
    load(store, [Message("s", "m", 1, "user", "words"), Message("s", "n", 2, "tool", "words")])
    test = 'role == "user"'
    for place in range(20):
        test = f'(role == "r{place}" {"or" if place % 2 else "and"} {test})'
    expected = [m.message_id for m in store.messages.iterate("s", filter=test)]

    assert expected == ids(store.messages.search("words", filter=test))


def walk(search: Callable[..., Found[Any]], limit: int, **wanted: Any) -> list[str]:
    """All pages joined; each but the last is full, and the last has no token."""
    walked: list[str] = []
    token: str | None = None
    while True:
        page = search(**wanted, limit=limit, page_token=token).page()
        walked += ids(page.items)
        token = page.next_page_token
        if token is None:
            return walked
        assert limit == len(page.items)


@pytest.fixture
def many(store: MemoryStore) -> MemoryStore:
    """230 messages, of which every other says tea; times are shared by three."""
    words = ("green tea", "coffee")
    load(
        store,
        [Message("s", f"m{n:03d}", n // 3, "user", words[n % 2], metadata=Metadata({"n": n})) for n in range(230)],
    )
    return store


WANTED: list[tuple[dict[str, Any], Callable[[int], bool]]] = [
    ({"until": 50}, lambda n: n < 153),
    ({"text": "tea"}, lambda n: n % 2 == 0),
    ({"text": "tea", "filter": "n < 100"}, lambda n: n % 2 == 0 and n < 100),
    ({"text": " "}, lambda n: n % 2 == 0),
    ({"filter": "n >= 215 or n < 3"}, lambda n: n >= 215 or n < 3),
    ({"text": "tea", "sort": "score"}, lambda n: n % 2 == 0),
]


@pytest.mark.parametrize(("wanted", "keeps"), WANTED, ids=[str(wanted) for wanted, _ in WANTED])
@pytest.mark.parametrize("limit", [3, 50, 115])
def test_pages_give_each_item_once_in_order(
    many: MemoryStore, wanted: dict[str, Any], keeps: Callable[[int], bool], limit: int
) -> None:
    """A limit counts what is found; the pages joined are the whole."""
    whole = ids(many.messages.search(**wanted, limit=None))
    expected = [f"m{n:03d}" for n in sorted(filter(keeps, range(230)), key=lambda n: (-(n // 3), n))]

    assert sorted(expected) == sorted(whole)
    assert wanted.get("sort") == "score" or expected == whole
    assert whole == walk(many.messages.search, limit, **wanted)


@pytest.mark.slow
def test_a_walk_goes_past_ten_thousand_rows(store: MemoryStore) -> None:
    """Tokens have no end, where numbers of rows to pass over have one."""
    load(store, [Message("s", f"m{n:05d}", n) for n in range(10_120)])
    first = store.messages.search(limit=10_050)
    expected = [f"m{n:05d}" for n in reversed(range(10_120))]

    assert expected[:10_050] == ids(first)
    assert expected[10_050:] == ids(store.messages.search(limit=100, page_token=first.next_page_token))


def test_what_is_written_between_pages_makes_nothing_come_twice(many: MemoryStore) -> None:
    """A page goes on behind the place of the last item, though newer ones came and that one went."""
    first = many.messages.search("tea", limit=3)
    given = ids(first)
    load(many, [Message("s", f"new{n:03d}", 1000 + n, content="tea") for n in range(120)])
    many.messages.delete("s", given[-1])
    second = many.messages.search("tea", limit=3, page_token=first.next_page_token)

    assert (["m228", "m226", "m222"], ["m224", "m220", "m216"]) == (given, ids(second))


def test_a_token_belongs_to_its_search(many: MemoryStore) -> None:
    """Another text, order, condition or listing refuses it, and so does a token that was changed."""
    token = many.messages.search("tea", limit=2, until=50)
    assert len(ids(token)) == 2
    given = token.next_page_token
    assert given is not None
    others: list[dict[str, Any]] = [{"text": "te"}, {"sort": "score"}, {"role": "user"}, {"until": 51}, {"filter": "n"}]
    for other in others:
        with pytest.raises(InvalidInput, match="belongs to another query"):
            many.messages.search(**{"text": "tea", "until": 50, **other}, page_token=given)
    with pytest.raises(InvalidInput, match=r"damaged|another"):
        many.messages.search("tea", until=50, page_token=given[:-9] + "AAAAAAAAA")


def changed(token: str | None, **parts: object) -> str:
    """A page token of which some parts are others."""
    assert token is not None
    document = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return base64.urlsafe_b64encode(json.dumps({**document, **parts}).encode()).decode().rstrip("=")


KEY = ["s", 3, "m003"]
DAMAGE: dict[str, dict[str, object]] = {
    "a key of texts": {"k": ["s", "3", "m003"]},
    "a key of numbers": {"k": [1, 3, 2]},
    "a truth in the key": {"k": ["s", True, "m003"]},
    "a key too short": {"k": ["s", 3]},
    "a time past 64 bits": {"u": 2**70, "k": ["s", 2**70, "m"]},
    "a time that is true": {"u": True},
    "a time that is none": {"u": None},
    "a time that is no integer": {"u": 1.5},
    "another time than the key's": {"u": 4},
    "a time before the window": {"u": 1, "k": ["s", 1, "m"]},
    "a time after the window": {"u": 99, "k": ["s", 99, "m"]},
    "a key of another session": {"k": ["t", 3, "m003"]},
    "another window": {"w": [2, 51]},
    "a window past 64 bits": {"w": [2, 2**70]},
    "an open window": {"w": [None, None]},
    "a number past a page": {"s": 101},
    "a negative number": {"s": -1},
    "a truth for a number": {"s": True},
    "an empty token of the service": {"t": ""},
    "a number for the service's token": {"t": 5},
    "no base64": {"t": "é"},
    "a service's token that it never gave": {"t": base64.b64encode(b"junk").decode()},
}  # fmt: skip


@pytest.mark.parametrize("sort", ["newest", "score"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_place_that_was_never_given_out_is_refused(many: MemoryStore, damage: str, sort: Any) -> None:
    """Whatever someone made of a token, the search says that it is damaged, or points elsewhere."""
    wanted: dict[str, Any] = {"text": "tea", "session_id": "s", "since": 2, "until": 50, "sort": sort}
    found = many.messages.search(**wanted, limit=3)
    ids(found)
    same = changed(found.next_page_token)
    parts: dict[str, object] = {"u": 3, "k": KEY, **DAMAGE[damage]}
    assert ids(many.messages.search(**wanted, page_token=same))
    for limit in (1, None):
        with pytest.raises(InvalidInput):
            ids(many.messages.search(**wanted, limit=limit, page_token=changed(same, **parts)))


@pytest.mark.parametrize("time", [None, True, 1.5, "5", 2**63])
def test_a_time_that_was_never_given_out_is_refused(store: MemoryStore, time: object) -> None:
    """In a listing by a time that is not in the key, the token says it, and it is one."""
    load(store, [Session("u", f"s{n}", n) for n in range(5)])
    first = store.sessions.recent(None, limit=2)
    assert ["s4", "s3"] == ids(first)
    assert ["s2"] == ids(store.sessions.recent(None, limit=1, page_token=changed(first.next_page_token, u=3)))

    with pytest.raises(InvalidInput):
        ids(store.sessions.recent(None, page_token=changed(first.next_page_token, u=time)))


# Totals


@pytest.mark.parametrize(
    ("wanted", "total"),
    [
        ({}, Total(230, 230)),
        ({"role": "user", "since": 70}, Total(20, 20)),
        ({"text": "tea"}, Total(None, 115)),
        ({"text": "tea", "until": 2}, Total(5, 5)),
        ({"filter": "n < 5"}, Total(5, None)),
        ({"filter": "n < 50"}, Total(None, None)),
    ],
)
def test_a_total_is_exact_or_not_said(many: MemoryStore, wanted: dict[str, Any], total: Total) -> None:
    """It is the index's count where nothing is left to the rows, and what was given out where that is all."""
    found = many.messages.search(**wanted, limit=10)
    ids(found)

    assert total == found.total


def test_a_last_page_is_no_total(many: MemoryStore) -> None:
    """Nothing is left behind it, and yet there is more than what it gave."""
    first = many.messages.search("tea", limit=100)
    assert 100 == len(ids(first))
    second = many.messages.search("tea", limit=100, page_token=first.next_page_token)

    assert (15, None) == (len(ids(second)), second.next_page_token)
    assert Total(None, 115) == second.total


# Indexes of others


def with_index(client: TableClient, noun: str, *fields: tuple[str, FieldType]) -> MemoryStore:
    """A store whose tables are there, with a search index of these fields on one of them."""
    store = MemoryStore(client, target="test")
    store.tables.apply(search=False)
    layout = store.layout.session if noun == "session" else store.layout.message
    client.create_search_index(SearchIndexSchema(layout.schema.name, layout.search.name, fields))
    return store


LIBRARY = (("session_id", KEYWORD), ("message_id", KEYWORD), ("create_time", LONG))


@pytest.mark.parametrize(
    "kind",
    [
        TEXT_MAX_WORD,
        FieldType("TEXT", "min_word"),
        FieldType("TEXT", "single_word"),
        FieldType("TEXT", "split"),
        FieldType("TEXT", "fuzzy", 1, 4),
        FieldType("TEXT", "fuzzy", 2, 5),
    ],
    ids=str,
)
def test_an_index_of_another_library_serves(empty_client: TableClient, kind: FieldType) -> None:
    """It has other analyzers, no role and no search content: whole words are found by each, and the role is tested on
    the row."""
    store = with_index(empty_client, "message", *LIBRARY, ("content", kind))
    load(store, [Message("s", name, n, "user", text) for n, (name, text) in enumerate(SAID.items())])
    store.messages.put(Message("s", "other", 50, "tool", "a flight"))

    said = {"flight": "other plain", "on time": "plain", "款": "chinese", "🎉": "emoji", "!!": "marks", "a": "other a"}
    for word, expected in said.items():
        assert set(expected.split()) <= set(ids(store.messages.search(word)))
    assert ["other"] == ids(store.messages.search("flight", role="tool"))


@pytest.mark.parametrize(
    "kind",
    [
        FieldType("TEXT", "single_word", case_sensitive=True),
        FieldType("TEXT", "split"),
        FieldType("TEXT", "split", delimiter=","),
        FieldType("TEXT", "fuzzy", 3, 7),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flight", "upper lower"), ("FLIGHT", "upper lower"), ("time", "upper"), ("straße", "german"), ("ß", "german"),
        ("δρόμος", "greek"), ("οδός", "street"), ("on time", "upper"), ("time,late", "upper"), (",", "upper greek"),
        ("late again", "upper"), ("ſtrasse", "german"),
    ],
)  # fmt: skip
def test_whole_words_are_found_whatever_the_index_makes_of_case(
    empty_client: TableClient, kind: FieldType, text: str, expected: str
) -> None:
    """Letters that fold to several, final letters, case that an index keeps, and words that its delimiter ends."""
    store = with_index(empty_client, "message", *LIBRARY, ("content", kind))
    said = {
        "upper": "Flight on Time,late again", "lower": "flight", "german": "Die Straße.", "greek": "Ο δρόμος, λέει",
        "street": "ΟΔΌΣ",
    }  # fmt: skip
    load(store, [Message("s", name, -n, "user", text) for n, (name, text) in enumerate(said.items())])

    assert expected.split() == ids(store.messages.search(text))


def test_an_index_without_text_finds_no_text(empty_client: TableClient) -> None:
    """The error says so; the rest can be searched."""
    store = with_index(empty_client, "session", ("user_id", KEYWORD), ("update_time", LONG))
    store.sessions.put(Session("u", "s", 1, "tea"))

    with pytest.raises(InvalidInput, match="no text field search_content"):
        store.sessions.search("tea")
    assert ["s"] == ids(store.sessions.search(user_id="u"))


def test_an_index_without_the_time_has_no_order_but_the_score(empty_client: TableClient) -> None:
    """A window is then tested on the rows."""
    store = with_index(empty_client, "message", ("content", TEXT_MAX_WORD))
    load(store, [Message("s", f"m{n}", n, content="tea") for n in range(3)])

    with pytest.raises(InvalidInput, match="no field create_time of type LONG"):
        store.messages.search("tea")
    assert {"m1", "m2"} == set(ids(store.messages.search("tea", since=1, sort="score")))


def test_a_missing_index_is_not_found(empty_client: TableClient) -> None:
    """With one of another name on the table, that name is said."""
    store = MemoryStore(empty_client, target="test")
    with pytest.raises(TableNotFound):
        store.messages.search("tea")
    store.tables.apply(search=False)
    with pytest.raises(TableNotFound) as caught:
        store.messages.search("tea")
    assert caught.value.hint is None
    empty_client.create_search_index(SearchIndexSchema("message", "theirs", (("content", TEXT_MAX_WORD),)))
    with pytest.raises(TableNotFound) as caught:
        store.messages.search("tea")
    assert "theirs" in str(caught.value.hint)


def test_an_index_made_later_finds_what_was_there(empty_client: TableClient) -> None:
    """Rows written before it existed."""
    store = MemoryStore(empty_client, target="test")
    store.tables.apply(search=False)
    load(store, [Message("s", "m", 1, content="red tea"), Session("u", "s", 1, "red tea")])
    store.tables.apply()

    assert (["m"], ["s"]) == (ids(store.messages.search("tea")), ids(store.sessions.search("tea")))


@pytest.fixture
def typed(empty_client: TableClient) -> MemoryStore:
    """A store whose profile indexes metadata, with rows whose metadata has the field's type and rows whose has not."""
    fields = {"topic": "keyword", "n": "long", "score": "double", "vip": "boolean"}
    names = SESSION._replace(search_fields=fields), MESSAGE._replace(search_fields=fields)
    store = MemoryStore(empty_client, Layout(session_table(names[0]), message_table(names[1])), target="test")
    store.tables.apply()
    values: list[dict[str, Any]] = [
        {"topic": "a", "n": 5, "score": 5.0, "vip": True},
        {"topic": 1, "n": 5.0, "score": 5, "vip": "True"},
        {"topic": "b", "n": 2, "score": 0.5, "vip": False},
        {},
    ]
    load(store, [Session("u", f"s{n}", n, metadata=Metadata(each)) for n, each in enumerate(values)])
    return store


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n == 5", ["s1", "s0"]),
        ("n > 2.5", ["s1", "s0"]),
        ("n < 5", ["s2"]),
        ("score == 5", ["s1", "s0"]),
        ("score >= 5.0", ["s1", "s0"]),
        ("score < 1.0", ["s2"]),
        ('topic == "a"', ["s0"]),
        ('topic in ["a", "b"]', ["s2", "s0"]),
        ("topic == 1", ["s1"]),
        ("vip", ["s0"]),
        ("vip == False", ["s2"]),
        ('vip == "True"', ["s1"]),
        ("not vip", ["s3", "s2", "s1"]),
        ('not (topic == "a" or n < 5)', ["s3", "s1"]),
        ("exists(topic) and not exists(unknown)", ["s2", "s1", "s0"]),
    ],
)
def test_a_filter_means_the_same_on_indexed_fields(typed: MemoryStore, text: str, expected: list[str]) -> None:
    """Rows whose value is of another type than the field's are found as everywhere."""
    assert expected == ids(typed.sessions.search(filter=text))
    assert expected == ids(typed.sessions.recent(None, filter=text))


# Everyone's latest sessions


def test_the_latest_sessions_of_everyone(store: MemoryStore, empty_client: TableClient) -> None:
    """Whole, latest first, by their ids at one time; a session without an integer for its time is not among them."""
    sessions = [Session(f"u{n % 3}", f"s{n:03d}", n // 2, "x", Metadata({"n": n})) for n in range(150)]
    load(store, [*sessions, Session("u0", "undated")])
    empty_client.put_row(Put(store.layout.session.ref, ("u1", "odd"), {"update_time": 5.0}))
    expected = sorted(sessions, key=lambda s: (-(s.update_time or 0), s.user_id, s.session_id))

    assert expected == list(store.sessions.recent(None, limit=None))
    assert expected[:50] == list(store.sessions.recent(None))
    assert [s.session_id for s in expected] == walk(lambda **kw: store.sessions.recent(None, **kw), 40)  # type: ignore[arg-type]
    assert {"s010", "s011"} == set(ids(store.sessions.recent(None, since=5, until=5)))
    assert ["s007"] == ids(store.sessions.recent(None, filter="n == 7"))


# Costs


def fill(store: MemoryStore) -> None:
    """250 sessions and messages, all of which have the word."""
    items = [Message("m", f"m{n:04d}", n, "user", "red tea") for n in range(250)]
    load(store, [*items, *(Session("u", f"s{n:04d}", n, "red tea") for n in range(250))])


COSTS: list[tuple[str, int, Callable[[MemoryStore], object]]] = [
    ("a page", 2, lambda s: s.messages.search("tea").page()),
    ("a page of all", 2, lambda s: s.messages.search(limit=100).page()),
    ("all", 4, lambda s: list(s.messages.search("tea", limit=None))),
    ("two pages in a store", 3, lambda s: (s.messages.search("tea").page(), s.messages.search("red").page())),
    ("all sessions", 4, lambda s: list(s.sessions.search("tea", limit=None))),
    ("a filter on metadata", 4, lambda s: s.messages.search(filter="exists(none)", limit=5).page()),
    ("a filter on a field", 2, lambda s: s.messages.search(filter="create_time == 3", limit=5).page()),
    ("a window", 2, lambda s: s.messages.search(since=3, until=40).page()),
    ("recent", 2, lambda s: s.sessions.recent(None, limit=100).page()),
    ("recent 250", 4, lambda s: list(s.sessions.recent(None, limit=None))),
    ("recent of a user", 2, lambda s: s.sessions.recent("u", limit=100).page()),
]


@pytest.mark.parametrize(("what", "requests", "search"), COSTS, ids=[what for what, _, _ in COSTS])
def test_a_search_costs_no_more_than_it_says(
    store: MemoryStore, empty_client: TableClient, what: str, requests: int, search: Callable[[MemoryStore], object]
) -> None:
    """One description, and a request for each 100 rows that are nominated."""
    fill(store)
    client = FaultyClient(empty_client)

    search(MemoryStore(client, target="test"))

    assert requests == len(client.calls), client.names()
