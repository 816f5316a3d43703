"""The backends on which contract tests run, and the tables that they use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.support.server_in_process import profile_of, serving
from tsmem.adapters import open_client
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.engine import Engine
from tsmem.port import IndexSchema, TableClient, TableSchema
from tsmem.rows import ColumnType, Key, Put, Range, TableRef, Value
from tsmem.server.actions import RowFault
from tsmem.server.dispatch import ActionResult, Dispatcher, Request

FILE = "memory.db"
"""The store's file in a backend's folder."""
STRING, INTEGER, BINARY, DOUBLE = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY, ColumnType.DOUBLE
VALUES: dict[str, Value] = {
    "empty": "", "nul": "a\0b", "wide": "退款 😀 \u202e", "long": "x" * 1000, "zero": 0, "one": 1, "low": -(2**63),
    "high": 2**63 - 1, "yes": True, "no": False, "float_one": 1.0, "tiny": 5e-324, "huge": 1.7976931348623157e308,
    "nothing": b"", "bytes": bytes(range(256)), "minus_zero": -0.0,
}  # fmt: skip
"""Columns with values of each type, including its extremes."""
BACKENDS = ("engine", "sdk")
on_engine = pytest.mark.parametrize("backend", ["engine"], indirect=True)
"""Marks tests of the store's own rules. They run only on the engine, because other tests show that the SDK's
requests do the same."""


@contextmanager
def engine_client(folder: Path) -> Iterator[TableClient]:
    with closing(LocalClient(folder / FILE, SystemClock())) as client:
        yield client


class _CurrentDispatcher(Dispatcher):
    """Passes requests on to the dispatcher of the current test."""

    current: Dispatcher

    def answer(self, request: Request, draw_row_fault: Callable[[], RowFault | None] = lambda: None) -> ActionResult:
        return self.current.answer(request, draw_row_fault)


SdkClients = Callable[[Path], AbstractContextManager[TableClient]]
"""Opens the TableStore adapter, over the real SDK, for a server on the file in a folder."""


@contextmanager
def shared_server() -> Iterator[SdkClients]:
    """Start one server for all tests over the SDK. It serves the file of the test that runs."""
    with serving(None, dispatcher=_CurrentDispatcher) as served:

        @contextmanager
        def opened(folder: Path) -> Iterator[TableClient]:
            clock = SystemClock()
            with closing(Engine(folder / FILE, clock)) as engine:
                served.dispatcher.current = Dispatcher(engine, clock)  # type: ignore[attr-defined]
                with closing(open_client(profile_of(served.endpoint), clock)) as client:
                    yield client

        yield opened


SESSION = TableSchema(
    "session",
    (("user_id", STRING), ("session_id", STRING)),
    (IndexSchema("session_by_time", ("user_id", "update_time", "session_id")),),
    (("update_time", INTEGER),),
)

MESSAGE = TableSchema(
    "message",
    (("session_id", STRING), ("create_time", INTEGER), ("message_id", STRING)),
    (IndexSchema("message_by_id", ("session_id", "message_id", "create_time")),),
)

PLAIN = TableSchema("plain", (("k", STRING),))

BY_TIME = TableRef("session_by_time", ("user_id", "update_time", "session_id"))
BY_ID = TableRef("message_by_id", ("session_id", "message_id", "create_time"))


def keys(client: TableClient, table: TableRef, span: Range | None = None) -> list[Key]:
    """Return the keys on the first page of a range, by default of the whole table."""
    return [row.key for row in client.get_range(table, span or table.range_of()).rows]


def put(client: TableClient, table: TableSchema, *key: str | int | bytes, **columns: Value) -> None:
    client.write_row(Put(table.ref, key, columns))
