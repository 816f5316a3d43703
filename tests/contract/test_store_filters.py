"""Filters on every listing: the same rows, the same order, the same pages on each backend; and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.clocks import ManualClock
from tests.contract.backends import BACKENDS
from tests.contract.faults import FaultyClient
from tests.filters import COLUMNS, VALUES, holds, spelled, trees
from tests.support.items import load
from tsmem.errors import InvalidInput
from tsmem.port import TableClient
from tsmem.rows import Put, Value
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.documents import FIELDS

MESSAGES = trees(st.sampled_from(["session_id", "create_time", "message_id", "role", "content", *COLUMNS]))
SESSIONS = trees(st.sampled_from(["user_id", "session_id", "update_time", "search_content", *COLUMNS]))
METADATA = st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=3)
ROLES = st.sampled_from([None, "a", "b", "5", ""])
ITEMS = st.lists(st.tuples(st.sampled_from("ab"), ROLES, METADATA), min_size=1, max_size=12)


def columns(item: Session | Message) -> dict[str, Value]:
    """An item as a filter sees it."""
    names = [name for name in FIELDS["session" if isinstance(item, Session) else "message"] if name != "metadata"]
    fields = {name: getattr(item, name) for name in names}
    return {**{name: value for name, value in fields.items() if value is not None}, **item.metadata}


def walked(listing: Callable[..., Any], size: int) -> list[list[Any]]:
    """The pages of a listing: every one full but the last, none empty but the only one."""
    pages, token = [], None
    while True:
        page = listing(limit=size, page_token=token)
        pages.append(list(page.items))
        token = page.next_page_token
        if token is None:
            return pages
        assert size == len(page.items)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A store on each backend."""
    with ExitStack() as stack:
        clients = [stack.enter_context(open_(tmp_path_factory.mktemp(name))) for name, open_ in BACKENDS.items()]
        found = [MemoryStore(client, clock=ManualClock(), target="test") for client in clients]
        for store in found:
            store.tables.apply()
        yield found


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(ITEMS, MESSAGES, st.integers(1, 4), st.sampled_from(["asc", "desc"]))
def test_messages_are_what_plain_python_chooses(
    stores: list[MemoryStore], drawn: list[Any], tree: Any, size: int, order: Any
) -> None:
    """Random rows and filters: same rows, same order, same pages on both backends; and purge takes just those."""
    messages = [
        Message(session, f"m{n}", n, role, role, None, Metadata(more)) for n, (session, role, more) in enumerate(drawn)
    ]
    text = spelled(tree)
    ordered = sorted(messages, key=lambda m: (m.session_id, m.create_time), reverse=order == "desc")
    chosen = [message for message in ordered if holds(tree, columns(message))]
    rest = sorted((m for m in messages if m not in chosen), key=lambda m: (m.session_id, m.create_time))
    of_a = [message for message in chosen if message.session_id == "a" and message.role == "a"]
    pages = [chosen[first : first + size] for first in range(0, len(chosen), size)] or [[]]
    for store in stores:
        store.messages.purge(None)
        load(store, messages)
        assert pages == walked(
            lambda store=store, **more: store.messages.page(None, filter=text, order=order, **more), size
        )
        assert of_a == list(store.messages.iterate("a", role="a", filter=text, order=order))
        last = store.messages.last("a", size, filter=text)[0]
        assert [m for m in ordered if m in chosen and m.session_id == "a"][:: 1 if order == "asc" else -1][
            -size:
        ] == last
        assert len(chosen) == store.messages.purge(None, filter=text, dry_run=True).messages
        assert len(chosen) == store.messages.purge(None, filter=text).messages
        assert rest == list(store.messages.iterate(None))


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(ITEMS, SESSIONS, st.integers(1, 4))
def test_sessions_are_what_plain_python_chooses(
    stores: list[MemoryStore], drawn: list[Any], tree: Any, size: int
) -> None:
    """The same of sessions, by id and latest first, where the index carries no metadata."""
    sessions = [
        Session(user, f"s{n:02}", None if text == "" else n % 5, text, Metadata(more))
        for n, (user, text, more) in enumerate(drawn)
    ]
    text = spelled(tree)
    chosen = [s for s in sorted(sessions, key=lambda s: (s.user_id, s.session_id)) if holds(tree, columns(s))]
    recent = [s for s in chosen if s.user_id == "a" and s.update_time is not None]
    recent.sort(key=lambda s: (s.update_time, s.session_id), reverse=True)
    for store in stores:
        store.sessions.purge(None)
        load(store, sessions)
        for listing, expected in (
            (lambda store=store, **more: store.sessions.page(None, filter=text, **more), chosen),
            (lambda store=store, **more: store.sessions.recent("a", filter=text, **more).page(), recent),
        ):
            pages = [expected[first : first + size] for first in range(0, len(expected), size)] or [[]]
            assert pages == walked(listing, size)
        assert len(chosen) == store.sessions.purge(None, filter=text).sessions
        assert [s for s in sessions if s not in chosen] == sorted(
            store.sessions.iterate(None), key=lambda s: s.session_id
        )


