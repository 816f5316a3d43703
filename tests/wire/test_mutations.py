"""Valid requests of the Python SDK, changed at random: each ends in an answer or in an error of the service.

With the signature left as it was, every changed request is refused. Behind the signature, bodies of every action are
changed: anyone with a key can send those.
"""

from __future__ import annotations

import random
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import search_table
from tests.support.backends import MESSAGE, SESSION
from tests.support.raw_http import TIMEOUT_S, Reply, post, read_reply
from tests.support.raw_tables import (
    INTEGER,
    KEYWORD,
    STRING,
    add_index,
    create,
    create_search,
    drop_index,
    field,
    index,
    named,
    update,
)
from tests.support.server_in_process import KEY, SECRET, Served, sdk_client, serving
from tsmem.adapters.tablestore.sdk import ots
from tsmem.clock import SystemClock
from tsmem.errors import SERVICE_CODES, TsmemError
from tsmem.rows import Put
from tsmem.server.dispatch import Dispatcher
from tsmem.server.http.auth import AccessKey
from tsmem.server.wire import schema

READS = ("GetRow", "GetRange", "BatchGetRow", "DescribeTable", "ListTable", "ListSearchIndex")
Request = tuple[str, dict[str, str], bytes]
"""Path, headers and body."""


def fill(served: Served) -> None:
    served.engine.create_table(MESSAGE)
    served.engine.create_table(SESSION)
    puts = [Put(MESSAGE.ref, ("s", n, f"m{n}"), {"content": f"text {n}", "n": n}) for n in range(20)]
    served.engine.write_rows(puts)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Served]:
    """A server with a key and an instance, and twenty rows."""
    with serving(tmp_path / "db", credentials=AccessKey(KEY, SECRET), instance="test-instance") as served:
        fill(served)
        yield served


class Recorder:
    """The connections of an SDK client, with every request that was sent."""

    def __init__(self, client: Any) -> None:
        self._real = client.connection
        self.pool = self._real.pool
        self.requests: list[Request] = []
        client.connection = self

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> Any:
        self.requests.append((url, dict(headers), body))
        return self._real.send_receive(url, headers, body)


def recorded(served: Served, secret: str) -> list[Request]:
    """Return a valid request of each kind on rows, and some on tables."""
    client = sdk_client(served.endpoint, secret=secret)
    recorder = Recorder(client)
    key = [("session_id", "s"), ("create_time", 3), ("message_id", "m3")]
    low, high = [(name, ots.INF_MIN) for name, _ in key], [(name, ots.INF_MAX) for name, _ in key]
    test = ots.CompositeColumnCondition(ots.LogicalOperator.OR)
    test.add_sub_condition(ots.SingleColumnCondition("n", 2, ots.ComparatorType.GREATER_THAN))
    test.add_sub_condition(ots.SingleColumnCondition("content", "x", ots.ComparatorType.EQUAL, False))
    client.list_table()
    client.describe_table("message")
    client.list_search_index("message")
    client.get_row("message", key, ["content"], test, 1)
    client.get_range("message", "FORWARD", low, high, ["content", "n"], 7, test, 1)
    wanted = ots.BatchGetRowRequest()
    wanted.add(ots.TableInBatchGetRowItem("message", [key, key], ["content"], test, 1))
    client.batch_get_row(wanted)
    client.put_row("message", ots.Row(key, [("content", "text 3"), ("n", 3)]), ots.Condition("IGNORE", test))
    client.update_row("message", ots.Row(key, {"put": [("n", 3)]}), ots.Condition("EXPECT_EXIST"))
    client.delete_row("message", ots.Row([("session_id", "none"), *key[1:]]), ots.Condition("IGNORE"))
    batch = ots.BatchWriteRowRequest()
    item = ots.PutRowItem(ots.Row(key, [("content", "text 3"), ("n", 3)]), ots.Condition("IGNORE"))
    batch.add(ots.TableInBatchWriteRowItem("message", [item]))
    client.batch_write_row(batch)
    return recorder.requests


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Return bytes of which one to four were changed, removed or added, or the end cut off."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(changed) + 1)
        kind = draw.random()
        if kind < 0.6 and at < len(changed):
            changed[at] = draw.choice((draw.randrange(256), changed[at] ^ 1 << draw.randrange(8), 0, 255))
        elif kind < 0.75:
            changed[at : at + draw.choice((1, 4))] = b""
        elif kind < 0.9:
            changed[at:at] = draw.randbytes(draw.choice((1, 4)))
        else:
            del changed[at:]
    return bytes(changed)


class Sender:
    """Sends requests on one connection, or on a new one after the server has closed it."""

    def __init__(self, endpoint: str) -> None:
        parts = urlsplit(endpoint)
        self._address = (str(parts.hostname), int(parts.port or 0))
        self._socket: socket.socket | None = None

    def ask(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=TIMEOUT_S)
        signed = {name: value for name, value in headers.items() if name.startswith("x-ots-")}
        self._socket.sendall(post(signed, body, path))
        reply = read_reply(self._socket)
        if reply.headers["connection"] == "close":
            self.close()
        return reply

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


# Over the wire


