"""`message search` over 2,000, 20,000 and 200,000 messages, and what search indexes cost an import.

A page is what the command asks for through the store: 20 rows with their token and total. The tables hold the same kind
of messages. Most texts have as many hits in each, so that the ratio to the smallest table says what the size of a table
costs; a word of every hundredth message, or of every fourth, has hits in proportion. Beside each stands a bare
`sqlite3` program with one trigram table over the same texts, so that the cost of our layers is seen.

An import is a whole process of `tsmem import`, with and without search indexes, in turns.
"""

from __future__ import annotations

import json
import random
import sqlite3
import statistics
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.engine import BATCH, START_US, seconds, write
from tests.bench.processes import TSMEM, Spent, environment, least, spent
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.rows import Put, Value
from tsmem.store import MemoryStore
from tsmem.store.layout import DEFAULT
from tsmem.store.model import Total

SIZES = (2_000, 20_000, 200_000)
HITS = 20
ROUNDS = 5

FIELDS = DEFAULT.message.search.fields
_LETTERS = "etaoinshrdlucmfwypvbgkqjxz"
_WEIGHTS = (12, 9, 8, 8, 7, 7, 6, 6, 6, 4, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1.5, 2, 0.8, 0.1, 0.2, 0.2, 0.1)


def _vocabulary(source: random.Random) -> list[str]:
    return ["".join(source.choices(_LETTERS, _WEIGHTS, k=source.randint(2, 9))) for _ in range(20_000)]


RARE = {
    7: "reservation",
    9: "退款",
    11: "really?!?",
    13: "thanks 🎉",
    15: "quarter to quarter",
    19: "a quarter",
}
"""What HITS of the messages say, by where they stand among the others."""


