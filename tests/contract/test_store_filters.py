"""Filters on every listing: they match what plain Python matches, in order and page by page, at a known cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.backends import FILE, engine_client, on_engine
from tests.support.faults import FaultyClient
from tests.support.filters import COLUMNS, VALUES, filter_text, filter_trees, tree_matches
from tests.support.items import load
from tests.support.pages import all_pages
from tsmem.errors import InvalidInput
from tsmem.port import RangePage, TableClient
from tsmem.rows import Put, Range, TableRef, Value
from tsmem.store import MemoryStore, Message, Metadata, Session
from tsmem.store.documents import FIELDS

pytestmark = on_engine
MESSAGES = filter_trees(st.sampled_from(["session_id", "create_time", "message_id", "role", "content", *COLUMNS]))
METADATA = st.dictionaries(st.sampled_from(COLUMNS), VALUES, max_size=3)
ROLES = st.sampled_from([None, "a", "b", "5", ""])
ITEMS = st.lists(st.tuples(st.sampled_from("ab"), ROLES, METADATA), min_size=1, max_size=12)


def columns(item: Session | Message) -> dict[str, Value]:
    names = [name for name in FIELDS["session" if isinstance(item, Session) else "message"] if name != "metadata"]
    fields = {name: getattr(item, name) for name in names}
    return {**{name: value for name, value in fields.items() if value is not None}, **item.metadata}


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(ITEMS, MESSAGES, st.integers(1, 4), st.sampled_from(["asc", "desc"]))
def test_filters_match_the_messages_that_plain_python_matches(
    store: MemoryStore, drawn: list[Any], tree: Any, size: int, order: Any
) -> None:
    messages = [
        Message(session, f"m{n}", n, role, role, None, Metadata(more)) for n, (session, role, more) in enumerate(drawn)
    ]
    text = filter_text(tree)
    ordered = sorted(messages, key=lambda m: (m.session_id, m.create_time))
    chosen = [message for message in ordered if tree_matches(tree, columns(message))]
    rest = [message for message in ordered if message not in chosen]
    in_order = chosen if order == "asc" else chosen[::-1]
    pages = [in_order[first : first + size] for first in range(0, len(chosen), size)] or [[]]
    load(store, messages)
    assert pages == all_pages(lambda **more: store.messages.page(None, filter=text, order=order, **more), size)
    roles = [message for message in in_order if message.session_id == "a" and message.role == "a"]
    assert roles == list(store.messages.iterate("a", role="a", filter=text, order=order))
    of_a = [message for message in chosen if message.session_id == "a"]
    assert of_a[-size:] == store.messages.last("a", size, filter=text)[0]
    assert len(chosen) == store.messages.purge(None, filter=text, dry_run=True).messages
    assert len(chosen) == store.messages.purge(None, filter=text).messages
    assert rest == list(store.messages.iterate(None))
    store.messages.purge(None)


class CountsBeforeFilter(FaultyClient):
    """A service whose limit counts rows before the filter is applied."""

    def get_range(self, table: TableRef, span: Range, **options: Any) -> RangePage:
        limit, test = options.pop("limit", None), options.pop("filter", None)
        self.calls.append(("get_range", (limit,)))
        looked_at = self._client.get_range(table, span, limit=limit, **options)
        if test is None:
            return looked_at
        end = span.end if looked_at.next_start is None else looked_at.next_start
        passed = self._client.get_range(table, span._replace(end=end), filter=test, **options)
        return RangePage(passed.rows, looked_at.next_start)


CLIENTS = pytest.mark.parametrize("client_type", [FaultyClient, CountsBeforeFilter])
TOPIC = 'topic == "b"'
PARTLY_TESTED_HERE = f"{TOPIC} and (exists(score) or exists(vip) or exists(gone))"


def with_topics(topics: list[str]) -> list[Message]:
    return [
        Message("s", f"m{n:05}", n, "user", "x", None, Metadata({"topic": topic, "score": n}))
        for n, topic in enumerate(topics)
    ]


@CLIENTS
@pytest.mark.parametrize("text", [TOPIC, PARTLY_TESTED_HERE])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_filtered_pages_give_all_matches_if_the_limit_counts_rows_before_or_after_the_filter(
    store: MemoryStore, empty_client: TableClient, client_type: type[FaultyClient], text: str, order: Any
) -> None:
    load(store, with_topics(["b", *["a"] * 30, "b", "b", "a", *["b"] * 5, *["a"] * 3]))
    reader = MemoryStore(client_type(empty_client), target="test")
    wanted = [0, 31, 32, 34, 35, 36, 37, 38][:: 1 if order == "asc" else -1]

    for size in (1, 2, 7, 100):
        pages = all_pages(lambda **more: reader.messages.page("s", filter=text, order=order, **more), size)
        assert wanted == [message.create_time for page in pages for message in page]


def test_a_filtered_page_reads_no_more_rows_than_fill_it(store: MemoryStore, empty_client: TableClient) -> None:
    load(store, with_topics(["a", "b"] * 200))
    before = empty_client.meter.total

    page = store.messages.page("s", filter=TOPIC, limit=3)
    cost = empty_client.meter.total

    assert [1, 3, 5] == [message.create_time for message in page.items]
    assert page.next_page_token is not None
    assert (1, 1) == (cost.requests - before.requests, cost.read_units - before.read_units)


@pytest.fixture(scope="module")
def long_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with 5,501 messages, of which the first and the last match TOPIC."""
    folder = tmp_path_factory.mktemp("long")
    with engine_client(folder) as client:
        store = MemoryStore(client, target="test")
        store.tables.apply()
        load(store, with_topics(["b", *["a"] * 5499, "b"]))
    return folder / FILE


