"""The engine against a bare `sqlite3` loop that does the same: scans and batch writes, interleaved in one run.

Both sides decode and pack cells with the same functions, keep the same index tables, and commit as often,
so that a ratio is what the engine's semantics cost. Ratios are time engine / time bare; the budget is 2.0.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.engine.rows.cells import pack, unpack, unpack_some
from tsmem.port import TableSchema
from tsmem.rows import MAX, MIN, And, Comparison, Filter, KeyBound, Op, Put, Range, Value
from tsmem.store.layout import DEFAULT

BATCH = 200
ROUNDS = 5
START_US = 1_760_000_000_000_000

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
    """So many messages, forty of a session."""
    source = random.Random(1)
    return [
        Put(
            MESSAGE.ref,
            (f"session-{number // 40:08d}", START_US + number, f"message-{source.getrandbits(64):016x}"),
            {"content": "what was said, at some length. " * 9, "role": "user", "model": "m-1", "tokens": 70},
        )
        for number in range(count)
    ]


def _bare_file(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode = WAL",
        "PRAGMA synchronous = FULL",
        "CREATE TABLE t1 (k0 TEXT NOT NULL, k1 TEXT NOT NULL, cells BLOB NOT NULL)",
        "CREATE UNIQUE INDEX t1_key ON t1 (k0, k1)",
        "CREATE TABLE t2 (k0 TEXT, k1 INTEGER, k2 TEXT, cells BLOB NOT NULL, PRIMARY KEY (k0, k1, k2)) WITHOUT ROWID",
        "CREATE TABLE t3 (k0 TEXT NOT NULL, k1 INTEGER NOT NULL, k2 TEXT NOT NULL, cells BLOB NOT NULL)",
        "CREATE UNIQUE INDEX t3_key ON t3 (k0, k1, k2)",
        "CREATE TABLE t4 (k0 TEXT, k1 TEXT, k2 INTEGER, cells BLOB NOT NULL, PRIMARY KEY (k0, k1, k2)) WITHOUT ROWID",
    ):
        connection.execute(statement)
    return connection


def _key_bytes(key: Sequence[object], names: int) -> int:
    return names + sum(8 if isinstance(value, int) else len(str(value)) for value in key)


def _bare_sessions(connection: sqlite3.Connection, puts: Sequence[Put]) -> None:
    run = connection.execute
    for first in range(0, len(puts), BATCH):
        run("BEGIN IMMEDIATE")
        for put in puts[first : first + BATCH]:
            key, time_us = put.key, put.columns["update_time"]
            old = run("SELECT cells FROM t1 WHERE k0 = ? AND k1 = ?", key).fetchone()
            if old is not None:
                before = unpack_some(old[0], ("update_time",))[1]["update_time"]
                run("DELETE FROM t2 WHERE k0 = ? AND k1 = ? AND k2 = ?", (key[0], before, key[1]))
            entry = (key[0], time_us, key[1])
            run("INSERT INTO t2 VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET cells = excluded.cells",
                (*entry, pack(_key_bytes(entry, 28), {}, START_US)))  # fmt: skip
            run("INSERT INTO t1 VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cells = excluded.cells",
                (*key, pack(_key_bytes(key, 17), put.columns, START_US)))  # fmt: skip
        run("COMMIT")


def _bare_messages(connection: sqlite3.Connection, puts: Sequence[Put]) -> None:
    run = connection.execute
    for first in range(0, len(puts), BATCH):
        run("BEGIN IMMEDIATE")
        for put in puts[first : first + BATCH]:
            key = put.key
            entry = (key[0], key[2], key[1])
            run("INSERT INTO t4 VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET cells = excluded.cells",
                (*entry, pack(_key_bytes(entry, 31), {}, START_US)))  # fmt: skip
            run("INSERT INTO t3 VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET cells = excluded.cells",
                (*key, pack(_key_bytes(key, 31), put.columns, START_US)))  # fmt: skip
        run("COMMIT")


def write(client: LocalClient, puts: Sequence[Put]) -> None:
    """Write rows in full batches."""
    for first in range(0, len(puts), BATCH):
        if any(client.write_rows(puts[first : first + BATCH])):
            raise RuntimeError("a row failed")


def _engine_scan(client: LocalClient, table: TableSchema, test: Filter | None = None) -> int:
    start: KeyBound | None = (MIN,) * len(table.key)
    end = (MAX,) * len(table.key)
    count = 0
    while start is not None:
        page = client.get_range(table.ref, Range(start, end), filter=test)
        count += len(page.rows)
        start = page.next_start
    return count


FILTERED_ROWS = 50_000
FEW = And((Comparison("role", Op.EQ, "tool"), Comparison("create_time", Op.GE, START_US)))
"""Ten of them."""


def _filtered(folder: Path) -> tuple[str, float, str]:
    """A scan that keeps ten of 50,000 rows against the same scan that keeps all; they take turns."""
    client = LocalClient(folder / "filtered.db", SystemClock())
    client.create_table(MESSAGE)
    puts = messages(FILTERED_ROWS)
    every = FILTERED_ROWS // 10
    write(
        client,
        [put if n % every else put._replace(columns={**put.columns, "role": "tool"}) for n, put in enumerate(puts)],
    )
    took: dict[Filter | None, list[float]] = {FEW: [], None: []}
    for _ in range(ROUNDS):
        for test, times in took.items():
            times.append(seconds(partial(_engine_scan, client, MESSAGE, test)))
    client.close()
    one, other = statistics.median(took[FEW]), statistics.median(took[None])
    said = f"10 of {FILTERED_ROWS:,} rows in {one * 1000:,.0f} ms, all of them in {other * 1000:,.0f} ms"
    return "filtered scan / whole scan", one / other, said


def _bare_scan(connection: sqlite3.Connection, sql: str) -> int:
    rows: list[tuple[object, dict[str, Value]]] = []
    count = 0
    for *key, blob in connection.execute(sql):
        rows.append((tuple(key), unpack(blob)[1]))
        if len(rows) == 5000:
            count += len(rows)
            rows = []
    return count + len(rows)


def seconds(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


def _ratio(name: str, engine: list[float], bare: list[float], rows: int) -> tuple[str, float, str]:
    one, other = statistics.median(engine), statistics.median(bare)
    return name, one / other, f"engine {rows / one:,.0f} rows/s, bare loop {rows / other:,.0f} rows/s"


def _round(folder: Path, sessions: list[Put], messages: list[Put], took: dict[str, list[float]]) -> None:
    """Every step once, the two sides taking turns, on fresh files."""
    folder.mkdir()
    path = folder / "engine.db"
    client = LocalClient(path, SystemClock())
    client.create_table(SESSION)
    client.create_table(MESSAGE)
    bare = _bare_file(folder / "bare.db")
    same = sqlite3.connect(path, isolation_level=None)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("bare write session", lambda: _bare_sessions(bare, sessions)),
        ("engine write session", lambda: write(client, sessions)),
        ("engine write message", lambda: write(client, messages)),
        ("bare write message", lambda: _bare_messages(bare, messages)),
        ("engine scan session", lambda: _engine_scan(client, SESSION)),
        ("bare scan session", lambda: _bare_scan(same, "SELECT * FROM t1 ORDER BY k0, k1")),
        ("bare scan message", lambda: _bare_scan(same, "SELECT * FROM t3 ORDER BY k0, k1, k2")),
        ("engine scan message", lambda: _engine_scan(client, MESSAGE)),
    ]
    for name, step in steps:
        took.setdefault(name, []).append(seconds(step))
    for connection in (bare, same):
        connection.close()
    client.close()
    os.sync()


def run(rows: int = 20000) -> list[tuple[str, float, str]]:
    """Time engine / time bare, for scans and writes of both tables; then what a filter saves."""
    session_puts, message_puts = _sessions(rows), messages(rows)
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            _round(Path(folder) / str(number), session_puts, message_puts, took)
        filtered = _filtered(Path(folder))
    return [
        _ratio(f"{what} {table}", took[f"engine {what} {table}"], took[f"bare {what} {table}"], rows)
        for what in ("scan", "write")
        for table in ("session", "message")
    ] + [filtered]
