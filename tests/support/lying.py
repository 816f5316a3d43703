"""A TableStore that lies: our own server, with its replies changed before they are signed and sent.

A lie is a function that receives a request with its correct reply and changes the reply. `Liar.told` counts the changed
replies. After MOST_REQUESTS requests every further one is refused, so that a client that never stops fails its test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.server_in_process import serving
from tsmem.engine import Engine
from tsmem.engine.rows.cells import Cell
from tsmem.errors import from_service
from tsmem.rows import Bound, KeyBound
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ActionResult, Dispatcher, Request
from tsmem.server.wire import schema
from tsmem.server.wire.plainbuffer import decode_row, encode_row

EVIL = "EVIL"
"""A text in every row that the lies add."""
MOST_REQUESTS = 1_000


class WireRow(NamedTuple):
    names: tuple[str, ...]
    key: tuple[Any, ...]
    cells: tuple[Cell, ...] = ()


@dataclass
class Reply:
    action: str
    request: Any
    message: Any
    is_first: bool = True
    """True if the request is not for a later page of a search."""
    body: bytes | None = None
    """Bytes to send instead of the message."""
    is_possible: bool = False
    """True if the changed reply could still be correct, so it does not count as a lie."""

    @property
    def is_backward(self) -> bool:
        """True if the requested range is in descending order."""
        return bool(self.request.direction == 1)


Lie = Callable[[Reply], None]


@dataclass
class Liar:
    """A server and the lie that it tells. Without a lie it is honest."""

    endpoint: str
    engine: Engine
    lie: Lie | None = None
    told: int = 0
    asked: list[str] = field(default_factory=list)

    def tell(self, lie: Lie | None) -> None:
        """Tell this lie from now on, and reset the counts. First wait for requests that a client in this process may
        still be sending."""
        for thread in threading.enumerate():
            if thread.name == "tsmem call":
                thread.join()
        self.lie, self.told = lie, 0
        self.asked.clear()


class _Dispatcher(Dispatcher):
    """Gives the server's own reply to the lie, which changes it."""

    liar: Liar

    def answer(self, request: Request, draw_row_fault: Callable[[], RowFault | None] = lambda: None) -> ActionResult:
        liar, action, message = self.liar, request.action, request.message
        liar.asked.append(action)
        if len(liar.asked) > MOST_REQUESTS:
            raise from_service("OTSQuotaExhausted", "asked too often")
        if liar.lie is None:
            return super().answer(request, draw_row_fault)
        token = _remove_token(message) if action == "Search" else b""  # it may be made up
        honest = super().answer(request, draw_row_fault)
        reply = Reply(action, message, schema.parse_message(f"{action}Response", honest.body), is_first=not token)
        liar.lie(reply)
        sent = reply.message.SerializePartialToString() if reply.body is None else reply.body
        plain = schema.parse_message(f"{action}Response", honest.body).SerializePartialToString()
        liar.told += sent != plain and not reply.is_possible
        return honest._replace(body=sent)


def _remove_token(message: Any) -> bytes:
    """Remove the token from a search, so that it starts at the first page, and return the token."""
    query = schema.parse_message("SearchQuery", message.search_query)
    token = bytes(query.token)
    query.ClearField("token")
    message.search_query = query.SerializeToString()
    return token


@contextmanager
def lying_server(path: Path | None) -> Iterator[Liar]:
    """Start a server on a file, or in memory without a path. It is honest until `tell` is called. The secret is
    `tsmem`."""
    with serving(path, dispatcher=_Dispatcher) as served:
        liar = Liar(served.endpoint, served.engine)
        served.dispatcher.liar = liar  # type: ignore[attr-defined]
        yield liar


# Rows in and out of answers


def decoded(data: bytes) -> list[WireRow]:
    """Decode rows that follow one another after a single header, with the SDK's decoder."""
    if not data:
        return []
    from tablestore.plainbuffer.plain_buffer_coded_stream import PlainBufferCodedInputStream
    from tablestore.plainbuffer.plain_buffer_stream import PlainBufferInputStream

    rows = PlainBufferCodedInputStream(PlainBufferInputStream(data)).read_rows()
    return [
        WireRow(
            tuple(name for name, _ in row.primary_key),
            tuple(map(_plain, (value for _, value in row.primary_key))),
            tuple(Cell(name, _plain(value), stamp) for name, value, stamp in row.attribute_columns),
        )
        for row in rows
    ]


def encoded(rows: list[WireRow]) -> bytes:
    parts = [encode_row(row.names, row.key, row.cells) for row in rows]
    return parts[0][:4] + b"".join(part[4:] for part in parts) if parts else b""


def _plain(value: Any) -> Any:
    return bytes(value) if type(value) is bytearray else value


def changing_row_bytes(change: Callable[[bytes], bytes]) -> Lie:
    """Return a lie that changes the encoded rows of a reply."""

    def lie(reply: Reply) -> None:
        message = reply.message
        if reply.action == "GetRange" and message.rows:
            message.rows = change(message.rows)
        elif reply.action == "GetRow" and message.row:
            message.row = change(message.row)
        elif reply.action == "BatchGetRow":
            for row in (row for table in message.tables for row in table.rows if row.row):
                row.row = change(row.row)
        elif reply.action == "Search":
            message.rows[:] = [change(data) for data in message.rows]

    return lie


def changing_rows(change: Callable[[list[WireRow], Reply], list[WireRow]]) -> Lie:
    """Return a lie that changes the rows of a reply. A page of rows can become longer or shorter; a single row stays
    one."""

    def lie(reply: Reply) -> None:
        message = reply.message
        if reply.action == "GetRange":
            message.rows = encoded(change(decoded(message.rows), reply))
        elif reply.action == "Search":
            found = [row for data in message.rows for row in decoded(data)]
            rows = change(found, reply)
            if rows != found:
                del message.rows[:], message.search_hits[:]
                message.rows.extend(encoded([row]) for row in rows)
                for _ in rows:
                    message.search_hits.add(score=1.0)
        else:
            changing_row_bytes(lambda data: encoded(change(decoded(data), reply)[:1]))(reply)

    return lie


def requested_range(reply: Reply) -> tuple[tuple[str, ...], KeyBound, KeyBound]:
    """Return the key's names, the start and the end of the requested range."""
    start = decode_row(reply.request.inclusive_start_primary_key)
    return start.names, start.key, decode_row(reply.request.exclusive_end_primary_key).key


def as_key(bound: KeyBound, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Return a bound as a key: MIN becomes the smallest value of its column, and MAX the largest."""
    low = {name: -(2**63) if name.endswith("time") else "" for name in names}
    high = {name: 2**63 - 1 if name.endswith("time") else "\U0010ffff" for name in names}
    return tuple(
        value if not isinstance(value, Bound) else low[name] if value.value == "MIN" else high[name]
        for name, value in zip(names, bound, strict=True)
    )
