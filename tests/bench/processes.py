"""Runs whole processes and measures their elapsed time, processor time and peak memory.

A small launcher process starts each one: the kernel counts the parent's memory at the time of the start toward a
child's peak, so starting them from a large benchmark process would hide the memory of a small program.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TSMEM = (sys.executable, "-m", "tsmem")

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
print(time.perf_counter() - started_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss,
      os.waitstatus_to_exitcode(status))
"""
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024


class Spent(NamedTuple):
    """The time and memory that one process used."""

    seconds: float
    """Elapsed time from start to end."""
    processor_s: float
    peak_bytes: int
    """The largest resident memory during the run."""


def measure(command: Sequence[str], environ: Mapping[str, str], out: str = os.devnull) -> Spent:
    """Run a command to its end, with its stdout to a file. Raises RuntimeError if it fails."""
    err = Path(environ["HOME"]) / "stderr.txt"
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, out, str(err), *command]
    told = subprocess.run(launcher, env=dict(environ), check=True, capture_output=True, text=True).stdout.split()
    if int(told[3]):
        raise RuntimeError(f"{' '.join(command)} ended with {told[3]}: {err.read_text(errors='replace')[-2000:]}")
    return Spent(float(told[0]), float(told[1]), int(told[2]) * _MAXRSS_BYTES)


def measure_at_terminal(command: Sequence[str], environ: Mapping[str, str]) -> Spent:
    """Run a command to its end, with its stdout to a terminal. Raises RuntimeError if it fails."""
    ours, theirs = pty.openpty()
    try:
        return measure(command, environ, os.ttyname(theirs))
    finally:
        os.close(ours)
        os.close(theirs)


def best_of(runs: Sequence[Spent]) -> Spent:
    """Return the shortest times of several runs, because other processes only add to them, and the highest memory."""
    return Spent(
        min(run.seconds for run in runs), min(run.processor_s for run in runs), max(run.peak_bytes for run in runs)
    )


def environment(folder: Path) -> dict[str, str]:
    """Return a clean environment whose home is the folder."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
    }


@contextmanager
def serve(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """Run `tsmem serve` on the file served.db of a folder. Yield the environment for clients of it."""
    environ = {
        **environment(folder),
        "TABLESTORE_INSTANCE_NAME": "bench",
        "TABLESTORE_ACCESS_KEY_ID": "bench",
        "TABLESTORE_ACCESS_KEY_SECRET": "tsmem",
    }
    command = [*TSMEM, "serve", "--port", "0", "--path", str(folder / "served.db"), *options]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        endpoint = process.stdout.readline().removeprefix("endpoint:").strip()
        yield {**environ, "TABLESTORE_ENDPOINT": endpoint}
    finally:
        process.terminate()
        process.communicate()
