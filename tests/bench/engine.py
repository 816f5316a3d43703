"""Compares the engine with a bare `sqlite3` loop that does the same: scans and batch writes, alternating in one run.

Both sides pack and unpack cells with the same functions, keep the same index tables, and commit equally often, so a
ratio is the cost of the engine's semantics. Ratios are engine time / bare time; the budget is 2.0.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.engine.rows.cells import pack, unpack, unpack_columns
from tsmem.port import TableSchema
from tsmem.rows import MAX, MIN, Key, KeyBound, Put, Range
from tsmem.store.layout import DEFAULT

BATCH = 200
ROUNDS = 5
ROWS = 20_000
START_US = 1_760_000_000_000_000

Ratio = tuple[str, float, str]
"""A name, a ratio and an explanation."""
SESSION, MESSAGE = DEFAULT.session.schema, DEFAULT.message.schema


def _sessions(count: int) -> list[Put]:
    return [
        Put(
            SESSION.ref,
            (f"user-{number % 500:05d}", f"session-{number:08d}"),
            {"update_time": START_US + number, "search_content": "a conversation about billing", "topic": "billing",
             "score": 0.5, "vip": number % 2 == 0, "turns": number},
        )
        for number in range(count)
    ]  # fmt: skip


def messages(count: int) -> list[Put]:
    """Return messages, 40 in each session."""
    source = random.Random(1)
    return [
        Put(
            MESSAGE.ref,
            (f"session-{number // 40:08d}", START_US + number, f"message-{source.getrandbits(64):016x}"),
            {"content": "what was said, at some length. " * 9, "role": "user", "model": "m-1", "tokens": 70},
        )
        for number in range(count)
    ]


def create_store(path: Path, puts: Sequence[Put]) -> None:
    """Create a store with these messages."""
    with closing(LocalClient(path, SystemClock())) as client:
        client.create_table(MESSAGE)
        write(client, puts)


def write(client: LocalClient, puts: Sequence[Put]) -> None:
    for batch in _batches(puts):
        if any(client.write_rows(batch)):
            raise RuntimeError("a row failed")


def _batches(puts: Sequence[Put]) -> Iterator[Sequence[Put]]:
    return (puts[first : first + BATCH] for first in range(0, len(puts), BATCH))


def _engine_scan(client: LocalClient, table: TableSchema) -> None:
    start: KeyBound | None = (MIN,) * len(table.key)
    while start is not None:
        start = client.get_range(table.ref, Range(start, (MAX,) * len(table.key))).next_start


def _bare_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("""
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE session (k0 TEXT NOT NULL, k1 TEXT NOT NULL, cells BLOB NOT NULL);
        CREATE UNIQUE INDEX session_key ON session (k0, k1);
        CREATE TABLE session_index
            (k0 TEXT, k1 INTEGER, k2 TEXT, cells BLOB NOT NULL, PRIMARY KEY (k0, k1, k2)) WITHOUT ROWID;
        CREATE TABLE message (k0 TEXT NOT NULL, k1 INTEGER NOT NULL, k2 TEXT NOT NULL, cells BLOB NOT NULL);
        CREATE UNIQUE INDEX message_key ON message (k0, k1, k2);
        CREATE TABLE message_index
            (k0 TEXT, k1 TEXT, k2 INTEGER, cells BLOB NOT NULL, PRIMARY KEY (k0, k1, k2)) WITHOUT ROWID;
    """)
    return connection


def _bare_write(connection: sqlite3.Connection, puts: Sequence[Put]) -> None:
    table, run = puts[0].table.name, connection.execute
    insert, insert_entry = _insert(table, len(puts[0].key)), _insert(f"{table}_index", 3)
    for batch in _batches(puts):
        run("BEGIN IMMEDIATE")
        for put in batch:
            if table == "session":
                entry = put.key[0], put.columns["update_time"], put.key[1]
                _bare_forget(connection, put.key)
            else:
                entry = put.key[0], put.key[2], put.key[1]
            run(insert_entry, (*entry, pack(_key_bytes(entry), {}, START_US)))
            run(insert, (*put.key, pack(_key_bytes(put.key), put.columns, START_US)))
        run("COMMIT")


def _insert(table: str, width: int) -> str:
    places = ", ".join("?" * (width + 1))
    return f"INSERT INTO {table} VALUES ({places}) ON CONFLICT DO UPDATE SET cells = excluded.cells"


def _bare_forget(connection: sqlite3.Connection, key: Key) -> None:
    """Delete the index entry of a session, if the session exists."""
    old = connection.execute("SELECT cells FROM session WHERE k0 = ? AND k1 = ?", key).fetchone()
    if old is not None:
        entry = key[0], unpack_columns(old[0], ("update_time",))[1]["update_time"], key[1]
        connection.execute("DELETE FROM session_index WHERE k0 = ? AND k1 = ? AND k2 = ?", entry)


def _key_bytes(key: Sequence[object]) -> int:
    """Return the size of a key in bytes: its values, and about thirty bytes for its names."""
    return 30 + sum(8 if isinstance(value, int) else len(str(value)) for value in key)


def _bare_scan(path: Path, table: str, width: int) -> None:
    """Read a whole table of the engine's file, page by page, and decode its cells."""
    page: list[object] = []
    order = ", ".join(f"k{place}" for place in range(width))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for *key, blob in connection.execute(f"SELECT * FROM {table} ORDER BY {order}"):
            page.append((tuple(key), unpack(blob)[1]))
            if len(page) == 5000:
                page = []


def seconds(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def _round(folder: Path, puts: Sequence[Sequence[Put]], took: dict[str, list[float]]) -> None:
    """Time every step once on new files. The two sides alternate."""
    folder.mkdir()
    path = folder / "engine.db"
    with closing(LocalClient(path, SystemClock())) as client, closing(_bare_file(folder / "bare.db")) as bare:
        for table, stored, rows in zip((SESSION, MESSAGE), ("t1", "t3"), puts, strict=True):
            client.create_table(table)
            steps: dict[str, Callable[[], object]] = {
                "bare write": partial(_bare_write, bare, rows),
                "engine write": partial(write, client, rows),
                "engine scan": partial(_engine_scan, client, table),
                "bare scan": partial(_bare_scan, path, stored, len(table.key)),
            }
            for name, step in steps.items():
                took.setdefault(f"{name} {table.name}", []).append(seconds(step))
    os.sync()


def run() -> list[Ratio]:
    """Return engine time / bare time, for scans and writes of both tables."""
    puts = _sessions(ROWS), messages(ROWS)
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            _round(Path(folder) / str(number), puts, took)
    ratios = []
    for name in ("scan session", "scan message", "write session", "write message"):
        ours, bare = (statistics.median(took[f"{side} {name}"]) for side in ("engine", "bare"))
        ratios.append((name, ours / bare, f"engine {ROWS / ours:,.0f} rows/s, bare loop {ROWS / bare:,.0f} rows/s"))
    return ratios
