"""Searches over 2,000, 20,000 and 200,000 messages for words with some 20 hits, and what search indexes cost a write.

Its one rule: the tables hold the same kind of messages and each word that is looked for has as many hits in each, so
that a ratio to the smallest table says what the table's size costs. Writing is measured with and without indexes, in
turns.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import Bool, FieldSort, Match, MatchAll, MatchPhrase, Query, ScoreSort, Search, Sorter, Term
from tsmem.rows import ColumnType, Put, Value

SIZES = (2_000, 20_000, 200_000)
HITS = 20
ROUNDS = 5
BATCH = 200
START_US = 1_760_000_000_000_000

KEYWORD, LONG = FieldType("KEYWORD"), FieldType("LONG")
MESSAGE = TableSchema(
    "message",
    (("session_id", ColumnType.STRING), ("create_time", ColumnType.INTEGER), ("message_id", ColumnType.STRING)),
)
KEY_FIELDS = (("session_id", KEYWORD), ("message_id", KEYWORD), ("create_time", LONG), ("role", KEYWORD))
WORDS = ("content", FieldType("TEXT", "max_word"))
PARTS = ("search_content", FieldType("TEXT", "fuzzy", 1, 7))
INDEXES = {
    "without": (),
    "fields": KEY_FIELDS,
    "fields, words": (*KEY_FIELDS, WORDS),
    "fields, words, parts": (*KEY_FIELDS, WORDS, PARTS),
}
NEWEST = (FieldSort("create_time", descending=True),)

_LETTERS = "etaoinshrdlucmfwypvbgkqjxz"
_WEIGHTS = (12, 9, 8, 8, 7, 7, 6, 6, 6, 4, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1.5, 2, 0.8, 0.1, 0.2, 0.2, 0.1)


def _vocabulary(source: random.Random) -> list[str]:
    return ["".join(source.choices(_LETTERS, _WEIGHTS, k=source.randint(2, 9))) for _ in range(20_000)]


def messages(count: int) -> list[Put]:
    """So many messages of some 300 characters, a quarter of them with search content. HITS have the word `reservation`,
    as many `unobtainium`."""
    source = random.Random(count)
    words = _vocabulary(source)
    weights = [1 / (rank + 1) for rank in range(len(words))]
    puts = []
    for number in range(count):
        text = source.choices(words, weights, k=50)
        if number % (count // HITS) == 7:
            text[source.randrange(50)] = "reservation"
        if number % (count // HITS) == 9:
            text[source.randrange(50)] = "unobtainium"
        content = " ".join(text)
        columns: dict[str, Value] = {"content": content, "role": ("user", "assistant", "tool")[number % 3]}
        if number % 4 == 3:
            columns["search_content"] = content
        key = (f"session-{number // 40:08d}", START_US + number, f"message-{source.getrandbits(64):016x}")
        puts.append(Put(MESSAGE.ref, key, columns))
    return puts


def _write(client: LocalClient, puts: list[Put]) -> None:
    for first in range(0, len(puts), BATCH):
        if any(client.write_rows(puts[first : first + BATCH])):
            raise RuntimeError("a row failed")


def _seconds(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


QUERIES: tuple[tuple[str, Query, tuple[Sorter, ...]], ...] = (
    ("a word, newest first", Match("content", "reservation"), NEWEST),
    ("a word, by score", Match("content", "unobtainium"), (ScoreSort(),)),
    ("a word of a role", Bool(must=(Match("content", "reservation"), Term("role", "user"))), NEWEST),
    ("a part", MatchPhrase("search_content", "reservatio"), NEWEST),
    ("a session", Term("session_id", "session-00000003"), NEWEST),
    ("the newest of all", MatchAll(), NEWEST),
    ("two characters", MatchPhrase("search_content", "re"), NEWEST),
)


def _client(folder: Path, name: str, fields: tuple[tuple[str, FieldType], ...]) -> LocalClient:
    client = LocalClient(folder / f"{name}.db", SystemClock())
    client.create_table(MESSAGE)
    if fields:
        client.create_search_index(SearchIndexSchema("message", "search", fields))
    return client


def _searches(folder: Path) -> list[tuple[str, float, str]]:
    took: dict[tuple[str, int], list[float]] = {}
    found: dict[str, int | None] = {}
    for size in SIZES:
        client = _client(folder, f"of {size}", INDEXES["fields, words, parts"])
        _write(client, messages(size))
        for _ in range(ROUNDS):
            for name, query, sorts in QUERIES:
                search = Search(query, sorts, HITS)
                took.setdefault((name, size), []).append(
                    _seconds(partial(client.search, MESSAGE.ref, "search", search))
                )
        for name, query, _ in QUERIES:
            found[name] = client.search(MESSAGE.ref, "search", Search(query, limit=0, count=True)).total
        client.close()
    lines = []
    for name, _, _ in QUERIES:
        times = [statistics.median(took[name, size]) for size in SIZES]
        explanation = ", ".join(f"{size:,}: {1000 * one:.2f} ms" for size, one in zip(SIZES, times, strict=True))
        lines.append((name, times[-1] / times[0], f"{explanation}; {found[name]:,} hits in the largest"))
    return lines


def _writes(folder: Path, rows: int) -> list[tuple[str, float, str]]:
    puts = messages(rows)
    took: dict[str, list[float]] = {}
    size: dict[str, int] = {}
    for turn in range(ROUNDS):
        for name, fields in INDEXES.items():
            client = _client(folder, f"{turn} {name}", fields)
            took.setdefault(name, []).append(_seconds(partial(_write, client, puts)))
            client.close()
            size[name] = (folder / f"{turn} {name}.db").stat().st_size
    bare = statistics.median(took["without"])
    return [
        (
            f"write, {name}",
            statistics.median(took[name]) / bare,
            f"{rows / statistics.median(took[name]):,.0f} rows/s, {size[name] / rows:,.0f} bytes of file a row",
        )
        for name in INDEXES
    ]


def run(rows: int = 4000) -> list[tuple[str, float, str]]:
    """Name, time in the largest table / time in the smallest, and an explanation; then time with an index / without."""
    with tempfile.TemporaryDirectory() as name:
        return _searches(Path(name)) + _writes(Path(name), rows)