@pytest.mark.parametrize("mutations", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_request_changed_after_it_was_signed_is_refused(guarded: Served, mutations: int) -> None:
    """Body, path, or the value of a signed header. No row changes, and nothing is logged as a failure of the server."""
    requests = [request for request in recorded(guarded, SECRET) if request[2]]
    before = guarded.stored(MESSAGE.ref)
    draw = random.Random(20260101)
    sender = Sender(guarded.endpoint)
    codes: Counter[str] = Counter()
    for _ in range(mutations):
        request = draw.choice(requests)
        while (changed := _changed(*request, draw)) == request:
            pass
        reply = sender.ask(*changed)
        assert 400 <= reply.status < 500, (reply.status, reply.error)
        codes[reply.error[0]] += 1
    sender.close()

    assert before == guarded.stored(MESSAGE.ref)
    assert set(codes) <= set(SERVICE_CODES)
    assert codes["OTSAuthFailed"] > mutations // 2
    assert [] == [entry.failure for entry in guarded.log if entry.failure is not None]
    assert ("message",) == sdk_client(guarded.endpoint, secret=SECRET).list_table()[:1]


def _changed(path: str, headers: dict[str, str], body: bytes, draw: random.Random) -> Request:
    if draw.random() < 0.6:
        return path, headers, mutated(body, draw)
    if draw.random() < 0.9:
        name = draw.choice([each for each in headers if each.startswith("x-ots-")])
        return path, {**headers, name: _word(headers[name], draw)}, body
    return "/" + _word(path[1:], draw), headers, body


def _word(text: str, draw: random.Random) -> str:
    """Return a text with one character changed to another that may stand in a header."""
    letters = list(text)
    letters[draw.randrange(len(letters))] = chr(draw.choice((*range(33, 35), *range(36, 63), *range(64, 127))))
    return "".join(letters)


# Behind the signature


def valid_bodies(served: Served) -> list[tuple[str, bytes]]:
    """Return a valid body of every action but those of search."""
    return [
        *((path[1:], body) for path, _, body in recorded(served, "tsmem")),
        ("CreateTable", create((("k", STRING),), (("n", INTEGER),), index("by_n", ["k", "n"]), name="more")),
        ("UpdateTable", update("session", max_versions=1)),
        ("CreateIndex", add_index("message", index("again", ["session_id", "message_id"]))),
        ("DropIndex", drop_index("message", "none")),
        ("DeleteTable", schema.new_message("DeleteTableRequest", table_name="none").SerializeToString()),
        ("CreateSearchIndex", create_search(field("content", KEYWORD), table="message")),
        ("DescribeSearchIndex", named("DescribeSearchIndex", "message", "i")),
        ("DeleteSearchIndex", named("DeleteSearchIndex", "message", "none")),
    ]


def failure(dispatcher: Dispatcher, action: str, body: bytes) -> TsmemError | None:
    """Return the error of a request, which must be the request's own; None for an answer."""
    try:
        answer = dispatcher.answer(action, body)
    except TsmemError as error:
        if SERVICE_CODES[error.service_code or ""].http_status >= 500:
            raise
        return error
    found = schema.parse_message(f"{action}Response", answer.body)
    assert action != "Search" or len(found.rows) == len(found.search_hits)
    return None


@pytest.mark.parametrize("mutations", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_changed_body_ends_in_an_answer_or_an_error_and_reads_change_nothing(served: Served, mutations: int) -> None:
    """A changed write is a write: its row is whole, and no other row changes."""
    fill(served)
    bodies = valid_bodies(served)
    dispatcher = Dispatcher(served.engine, SystemClock())
    draw = random.Random(7)
    before = served.stored(MESSAGE.ref)
    refused: Counter[str] = Counter()
    for number in range(mutations):
        action, body = bodies[number % len(bodies)]
        refused[action] += failure(dispatcher, action, mutated(body, draw)) is not None
        after = served.stored(MESSAGE.ref)
        rows = before.keys() | after.keys()
        assert sum(after.get(key) != before.get(key) for key in rows) <= (action not in READS)
        before = after

    assert {action for action, count in refused.items() if count} >= {action for action, _ in bodies} - {"ListTable"}


SORTS = (None, ots.Sort([ots.FieldSort("number", ots.SortOrder.DESC)]), ots.Sort([ots.ScoreSort()]))
INNER = {"Search": ("search_query", "SearchQuery"), "ParallelScan": ("scan_query", "ScanQuery")}
"""The field of a body that holds the query as bytes, and the message in it."""


def search_bodies(served: Served) -> list[tuple[str, bytes]]:
    """Return searches and scans of every query, sorted, paged and with columns in several ways."""
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
    return [(path[1:], body) for path, _, body in recorder.requests]


def changed_inside(action: str, body: bytes, draw: random.Random) -> bytes:
    """Change a body inside its query, so that the lengths around it stay right."""
    name, kind = INNER[action]
    message = schema.parse_message(f"{action}Request", body)
    inner = schema.parse_message(kind, getattr(message, name))
    if draw.random() < 0.5:
        inner.query.query = mutated(inner.query.query, draw)
    else:
        inner.token = mutated(inner.token, draw)
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
def test_a_changed_search_ends_in_an_answer_or_an_error(served: Served, mutations: int) -> None:
    requests = search_bodies(served)
    dispatcher = Dispatcher(served.engine, SystemClock())
    draw = random.Random(11)
    ends: Counter[str | None] = Counter()
    for _ in range(mutations):
        action, body = draw.choice(requests)
        changed = [mutated(body, draw), *([changed_inside(action, body, draw)] if action in INNER else [])]
        for each in changed:
            error = failure(dispatcher, action, each)
            ends["answered" if error is None else error.service_code] += 1

    assert min(ends["answered"], ends["OTSParameterInvalid"]) > mutations / 20
    assert ends["OTSMetaNotMatch"] > 0
