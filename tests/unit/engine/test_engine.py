"""The engine under contention and crashes, with several processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from tests.support.backends import keys
from tests.support.store_files import BY_ID, MESSAGE, SEARCH, opened
from tsmem.adapters.local import LocalClient
from tsmem.queries import Contains, Match, Query, Search, Term
from tsmem.rows import MAX, MIN, KeyBound, Range, Row

ROOT = Path(__file__).parents[3]
PRELUDE = """
import sys
from pathlib import Path
from tests.support.store_files import MESSAGE, SEARCH
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.rows import Put
client = LocalClient(Path(sys.argv[1]), SystemClock())
me = sys.argv[2]
"""

BATCHES = (
    PRELUDE
    + """
import itertools
client.create_table(MESSAGE)
client.create_search_index(SEARCH)
for batch in itertools.count():
    puts = [Put(MESSAGE.ref, ("s", batch, f"{row:03d}"), {"content": "x" * 3000, "n": row}) for row in range(100)]
    if any(client.write_rows(puts)):
        raise SystemExit("a row failed")
    print(batch, flush=True)
"""
)

REPLACED = (
    PRELUDE
    + """
for number in range(10):  # each batch replaces the one before
    columns = {"n": number, "content": f"by {me} part-{number}!"}
    if any(client.write_rows([Put(MESSAGE.ref, ("s", row, me), columns) for row in range(20)])):
        raise SystemExit("a row failed")
"""
)


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process that runs some Python code."""
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_writer_leaves_whole_batches(tmp_path: Path) -> None:
    """After SIGKILL every acknowledged batch is stored, the last batch is stored completely or not at all, and the
    indexes match."""
    for round_number in range(2):
        path = tmp_path / f"{round_number}.db"
        writer = start_python(BATCHES, path, "w")
        if writer.stdout is None:
            raise RuntimeError("no output to read")
        acknowledged = [int(writer.stdout.readline()) for _ in range(2 + 3 * round_number)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in writer.communicate()[0].split()]
        with opened(path) as client:
            batches = Counter(row.key[1] for row in rows(client))
            assert {3000} == {len(str(row.columns["content"])) for row in rows(client)}
            entries = keys(client, BY_ID)
            searched = hit_count(client, Term("n", 7)), hit_count(client, Contains("content", "xxx"))

        assert set(acknowledged) <= set(batches)
        assert len(batches) <= len(acknowledged) + 1
        assert {100} == set(batches.values())
        assert len(entries) == min(5000, 100 * len(batches))
        assert searched == (len(batches), 100 * len(batches))


def rows(client: LocalClient) -> Iterator[Row]:
    start: KeyBound | None = (MIN,) * 3
    while start is not None:
        page = client.get_range(MESSAGE.ref, Range(start, (MAX,) * 3))
        yield from page.rows
        start = page.next_start


def hit_count(client: LocalClient, query: Query) -> int | None:
    """Return how many rows a query finds."""
    return client.search(MESSAGE.ref, "search", Search(query, limit=0, count=True)).total


def test_a_search_never_sees_part_of_a_batch(tmp_path: Path) -> None:
    """Two processes write batches while this one searches."""
    path = tmp_path / "memory.db"
    with opened(path) as client:
        client.create_table(MESSAGE)
        client.create_search_index(SEARCH)
        writers = [start_python(REPLACED, path, who) for who in "ab"]
        sizes: set[int | None] = set()
        for number in cycle(range(10)):
            for query in (Term("n", number), Match("content", str(number)), Contains("content", f"T-{number}!")):
                sizes.add(hit_count(client, query))
            if all(writer.poll() is not None for writer in writers):
                break

        assert ["", ""] == [writer.communicate()[1] for writer in writers]
        assert sizes <= {0, 20, 40}
        assert [40, 40, 40, 0] == [
            hit_count(client, query)
            for query in (Term("n", 9), Match("content", "9"), Contains("content", "PART-9!"), Term("n", 8))
        ]
