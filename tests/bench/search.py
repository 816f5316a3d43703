"""Measures `message search` over 2,000, 20,000 and 200,000 messages, and what search indexes cost an import.

A page is what the command reads: 20 rows, their token and the total. All tables hold the same kind of messages. Most
texts have equally many hits in each table, so the ratio to the smallest table is the cost of the table's size. The
words of every hundredth and every fourth message have hits in proportion to the size.

An import is a whole process of `tsmem import`. Imports with and without search indexes alternate.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.engine import START_US, Ratio, seconds, write
from tests.bench.processes import TSMEM, Spent, best_of, environment, measure
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import SearchIndexSchema
from tsmem.rows import Put, Value
from tsmem.store import MemoryStore
from tsmem.store.layout import DEFAULT
from tsmem.store.model import Total

SIZES = (2_000, 20_000, 200_000)
HITS = 20
ROUNDS = 5

_LETTERS = "etaoinshrdlucmfwypvbgkqjxz"
_WEIGHTS = (12, 9, 8, 8, 7, 7, 6, 6, 6, 4, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1.5, 2, 0.8, 0.1, 0.2, 0.2, 0.1)


RARE = {7: "reservation", 9: "退款", 11: "really?!?", 13: "thanks 🎉", 15: "quarter to quarter"}
"""Texts that HITS of the messages contain, by their offset among the messages."""


def messages(count: int) -> list[Put]:
    """Return messages of about 300 characters, a quarter of them with search content.

    HITS messages have each text of RARE. Every hundredth message says `percent`, every fourth `quarter,`, and the
    oldest fourth of them `ancient`.
    """
    source = random.Random(count)
    words = ["".join(source.choices(_LETTERS, _WEIGHTS, k=source.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    puts = []
    for number in range(count):
        text = source.choices(words, weights, k=50)
        text[9::10] = [f"{word}{mark}" for word, mark in zip(text[9::10], ",.,?.", strict=True)]
        said = [RARE.get(number % (count // HITS)), "percent" if number % 100 == 0 else None]
        said += ["quarter," if number % 4 == 0 else None, "ancient" if number < count // 4 else None]
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


NONE = "quarter#"
"""A text that no message contains."""
QUERIES: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
    ("a word", "reservation", {}),
    ("a word, by score", "reservation", {"sort": "score"}),
    ("a word's beginning", "reservatio", {}),
    ("a word of 1 %", "percent", {}),
    ("a word of 1 %, by score", "percent", {"sort": "score"}),
    ("a word of 25 %", "quarter", {}),
    ("a word of the oldest 25 %", "ancient", {}),
    ("a word of 25 %, by score", "quarter", {"sort": "score"}),
    ("a window", None, {"since": START_US + 500, "until": START_US + 900}),
    ("common words, 20 together", "quarter to quarter", {}),
    ("a common word with a mark of none", NONE, {}),
    ("punctuation", "?!?", {}),
    ("an emoji", "🎉", {}),
    ("two characters", "退款", {}),
)


def _page(store: MemoryStore, text: str | None, wanted: dict[str, Any]) -> Total:
    """Read what `message search` reads for a page of 20 rows, and return the total."""
    found = store.messages.search(text, limit=20, **wanted)
    if not list(found) and text != NONE:
        raise RuntimeError(f"nothing was found of {text!r}")
    _ = found.next_page_token
    return found.total


def _searches(folder: Path) -> list[Ratio]:
    took: dict[tuple[str, int], float] = {}
    totals: dict[str, Total] = {}
    search = DEFAULT.message.search
    for size in SIZES:
        with closing(LocalClient(folder / f"{size}.db", SystemClock())) as client:
            client.create_table(DEFAULT.message.schema)
            client.create_search_index(SearchIndexSchema("message", search.name, search.fields))
            write(client, messages(size))
            store = MemoryStore(client, target="bench")
            for name, text, wanted in QUERIES:
                ask = partial(_page, store, text, wanted)
                totals[name] = ask()
                took[name, size] = statistics.median(seconds(ask) for _ in range(ROUNDS))
    lines = []
    for name, _, _ in QUERIES:
        times = [took[name, size] for size in SIZES]
        said = ", ".join(f"{size:,}: {1000 * one:.2f} ms" for size, one in zip(SIZES, times, strict=True))
        total = totals[name]
        if total.at_most is not None:
            said += f"; {total.at_most:,} hits{'' if total.exact is not None else ' at most'} in the largest"
        lines.append((name, times[-1] / times[0], said))
    return lines


def _imports(folder: Path, rows: int) -> list[Ratio]:
    """Import one file with and without search indexes. The two kinds of import alternate."""
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
            measure([*TSMEM, "init-tables", *([option] if option == "--no-search" else [])], environ)
            runs.append(measure([*TSMEM, "import", str(lines)], environ))
            size[option] = (home / ".local/share/tsmem/memory.db").stat().st_size / rows
    bare, indexed = (best_of(runs).seconds for runs in took.values())
    explanation = (
        f"rate / rate without; {rows / indexed:,.0f} rows/s, "
        f"{size['--search']:,.0f} bytes of file a row, {size['--no-search']:,.0f} without"
    )
    return [(f"import of {rows:,} with search indexes", bare / indexed, explanation)]


def run() -> list[Ratio]:
    """Return, for each query, time in the largest table / time in the smallest; then the ratio for imports."""
    with tempfile.TemporaryDirectory() as name:
        return _searches(Path(name)) + _imports(Path(name), 20_000)