def messages(count: int) -> list[Put]:
    """So many messages of some 300 characters, a quarter of them with search content. HITS have each word of RARE;
    every hundredth says `percent`, every fourth `quarter,` and `a_quarter`, and the oldest fourth `ancient`."""
    source = random.Random(count)
    words = _vocabulary(source)
    weights = [1 / (rank + 1) for rank in range(len(words))]
    puts = []
    for number in range(count):
        text = source.choices(words, weights, k=50)
        text[9::10] = [f"{word}{mark}" for word, mark in zip(text[9::10], ",.,?.", strict=True)]
        said = [RARE.get(number % (count // HITS)), "percent" if number % 100 == 0 else None]
        said += ["quarter," if number % 4 == 0 else None, "ancient" if number < count // 4 else None]
        said += ["a_quarter" if number % 4 == 0 else None]
        for place, word in enumerate(said):
            if word is not None:
                text[5 * place] = word
        content = " ".join(text)
        columns: dict[str, Value] = {"content": content, "role": ("user", "assistant", "tool")[number % 3]}
        if number % 4 == 3:
            columns["search_content"] = content
        key = (f"session-{number // 40:08d}", START_US + number, f"message-{source.getrandbits(64):016x}")
        puts.append(Put(DEFAULT.message.ref, key, columns))
    return puts


NONE = ("!!!", "quarter-quarter", "quarter#")
"""What no message says."""
QUERIES: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
    ("a word", "reservation", {}),
    ("a word, by score", "reservation", {"sort": "score"}),
    ("a word's beginning", "reservatio", {}),
    ("a word of 1 %", "percent", {}),
    ("a word of 1 %, by score", "percent", {"sort": "score"}),
    ("a word of 25 %", "quarter", {}),
    ("a word of the oldest 25 %", "ancient", {}),
    ("a word of 25 %, by score", "quarter", {"sort": "score"}),
    ("a word of 25 % in a session", "quarter", {"session_id": "session-00000003"}),
    ("a window", None, {"since": START_US + 500, "until": START_US + 900}),
    ("the newest of all", None, {}),
    ("a page far behind", None, {}),
    ("punctuation of none", "!!!", {}),
    ("common words, 20 together", "quarter to quarter", {}),
    ("common words of none", "quarter-quarter", {}),
    ("a common word with a mark of none", "quarter#", {}),
    ("words mostly joined otherwise", "a quarter", {}),
    ("punctuation", "?!?", {}),
    ("an emoji", "🎉", {}),
    ("two characters", "退款", {}),
)


def _client(folder: Path, name: str, fields: tuple[tuple[str, FieldType], ...]) -> LocalClient:
    client = LocalClient(folder / f"{name}.db", SystemClock())
    client.create_table(DEFAULT.message.schema)
    if fields:
        client.create_search_index(SearchIndexSchema("message", DEFAULT.message.search.name, fields))
    return client


def _page(store: MemoryStore, text: str | None, wanted: dict[str, Any], token: str | None) -> Total:
    """What `message search` reads for a page of 20; its total."""
    found = store.messages.search(text, limit=20, page_token=token, **wanted)
    if not list(found) and text not in NONE:
        raise RuntimeError(f"nothing was found of {text!r}")
    _ = found.next_page_token
    return found.total


def _middle(store: MemoryStore, size: int) -> str | None:
    """The token of the page in the middle of all."""
    found = store.messages.search(limit=size // 2)
    for _ in found:
        pass
    return found.next_page_token


class BareProgram:
    """Messages in one SQL table and one trigram table, and nothing else: no types, no keys, no pages of tokens."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("CREATE TABLE m (id INTEGER PRIMARY KEY, session, time INTEGER, role, content)")
        self._connection.execute("CREATE INDEX m_time ON m (time)")
        self._connection.execute(
            "CREATE VIRTUAL TABLE f USING fts5(text, content = '', detail = none, columnsize = 0, tokenize = 'trigram')"
        )

    def write(self, puts: list[Put]) -> None:
        """Write in transactions as large as batches."""
        for first in range(0, len(puts), BATCH):
            self._connection.execute("BEGIN IMMEDIATE")
            for place, put in enumerate(puts[first : first + BATCH], first):
                text, (session, time_us, _) = put.columns["content"], put.key
                row = (place, session, time_us, put.columns["role"], text)
                self._connection.execute("INSERT INTO m VALUES (?, ?, ?, ?, ?)", row)
                self._connection.execute("INSERT INTO f (rowid, text) VALUES (?, ?)", (place, text))
            self._connection.execute("COMMIT")

    def page(self, text: str) -> tuple[int, int]:
        """Read the 20 newest rows that have the text. Return how many came, and how many there are."""
        trigrams = " AND ".join(f'"{text[at : at + 3]}"' for at in range(len(text) - 2))
        count = self._connection.execute("SELECT count(*) FROM f WHERE f MATCH ?", (trigrams,)).fetchone()[0]
        where = "id IN (SELECT rowid FROM f WHERE f MATCH ?) AND instr(content, ?)"
        if count > 5_000:
            where, trigrams = "? IS NOT NULL AND instr(content, ?)", ""
        sql = f"SELECT * FROM m WHERE {where} ORDER BY time DESC LIMIT 20"
        return len(self._connection.execute(sql, (trigrams, text)).fetchall()), count

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _searches(folder: Path) -> list[tuple[str, float, str]]:
    took: dict[tuple[str, int], float] = {}
    bare_took: dict[tuple[str, int], float] = {}
    totals: dict[str, Total] = {}
    for size in SIZES:
        client, bare, puts = _client(folder, f"of {size}", FIELDS), BareProgram(folder / f"bare {size}"), messages(size)
        write(client, puts)
        bare.write(puts)
        store = MemoryStore(client, target="bench")
        middle = _middle(store, size)
        for name, text, wanted in QUERIES:
            ask = partial(_page, store, text, wanted, middle if name == "a page far behind" else None)
            totals[name] = ask()
            took[name, size] = statistics.median(seconds(ask) for _ in range(ROUNDS))
            if text is not None and len(text) > 2 and not wanted:
                bare_took[name, size] = statistics.median(seconds(partial(bare.page, text)) for _ in range(ROUNDS))
        client.close()
        bare.close()
    lines = []
    for name, _, _ in QUERIES:
        times = [took[name, size] for size in SIZES]
        said = ", ".join(f"{size:,}: {1000 * one:.2f} ms" for size, one in zip(SIZES, times, strict=True))
        if (beside := bare_took.get((name, SIZES[-1]))) is not None:
            said += f"; bare program {1000 * beside:.2f} ms"
        total = totals[name]
        if total.at_most is not None:
            said += f"; {total.at_most:,} hits{'' if total.exact is not None else ' at most'} in the largest"
        lines.append((name, times[-1] / times[0], said))
    return lines


def _imports(folder: Path, rows: int) -> list[tuple[str, float, str]]:
    """Import one file with and without search indexes, each a whole process, in turns."""
    puts = messages(rows)
    lines = folder / "messages.jsonl"
    with lines.open("w") as stream:
        for put in puts:
            document = {"kind": "message", **dict(zip(DEFAULT.message.ref.key, put.key, strict=True)), **put.columns}
            stream.write(json.dumps(document) + "\n")
    took: dict[str, list[Spent]] = {"--no-search": [], "--search": []}
    size: dict[str, float] = {}
    for turn in range(ROUNDS):
        for option, runs in took.items():
            home = folder / f"{turn}{option}"
            home.mkdir()
            environ = environment(home)
            spent([*TSMEM, "init-tables", *([option] if option == "--no-search" else [])], environ)
            runs.append(spent([*TSMEM, "import", str(lines)], environ))
            size[option] = (home / ".local/share/tsmem/memory.db").stat().st_size / rows
    bare, indexed = (least(runs).seconds for runs in took.values())
    explanation = (
        f"rate / rate without; {rows / indexed:,.0f} rows/s, "
        f"{size['--search']:,.0f} bytes of file a row, {size['--no-search']:,.0f} without"
    )
    return [(f"import of {rows:,} with search indexes", bare / indexed, explanation)]


def run() -> list[tuple[str, float, str]]:
    """Time in the largest table over time in the smallest, for each query; then the rate of an import."""
    with tempfile.TemporaryDirectory() as name:
        return _searches(Path(name)) + _imports(Path(name), 20_000)
