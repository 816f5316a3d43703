"""The search of the TableStore adapter beyond the contract: its cost, what cannot be sent, and what is retried."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clocks import ManualClock
from tests.support.faults import Fault, FaultyClient
from tests.support.search_table import BY_KEY, TABLE, fill
from tests.support.server_in_process import Served, profile_of, sdk_client
from tsmem.adapters.tablestore import search as sdk_search
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.adapters.tablestore.sdk import ots
from tsmem.errors import InvalidInput, Unavailable
from tsmem.port import Cost, FieldType, SearchIndexSchema
from tsmem.queries import Bool, Contains, HasField, MatchAll, Search, SearchPage, Term
from tsmem.retry import RetryingClient


@pytest.fixture
def client(served: Served) -> Iterator[TablestoreClient]:
    """The adapter, connected to a server with the table of tests/support/search_table.py."""
    fill(served)
    client = TablestoreClient(profile_of(served.endpoint))
    yield client
    client.close()


def search(client: TablestoreClient, asked: Search) -> SearchPage:
    return client.search(TABLE.ref, "notes_index", asked)


def test_a_search_costs_one_request(client: TablestoreClient) -> None:
    search(client, Search(MatchAll(), limit=7))
    assert Cost(1, 0, 0, 7) == client.meter.total
    with pytest.raises(InvalidInput):
        search(client, Search(Term("none", 1)))
    assert Cost(2, 0, 0, 7) == client.meter.total


def test_an_unsendable_search_value_is_invalid_input_and_a_missing_field_has_a_hint(client: TablestoreClient) -> None:
    with pytest.raises(InvalidInput, match="field: none does not exist") as caught:
        search(client, Search(HasField("none")))
    assert "index" in (caught.value.hint or "")
    for asked in (Search(Term("word", "\ud800")), Search(Term("number", 2**63)), Search(MatchAll(), limit=2**31)):
        with pytest.raises(InvalidInput):
            search(client, asked)


@pytest.mark.parametrize("count", [58, 2000])
def test_a_long_text_asks_for_no_more_words_than_the_server_takes(client: TablestoreClient, count: int) -> None:
    text, kind = "a " * count + "end", FieldType("TEXT", "single_word")
    client.create_search_index(SearchIndexSchema("notes", "two", (("text", kind), ("note", kind))))
    query = Bool(should=(Contains("text", text), Contains("note", text)))
    assert [] == client.search(TABLE.ref, "two", Search(query)).rows


def test_search_results_are_in_key_order_whatever_the_index_sort(served: Served, client: TablestoreClient) -> None:
    by_word = ots.Sort([ots.FieldSort("word", ots.SortOrder.DESC)])
    meta = ots.SearchIndexMeta([ots.FieldSchema("word", ots.FieldType.KEYWORD)], index_sort=by_word)
    sdk_client(served.endpoint).create_search_index("notes", "backward", meta)

    page = client.search(TABLE.ref, "backward", Search(MatchAll(), columns=()))
    assert BY_KEY == [row.key[1] for row in page.rows]


def test_a_case_sensitive_split_field_can_be_described_and_not_created(
    served: Served, client: TablestoreClient
) -> None:
    made = SearchIndexSchema("notes", "wired", (("a", FieldType("TEXT", "split", case_sensitive=True)),))
    served.engine.definitions.create_search_index(made)

    assert made == client.describe_search_index("notes", "wired")
    with pytest.raises(InvalidInput, match="cannot make a case-sensitive field"):
        client.create_search_index(made._replace(name="again"))


def test_a_search_reply_that_covers_only_part_of_the_index_is_an_error() -> None:
    asked = Search(MatchAll(), count=True)
    whole, part = (ots.SearchResponse([], [], [], b"", complete, 0, []) for complete in (True, False))

    assert SearchPage([], [], None, 0) == sdk_search.to_page(TABLE.ref, whole, asked)
    with pytest.raises(Unavailable, match="part of the search index did not respond"):
        sdk_search.to_page(TABLE.ref, part, asked)


def test_a_search_is_retried(client: TablestoreClient) -> None:
    faulty = FaultyClient(client, Fault("search", Unavailable("part of the search index did not respond")))
    page = RetryingClient(faulty, ManualClock(), seed=1).search(
        TABLE.ref, "notes_index", Search(MatchAll(), columns=())
    )

    assert (BY_KEY, ["search"] * 2) == ([row.key[1] for row in page.rows], faulty.names())
