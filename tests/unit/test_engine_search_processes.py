"""Search indexes among processes: a search sees whole batches, and a killed writer leaves index and table in step."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.backends import PLAIN
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.queries import Contains, Match, MatchAll, Query, Search, Term
from tsmem.rows import Key

ROOT = Path(__file__).parents[2]
FIELDS = (
    ("n", FieldType("LONG")),
    ("text", FieldType("TEXT", "max_word")),
    ("fuzzy", FieldType("TEXT", "fuzzy", 1, 7)),
)
BATCH = 20
ROUNDS = 25
WRITER = f"""
import sys
from pathlib import Path
from tests.contract.backends import PLAIN
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.rows import Put
client, who = LocalClient(Path(sys.argv[1]), SystemClock()), sys.argv[2]
for number in range(int(sys.argv[3])):  # each batch replaces the one before
    columns = {{"n": number, "text": f"by {{who}} round{{number}}", "fuzzy": f"part-{{number}}!"}}
    if any(client.write_rows([Put(PLAIN.ref, (f"{{who}}{{place}}",), columns) for place in range({BATCH})])):
        raise SystemExit("a row failed")
    print(number, flush=True)
"""


def start(path: Path, who: str, rounds: int) -> subprocess.Popen[str]:
    argv, pipe = [sys.executable, "-c", WRITER, str(path), who, str(rounds)], subprocess.PIPE
    return subprocess.Popen(argv, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "memory.db"
    with closing(LocalClient(path, SystemClock())) as client:
        client.create_table(PLAIN)
        client.create_search_index(SearchIndexSchema("plain", "search", FIELDS))
    return path


def found(client: LocalClient, query: Query) -> list[Key]:
    return [row.key for row in client.search(PLAIN.ref, "search", Search(query, limit=1000, columns=())).rows]


def of_round(number: int) -> tuple[Query, ...]:
    """Return queries for the rows of a round, by column, word and part."""
    return Term("n", number), Match("text", f"round{number}"), Contains("fuzzy", f"T-{number}!")


def test_a_search_sees_whole_batches(path: Path) -> None:
    with closing(LocalClient(path, SystemClock())) as client:
        writers = [start(path, who, ROUNDS) for who in "ab"]
        sizes: set[int] = set()
        for number in itertools.cycle(range(ROUNDS)):
            sizes |= {len(found(client, query)) for query in of_round(number)}
            if all(writer.poll() is not None for writer in writers):
                break

        assert ["", ""] == [writer.communicate()[1] for writer in writers]
        assert sizes <= {0, BATCH, 2 * BATCH}
        assert [2 * BATCH] * 4 == [len(found(client, query)) for query in (*of_round(ROUNDS - 1), MatchAll())]


def test_a_killed_writer_leaves_index_and_table_in_step(path: Path) -> None:
    """After SIGKILL every row is found by what is in it, and by nothing that was in it."""
    with closing(LocalClient(path, SystemClock())) as client:
        for turn in range(3):
            writer = start(path, "w", 10_000)
            assert writer.stdout is not None
            for _ in range(2 + 3 * turn):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            done = [int(line) for line in writer.communicate()[0].split()]
            last = client.search(PLAIN.ref, "search", Search(MatchAll(), limit=1)).rows[0].columns["n"]
            assert isinstance(last, int)
            assert not done or last - done[-1] in (0, 1)
            assert [BATCH] * 3 == [len(found(client, query)) for query in of_round(last)]
            assert [[]] * 3 == [found(client, query) for query in of_round(last - 1)]
