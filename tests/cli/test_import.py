"""Import: an error names its line and nothing is written; valid data is stored completely and unchanged."""

from __future__ import annotations

import gzip
import hashlib
import io
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, export_lines, messages, sessions
from tsmem.adapters.local import LocalClient
from tsmem.store import Message, Metadata
from tsmem.store.documents import export_line

SESSION = b'{"user_id": "u", "session_id": "s", "update_time": 1}\n'
EMPTY = 2


def test_import_creates_the_tables_of_a_new_store(cli: Cli) -> None:
    assert cli("import", "--dry-run", stdin=SESSION).code == 0
    Path("bad").write_bytes(b"nonsense")
    assert cli("import", "bad").code == 2
    assert not cli.database.exists()

    outcome = cli.ok("import", stdin=SESSION)
    assert "created the tables" in outcome.err
    assert cli("init-tables", "--check").code == 0
    assert "created" not in cli.ok("import", stdin=SESSION).err


@pytest.mark.parametrize("run", ["--dry-run", "--on-conflict=overwrite", "--on-conflict=skip"])
def test_import_counts_rows_that_repeat_a_key(ready: Cli, run: str) -> None:
    """The store keeps one row of them, so the counts alone would hide the loss
    (https://github.com/elasticsearch-dump/elasticsearch-dump/issues/175)."""
    rows = [Message("s", "m", 1, content=text) for text in ("first", "second", "third")] + messages(2)
    outcome = ready.ok("import", run, stdin=export_lines(rows))
    kept = "the first is kept" if run.endswith("skip") else "the last of each key is kept"
    assert f"2 rows with the key of an earlier row of the input: {kept}\n" in outcome.err
    assert "earlier row" not in ready.ok("import", run, stdin=export_lines(messages(3))).err


@pytest.mark.parametrize(("missing", "command"), [(1, "import"), (2, "import"), (3, "import"), (2, "copy")])
def test_import_completes_tables_whose_creation_was_interrupted(ready: Cli, missing: int, command: str) -> None:
    """A first import that is killed has created only some tables and indexes."""
    with closing(LocalClient(ready.database, ready.clock)) as client:
        client.delete_search_index("message", "message_search_index")
        if missing > 1:
            client.delete_table("message")
        if missing > 2:
            client.delete_search_index("session", "session_search_index")
    if command == "import":
        outcome = ready.ok("import", stdin=SESSION)
    else:
        ready.config('[profiles.full]\nbackend = "local"\npath = "full.db"\n')
        ready.ok("-p", "full", "import", stdin=SESSION)
        outcome = ready.ok("copy", "--from", "full", "--to", "local")

    assert "created what was missing of the tables" in outcome.err
    assert ready("init-tables", "--check").code == 0


def test_import_creates_no_search_indexes_after_init_tables_no_search(cli: Cli) -> None:
    """The missing indexes are a choice of the user, not an interrupted creation."""
    cli.ok("init-tables", "--no-search")
    assert "created" not in cli.ok("import", stdin=SESSION).err
    assert cli("init-tables", "--check").code == 4


def export_of(count: int) -> bytes:
    lines = [*map(export_line, sessions(1)), *map(export_line, messages(count))]
    return b"".join([
        b'{"kind": "tsmem", "version": 1}\n',
        *lines,
        b'{"kind": "end", "sessions": 1, "messages": %d}\n' % count,
    ])  # fmt: skip


def test_exports_and_plain_records_can_be_concatenated(ready: Cli) -> None:
    counts = ready.ok(
        "import", "-o", "json", stdin=b"\xef\xbb\xbf" + SESSION + export_of(2) + SESSION + export_of(2)
    ).json
    assert counts == {"sessions": 4, "messages": 4, "skipped": 0, "failed": 0}
    assert ready.export().count(b"\n") == EMPTY + 4


def test_a_file_on_standard_input_is_checked_before_rows_are_written(ready: Cli) -> None:
    """`import < file` can be read twice, unlike a pipe."""
    data = export_lines(messages(1050)) + b"bad\n"
    outcome = ready("import", stdin=io.BytesIO(data))
    assert (outcome.code, outcome.out) == (2, b"")
    assert ready.export().count(b"\n") == EMPTY


ODD = Message("退", "m\u202e", -1, "", "", "x" * 5000, Metadata({"f": -0.0, "b": b"\0\xff", "i": 1, "t": True}))


def test_exports_of_the_same_rows_are_identical(ready: Cli) -> None:
    ready.fill([*sessions(3), *messages(200), ODD])
    other = Cli(ready.folder / "other")
    other.ok("import", stdin=ready.export())
    ready.ok("export", "a.gz")
    ready.clock.time_us += 10**12
    ready.ok("export", "b.jsonl.gz")
    other.ok("export", "c.gz")

    assert 1 == len({hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("a.gz", "b.jsonl.gz", "c.gz")})
    assert gzip.decompress(Path("a.gz").read_bytes()) == ready.export()
    assert len(Path("a.gz").read_bytes()) < len(ready.export()) / 4
