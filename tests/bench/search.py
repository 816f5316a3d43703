"""`message search` over 2,000, 20,000 and 200,000 messages, and what search indexes cost a write.

Its one rule: what is measured is what the command asks for, through the store: a page of 20 with its token and total.
The tables hold the same kind of messages. Most of what is looked for has as many hits in each, so that a ratio to the
smallest table says what the table's size costs; a word of every hundredth message, or of every fourth, has hits in
proportion. Writing is measured with and without indexes, in turns.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

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
BATCH = 200
START_US = 1_760_000_000_000_000

FIELDS = DEFAULT.message.search.fields
INDEXES: dict[str, tuple[tuple[str, FieldType], ...]] = {
    "without": (),
    "fields": tuple(field for field in FIELDS if field[1].name != "TEXT"),
    "fields, words": tuple(field for field in FIELDS if field[0] != "search_content"),
    "fields, words, parts": FIELDS,
}

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
    17: "quarter@",
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


def _write(client: LocalClient, puts: list[Put]) -> None:
    for first in range(0, len(puts), BATCH):
        if any(client.write_rows(puts[first : first + BATCH])):
            raise RuntimeError("a row failed")


def _seconds(call: Callable[[], object]) -> float:
    before = time.perf_counter()
    call()
    return time.perf_counter() - before


NONE = ("!!!", "quarter-quarter", "quarter?!?", "quarter#")
"""What no message says."""
QUERIES: tuple[tuple[str, str | None, dict[str, Any]], ...] = (
    ("a word", "reservation", {}),
    ("a word, by score", "reservation", {"sort": "score"}),
    ("a word of a role", "reservation", {"role": "user"}),
    ("a word's beginning", "reservatio", {}),
    ("a word of 1 %", "percent", {}),
    ("a word of 1 %, by score", "percent", {"sort": "score"}),
    ("a word of 25 %", "quarter", {}),
    ("a word of the oldest 25 %", "ancient", {}),
    ("a word of 25 %, by score", "quarter", {"sort": "score"}),
    ("a word of 25 % in a session", "quarter", {"session_id": "session-00000003"}),
    ("a word of 25 % in a window", "quarter", {"since": START_US + 500, "until": START_US + 900}),
    ("a window", None, {"since": START_US + 500, "until": START_US + 900}),
    ("a session", None, {"session_id": "session-00000003"}),
    ("the newest of all", None, {}),
    ("a page far behind", None, {}),
    ("punctuation", "?!?", {}),
    ("punctuation of none", "!!!", {}),
    ("common words, 20 together", "quarter to quarter", {}),
    ("common words of none", "quarter-quarter", {}),
    ("a common word with marks of none", "quarter?!?", {}),
    ("a common word with a mark, 20 so", "quarter@", {}),
    ("a common word with a mark of none", "quarter#", {}),
    ("a common word with a common mark", "quarter,", {}),
    ("words mostly joined otherwise", "a quarter", {}),
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


def _searches(folder: Path) -> list[tuple[str, float, str]]:
    took: dict[tuple[str, int], float] = {}
    totals: dict[str, Total] = {}
    for size in SIZES:
        client = _client(folder, f"of {size}", FIELDS)
        _write(client, messages(size))
        store = MemoryStore(client, target="bench")
        middle = _middle(store, size)
        for name, text, wanted in QUERIES:
            ask = partial(_page, store, text, wanted, middle if name == "a page far behind" else None)
            totals[name] = ask()
            took[name, size] = statistics.median(_seconds(ask) for _ in range(ROUNDS))
        client.close()
    lines = []
    for name, _, _ in QUERIES:
        times = [took[name, size] for size in SIZES]
        explanation = ", ".join(f"{size:,}: {1000 * one:.2f} ms" for size, one in zip(SIZES, times, strict=True))
        most = totals[name].at_most
        hits = "" if most is None else f"; {most:,} hits in the largest"
        lines.append((name, times[-1] / times[0], explanation + hits))
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
