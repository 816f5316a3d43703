"""What a start costs, against a two-command Typer program of the same Typer, run in turn in one go.

Its one rule: both sides are whole processes started the same way, from byte-compiled files, and what is compared is the
processor time that the operating system accounts to each: the least of many runs in turn, because whatever else the
machine does only ever adds to it.
"""

from __future__ import annotations

import compileall
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNS = 25

BASE = """\
import typer

app = typer.Typer()


@app.command()
def one(name: str = "x") -> None:
    print(name)


@app.command()
def two(name: str = "x") -> None:
    print(name)


app()
"""
SCRIPT = """\
import sys

from tsmem.__main__ import run

sys.exit(run())
"""


def run(runs: int = RUNS) -> list[tuple[str, float, str]]:
    """Ratios (name, ratio, explanation): processor time of a tsmem command over that of the Typer program."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "base.py").write_text(BASE, encoding="utf-8")
        (folder / "tsmem_script.py").write_text(SCRIPT, encoding="utf-8")
        compileall.compile_dir(str(ROOT / "tsmem"), quiet=2)
        environ = _environment(folder)
        script = [sys.executable, str(folder / "tsmem_script.py")]
        base = [sys.executable, str(folder / "base.py"), "one"]
        for argv in (["init-tables"], ["session", "put", "ada", "trip-7", "-m", "topic=travel"]):
            subprocess.run([*script, *argv], env=environ, check=True, capture_output=True)
        cases: list[tuple[str, float, list[str], Mapping[str, str], bool]] = [
            ("--help", 1.15, ["--help"], environ, False),
            ("--version", 1.15, ["--version"], environ, False),
            ("completion", 1.15, [], {**environ, **_COMPLETION}, False),
            ("record as json", 1.5, ["session", "get", "ada", "trip-7", "-o", "json"], environ, False),
            ("record as table", 2.1, ["session", "get", "ada", "trip-7"], environ, True),
            ("list as table", 2.1, ["session", "list"], environ, True),
        ]
        results = []
        for title, budget, argv, variables, terminal in cases:
            ratio = _ratio([*script, *argv], base, variables, terminal, runs)
            results.append((f"start: {title}", ratio, f"budget {budget}, against a two-command Typer program"))
        return results


_COMPLETION = {"_TSMEM_COMPLETE": "complete_bash", "COMP_WORDS": "tsmem ses", "COMP_CWORD": "1"}


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
    }


def _ratio(ours: Sequence[str], base: Sequence[str], environ: Mapping[str, str], terminal: bool, runs: int) -> float:
    for command in (ours, base):
        _seconds(command, environ, terminal)
    pairs = [(_seconds(ours, environ, terminal), _seconds(base, environ, terminal)) for _ in range(runs)]
    return min(mine for mine, _ in pairs) / min(theirs for _, theirs in pairs)


def _seconds(command: Sequence[str], environ: Mapping[str, str], terminal: bool) -> float:
    """Processor seconds of one process, user and system. Raises when it failed."""
    master = slave = None
    out: int = subprocess.DEVNULL
    if terminal:
        master, slave = pty.openpty()
        out = slave
    try:
        process = subprocess.Popen(command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        for descriptor in (master, slave):
            if descriptor is not None:
                os.close(descriptor)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime
