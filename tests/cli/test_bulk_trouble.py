"""What can happen to an import or export in the middle: a plain sentence each, what was done and what was not, the
right exit code."""

from __future__ import annotations

import gzip
import io
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome, messages, sessions
from tests.support.faults import FaultyClient
from tests.support.opened_clients import every_client
from tsmem.adapters.local import LocalClient
from tsmem.store import Message
from tsmem.store.documents import export_line

EMPTY = 2
"""Lines of the export of an empty store."""


def lines(count: int, content: str = "said") -> bytes:
    """So many messages, without header and end."""
    return b"".join(map(export_line, messages(count, content=content)))


def rows(cli: Cli) -> int:
    return cli.export().count(b"\n") - EMPTY


def said(outcome: Outcome, code: int, *words: str) -> None:
    """This exit code, one sentence with these words, nothing on stdout, no bug."""
    assert (outcome.code, outcome.out) == (code, b""), outcome
    assert outcome.err.count("error: ") == 1
    assert "Traceback" not in outcome.err
    assert all(word in outcome.err for word in words), outcome.err


# Inputs that change, end or cannot be read


class Meddling(FaultyClient):
    """Something happens to the input before the second batch is written."""

    def __init__(self, client: Any, happens: Any) -> None:
        super().__init__(client)
        self._happens = happens

    def write_rows(self, writes: Any) -> Any:
        if self.names().count("write_rows") == 1:
            self._happens()
        self.calls.append(("write_rows", (writes,)))
        return self._client.write_rows(writes)


def meddled(cli: Cli, happens: Any, *argv: str) -> Outcome:
    """Import, and let something happen in the middle."""
    with every_client(lambda client: Meddling(client, happens)):
        return cli("import", *argv)


def test_a_file_that_vanishes_is_read_to_its_end(ready: Cli) -> None:
    Path("in").write_bytes(lines(500))
    outcome = meddled(ready, Path("in").unlink, "in")
    assert (outcome.code, rows(ready)) == (0, 500)


@pytest.mark.parametrize(("argv", "inside"), [((), 0), ((), 10), (("--rejects", "bad"), 10)])
def test_a_file_that_is_truncated_while_it_is_read(ready: Cli, argv: tuple[str, ...], inside: int) -> None:
    """Cut between lines or within one: exit 7, never a shorter import that looks whole; the counts are right, and
    nobody is told that the rejects are all that is missing."""
    data = lines(1_200, "z" * 2_500)
    cut = len(b"".join(data.splitlines(keepends=True)[:900])) - inside
    Path("in").write_bytes(data)
    outcome = meddled(ready, lambda: os.truncate("in", cut), "in", *argv)

    done = rows(ready)
    said(outcome, 7, f"{done:,} rows before it were written")
    assert 200 < done < 900
    if not inside or argv:
        assert "in was cut short while it was read: of 1,200 records" in outcome.err
    assert "once the cause is gone" not in outcome.err


def test_a_compressed_file_that_is_truncated_while_it_is_read(ready: Cli) -> None:
    with gzip.open("in.gz", "wb", compresslevel=0) as stream:
        stream.write(lines(1_000, "z" * 2_500))
    outcome = meddled(ready, lambda: os.truncate("in.gz", 1_500_000), "in.gz")
    said(outcome, 7, "cannot read in.gz: the compressed file was cut short", f"{rows(ready):,} rows before it")
    assert 0 < rows(ready) < 1_000


def test_a_compressed_file_that_was_cut_short_anywhere_is_refused(ready: Cli) -> None:
    whole = gzip.compress(lines(1000))
    for size in (5, 1000, len(whole) - 9, len(whole) - 8, len(whole) - 1):
        Path("in.gz").write_bytes(whole[:size])
        said(ready("import", "in.gz", "--rejects", "bad"), 2, "cannot read in.gz: the compressed file was cut short")
    assert rows(ready) == 0
    assert not Path("bad").exists()


def test_a_compressed_file_that_is_damaged_anywhere_is_refused(ready: Cli) -> None:
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


@pytest.mark.parametrize(("count", "code", "written"), [(10, 2, 0), (1050, 7, 1000)])
def test_standard_input_that_ends_in_the_middle_of_a_line(ready: Cli, count: int, code: int, written: int) -> None:
    """Exit 2 where nothing was written, 7 where something was, with the line, and how many."""
    outcome = ready("import", stdin=lines(count)[:-15])
    said(outcome, code, f"line {count}: not valid JSON", "the input ends in this line, perhaps in the middle of it")
    assert rows(ready) == written
    assert ("; 1,000 rows before it were written" in outcome.err) == (written > 0)


def test_an_input_that_fails_in_the_middle(ready: Cli) -> None:
    """A pipe or disk that cannot be read on: exit 7 with what was written."""

    class Failing(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def read1(self, size: int | None = -1, /) -> bytes:
            chunk = super().read1(size)
            if not chunk:
                raise OSError(5, os.strerror(5))
            return chunk

    outcome = ready("import", stdin=Failing(lines(1050)))
    said(outcome, 7, "cannot read standard input: Input/output error", "1,000 rows before it were written")
    assert rows(ready) == 1000


@pytest.mark.parametrize("place", ["file", "pipe"])
def test_a_message_of_3_mb(ready: Cli, place: str) -> None:
    """More than a column holds: refused with its line before anything of the file is written; a pipe says what was."""
    large = export_line(Message("s00000", "large", 1, content="x" * 3_000_000))
    data = lines(1050) + large + lines(5)
    Path("in").write_bytes(data)
    outcome = ready("import", *(["in"] if place == "file" else []), stdin=data)

    said(outcome, 2 if place == "file" else 7, "line 1051: The length of attribute column: 'content' exceeds")
    assert rows(ready) == (0 if place == "file" else 1000)


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


@pytest.mark.parametrize(
    "line",
    [
        "session list",
        "session put ada new",
        "session delete ada s00000 --with-messages",
        "session purge --user ada --with-messages --yes",
        f"message get s00000 m00000 --create-time {TIME}",
        f"message update s00000 m00000 --create-time {TIME} --content x",
        f"message delete s00000 m00000 --create-time {TIME}",
        "message put s00000 new --content x --new",
        "show s00000",
        "export out.gz --user ada",
        "import in --resume --rejects bad",
    ],
)
def test_without_its_secondary_index_a_table_is_read_and_written_by_whole_keys(bare: Cli, line: str) -> None:
    Path("in").write_bytes(lines(3))
    bare.ok(*line.split())


@pytest.mark.parametrize("line", ["message get s00000 m00000", "message put s00000 new --content x"])
def test_what_goes_by_the_index_of_messages_says_that_it_is_missing(bare: Cli, line: str) -> None:
    outcome = bare(*line.split())
    said(outcome, 3, "there is no table or index 'message_secondary_index'", "with: tsmem init-tables")