@pytest.fixture
def long_client(backend: str, long_session: Path) -> Iterator[TableClient]:
    with engine_client(long_session.parent) as client:
        yield client


@CLIENTS
@pytest.mark.parametrize(("limit", "requests"), [(1, 1), (2, 2), (10, 2), (None, 2)])
def test_a_filtered_scan_costs_a_request_for_each_5000_rows_looked_at(
    long_client: TableClient, client_type: type[FaultyClient], limit: int | None, requests: int
) -> None:
    """A scan with a limit costs one request more if the service counts rows before it filters them."""
    client = client_type(long_client)
    found = MemoryStore(client, target="test").messages.iterate("s", filter=TOPIC, limit=limit)

    assert [0, 5500][:limit] == [message.create_time for message in found]
    more = client_type is CountsBeforeFilter and limit in (2, 10)
    assert requests + more == len(client.calls)


def test_a_filter_that_the_service_cannot_evaluate_is_evaluated_locally(long_client: TableClient) -> None:
    """The filter has more than ten conditions. Limits and pages stay as they are."""
    text = f"create_time in {[*range(0, 6000, 500), *range(20)]} and (topic == 'b' or create_time in [7, 1000])"
    store = MemoryStore(long_client, target="test")

    pages = all_pages(lambda **more: store.messages.page("s", filter=text, **more), 3)

    assert [[0, 7, 1000], [5500]] == [[message.create_time for message in page] for page in pages]


def test_on_page_is_called_once_for_each_page_read(long_client: TableClient) -> None:
    store = MemoryStore(long_client, target="test")
    heard: list[int] = []
    store.messages.read_progress.on_page = lambda: heard.append(store.messages.read_progress.returned)

    assert 2 == len(list(store.messages.iterate("s", filter=TOPIC)))
    assert 2 == len(heard)


def test_recent_fetches_sessions_only_if_the_filter_needs_metadata(store: MemoryStore, faulty: FaultyClient) -> None:
    """The index alone decides a filter on ids and times. A filter on metadata fetches the sessions, 100 at a time."""
    load(store, [Session("u", f"s{n:04}", n, None, Metadata({"n": n})) for n in range(250)])

    faulty.expect()
    assert [9, 8] == [s.update_time for s in store.sessions.recent("u", filter="update_time < 10", limit=2)]
    assert ["get_range", "get_rows"] == faulty.names()
    faulty.expect()
    assert [9, 8] == [s.update_time for s in store.sessions.recent("u", filter="n < 10", limit=2)]
    assert ["get_range", "get_rows", "get_rows", "get_rows"] == faulty.names()
    faulty.expect()
    assert [] == list(store.sessions.recent("u", filter='user_id == "v" or update_time > 1000'))
    assert ["get_range"] == faulty.names()


def test_a_purge_reads_keys_and_the_columns_of_its_filter(store: MemoryStore) -> None:
    load(store, [Session("u", "s", 1, "x" * 9000, Metadata({"a": 1, "b": "y" * 9000}))])
    load(store, [Message("s", "m", 1, "user", "x" * 9000, None, Metadata({"a": 1, "b": "y" * 9000}))])
    before = store.cost

    assert 1 == store.sessions.purge("u", filter="a == 1 and not c", dry_run=True).sessions
    assert 1 == store.messages.purge("s", filter='a == 1 and role == "user"', dry_run=True).messages
    assert 0 == store.messages.purge("s", filter="a == 2").messages
    assert 3 == store.cost.read_units - before.read_units
    assert 1 == store.sessions.purge("u", until=1, filter="exists(b) and update_time == 1", with_messages=True).messages
    assert [] == [*store.sessions.iterate(None), *store.messages.iterate(None)]


def test_an_invalid_filter_is_refused_before_any_request(store: MemoryStore, faulty: FaultyClient) -> None:
    s = store
    for operation in (s.sessions.page, s.sessions.recent, s.sessions.purge, s.messages.page, s.messages.purge):
        for text in ("a and", ""):
            with pytest.raises(InvalidInput, match="the filter"):
                operation("u", filter=text)
    with pytest.raises(InvalidInput, match="the filter"):
        store.messages.last("s", 1, filter="a and")
    assert [] == faulty.calls


def test_a_filter_tests_a_field_of_the_wrong_type_by_its_stored_value(
    store: MemoryStore, empty_client: TableClient
) -> None:
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


def test_read_progress_counts_only_returned_rows(store: MemoryStore) -> None:
    load(store, with_topics(["b" if n % 10 == 0 else "a" for n in range(100)]))
    load(store, [Session("u", f"s{n}", n, None, Metadata({"n": n})) for n in range(9)])

    assert 3 == len(store.messages.page("s", filter=TOPIC, limit=3).items)
    assert (3, 0) == (store.messages.read_progress.returned, store.sessions.read_progress.returned)
    assert 2 == len(list(store.sessions.recent("u", filter="n > 6")))
    store.sessions.get("u", "s1")
    store.messages.purge("s", filter='topic == "a"', dry_run=True)
    assert (93, 3) == (store.messages.read_progress.returned, store.sessions.read_progress.returned)
