"""Whole processes, measured: seconds that pass, and the most memory that they held at once.

Its one rule: what is measured is started by a small process of its own. The kernel counts as a child's peak also what
its parent held when it started it, so a bench that has grown would hide what a small program takes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

_LAUNCHER = """\
import os
import sys
import time

out, err, *command = sys.argv[1:]
write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, out, write, 0o600),
         (os.POSIX_SPAWN_OPEN, 2, err, write, 0o600)]
started_s = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ, file_actions=files)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - started_s, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


class Spent(NamedTuple):
    """What one process took."""

    seconds: float
    """From its start to its end."""
    peak_bytes: int
    """Of resident memory."""
    said: str
    """On stderr."""


def spent(command: Sequence[str], environ: Mapping[str, str], folder: Path, out: str = os.devnull) -> Spent:
    """Run a command to its end; its stdout goes to a file. Raises RuntimeError when it failed."""
    err = folder / "stderr.txt"
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, out, str(err), *command]
    told = subprocess.run(launcher, env=dict(environ), check=True, capture_output=True, text=True).stdout.split()
    said = err.read_text(encoding="utf-8", errors="replace")
    if int(told[2]):
        raise RuntimeError(f"{' '.join(command)} ended with {told[2]}: {said[-2000:]}")
    return Spent(float(told[0]), int(told[1]) * _MAXRSS_BYTES, said)


def least(runs: Sequence[Spent]) -> Spent:
    """The least time of several runs, because whatever else the machine does only adds to it, and the most memory."""
    return Spent(min(run.seconds for run in runs), max(run.peak_bytes for run in runs), runs[-1].said)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Variables for a process that knows nothing of the machine it runs on."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TSMEM_CONFIG": str(folder / "config.toml"),
        **more,
    }


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> Iterator[str]:
    """Lines of a table to read: the first columns begin where their heads do, the others end there."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    for row in (head, ["-" * width for width in widths], *rows):
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
