"""Bulk moves through the SDK against `tsmem serve` in a process of its own, with and without latency, beside a bare
loop of the SDK and the official library (bulk_peers).

Its one rule: who is compared does the same work on a copy of the same file, in turns in one run. Where a peer waits for
one answer after another, it moves fewer rows, and is compared by the row.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tests.bench.conversations import Amount, amount, write
from tests.bench.processes import Spent, environment, least, spent, table

SIZES = (2_000, 20_000)
FULL_SIZES = (*SIZES, 50_000)
LATENCIES_MS = (0, 50)
MOST_REQUESTS = {0: 1_000, 50: 60}
"""That a peer may make one after another for single rows or sessions, by latency."""
USER = 3
SETS = ("", "old_", "new_", "copy_")
"""What the names of the tables begin with; there are rows in the first two."""
WHO = ("tsmem", "loop", "official")
HEAD = ("by", "rows", "rows/s", "requests", "peak MB", "x loop")


class _Move(NamedTuple):
    name: str
    call: str
    """As bulk_peers has it."""
    arguments: Sequence[str]
    loop_requests: float = 0
    """A row, where the loop asks for sessions one after another."""
    official_requests: float = 0

    def count(self, there: Amount) -> int:
        """How many rows it moves in all."""
        return there.messages if "message" in self.arguments else there.rows

    def most(self, who: str, requests: int, count: int) -> int:
        """How many of so many rows a peer may move, at so many requests; no bound where that is all of them."""
        each = {"loop": self.loop_requests, "official": self.official_requests}.get(who, 0)
        return int(requests / each) if each * count > requests else sys.maxsize


MOVES = (
    _Move("import", "load", ("-p", "new_", "import", "FILE"), 0, 1),
    _Move("message list -o jsonl", "list", ("-p", "all", "message", "list", "-o", "jsonl")),
    _Move("export of a user", "export", ("-p", "all", "export", "--user", f"user-{USER:02d}"), 1 / 11, 1 / 11),
    _Move("copy", "copy", ("copy", "--from", "all", "--to", "copy_"), 0, 1),
    _Move("message purge", "purge_messages", ("-p", "all", "message", "purge", "--everything", "--yes"), 0, 2 / 10),
    _Move("session purge, messages too", "purge_sessions",
          ("-p", "old_", "session", "purge", "--everyone", "--with-messages", "--yes"), 1 / 11, 3 / 11),
)  # fmt: skip


class _Run(NamedTuple):
    spent: Spent
    rows: int
    requests: int


_Key = tuple[int, int, str, str]
"""Rows, latency, who and move."""


def run(*, full: bool, rounds: int) -> Iterator[str]:
    """A table for each size and latency, when all of that size was run."""
    for size in FULL_SIZES if full else SIZES:
        took: dict[_Key, list[_Run]] = {}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _prepare(folder, size)
            for turn in range(rounds):
                for latency_ms in LATENCIES_MS:
                    for who in (*WHO[turn % 3 :], *WHO[: turn % 3]):
                        for move, each in _moves(folder, size, latency_ms, who, 5 if full else 1):
                            took.setdefault((size, latency_ms, who, move), []).append(each)
        for latency_ms in LATENCIES_MS:
            yield from _shown(size, latency_ms, took)
            yield ""
    yield f"whole processes, start included; the least time and the most memory of {rounds}"
    yield "x loop: rows/s over the loop's; x 0 ms: time a row over that without latency; later by: the whole move"
    yield "*: fewer rows than tsmem moved, compared by the row"


def _prepare(folder: Path, size: int) -> None:
    """An export, and a file with it in the first tables; every process starts from a copy of that."""
    write(folder / "all.jsonl", size)
    (folder / "config.toml").write_text(_profiles(f'backend = "local"\npath = "{folder}/prepared.db"'), "utf-8")
    environ = environment(folder)
    for begins in SETS:
        spent([*_TSMEM, "-p", begins or "all", "init-tables", "--no-search"], environ, folder)
        if begins in SETS[:2]:
            spent([*_TSMEM, "-p", begins or "all", "import", str(folder / "all.jsonl")], environ, folder)


_TSMEM = [sys.executable, "-m", "tsmem"]


def _profiles(target: str) -> str:
    """A profile for each set of tables."""
    return "".join(
        f"[profiles.{begins or 'all'}]\n{target}\n"
        + "".join(
            f'[profiles.{begins or "all"}.tables.{kind}]\nname = "{begins}{kind}"\nindex = "{begins}{kind}_index"\n'
            for kind in ("session", "message")
        )
        for begins in SETS
    )


def _moves(folder: Path, size: int, latency_ms: int, who: str, factor: int) -> Iterator[tuple[str, _Run]]:
    """Every move once, against a server on a copy of the prepared file."""
    begun, found = [], []
    with _server(folder, latency_ms) as environ:
        for move in MOVES:
            count = move.count(amount(size, USER if move.call == "export" else None))
            most = move.most(who, MOST_REQUESTS[latency_ms] * factor, count)
            ours = [str(folder / "all.jsonl") if each == "FILE" else each for each in move.arguments]
            peers = ["-W", "ignore", "-m", "tests.bench.bulk_peers", who, move.call, str(folder / "all.jsonl")]
            command = [*_TSMEM, *ours] if who == "tsmem" else [sys.executable, *peers, str(most)]
            begun.append(time.time())
            one = spent(command, environ, folder, str(folder / "out.jsonl"))
            found.append((move, one, count if who == "tsmem" else int(one.said.split()[-1])))
    asked = _requests(folder / "log.txt", begun)
    yield from ((move.name, _Run(one, rows, asked[place])) for place, (move, one, rows) in enumerate(found))


@contextmanager
def _server(folder: Path, latency_ms: int) -> Iterator[dict[str, str]]:
    """`tsmem serve` in a process of its own, and the environment that reaches it."""
    for left in folder.glob("served.db*"):
        left.unlink()
    shutil.copy(folder / "prepared.db", folder / "served.db")
    variables = {"INSTANCE_NAME": "bench", "ACCESS_KEY_ID": "bench", "ACCESS_KEY_SECRET": "tsmem"}
    environ = environment(folder, **{f"TABLESTORE_{name}": value for name, value in variables.items()})
    command = [*_TSMEM, "serve", "--port", "0", "--path", str(folder / "served.db"), "--log"]
    command += ["--latency", str(latency_ms)]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        endpoint = process.stdout.readline().removeprefix("endpoint:").strip()
        target = f'backend = "tablestore"\nendpoint = "{endpoint}"\n' + "".join(
            f'{name.lower().replace("_name", "")} = "{"env:TABLESTORE_" + name if "KEY" in name else value}"\n'
            for name, value in variables.items()
        )
        (folder / "config.toml").write_text(_profiles(target), "utf-8")
        yield {**environ, "TABLESTORE_ENDPOINT": endpoint}
    finally:
        process.terminate()
        process.communicate()


def _requests(log: Path, begun: Sequence[float]) -> list[int]:
    """How many requests there were from each of these moments to the next."""
    counts = [0] * len(begun)
    for line in log.read_text("utf-8").splitlines():
        if re.match(r"\d{4}-\d\d-\d\dT", line):
            moment = datetime.fromisoformat(line.split()[0]).replace(tzinfo=UTC).timestamp()
            counts[max(place for place, first in enumerate(begun) if int(first * 1000) / 1000 <= moment)] += 1
    return counts


class _Best(NamedTuple):
    spent: Spent
    rows: int
    requests: int

    @property
    def rate(self) -> float:
        return self.rows / self.spent.seconds


def _shown(size: int, latency_ms: int, took: dict[_Key, list[_Run]]) -> Iterator[str]:
    def best(who: str, move: _Move, latency_ms: int = latency_ms) -> _Best:
        runs = took[size, latency_ms, who, move.name]
        return _Best(least([run.spent for run in runs]), runs[0].rows, max(run.requests for run in runs))

    quick = LATENCIES_MS[0]
    rows = []
    for move in MOVES:
        for who in WHO:
            one, whole = best(who, move), best("tsmem", move).rows
            cells = [move.name if who == WHO[0] else "", who, f"{one.rows:,}{'*' if one.rows < whole else ' '}"]
            cells += [f"{one.rate:,.0f}", f"{one.requests:,}", f"{one.spent.peak_bytes / 1e6:.0f}"]
            cells.append(f"{one.rate / best('loop', move).rate:.2f}")
            if latency_ms != quick:
                cells += _later(best(who, move, quick), one)
            rows.append(cells)
    more = () if latency_ms == quick else (f"x {quick} ms", "later by")
    yield from table((f"SDK, {size:,} rows, {latency_ms} ms", *HEAD, *more), rows, left=2)


def _later(quick: _Best, slow: _Best) -> tuple[str, str]:
    later = f"{slow.spent.seconds - quick.spent.seconds:.2f} s" if quick.rows == slow.rows else ""
    return f"{quick.rate / slow.rate:.2f}", later
