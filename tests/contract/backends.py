"""The backends that every contract test runs over, and the tables that they use.

Its one rule: a backend is one entry in `BACKENDS`, a context manager that gives a TableClient on an empty instance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.serving import profile_of, serving
from tsmem.adapters import open_client
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import IndexSchema, TableClient, TableSchema
from tsmem.rows import MAX, MIN, ColumnType, Key, Put, Range, TableRef, Value

FILE = "memory.db"
"""The store's file in a backend's folder."""
STRING, INTEGER, BINARY, DOUBLE = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY, ColumnType.DOUBLE


@contextmanager
def engine_client(folder: Path) -> Iterator[TableClient]:
    """The local adapter on a file of its own."""
    client = LocalClient(folder / FILE, SystemClock())
    try:
        yield client
    finally:
        client.close()


@contextmanager
def sdk_client(folder: Path) -> Iterator[TableClient]:
    """The TableStore adapter over the real SDK, talking to our server in front of a file of its own."""
    clock = SystemClock()
    with serving(folder / FILE, clock=clock) as served:
        client = open_client(profile_of(served.endpoint), clock)
        try:
            yield client
        finally:
            client.close()


BACKENDS: dict[str, Callable[[Path], AbstractContextManager[TableClient]]] = {
    "engine": engine_client,
    "sdk": sdk_client,
}
"""By the name that stands in a test's id."""

SESSION = TableSchema(
    "session",
    (("user_id", STRING), ("session_id", STRING)),
    (IndexSchema("session_by_time", ("user_id", "update_time", "session_id")),),
    (("update_time", INTEGER),),
)
"""With an index on a column."""

MESSAGE = TableSchema(
    "message",
    (("session_id", STRING), ("create_time", INTEGER), ("message_id", STRING)),
    (IndexSchema("message_by_id", ("session_id", "message_id", "create_time")),),
)
"""With an index on its key alone."""

PLAIN = TableSchema("plain", (("k", STRING),))
"""One key column, no index."""

BY_TIME = TableRef("session_by_time", ("user_id", "update_time", "session_id"))
BY_ID = TableRef("message_by_id", ("session_id", "message_id", "create_time"))


def everything(table: TableRef, *, backward: bool = False) -> Range:
    """The range of all rows."""
    low, high = (MIN,) * len(table.key), (MAX,) * len(table.key)
    return Range(high, low, backward=True) if backward else Range(low, high)


def keys(client: TableClient, table: TableRef, span: Range | None = None) -> list[Key]:
    """The keys of a range's first page; of all rows by default."""
    return [row.key for row in client.get_range(table, span or everything(table)).rows]


def put(client: TableClient, table: TableSchema, *key: str | int | bytes, **columns: Value) -> None:
    """Write a row whatever is there."""
    client.write_row(Put(table.ref, key, columns))
