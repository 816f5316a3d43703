"""Import: what is wrong is named with its line, and nothing is written; what is right is neither dropped nor bent."""

from __future__ import annotations

import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tsmem.adapters.local import LocalClient
from tsmem.store import Message, Session
from tsmem.store.documents import export_line

SESSION = b'{"user_id": "u", "session_id": "s", "update_time": 1}\n'
EMPTY = 2
"""Lines of the export of an empty store."""

BAD_LINES = [
    (b'{"session_id": "s", "message_id": "m"}', "create_time is missing"),
    (b'{"session_id": "s", "message_id": "m", "create_time": 1.5}', "create_time"),
    (b'{"session_id": "s", "message_id": "m", "create_time": true}', "create_time"),
    (b'{"user_id": "u", "session_id": "t", "metadata": {"a": -Infinity}}', "Infinity"),
    (b'{"user_id": "u", "session_id": "t", "metadata": {"user_id": "x"}}', "user_id"),
    (b"[" * 100_000, "JSON"),
]
"""Further ones are in the table of errors."""


@pytest.mark.parametrize(("line", "word"), BAD_LINES, ids=[str(line[:70]) for line, _ in BAD_LINES])
@pytest.mark.parametrize("place", ["file", "pipe"])
def test_a_bad_line_is_named_and_nothing_is_written(ready: Cli, line: bytes, word: str, place: str) -> None:
    data = SESSION + b"\n \r\n" + SESSION.replace(b'"s"', b'"s2"') + line + b"\n" + SESSION
    Path("in").write_bytes(data)
    outcome = ready("import", "-o", "json", *(["in"] if place == "file" else []), stdin=data)

    assert (outcome.code, outcome.out) == (2, b"")
    assert outcome.error["message"].startswith("in: line 5: " if place == "file" else "line 5: ")
    assert word in outcome.error["message"]
    assert ready.export().count(b"\n") == EMPTY


def test_a_line_that_was_cut_off_is_named_by_its_own_number(ready: Cli) -> None:
    """What is missing at a line's end is missing from that line, not from the next one."""
    outcome = ready("import", stdin=SESSION + b'{"user_id": "u", "session_id": "t"\n' + SESSION)
    assert outcome.err.startswith("error: line 2: not valid JSON")


def test_a_line_of_an_array_is_named_by_its_own_number(ready: Cli) -> None:
    """Blank lines between the elements of an array count too."""
    outcome = ready("import", "--format", "openai", "--user", "u", stdin=b'[\n\n\n{"role": x}]')
    assert "line 4, element 0: not valid JSON" in outcome.err


def test_a_fresh_store_gets_its_tables_from_an_import(cli: Cli) -> None:
    """Importing is enough on the embedded store; a dry run, and a file that is refused, make nothing."""
    assert cli("import", "--dry-run", stdin=SESSION).code == 0
    Path("bad").write_bytes(b"nonsense")
    assert cli("import", "bad").code == 2
    assert not cli.database.exists()

    outcome = cli.ok("import", stdin=SESSION)
    assert "created the tables" in outcome.err
    assert cli("init-tables", "--check").code == 0
    assert "created" not in cli.ok("import", stdin=SESSION).err


@pytest.mark.parametrize("run", ["--dry-run", "--on-conflict=overwrite", "--on-conflict=skip"])
def test_rows_of_one_key_in_an_input_are_counted(ready: Cli, run: str) -> None:
    """They are one row in the store, and the counts alone would hide it
    (https://github.com/elasticsearch-dump/elasticsearch-dump/issues/175)."""
    rows = [Message("s", "m", 1, content=text) for text in ("first", "second", "third")] + messages(2)
    outcome = ready.ok("import", run, stdin=b"".join(map(export_line, rows)))
    kept = "the first is kept" if run.endswith("skip") else "the last of each key is kept"
    assert f"2 rows with the key of an earlier row of the input: {kept}\n" in outcome.err
    assert "earlier row" not in ready.ok("import", run, stdin=b"".join(map(export_line, messages(3)))).err


@pytest.mark.parametrize(("missing", "command"), [(1, "import"), (2, "import"), (3, "import"), (2, "copy")])
def test_tables_whose_creation_was_cut_short_are_completed(ready: Cli, missing: int, command: str) -> None:
    """A first import that is killed has made the first tables and indexes alone; repeating it makes the others."""
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


def test_an_import_makes_no_search_indexes_where_they_were_left_out(cli: Cli) -> None:
    """`init-tables --no-search` is a choice, and no creation that was cut short."""
    cli.ok("init-tables", "--no-search")
    assert "created" not in cli.ok("import", stdin=SESSION).err
    assert cli("init-tables", "--check").code == 4


def export_of(count: int) -> bytes:
    """An export with so many messages."""
    lines = [*map(export_line, sessions(1)), *map(export_line, messages(count))]
    return b"".join([
        b'{"kind": "tsmem", "version": 1}\n',
        *lines,
        b'{"kind": "end", "sessions": 1, "messages": %d}\n' % count,
    ])  # fmt: skip


