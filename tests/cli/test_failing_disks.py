"""Read-only files, full disks, damaged rows: exit 1, one plain sentence, and never half a document."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, Processes, messages, sessions
from tests.support.commits import failing_commits
from tsmem.store.documents import export_line

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1


def modes_count() -> None:
    """In a new process: root, too, may write only what modes allow."""
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) != 0:
        os._exit(77)


def plain(outcome: Outcome, *words: str) -> None:
    """Exit 1, nothing on stdout, and one sentence, with a hint perhaps."""
    lines = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (1, b""), outcome
    assert lines[-2 if lines[-1].startswith("hint: ") else -1].startswith("error: ")
    assert "Traceback" not in outcome.err
    assert "bug" not in outcome.err
    assert all(word in outcome.err for word in words)


@pytest.mark.parametrize("folder_too", [False, True])
def test_a_read_only_file_can_be_read_and_not_written(ready: Cli, process: Processes, folder_too: bool) -> None:
    """Listing works; each write is exit 1 and says read-only."""
    ready.ok("session", "put", "u", "s")
    folder = ready.database.parent
    for path in folder.iterdir():
        path.chmod(0o444)
    if folder_too:
        folder.chmod(0o555)
    try:
        listed = process.run("session", "list", "-o", "jsonl", before=modes_count)
        if listed.code == 77:
            pytest.skip("root could not be told to heed modes")
        assert listed.lines[0]["session_id"] == "s", listed
        writes: list[tuple[str, ...]] = [
            ("session", "put", "u", "t"),
            ("session", "purge", "--everyone", "--yes"),
            ("import",),
            ("drop-tables", "--yes"),
        ]
        for argv in writes[:1] if folder_too else writes:
            data = b'{"user_id": "u", "session_id": "t"}\n'
            plain(process.run(*argv, before=modes_count, input=data), "read-only", str(ready.database))
    finally:
        folder.chmod(0o755)
    assert ready.export().count(b"\n") == 3


def test_a_folder_that_cannot_be_written(process: Processes, tmp_path: Path) -> None:
    """Where no store can be made, that is said."""
    (tmp_path / "data").mkdir(mode=0o555)
    outcome = process.run("init-tables", before=modes_count)
    if outcome.code == 77:
        pytest.skip("root could not be told to heed modes")
    plain(outcome, "memory.db")


def test_a_file_that_is_no_store(cli: Cli) -> None:
    """Another program's database, text, a folder: exit 1, and left as it was."""
    cli.database.parent.mkdir(parents=True)
    cli.database.write_bytes(b"just text, and more than a header's worth of it, so that it is read\n" * 100)
    plain(cli("session", "list"), "not a tsmem file")
    cli.database.unlink()
    with sqlite3.connect(cli.database) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    before = cli.database.read_bytes()
    plain(cli("session", "list"))
    plain(cli("init-tables"))
    assert cli.database.read_bytes() == before
    cli.database.unlink()
    cli.database.mkdir()
    plain(cli("session", "list"))


def limited(size: int) -> Callable[[], None]:
    """In a new process: no file grows past this."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_file_that_may_not_grow(ready: Cli, process: Processes) -> None:
    """A write that the system refuses is exit 1; what was acknowledged stays, and reading goes on."""
    data = b"".join(map(export_line, messages(800, content="z" * 5000)))
    outcome = process.run("import", input=data, before=limited(2_000_000))
    plain(outcome)
    done = ready.export().count(b"\n") - 2
    assert done % 200 == 0
    assert f"({done:,} rows had been done before)" in outcome.err or done == 0
    ready.ok("import", stdin=data)
    assert ready.export().count(b"\n") == 802


def on_small_disk(process: Processes, tmp_path: Path, kilobytes: int, script: str) -> Outcome:
    """Run a script whose folder `disk` is a file system of so many kilobytes; skipped where none can be made."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("no unshare here")
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit 77\n"
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", "sh", "-c", mount + script],
        env={**process.environ, "TSMEM": " ".join(process.argv()), "XDG_DATA_HOME": str(tmp_path / "disk")},
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77 or b"unshare" in done.stderr:
        pytest.skip("no file system can be mounted here")
    return Outcome(done.returncode, done.stdout, done.stderr.decode())


def test_a_full_disk(process: Processes, tmp_path: Path) -> None:
    """A store on a full disk: exit 1 and a plain sentence; what it had acknowledged is there and can be exported."""
    (tmp_path / "in").write_bytes(b"".join(map(export_line, messages(3000, content="z" * 2500))))
    outcome = on_small_disk(
        process,
        tmp_path,
        9216,
        "$TSMEM init-tables >/dev/null 2>&1; $TSMEM import in; code=$?; $TSMEM export >out; exit $code",
    )
    plain(outcome, "disk is full")
    done = (tmp_path / "out").read_bytes().splitlines()
    assert 1000 <= len(done) - 2 < 3000
    assert (len(done) - 2) % 1000 == 0
    assert f"({len(done) - 2:,} rows had been done before)" in outcome.err


def test_no_room_for_a_store(process: Processes, tmp_path: Path) -> None:
    """Not even a new store fits: exit 1, a plain sentence."""
    plain(on_small_disk(process, tmp_path, 16, "$TSMEM init-tables"), "memory.db")


