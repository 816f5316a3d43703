"""Valid requests, changed at random: an error of the service's each time, and nothing else ever.

Two ways. Over the wire, where what is signed is changed and the signature is not: all are refused and change no row.
And behind the signature, where anyone with a key can send what he likes: bodies of every action, changed at random, end
in an answer or in an error of the service's.
"""

from __future__ import annotations

import random
import socket
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from tests.contract.backends import MESSAGE, SESSION
from tests.serving import KEY, SECRET, Served, sdk_client, serving
from tests.wire.test_writes_under_faults import Rows, stored
from tsmem.clock import SystemClock
from tsmem.errors import SERVICE_CODES, TsmemError
from tsmem.rows import MIN, Put
from tsmem.server.dispatch import Dispatcher
from tsmem.server.http.auth import AccessKey
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import encode_row

MUTATIONS = pytest.mark.parametrize("mutations", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
READS = ("GetRow", "GetRange", "BatchGetRow", "DescribeTable", "ListTable", "ListSearchIndex")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Served]:
    """A server with a key and an instance, and some rows."""
    credentials = AccessKey(KEY, SECRET)
    with serving(tmp_path / "memory.db", credentials=credentials, instance="test-instance") as served:
        fill(served)
        yield served


def fill(served: Served) -> None:
    """Two tables and twenty rows."""
    served.engine.create_table(MESSAGE)
    served.engine.create_table(SESSION)
    puts = [Put(MESSAGE.ref, ("s", n, f"m{n}"), {"content": f"said {n}", "n": n}) for n in range(20)]
    served.engine.write_rows(puts)


class Recorder:
    """Stands in for the SDK's connections and keeps what would be sent."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def pool(self) -> Any:
        """The connections."""
        return self._real.pool

    def send_receive(self, url: str, headers: dict[str, str], body: bytes) -> Any:
        """As the SDK's pool."""
        self.requests.append((url, dict(headers), body))
        return self._real.send_receive(url, headers, body)


def recorded(served: Served, secret: str) -> list[tuple[str, dict[str, str], bytes]]:
    """A valid request of each kind, as the Python SDK sends it."""
    import tablestore as ots

    client = sdk_client(served.endpoint, secret=secret)
    recorder = client.connection = Recorder(client.connection)
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
    client.put_row("message", ots.Row(key, [("content", "said 3"), ("n", 3)]), ots.Condition("IGNORE", test))
    client.update_row("message", ots.Row(key, {"put": [("n", 3)]}), ots.Condition("EXPECT_EXIST"))
    client.delete_row("message", ots.Row([("session_id", "none"), *key[1:]]), ots.Condition("IGNORE"))
    batch = ots.BatchWriteRowRequest()
    item = ots.PutRowItem(ots.Row(key, [("content", "said 3"), ("n", 3)]), ots.Condition("IGNORE"))
    batch.add(ots.TableInBatchWriteRowItem("message", [item]))
    client.batch_write_row(batch)
    return recorder.requests


def mutated(data: bytes, draw: random.Random) -> bytes:
    """Bytes with one to four of them changed, taken out, put in, or cut off."""
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


def sent(path: str, headers: dict[str, str], body: bytes) -> bytes:
    """A request's bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name.startswith("x-ots-")]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Wire:
    """One connection after the other: the server closes one that cannot be trusted any more."""

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self._address = (host, int(port))
        self._socket: socket.socket | None = None

    def ask(self, data: bytes) -> tuple[int, bytes]:
        """The status and body of the answer."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=20)
        self._socket.sendall(data)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while len(body) < int(headers["content-length"]):
            body += self._more()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return int(lines[0].split()[1]), body

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65536)
        assert data, "the connection ended before an answer"
        return data

    def close(self) -> None:
        """Let go."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None


@MUTATIONS
def test_changed_requests_are_refused(guarded: Served, mutations: int) -> None:
    """What is signed is changed: the body, a signed header's value or the path. Each is answered with an error of the
    service's, no row changes, nothing is logged as a failure of the server, and the next valid request is answered."""
    requests = [request for request in recorded(guarded, SECRET) if request[2]]
    before = stored(guarded)
    draw = random.Random(20260101)
    wire = Wire(guarded.endpoint)
    codes: Counter[str] = Counter()
    for _ in range(mutations):
        path, headers, body = draw.choice(requests)
        while (changed := _changed(path, headers, body, draw)) == (path, headers, body):
            pass
        status, answer = wire.ask(sent(*changed))
        error = schema.parse_message("Error", answer)
        assert 400 <= status < 500, (status, error.code, error.message)
        codes[error.code] += 1
    wire.close()

    assert before == stored(guarded)
    assert set(codes) <= set(SERVICE_CODES)
    assert codes["OTSAuthFailed"] > mutations // 2
    assert [] == [entry.failure for entry in guarded.log if entry.failure is not None]
    assert ("message",) == sdk_client(guarded.endpoint, secret=SECRET).list_table()[:1]


def _changed(path: str, headers: dict[str, str], body: bytes, draw: random.Random) -> tuple[str, dict[str, str], bytes]:
    if draw.random() < 0.6:
        return path, headers, mutated(body, draw)
    if draw.random() < 0.9:
        name = draw.choice([each for each in headers if each.startswith("x-ots-")])
        return path, {**headers, name: _word(headers[name], draw)}, body
    return "/" + _word(path[1:], draw), headers, body


def _word(text: str, draw: random.Random) -> str:
    """A text with a character changed: one that may stand in a header."""
    letters = list(text)
    letters[draw.randrange(len(letters))] = chr(draw.choice((*range(33, 35), *range(36, 63), *range(64, 127))))
    return "".join(letters)