def rows(store: MemoryStore, count: int, match_every: int) -> None:
    """Messages of which every so manieth has a topic."""
    load(
        store,
        [
            Message("s", f"m{n:05}", n, "user", "x", None, Metadata({"topic": "b"} if n % match_every == 0 else {}))
            for n in range(count)
        ],
    )


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 3, 50, None])
def test_a_filtered_scan_costs_a_request_for_each_5000_rows_looked_at(
    store: MemoryStore, empty_client: TableClient, limit: int | None
) -> None:
    """Through pages of which nothing is kept, whatever the limit."""
    rows(store, 11_000, 5_500)
    client = FaultyClient(empty_client)
    filtered = MemoryStore(client, target="test")

    found = filtered.messages.iterate("s", filter='topic == "b"', limit=limit)
    times = [message.create_time for message in found]

    assert [0, 5500][:limit] == times
    assert found.next_page_token is None or limit == 1
    assert (2 if limit == 1 else 3) == len(client.calls)


def test_what_the_service_cannot_test_is_tested_here(store: MemoryStore, empty_client: TableClient) -> None:
    """A filter past ten conditions keeps the limit, the pages and the number of requests."""
    rows(store, 6000, 2000)
    client = FaultyClient(empty_client)
    text = f"create_time in {[*range(0, 6000, 1000), *range(20)]} and (topic == 'b' or create_time == 7)"

    pages = walked(lambda **more: MemoryStore(client, target="test").messages.page("s", filter=text, **more), 3)

    assert [[0, 7, 2000], [4000]] == [[message.create_time for message in page] for page in pages]


def test_recent_reads_the_sessions_that_it_must_look_at(store: MemoryStore, empty_client: TableClient) -> None:
    """A filter on ids and times is decided by the index; one on metadata fetches the sessions, 100 at a time."""
    load(store, [Session("u", f"s{n:04}", n, None, Metadata({"n": n})) for n in range(250)])
    client = FaultyClient(empty_client)
    filtered = MemoryStore(client, target="test")

    assert [9, 8] == [s.update_time for s in filtered.sessions.recent("u", filter="update_time < 10", limit=2)]
    assert ["get_range", "get_rows"] == client.names()
    client.calls.clear()
    assert [9, 8] == [s.update_time for s in filtered.sessions.recent("u", filter="n < 10", limit=2)]
    assert ["get_range", "get_rows", "get_rows", "get_rows"] == client.names()
    client.calls.clear()
    assert [] == list(filtered.sessions.recent("u", filter='user_id == "v" or update_time > 1000'))
    assert ["get_range"] == client.names()


def test_a_purge_reads_keys_and_the_columns_of_its_filter(store: MemoryStore, empty_client: TableClient) -> None:
    """A dry run and a real one, of both tables."""
    load(store, [Session("u", "s", 1, "x" * 9000, Metadata({"a": 1, "b": "y" * 9000}))])
    load(store, [Message("s", "m", 1, "user", "x" * 9000, None, Metadata({"a": 1, "b": "y" * 9000}))])
    before = store.cost

    assert 1 == store.sessions.purge("u", filter="a == 1 and not c", dry_run=True).sessions
    assert 1 == store.messages.purge("s", filter='a == 1 and role == "user"', dry_run=True).messages
    assert 0 == store.messages.purge("s", filter="a == 2").messages
    assert 3 == store.cost.read_units - before.read_units
    assert 1 == store.sessions.purge("u", until=1, filter="exists(b) and update_time == 1", with_messages=True).messages
    assert [] == [*store.sessions.iterate(None), *store.messages.iterate(None)]


