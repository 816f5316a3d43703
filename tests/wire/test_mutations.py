"""Mutate valid request bodies of every action at random. The server answers each with a reply or a TableStore error."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support import raw_bodies as raw
from tests.support import search_table
from tests.support.backends import PLAIN
from tests.support.mutations import mutate
from tests.support.raw_tables import (
    INTEGER,
    STRING,
    add_index,
    create,
    create_search,
    drop_index,
    index,
    naming,
    update,
)
from tests.support.server_in_process import Served
from tsmem.adapters.tablestore.sdk import ots
from tsmem.clock import SystemClock
from tsmem.engine.rows.reads import GetRange, RowReader
from tsmem.errors import SERVICE_CODES, TsmemError
from tsmem.rows import Key, Put, Value
from tsmem.server.dispatch import Dispatcher
from tsmem.server.wire import schema

ROW = raw.row(raw.KEY, raw.c("c", "text"), raw.c("n", 3))
TEST = raw.joined(3, raw.comparison(), raw.comparison("d"))
BODIES: list[tuple[str, bytes]] = [
    ("GetRow", raw.getting(filter=raw.serialized(TEST), columns_to_get=["c"])),
    ("GetRange", raw.ranging(filter=raw.serialized(TEST), limit=7)),
    ("BatchGetRow", raw.body("BatchGetRow", tables=[raw.wanted("a", "a", columns_to_get=["c"])])),
    *((action, raw.body(action, table_name="plain")) for action in ("DescribeTable", "ListSearchIndex")),
    ("ListTable", b""),
    ("PutRow", raw.writing("PutRow", ROW, condition=raw.condition(0, TEST))),
    ("UpdateRow", raw.writing("UpdateRow", raw.row(raw.KEY, raw.c("n", 3)), condition=raw.condition(1))),
    ("DeleteRow", raw.writing("DeleteRow", raw.row({"k": "none"}, marker=True))),
    ("BatchWriteRow", raw.body("BatchWriteRow", tables=[raw.group(raw.change("PutRow", ROW))])),
    ("CreateTable", create((("k", STRING),), (("n", INTEGER),), index("by_n", ["k", "n"]), name="more")),
    ("UpdateTable", update("session", max_versions=1)),
    ("CreateIndex", add_index("session", index("again", ["user_id", "session_id"]))),
    ("DropIndex", drop_index("session", "none")),
    ("DeleteTable", raw.body("DeleteTable", table_name="none")),
    ("CreateSearchIndex", create_search()),
    ("DescribeSearchIndex", naming("DescribeSearchIndex", "plain", "i")),
    ("DeleteSearchIndex", naming("DeleteSearchIndex", "plain", "none")),
]
"""A valid body of every action except the search actions."""
READS = {action for action, _ in BODIES[:6]}


def stored(wire: raw.Wire) -> dict[Key, Mapping[str, Value]]:
    page = wire.engine.get_range(GetRange(PLAIN.ref, PLAIN.ref.range_of()), RowReader)
    return {row.key: row.columns for row in page.rows}


def error_of(dispatcher: Dispatcher, action: str, body: bytes) -> TsmemError | None:
    """Return the error, or None for a reply. Fail if the error is not the fault of the request."""
    try:
        answer = dispatcher.answer(dispatcher.parse(action, body))
    except TsmemError as error:
        if SERVICE_CODES[error.service_code or ""].http_status >= 500:
            raise
        return error
    found = schema.parse_message(f"{action}Response", answer.body)
    assert action != "Search" or len(found.rows) == len(found.search_hits)
    return None


@pytest.mark.parametrize("mutations", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_mutated_body_gets_a_reply_or_an_error_and_reads_change_nothing(wire: raw.Wire, mutations: int) -> None:
    """A mutated write can still be a valid write; then it writes a whole row and changes no other."""
    wire.engine.write_rows([Put(PLAIN.ref, (f"k{n}",), {"c": f"text {n}", "n": n}) for n in range(20)])
    draw = random.Random(7)
    refused: Counter[str] = Counter()
    before = stored(wire)
    for number in range(mutations):
        action, data = BODIES[number % len(BODIES)]
        refused[action] += error_of(wire.dispatcher, action, mutate(data, draw)) is not None
        after = stored(wire)
        rows = before.keys() | after.keys()
        assert sum(after.get(key) != before.get(key) for key in rows) <= (action not in READS)
        before = after

    assert {action for action, count in refused.items() if count} >= {action for action, _ in BODIES} - {"ListTable"}


class Recorder:
    """Stands in for the connections of an SDK client and records the action and the body of every request."""

    def __init__(self, client: Any) -> None:
        self._real = client.connection
        self.pool = self._real.pool
        self.requests: list[tuple[str, bytes]] = []
        client.connection = self

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> Any:
        self.requests.append((url[1:], body))
        return self._real.send_receive(url, headers, body)


SORTS = (None, ots.Sort([ots.FieldSort("number", ots.SortOrder.DESC)]), ots.Sort([ots.ScoreSort()]))
INNER = {"Search": ("search_query", "SearchQuery"), "ParallelScan": ("scan_query", "ScanQuery")}
"""The field of an action's body that holds the query as bytes, and the message type of the query."""