def test_no_room_for_an_export(process: Processes, ready: Cli, tmp_path: Path) -> None:
    """An export to a full disk is exit 1, and leaves nothing behind."""
    ready.fill(messages(500, content="x" * 1000))
    script = f"XDG_DATA_HOME={ready.folder}/data $TSMEM export disk/out; code=$?; ls disk; exit $code"
    plain(on_small_disk(process, tmp_path, 64, script), "cannot write disk/out: No space left on device")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_takes_nothing(process: Processes, ready: Cli) -> None:
    """stdout or an export's file on /dev/full is exit 1 and one sentence, with a hint."""
    ready.fill(messages(3))
    with Path("/dev/full").open("wb", buffering=0) as full:
        for line in (
            "message list",
            "message list -o json",
            "message list -o csv",
            "export",
            "show s00000",
            "--help",
            "--version",
        ):
            outcome = process.run(*line.split(), stdout=full)
            assert outcome.code == 1, line
            assert "cannot write standard output: No space left on device" in outcome.err
            assert outcome.err.count("\n") == (1 if "json" in line else 2)
            assert "free some space and try again" in outcome.err
    plain(ready("export", "/dev/full"), "cannot write /dev/full: No space left on device")


def test_an_import_whose_commit_fails_counts_the_rows_that_may_have_been_kept(ready: Cli) -> None:
    """The rows of that batch are in doubt; the rows before it are done."""
    ready.fill([*messages(1)])
    with failing_commits(sqlite3.SQLITE_IOERR_FSYNC, first=2):
        outcome = ready("import", stdin=b"".join(map(export_line, messages(3000))))

    plain(outcome, "; this write may have been kept (1,000 rows had been done before; 1,000 may have been)\n")


# Rows that cannot be read


def damage(cli: Cli, message: str) -> None:
    """Spoil the cells of one message in the file."""
    connection = sqlite3.connect(cli.database)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    spoiled = 0
    for table in tables:
        columns = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
        if {"k2", "cells"} <= set(columns):
            spoiled += connection.execute(
                f"UPDATE {table} SET cells = x'ff00ff00' WHERE k2 = ? AND length(cells) > 40", (message,)
            ).rowcount
    connection.commit()
    connection.close()
    assert spoiled == 1


@pytest.fixture(scope="module")
def _damaged_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cli = Cli(tmp_path_factory.mktemp("damaged"))
    cli.ok("init-tables")
    cli.fill([*sessions(1), *messages(5100)])
    damage(cli, "m05050")
    return cli.database


@pytest.fixture
def damaged(ready: Cli, _damaged_store: Path) -> Cli:
    """5,100 messages of which number 5,050, on the second page that the store reads, is spoiled."""
    shutil.copy(_damaged_store, ready.database)
    return ready


def test_a_json_listing_that_fails_midway_is_one_valid_document(damaged: Cli) -> None:
    """Items, a null token, the error inside; the error on stderr too, and exit 1."""
    outcome = damaged("message", "list", "-o", "json", "--limit", "0")

    assert outcome.code == 1
    document = outcome.json
    assert list(document) == ["items", "next_page_token", "error"]
    assert [item["message_id"] for item in document["items"]] == [f"m{n:05d}" for n in range(len(document["items"]))]
    assert len(document["items"]) >= 5000
    assert document["error"] == outcome.error
    assert document["error"]["code"] == "StorageFailure"


@pytest.mark.parametrize("output", ["jsonl", "csv", "table"])
def test_other_listings_that_fail_midway_end_with_whole_lines(damaged: Cli, output: str) -> None:
    """What could be read is there; the error is on stderr, and exit 1."""
    outcome = damaged("message", "list", "-o", output, "--limit", "0")
    assert outcome.code == 1
    assert outcome.out.endswith(b"\n")
    assert outcome.out.count(b"\n") >= 5000
    assert "damaged" in outcome.err


def test_an_export_that_fails_midway_is_known_to_be_cut_short(damaged: Cli) -> None:
    """It has no end line, so import refuses it; to a file, no file is left."""
    outcome = damaged("export")
    assert outcome.code == 1
    assert b'"kind": "end"' not in outcome.out
    assert damaged("import", "--dry-run", stdin=outcome.out).code == 2
    assert damaged("export", "out.jsonl").code == 1
    assert not Path("out.jsonl").exists()
    assert sorted(path.name for path in Path().iterdir()) == ["data"]


def test_one_that_fails_at_once_leaves_stdout_empty(ready: Cli) -> None:
    """When the first row cannot be read, nothing is on stdout, in any format."""
    ready.fill(messages(3))
    damage(ready, "m00000")
    for argv in (("message", "list"), ("message", "get", "s00000", "m00000"), ("show", "s00000"), ("export",)):
        for output in ("jsonl", "table") if argv == ("export",) else ("json", "jsonl", "csv", "table"):
            plain_or_json = ready(*argv, "-o", output)
            assert (plain_or_json.code, plain_or_json.out) == (1, b""), (argv, output)
            assert "Traceback" not in plain_or_json.err
            if output in ("json", "jsonl"):
                assert plain_or_json.error["code"] == "StorageFailure"