def valid_bodies(served: Served) -> list[tuple[str, bytes]]:
    """A valid body of every action: those of the SDK, and those of tables."""
    bodies = [(path[1:], body) for path, _, body in recorded(served, "tsmem")]
    unit = schema.new_message("ReservedThroughput", capacity_unit=schema.new_message("CapacityUnit", read=0, write=0))
    meta = schema.new_message("TableMeta", table_name="more")
    meta.primary_key.add(name="k", type=2)
    meta.defined_column.add(name="n", type=1)
    index = schema.new_message("IndexMeta", name="by_n", primary_key=["k", "n"], index_update_mode=1, index_type=1)
    options = schema.new_message("TableOptions", time_to_live=-1, max_versions=1)
    field = schema.new_message("FieldSchema", field_name="content", field_type=5, analyzer="fuzzy")
    field.analyzer_parameter = schema.new_message(
        "FuzzyAnalyzerParameter", min_chars=1, max_chars=7
    ).SerializeToString()
    for name, fields in (
        ("CreateTable", {"table_meta": meta, "reserved_throughput": unit, "table_options": options,
                         "index_metas": [index]}),
        ("UpdateTable", {"table_name": "session", "table_options": schema.new_message("TableOptions", max_versions=1)}),
        ("CreateIndex", {"main_table_name": "message", "index_meta": schema.new_message(
            "IndexMeta", name="again", primary_key=["session_id", "message_id"], index_update_mode=1, index_type=1)}),
        ("DropIndex", {"main_table_name": "message", "index_name": "none"}),
        ("DeleteTable", {"table_name": "none"}),
        ("CreateSearchIndex", {"table_name": "message", "index_name": "i",
                               "schema": schema.new_message("IndexSchema", field_schemas=[field])}),
        ("DescribeSearchIndex", {"table_name": "message", "index_name": "i"}),
        ("DeleteSearchIndex", {"table_name": "message", "index_name": "none"}),
    ):  # fmt: skip
        bodies.append((name, schema.new_message(f"{name}Request", **fields).SerializeToString()))
    return bodies


@MUTATIONS
def test_changed_bodies_end_in_an_answer_or_an_error(served: Served, mutations: int) -> None:
    """Behind the signature: bodies of every action. Reads change no row, whatever becomes of them."""
    fill(served)
    bodies = valid_bodies(served)
    dispatcher = Dispatcher(served.engine, SystemClock())
    draw = random.Random(7)
    before: Rows = stored(served)
    refused: Counter[str] = Counter()
    for _ in range(mutations):
        action, body = draw.choice(bodies)
        error = _failure(dispatcher, action, mutated(body, draw))
        if error is not None:
            assert SERVICE_CODES[error.service_code or ""].http_status < 500, (action, error)
            refused[action] += 1
        if action in READS:
            continue
        if (after := stored(served)) != before:  # a changed write is a write: its row is whole, and no other changed
            assert 1 >= len(after.keys() ^ before.keys()) + sum(after[k] != before[k] for k in after.keys() & before)
            before = after

    assert {action for action, _ in bodies if action not in ("ListTable",)} <= set(refused)


def _failure(dispatcher: Dispatcher, action: str, body: bytes) -> TsmemError | None:
    try:
        dispatcher.answer(action, body)
    except TsmemError as error:
        return error
    return None


@pytest.mark.parametrize("length", [-1, -(2**31), 2**31 - 1, 1 << 24])
def test_a_length_that_lies_is_an_error(guarded: Served, length: int) -> None:
    """A negative or enormous length inside PlainBuffer, signed as it should be, is refused by code and text."""
    import tablestore

    client = sdk_client(guarded.endpoint, secret=SECRET)
    good = encode_row(MESSAGE.ref.key, ("s", 3, "m3"))
    at = good.index(b"session_id") - 4
    broken = good[:at] + length.to_bytes(4, "little", signed=True) + good[at + 4 :]
    request = schema.new_message("GetRowRequest", table_name="message", primary_key=broken, max_versions=1)
    client.protocol.encoder.encode_request = lambda *_: request

    with pytest.raises(tablestore.OTSServiceError) as caught:
        client.get_row("message", [("session_id", "s")], max_version=1)

    assert (400, "OTSParameterInvalid") == (caught.value.get_http_status(), caught.value.get_error_code())
    assert f"a length of {length}" in caught.value.get_error_message()


def test_an_infinite_key_is_no_row(guarded: Served) -> None:
    """A put whose key is MIN is refused, and writes nothing."""
    import tablestore

    client = sdk_client(guarded.endpoint, secret=SECRET)
    before = stored(guarded)
    request = schema.new_message(
        "PutRowRequest", table_name="message", row=encode_row(MESSAGE.ref.key, ("s", MIN, "m"))
    )
    request.condition.row_existence = 0
    client.protocol.encoder.encode_request = lambda *_: request

    with pytest.raises(tablestore.OTSServiceError, match="VT_INF_MIN is an invalid type"):
        client.put_row("message", tablestore.Row([("session_id", "s")], []))

    assert before == stored(guarded)


def test_a_body_digest_is_checked_before_anything_else(guarded: Served) -> None:
    """A right signature over a wrong digest is refused."""
    path, headers, body = recorded(guarded, SECRET)[6]
    digest = b64encode(md5(body + b"x", usedforsecurity=False).digest()).decode()
    wire = Wire(guarded.endpoint)
    status, answer = wire.ask(sent(path, {**headers, "x-ots-contentmd5": digest}, body))
    wire.close()

    assert (403, "OTSAuthFailed") == (status, schema.parse_message("Error", answer).code)
