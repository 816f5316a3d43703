"""Compares the start of tsmem with that of a two-command program on the same Typer, alternating in one run.

Both sides are whole processes, started the same way from byte-compiled files. What is compared is the lowest processor
time of many runs, because other processes on the machine only add to it.
"""

from __future__ import annotations

import compileall
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.engine import Ratio, create_store, messages
from tests.bench.processes import ROOT, Spent, best_of, environment, measure, measure_at_terminal, serve

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
OURS = (sys.executable, "-c", "import sys; from tsmem.__main__ import run; sys.exit(run())")
_COMPLETION = {"_TSMEM_COMPLETE": "complete_bash", "COMP_WORDS": "tsmem ses", "COMP_CWORD": "1"}
GET = ("session", "get", "ada", "trip-7")


def base(imports: str = "") -> list[str]:
    """Return the command that starts the Typer program, with additional imports."""
    return [sys.executable, "-c", imports + BASE, "one"]


def run() -> list[Ratio]:
    """Return processor time of tsmem commands / that of the Typer program."""
    with tempfile.TemporaryDirectory() as folder:
        compileall.compile_dir(str(ROOT / "tsmem"), quiet=2)
        environ = environment(Path(folder))
        for line in ("init-tables", "session put ada trip-7 -m topic=travel"):
            measure([*OURS, *line.split()], environ)
        cases: list[tuple[str, float, Sequence[str], Mapping[str, str], Callable[..., Spent]]] = [
            ("--help", 1.15, ["--help"], environ, measure),
            ("completion", 1.15, [], {**environ, **_COMPLETION}, measure),
            ("record as json", 1.5, [*GET, "-o", "json"], environ, measure),
            ("record as table", 2.1, GET, environ, measure_at_terminal),
            ("list as table", 2.1, ["session", "list"], environ, measure_at_terminal),
        ]
        ratios = []
        for title, budget, argv, variables, measured_by in cases:
            said = f"budget {budget}, against a two-command Typer program"
            ratios.append((f"start: {title}", ratio([*OURS, *argv], base(), variables, measured_by), said))
        create_store(Path(folder) / "served.db", messages(1))
        with serve(Path(folder)) as served:
            one = ratio([*OURS, "message", "list", "--limit", "1"], base("import tablestore\n"), served)
        said = "budget 1.1, against a two-command Typer program that imports the SDK"
        return [*ratios, ("start: one request to tsmem serve", one, said)]


def ratio(
    ours: Sequence[str],
    theirs: Sequence[str],
    environ: Mapping[str, str],
    measure: Callable[..., Spent] = measure,
) -> float:
    """Return the lowest processor time of one command / that of another. Their runs alternate."""
    pairs = [(measure(ours, environ), measure(theirs, environ)) for _ in range(RUNS)]
    return best_of([mine for mine, _ in pairs]).processor_s / best_of([other for _, other in pairs]).processor_s
