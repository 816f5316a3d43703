"""Read-only files, full disks and damaged rows end with exit code 1 and one plain sentence, and never with half a
document.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, Processes, export_lines, messages, sessions, store_file
from tests.support.commits import failing_commits
from tests.support.mounts import run_on_small_disk
from tests.support.privileges import obey_file_modes, skip_unless_possible
from tsmem.store import Message


def plain(outcome: Outcome, *words: str) -> None:
    """Check for exit code 1, an empty stdout and one sentence, perhaps with a hint."""
    lines = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (1, b""), outcome
    assert lines[-2 if lines[-1].startswith("hint: ") else -1].startswith("error: ")
    assert "Traceback" not in outcome.err
    assert all(word in outcome.err for word in words)


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_read_only_store_can_be_listed_and_not_written(ready: Cli, process: Processes, folder_too: bool) -> None:
    ready.ok("session", "put", "u", "s")
    folder = ready.database.parent
    for path in folder.iterdir():
        path.chmod(0o444)
    if folder_too:
        folder.chmod(0o555)
    try:
        listed = skip_unless_possible(process.run("session", "list", "-o", "jsonl", before=obey_file_modes))
        assert listed.lines[0]["session_id"] == "s", listed
        plain(process.run("session", "put", "u", "t", before=obey_file_modes), "read-only", str(ready.database))
    finally:
        folder.chmod(0o755)
    assert ready.export().count(b"\n") == 3


def test_an_import_into_a_disk_that_fills_up_says_how_many_rows_were_done_and_resumes(
    process: Processes, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(export_lines(messages(1000, content="z" * 12_000)))
    outcome = run_on_small_disk(
        process,
        6144,
        "$TSMEM import in; code=$?; mount -o remount,size=65536k disk; "
        "$TSMEM import in --resume -o csv 2>&1; $TSMEM export | wc -l; exit $code",
    )
    assert outcome.code == 1
    assert "disk is full" in outcome.err
    assert "hint: free some space and try again; run the command with --resume to continue where" in outcome.err
    *_, behind, _, counts, lines = outcome.text.splitlines()
    done = int(behind.removeprefix("continuing after ").removesuffix(" records"))
    assert 0 < done < 1000
    assert f"({done:,} rows had been done before)" in outcome.err
    assert counts.split(",")[1] == f"{1000 - done}"
    assert int(lines) == 1002


@pytest.mark.parametrize("name", ["out", "out.gz"])
def test_an_export_to_a_full_disk_keeps_the_old_file_and_leaves_no_partial_one(
    ready: Cli, process: Processes, tmp_path: Path, name: str
) -> None:
    ready.fill([Message("s", f"m{n:05d}", n, content=os.urandom(1500).hex()) for n in range(200)])
    script = (
        f"echo old >disk/{name}; XDG_DATA_HOME={ready.folder}/data $TSMEM export disk/{name}; code=$?; "
        f"ls disk >names; cat disk/{name} >kept; exit $code"
    )
    plain(run_on_small_disk(process, 128, script), f"cannot write disk/{name}: No space left on device")
    assert (tmp_path / "names").read_text() == f"{name}\n"
    assert (tmp_path / "kept").read_text() == "old\n"


@pytest.mark.parametrize("kilobytes", [16, 64])
def test_init_tables_on_a_full_disk_leaves_no_store_and_works_once_there_is_room(
    process: Processes, tmp_path: Path, kilobytes: int
) -> None:
    """The index of SQLite's log takes 32 KB, so 16 KB hold not even that; 64 KB hold no tables."""
    script = (
        "$TSMEM init-tables; code=$?; ls disk/tsmem >names; "
        "mount -o remount,size=65536k disk; $TSMEM init-tables -o csv >created 2>&1; exit $code"
    )
    outcome = run_on_small_disk(process, kilobytes, script)

    plain(outcome, f"the disk is full: this write was not kept in {tmp_path}/disk/tsmem/memory.db")
    assert outcome.err.endswith("hint: free some space and try again\n")
    assert (tmp_path / "names").read_text() == "memory.db.lock\n"
    assert (tmp_path / "created").read_text().count(",created,") == 6


def test_an_import_whose_commit_fails_counts_the_rows_that_may_have_been_kept(ready: Cli) -> None:
    ready.fill([*messages(1)])
    with failing_commits(sqlite3.SQLITE_IOERR_FSYNC, first=2):
        outcome = ready("import", stdin=export_lines(messages(2000)))

    plain(outcome, "; this write may have been kept (1,000 rows had been done before; 1,000 may have been)\n")


# Rows that cannot be read


def damage(cli: Cli, message: str) -> None:
    with closing(sqlite3.connect(cli.database)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%k2%' AND sql LIKE '%cells%'")
        spoil = "UPDATE {} SET cells = x'ff00ff00' WHERE k2 = ? AND length(cells) > 40"
        assert 1 == sum(connection.execute(spoil.format(name), (message,)).rowcount for (name,) in tables.fetchall())


@cache
def _store() -> bytes:
    return store_file([*sessions(1), *messages(700, content="x" * 8000)])


@pytest.fixture
def damaged(cli: Cli) -> Cli:
    """A store with 700 messages of 8 KB. Message 650, which is after the first page of 4 MB, is damaged."""
    cli.use(_store())
    damage(cli, "m00650")
    return cli


def test_a_json_listing_that_fails_midway_is_one_valid_document(damaged: Cli) -> None:
    outcome = damaged("message", "list", "-o", "json", "--limit", "0")

    assert outcome.code == 1
    document = outcome.json
    assert list(document) == ["items", "next_page_token", "error"]
    assert [item["message_id"] for item in document["items"]] == [f"m{n:05d}" for n in range(len(document["items"]))]
    assert 0 < len(document["items"]) <= 650
    assert document["error"] == outcome.error
    assert document["error"]["code"] == "StorageFailure"


@pytest.mark.parametrize("output", ["jsonl", "csv", "table"])
def test_jsonl_and_csv_listings_that_fail_midway_end_with_whole_lines(damaged: Cli, output: str) -> None:
    outcome = damaged("message", "list", "-o", output, "--limit", "0")
    assert outcome.code == 1
    assert outcome.out.endswith(b"\n")
    assert outcome.out.count(b"\n") > 100
    assert "damaged" in outcome.err


def test_an_export_that_fails_midway_is_refused_by_import(damaged: Cli) -> None:
    outcome = damaged("export")
    assert outcome.code == 1
    assert b'"kind": "end"' not in outcome.out
    assert damaged("import", "--dry-run", stdin=outcome.out).code == 2
    assert damaged("export", "out.jsonl").code == 1
    assert sorted(path.name for path in Path().iterdir()) == ["data"]
