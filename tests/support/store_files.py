"""Files of the embedded engine: clients on them, rows in a table, and forked child processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.engine.file.connections import Connections
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType, Put, TableRef
from tsmem.store.layout import DEFAULT

TABLE = TableSchema("t", (("k", ColumnType.STRING),))
MESSAGE = DEFAULT.message.schema
BY_ID = TableRef(MESSAGE.indexes[0].name, MESSAGE.indexes[0].key)
SEARCH = SearchIndexSchema("message", "search", (("n", FieldType("LONG")), ("content", FieldType("TEXT", "max_word"))))


@contextmanager
def opened(path: Path | None) -> Iterator[LocalClient]:
    with closing(LocalClient(path, SystemClock())) as client:
        yield client


def fill(path: Path) -> None:
    with opened(path) as client:
        client.create_table(TABLE)
        client.write_row(Put(TABLE.ref, ("a",), {"x": 1}))


def put(client: LocalClient, *keys: str) -> None:
    for key in keys:
        client.write_row(Put(TABLE.ref, (key,), {"x": key}))


def fork_child(work: Callable[[], object]) -> int:
    """Fork a child that calls `work`, and return its process id."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return child


def in_child(work: Callable[[], object]) -> int:
    """Call `work` in a forked child, and return the child's exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(fork_child(work), 0)[1])


def read_version(connections: Connections) -> int:
    with connections.read() as session:
        version: int = session.execute("SELECT version FROM catalog_version").fetchone()[0]
        return version


def raise_version(connections: Connections) -> None:
    with connections.write() as session:
        session.execute("UPDATE catalog_version SET version = version + 1")