def search_bodies(served: Served) -> list[tuple[str, bytes]]:
    """Return bodies of searches and scans with every kind of query, and several orders, pages and columns."""
    client = search_table.fill(served)
    recorder = Recorder(client)
    for number, (query, _) in enumerate(search_table.QUERIES):
        asked = ots.SearchQuery(query, sort=SORTS[number % 3], limit=7, get_total_count=True)
        columns = (ots.ColumnsToGet(["word", "raw"], ots.ColumnReturnType.SPECIFIED), None)[number % 2]
        asked.next_token = client.search("notes", "notes_index", asked, columns).next_token
        client.search("notes", "notes_index", asked, columns)
    session = client.compute_splits("notes", "notes_index").session_id
    scan = ots.ScanQuery(ots.MatchAllQuery(), 7, None, 0, 1)
    scan.next_token = client.parallel_scan("notes", "notes_index", scan, session).next_token
    client.parallel_scan("notes", "notes_index", scan, session)
    return recorder.requests


def mutate_query(action: str, body: bytes, draw: random.Random) -> bytes:
    """Mutate the query inside a body, with the lengths around it corrected."""
    name, kind = INNER[action]
    message = schema.parse_message(f"{action}Request", body)
    inner = schema.parse_message(kind, getattr(message, name))
    if draw.random() < 0.5:
        inner.query.query = mutate(inner.query.query, draw)
    else:
        inner.token = mutate(inner.token, draw)
    if draw.random() < 0.3:
        inner.query.type = draw.choice(range(1, 21))
    if draw.random() < 0.03:
        parts = {draw.choice(("must_queries", "must_not_queries", "should_queries")): [inner.query] * 501}
        whole = schema.new_message("BoolQuery", **parts)
        inner.query.CopyFrom(schema.new_message("Query", type=6, query=whole.SerializeToString()))
    setattr(message, name, inner.SerializeToString())
    data: bytes = message.SerializeToString()
    return data


@pytest.mark.parametrize("mutations", [400, pytest.param(3_000, marks=pytest.mark.slow)])
def test_a_mutated_search_gets_a_reply_or_an_error(served: Served, mutations: int) -> None:
    requests = search_bodies(served)
    dispatcher = Dispatcher(served.engine, SystemClock())
    draw = random.Random(11)
    ends: Counter[str | None] = Counter()
    for _ in range(mutations):
        action, body = draw.choice(requests)
        changed = [mutate(body, draw), *([mutate_query(action, body, draw)] if action in INNER else [])]
        for each in changed:
            error = error_of(dispatcher, action, each)
            ends["answered" if error is None else error.service_code] += 1

    assert min(ends["answered"], ends["OTSParameterInvalid"]) > mutations / 20
    assert ends["OTSMetaNotMatch"] > 0
