"""Files that are compressed by their name: the same rows, the same bytes, in and out."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from tests.cli.conftest import Cli, messages, sessions
from tsmem.store import Message, Metadata

ODD = Message("退", "m\u202e", -1, "", "", "x" * 5000, Metadata({"f": -0.0, "b": b"\0\xff", "i": 1, "t": True}))


def test_an_export_is_the_same_bytes_for_the_same_rows(ready: Cli) -> None:
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
    assert Path("a.gz").stat().st_mode & 0o777 == 0o600


def test_an_import_of_it_gives_the_same_rows(ready: Cli) -> None:
    ready.fill([*sessions(3), *messages(200), ODD])
    before = ready.export()
    assert ready.ok("export", "out.gz").err == "exported 3 sessions and 201 messages to out.gz\n"
    ready.ok("drop-tables", "--yes")
    ready.ok("init-tables")
    counts = {"sessions": 3, "messages": 201, "skipped": 0, "failed": 0}
    assert ready.ok("import", "out.gz", "--dry-run", "-o", "json").json == counts
    assert ready.ok("import", "out.gz", "-o", "json").json == counts
    assert ready.export() == before