LISTINGS: list[Callable[[MemoryStore, str | None, str | None], Any]] = [
    lambda s, text, token: s.messages.page("s", limit=1, filter=text, page_token=token),
    lambda s, text, token: s.sessions.page("u", limit=1, filter=text, page_token=token),
    lambda s, text, token: s.sessions.recent("u", limit=1, filter=text, page_token=token).page(),
]


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_token_belongs_to_its_filter(store: MemoryStore, listing: Callable[..., Any]) -> None:
    """However it is spaced and quoted; the token of another filter, or of none, is refused."""
    load(store, [Message("s", f"m{n}", n, "user") for n in range(3)])
    load(store, [Session("u", f"s{n}", n) for n in range(3)])
    token = listing(store, 'not exists(a) and not b == "x"', None).next_page_token

    assert listing(store, "(not exists( a )) and (not (b=='x'))", token).items
    for other in ("not exists(a)", "not exists(a) and not b == 'y'", None):
        assert listing(store, other, None).next_page_token != token
        with pytest.raises(InvalidInput, match="another query"):
            listing(store, other, token)
    with pytest.raises(InvalidInput, match="another query"):
        listing(store, "not exists(a)", listing(store, None, None).next_page_token)


def test_a_filter_that_cannot_be_read_sends_nothing(store: MemoryStore, empty_client: TableClient) -> None:
    """InvalidInput before the first request, on every operation."""
    client = FaultyClient(empty_client)
    s = MemoryStore(client, target="test")
    for operation in (
        lambda: s.sessions.page("u", filter="a ="),
        lambda: s.sessions.recent("u", filter="a ="),
        lambda: s.sessions.purge("u", filter="a ="),
        lambda: s.messages.page("s", filter="a ="),
        lambda: s.messages.last("s", 1, filter="a ="),
        lambda: s.messages.purge(None, filter="a ="),
        lambda: s.messages.page("s", filter=""),
    ):
        with pytest.raises(InvalidInput, match="the filter"):
            operation()
    assert [] == client.calls


def test_a_field_of_another_type_is_tested_as_it_is(store: MemoryStore, empty_client: TableClient) -> None:
    """What another library wrote into a field's column is seen by its name, with the type that it has."""
    table = store.layout.message.ref
    odd: list[tuple[Value, Value]] = [(5, "x"), ("5", b"x"), (5.0, 7)]
    for n, (role, content) in enumerate(odd):
        empty_client.write_row(Put(table, ("s", n, "m"), {"role": role, "content": content}))

    def times(text: str) -> list[int]:
        return [message.create_time for message in store.messages.iterate("s", filter=text)]

    assert [0, 2] == times("role == 5")
    assert [1] == times('role == "5"')
    assert [1] == times('content == b"x"')
    assert [2] == times("content > 6.5")


def test_what_is_read_is_counted(store: MemoryStore) -> None:
    """Rows returned are those that a read was asked for, whatever was looked at for them."""
    rows(store, 100, 10)
    load(store, [Session("u", f"s{n}", n, None, Metadata({"n": n})) for n in range(9)])

    assert 3 == len(store.messages.page("s", filter='topic == "b"', limit=3).items)
    assert (3, 0) == (store.messages.read_progress.returned, store.sessions.read_progress.returned)
    assert 2 == len(list(store.sessions.recent("u", filter="n > 6")))
    store.sessions.get("u", "s1")
    store.messages.purge("s", filter="not exists(topic)", dry_run=True)
    assert (93, 3) == (store.messages.read_progress.returned, store.sessions.read_progress.returned)


@pytest.mark.slow
def test_pages_that_are_read_are_heard_of(store: MemoryStore) -> None:
    """Once each, so that who waits can be told how far it is."""
    rows(store, 11_000, 11_000)
    heard: list[int] = []
    store.messages.read_progress.on_page = lambda: heard.append(store.messages.read_progress.returned)

    assert 1 == len(list(store.messages.iterate("s", filter='topic == "b"')))
    assert 3 == len(heard)
