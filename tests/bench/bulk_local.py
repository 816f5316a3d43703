"""Bulk moves on the embedded store, as whole `tsmem` processes: rows a second, and memory as the rows grow.

Its one rule: memory is compared with that of the same command over the smallest size in the same run; the budget is 1.2
at a million rows.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.conversations import Amount, amount, write
from tests.bench.processes import Spent, environment, least, spent, table

SIZES = (10_000, 100_000)
FULL_SIZES = (*SIZES, 1_000_000)
HEAD = ("embedded store", "rows", "seconds", "rows/s", "peak MB", "x smallest")


class _Step(NamedTuple):
    name: str
    arguments: Sequence[str]
    sessions: bool = True
    """Whether it moves sessions, beside messages."""


STEPS = (
    _Step("import", ("-p", "one", "import", "all.jsonl")),
    _Step("message list -o jsonl", ("-p", "one", "message", "list", "-o", "jsonl"), sessions=False),
    _Step("export", ("-p", "one", "export", "out.jsonl")),
    _Step("copy", ("copy", "--from", "one", "--to", "two")),
    _Step("message purge", ("-p", "one", "message", "purge", "--everything", "--yes"), sessions=False),
    _Step("session purge, messages too", ("-p", "two", "session", "purge", "--everyone", "--with-messages", "--yes")),
)


def run(*, full: bool, rounds: int) -> Iterator[str]:
    """A line for each command and size, when all were run."""
    sizes = FULL_SIZES if full else SIZES
    took: dict[tuple[str, int], list[Spent]] = {}
    for _ in range(rounds):
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                for step, each in _round(Path(name), size):
                    took.setdefault((step, size), []).append(each)
    rows = [
        _row(step, amount(size), least(took[step.name, size]), least(took[step.name, sizes[0]]))
        for step in STEPS
        for size in sizes
    ]
    yield from table(HEAD, rows)
    yield f"whole processes, start included; the least time and the most memory of {rounds}; budget of memory 1.2"


def _round(folder: Path, size: int) -> Iterator[tuple[str, Spent]]:
    """Every command once, on fresh stores."""
    write(folder / "all.jsonl", size)
    profiles = [f'[profiles.{name}]\nbackend = "local"\npath = "{folder / name}.db"\n' for name in ("one", "two")]
    (folder / "config.toml").write_text("\n".join(profiles), encoding="utf-8")
    for step in STEPS:
        arguments = [str(folder / each) if each.endswith(".jsonl") else each for each in step.arguments]
        yield step.name, spent([sys.executable, "-m", "tsmem", *arguments], environment(folder), folder)
        os.sync()


def _row(step: _Step, there: Amount, one: Spent, smallest: Spent) -> Sequence[str]:
    count = there.rows if step.sessions else there.messages
    return (
        step.name,
        f"{count:,}",
        f"{one.seconds:.2f}",
        f"{count / one.seconds:,.0f}",
        f"{one.peak_bytes / 1e6:.1f}",
        f"{one.peak_bytes / smallest.peak_bytes:.2f}",
    )
