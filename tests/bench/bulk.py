"""Measures bulk moves as whole `tsmem` processes: on the embedded store, and through the SDK against `tsmem serve`.

Through the SDK, a bare loop (bulk_loop.py) alternates with tsmem, with and without latency. On the embedded store, peak
memory is compared with that of the same command at the smallest size; the budget is a ratio of 1.2 at a million rows.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.conversations import row_count, write
from tests.bench.processes import TSMEM, Spent, best_of, environment, measure, serve

ROUNDS = 2
LOCAL_SIZES = (10_000, 100_000)
WIRE_CASES = ((2_000, 0), (2_000, 50), (20_000, 0))
"""The number of rows, and the latency in milliseconds."""


class _Move(NamedTuple):
    name: str
    call: str
    """The method of bulk_loop.Loop that makes the same move."""
    line: str
    sessions: bool = True
    """True if it moves sessions and messages, False if only messages."""


MOVES = (
    _Move("import", "load", "-p one import FILE"),
    _Move("message list -o jsonl", "list", "-p one message list -o jsonl", sessions=False),
    _Move("export", "export", "-p one export"),
    _Move("copy", "copy", "copy --from one --to two"),
    _Move("message purge", "purge_messages", "-p one message purge --everything --yes", sessions=False),
    _Move("session purge, messages too", "purge_sessions", "-p two session purge --everyone --with-messages --yes"),
)
_LOCAL = "".join(f'[profiles.{name}]\nbackend = "local"\npath = "{{}}/{name}.db"\n' for name in ("one", "two"))
_WIRE = """\
[profiles.{name}]
backend = "tablestore"
endpoint = "{endpoint}"
instance = "bench"
access_key_id = "env:TABLESTORE_ACCESS_KEY_ID"
access_key_secret = "env:TABLESTORE_ACCESS_KEY_SECRET"
[profiles.{name}.tables.session]
name = "{prefix}session"
index = "{prefix}session_index"
[profiles.{name}.tables.message]
name = "{prefix}message"
index = "{prefix}message_index"
"""


def run(*, full: bool) -> Iterator[str]:
    """Yield the lines of a table for the embedded store, and of one table for each size and latency through the SDK."""
    yield from _local((*LOCAL_SIZES, 1_000_000) if full else LOCAL_SIZES)
    for size, latency_ms in (*WIRE_CASES, (20_000, 50), (50_000, 0)) if full else WIRE_CASES:
        yield ""
        yield from _wire(size, latency_ms)
    yield f"whole processes, start included; the least time and the most memory of {ROUNDS}"


def _local(sizes: Sequence[int]) -> Iterator[str]:
    took: dict[tuple[str, int], list[Spent]] = {}
    for size in (*sizes,) * ROUNDS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "config.toml").write_text(_LOCAL.format(folder, folder), encoding="utf-8")
            write(folder / "all.jsonl", size)
            for move in MOVES:
                one = _moved(move, "tsmem", {**environment(folder), **_config(folder)})
                took.setdefault((move.name, size), []).append(one)
                os.sync()
    yield f"{'embedded store':28}{'rows':>10}{'seconds':>9}{'rows/s':>10}{'peak MB':>9}  x smallest"
    for move in MOVES:
        smallest = best_of(took[move.name, sizes[0]]).peak_bytes
        for size in sizes:
            one, rows = best_of(took[move.name, size]), row_count(size, sessions=move.sessions)
            yield (
                f"{move.name:28}{rows:10,}{one.seconds:9.2f}{rows / one.seconds:10,.0f}"
                f"{one.peak_bytes / 1e6:9.1f}{one.peak_bytes / smallest:12.2f}"
            )


def _wire(size: int, latency_ms: int) -> Iterator[str]:
    took: dict[tuple[str, str], list[Spent]] = {}
    for who in ("tsmem", "loop") * ROUNDS:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(folder / "all.jsonl", size)
            with serve(folder, "--latency", str(latency_ms)) as served:
                environ = {**served, **_config(folder)}
                profiles = [
                    _WIRE.format(name=profile, prefix=prefix, endpoint=environ["TABLESTORE_ENDPOINT"])
                    for profile, prefix in (("one", ""), ("two", "copy_"))
                ]
                (folder / "config.toml").write_text("".join(profiles), encoding="utf-8")
                for profile in ("one", "two"):
                    measure([*TSMEM, "-p", profile, "init-tables", "--no-search"], environ)
                for move in MOVES:
                    took.setdefault((move.name, who), []).append(_moved(move, who, environ))
    yield f"{f'SDK, {latency_ms} ms':28}{'rows':>10}{'rows/s':>10}{'loop':>10}{'peak MB':>9}  x loop"
    for move in MOVES:
        ours, loop = best_of(took[move.name, "tsmem"]), best_of(took[move.name, "loop"])
        rows = row_count(size, sessions=move.sessions)
        yield (
            f"{move.name:28}{rows:10,}{rows / ours.seconds:10,.0f}{rows / loop.seconds:10,.0f}"
            f"{ours.peak_bytes / 1e6:9.1f}{loop.seconds / ours.seconds:8.2f}"
        )


def _config(folder: Path) -> dict[str, str]:
    return {"TSMEM_CONFIG": str(folder / "config.toml")}


def _moved(move: _Move, who: str, environ: Mapping[str, str]) -> Spent:
    folder = Path(environ["HOME"])
    file = str(folder / "all.jsonl")
    command = [*TSMEM, *(file if each == "FILE" else each for each in move.line.split())]
    if who == "loop":
        command = [sys.executable, "-m", "tests.bench.bulk_loop", move.call, file]
    return measure(command, environ, str(folder / "out.jsonl"))
