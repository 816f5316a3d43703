"""Search indexes among processes: a search sees whole batches, and a killed writer leaves index and table in step."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import FieldSort, Match, MatchAll, MatchPhrase, Query, Search, Term
from tsmem.rows import ColumnType, Key, Put

ROOT = Path(__file__).parents[2]
TABLE = TableSchema("t", (("k", ColumnType.STRING),))
INDEX = SearchIndexSchema(
    "t",
    "search",
    (("n", FieldType("LONG")), ("text", FieldType("TEXT", "max_word")), ("fuzzy", FieldType("TEXT", "fuzzy", 1, 7))),
)
BATCH = 20
ROUNDS = 25

WRITER = """
import sys
from pathlib import Path
from tests.unit.test_engine_search_processes import BATCH, batch
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
client = LocalClient(Path(sys.argv[1]), SystemClock())
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    if any(client.write_rows(batch(sys.argv[2], number))):
        raise SystemExit("a row failed")
    print(number, flush=True)
"""


def batch(who: str, number: int) -> list[Put]:
    """Rows of one transaction, which replaces the one before: they share a word and a part, and a number."""
    return [
        Put(TABLE.ref, (f"{who}{place}",), {"n": number, "text": f"by {who} round{number}", "fuzzy": f"part-{number}!"})
        for place in range(BATCH)
    ]


def start(path: Path, who: str, rounds: int) -> subprocess.Popen[str]:
    """A process that writes batches."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), who, str(rounds)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdin is not None
    assert "ready\n" == writer.stdout.readline()
    writer.stdin.write("go\n")
    writer.stdin.flush()
    return writer


def made(path: Path) -> LocalClient:
    """A store with the table and its index."""
    client = LocalClient(path, SystemClock())
    client.create_table(TABLE)
    client.create_search_index(INDEX)
    return client


def found(client: LocalClient, query: Query) -> list[Key]:
    """All that a query finds."""
    page = client.search(TABLE.ref, "search", Search(query, (FieldSort("n"),), 1000, columns=()))
    return [row.key for row in page.rows]


def test_a_search_sees_whole_batches(tmp_path: Path) -> None:
    """While two processes write, every search sees each batch wholly or not at all, in columns, words and parts."""
    path = tmp_path / "memory.db"
    with closing(made(path)) as client:
        writers = [start(path, who, ROUNDS) for who in "ab"]
        sizes: set[int] = set()
        number = 0
        while any(writer.poll() is None for writer in writers):
            number = (number + 1) % ROUNDS
            for query in (Term("n", number), Match("text", f"round{number}"), MatchPhrase("fuzzy", f"t-{number}!")):
                sizes.add(len(found(client, query)))
        ends = [writer.communicate()[1] for writer in writers]

        assert ["", ""] == ends
        assert sizes <= {0, BATCH, 2 * BATCH}
        assert 2 * BATCH == len(found(client, Match("text", f"round{ROUNDS - 1}")))
        assert 2 * BATCH == len(found(client, MatchAll()))


def test_a_killed_writer_leaves_index_and_table_in_step(tmp_path: Path) -> None:
    """After SIGKILL the index finds what a rebuilt one finds, and every row by what is in it."""
    path = tmp_path / "memory.db"
    with closing(made(path)) as client:
        for turn in range(3):
            writer = start(path, "w", 10_000)
            assert writer.stdout is not None
            for _ in range(2 + 3 * turn):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            done = [int(line) for line in writer.communicate()[0].split()]
            last = client.search(TABLE.ref, "search", Search(MatchAll(), limit=1)).rows[0].columns["n"]
            assert isinstance(last, int)
            assert not done or last - done[-1] in (0, 1)
            queries = (Term("n", last), Match("text", f"round{last}"), MatchPhrase("fuzzy", f"PART-{last}!"))
            assert [BATCH] * 3 == [len(found(client, query)) for query in queries]
            others = (Match("text", f"round{last - 1}"), MatchPhrase("fuzzy", f"part-{last - 1}!"))
            assert [[], []] == [found(client, query) for query in others]