@pytest.mark.parametrize("place", ["file", "pipe"])
def test_an_export_that_was_cut_short_is_refused(ready: Cli, place: str) -> None:
    """Wherever it is cut, but for its last newline, nothing of it is written."""
    for cut in (2, 20, 60, 100, 200, 1):
        data = export_of(3)[:-cut]
        Path("in").write_bytes(data)
        outcome = ready("import", *(["in"] if place == "file" else []), stdin=data)
        assert outcome.code == (0 if cut == 1 else 2)
        assert ready.export().count(b"\n") == EMPTY + (4 if cut == 1 else 0)


def test_exports_and_plain_records_can_be_joined(ready: Cli) -> None:
    """Records without header or end are taken, and so are whole exports one behind the other."""
    counts = ready.ok(
        "import", "-o", "json", stdin=b"\xef\xbb\xbf" + SESSION + export_of(2) + SESSION + export_of(2)
    ).json
    assert counts == {"sessions": 4, "messages": 4, "skipped": 0, "failed": 0}
    assert ready.export().count(b"\n") == EMPTY + 4


def test_a_pipe_stops_at_its_bad_line_with_what_was_written(ready: Cli) -> None:
    """Standard input is read once: 1,000 rows are written before line 1051 is seen; exit 7 says so, stdout is empty."""
    data = b"".join(map(export_line, messages(1050))) + b"bad\n"
    outcome = ready("import", "-o", "json", stdin=data)

    assert (outcome.code, outcome.out) == (7, b"")
    assert outcome.error["message"].startswith("line 1051: ")
    assert outcome.error["done"] == 1000
    assert ready.export().count(b"\n") == EMPTY + 1000


def test_a_file_on_standard_input_is_checked_first(ready: Cli) -> None:
    """`import < file` can be read twice, so it writes nothing when a line is bad."""
    data = b"".join(map(export_line, messages(1050))) + b"bad\n"
    outcome = ready("import", stdin=io.BytesIO(data))
    assert (outcome.code, outcome.out) == (2, b"")
    assert ready.export().count(b"\n") == EMPTY


def test_what_to_do_with_what_exists(ready: Cli) -> None:
    """overwrite replaces, skip leaves, fail stops with 4 when nothing was written and 7 otherwise."""
    old = [Message("s", f"m{n}", n, content="old") for n in (1, 2)]
    new = b"".join(export_line(Message("s", f"m{n}", n, content="new")) for n in range(4))

    def contents() -> list[str]:
        return [item["content"] for item in ready.ok("message", "list", "-o", "jsonl").lines]

    ready.fill(old)
    before = ready.export()
    refused = ready("import", "--on-conflict", "fail", stdin=new.splitlines(keepends=True)[1])
    assert (refused.code, refused.out, ready.export()) == (4, b"", before)
    assert "s/1/m1" in refused.err

    skipped = ready.ok("import", "--on-conflict", "skip", "-o", "json", stdin=new).json
    assert skipped == {"sessions": 0, "messages": 2, "skipped": 2, "failed": 0}
    assert contents() == ["new", "old", "old", "new"]

    partly = ready("import", "--on-conflict", "fail", "-o", "json", stdin=export_line(Message("s", "m9", 9)) + new)
    assert partly.code == 7
    assert partly.error["done"] == 1
    assert [failure["key"] for failure in partly.error["failures"]] == [["s", n, f"m{n}"] for n in range(4)]

    ready.ok("import", "--on-conflict", "overwrite", stdin=new)
    assert contents() == ["new"] * 4 + [None]


def test_importing_over_a_row_leaves_nothing_of_it(ready: Cli) -> None:
    """A record is the whole row: what stood there and is not in it goes."""
    ready.fill([Session("u", "s", 1, "text", {"a": 1})])  # type: ignore[arg-type]
    ready.ok("import", stdin=SESSION)
    assert ready.ok("session", "get", "u", "s", "-o", "json").json["metadata"] == {}


def test_export_chooses(ready: Cli) -> None:
    """Everything, one user's, or one session's; each is a whole export that imports."""
    ready.fill([*sessions(2), *sessions(1, "bob"), *messages(2), *messages(3, "s00001"), *messages(1, "orphan")])

    def counted(*argv: str) -> tuple[int, int]:
        end = json.loads(ready.ok("export", *argv).out.splitlines()[-1])
        return end["sessions"], end["messages"]

    assert counted() == (3, 6)
    assert counted("--user", "ada") == (2, 5)
    assert counted("--user", "nobody") == (0, 0)
    assert counted("--session", "s00001") == (1, 3)
    assert counted("--session", "orphan") == (0, 1)


def test_an_export_of_another_users_session_of_the_same_id(ready: Cli) -> None:
    """--session exports the session of each user who has one of that id, and its messages once."""
    ready.fill([Session("a", "s", 1), Session("b", "s", 1), *messages(1, "s")])
    kinds = [line["kind"] for line in ready.ok("export", "--session", "s").lines]
    assert kinds == ["tsmem", "session", "session", "message", "end"]
