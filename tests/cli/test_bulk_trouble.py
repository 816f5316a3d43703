"""Imports and exports that fail midway say what was done and what was not."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Outcome, export_lines, messages, sessions
from tests.support.faults import FaultyClient, every_client
from tsmem.adapters.local import LocalClient
from tsmem.port import TableClient

EMPTY = 2


def lines(count: int, content: str = "said") -> bytes:
    return export_lines(messages(count, content=content))


def rows(cli: Cli) -> int:
    return cli.export().count(b"\n") - EMPTY


def said(outcome: Outcome, code: int, *words: str) -> None:
    """Check the exit code and that the error is one sentence with these words."""
    assert (outcome.code, outcome.out) == (code, b""), outcome
    assert outcome.err.count("error: ") == 1
    assert "Traceback" not in outcome.err
    assert all(word in outcome.err for word in words), outcome.err


# Inputs that change, end or cannot be read


def meddled(cli: Cli, happens: Callable[[], None], *argv: str) -> Outcome:
    """Import, and call a function before the second batch is written."""

    def opened(client: TableClient) -> FaultyClient:
        faulty = FaultyClient(client)
        faulty.before["write_rows"] = lambda: faulty.before.update(write_rows=happens)
        return faulty

    with every_client(opened):
        return cli("import", *argv)


def test_a_file_deleted_during_an_import_is_read_to_its_end(ready: Cli) -> None:
    Path("in").write_bytes(lines(500))
    outcome = meddled(ready, Path("in").unlink, "in")
    assert (outcome.code, rows(ready)) == (0, 500)


@pytest.mark.parametrize(("argv", "inside"), [((), 0), ((), 10), (("--rejects", "bad"), 10)])
def test_a_file_truncated_during_an_import_is_an_error(ready: Cli, argv: tuple[str, ...], inside: int) -> None:
    data = lines(1_200, "z" * 2_500)
    cut = len(b"".join(data.splitlines(keepends=True)[:900])) - inside
    Path("in").write_bytes(data)
    outcome = meddled(ready, lambda: os.truncate("in", cut), "in", *argv)

    done = rows(ready)
    said(outcome, 7, f"{done:,} rows were written, and no others")
    assert 200 < done < 900
    if not inside or argv:
        assert "in was cut short while it was read: of 1,200 records" in outcome.err
    assert "once the cause is gone" not in outcome.err


def test_a_gzip_file_truncated_during_an_import_is_an_error(ready: Cli) -> None:
    with gzip.open("in.gz", "wb", compresslevel=0) as stream:
        stream.write(lines(1_000, "z" * 2_500))
    outcome = meddled(ready, lambda: os.truncate("in.gz", 1_500_000), "in.gz")
    said(
        outcome,
        7,
        "cannot read in.gz: the compressed file was cut short",
        f"{rows(ready):,} rows were written, and no others",
    )
    assert 0 < rows(ready) < 1_000


def test_a_gzip_file_cut_short_anywhere_is_refused(ready: Cli) -> None:
    whole = gzip.compress(lines(1000))
    for size in (5, 1000, len(whole) - 9, len(whole) - 8, len(whole) - 1):
        Path("in.gz").write_bytes(whole[:size])
        said(ready("import", "in.gz", "--rejects", "bad"), 2, "cannot read in.gz: the compressed file was cut short")
    assert rows(ready) == 0
    assert not Path("bad").exists()


def test_a_gzip_file_damaged_anywhere_is_refused(ready: Cli) -> None:
    whole = bytearray(gzip.compress(lines(1000)))
    for place in (2000, len(whole) - 6, len(whole) - 2, 0):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        damaged[place + 1] ^= 0x55
        Path("in.gz").write_bytes(bytes(damaged))
        outcome = ready("import", "in.gz")
        said(outcome, 2)
        assert "damaged" in outcome.err or "line " in outcome.err
    assert rows(ready) == 0


def test_an_import_whose_input_fails_midway_says_what_was_written(ready: Cli) -> None:
    class Failing(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read1(self, size: int | None = -1, /) -> bytes:
            chunk = super().read1(size)
            if not chunk:
                raise OSError(5, os.strerror(5))
            return chunk

    outcome = ready("import", stdin=Failing(lines(1050)))
    said(outcome, 7, "cannot read standard input: Input/output error", "1,000 rows were written, and no others")
    assert rows(ready) == 1000


# A table without its secondary index


@pytest.fixture
def bare(ready: Cli) -> Cli:
    """A store whose tables have no secondary index."""
    ready.fill([*sessions(2), *messages(3)])
    with closing(LocalClient(ready.database, ready.clock)) as client:
        client.delete_index("session", "session_secondary_index")
        client.delete_index("message", "message_secondary_index")
    return ready


TIME = 1_767_000_000_000_000


READ = {
    "session list": "s00000 s00001",
    f"message get s00000 m00000 --create-time {TIME}": "m00000",
    "show s00000": "m00000 m00001 m00002",
    "export --user ada": "s00000 s00001 m00000 m00001 m00002",
}
"""Commands and the sessions and messages that they show, in order."""
WRITTEN = {
    "session put ada new": "new s00000 s00001 m00000 m00001 m00002",
    "session delete ada s00000 --with-messages": "s00001",
    "session purge --user ada --with-messages --yes": "",
    f"message update s00000 m00000 --create-time {TIME} --content x": "s00000 s00001 m00000=x m00001 m00002",
    f"message delete s00000 m00000 --create-time {TIME}": "s00000 s00001 m00001 m00002",
    "message put s00000 new --content x --new": "s00000 s00001 m00000 m00001 m00002 new=x",
    "import in --resume --rejects bad": "s00000 s00001 m00000 m00001 m00002 m00003",
}
"""Commands and the sessions and messages that exist afterwards, in order."""


@pytest.mark.parametrize("line", [*READ, *WRITTEN])
def test_commands_with_whole_keys_work_without_the_secondary_index(bare: Cli, line: str) -> None:
    Path("in").write_bytes(lines(4))
    shown = bare.ok(*line.split(), "-o", "jsonl").lines
    found = shown if line in READ else bare.ok("export").lines
    rows = [each for each in found if "session_id" in each]

    assert {**READ, **WRITTEN}[line] == " ".join(
        each.get("message_id", each["session_id"]) + "=x" * (each.get("content") == "x") for each in rows
    )


@pytest.mark.parametrize("line", ["message get s00000 m00000", "message put s00000 new --content x"])
def test_commands_that_need_the_secondary_index_say_that_it_is_missing(bare: Cli, line: str) -> None:
    outcome = bare(*line.split())
    said(outcome, 3, "there is no table or index 'message_secondary_index'", "with: tsmem init-tables")
