"""Runs the benchmarks: `python -m tests.bench [PART...] [--full]`.

Results are ratios of two times measured in one run, because absolute times mean little on a shared machine. Nothing is
asserted. All parts together take about ten minutes. With `--full`, `bulk` moves up to a million rows, or 50,000 through
the SDK, which takes an hour or more and 4 GB of disk space.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from tests.bench import bulk, engine, search, server, start
from tests.bench.engine import Ratio

RATIOS: dict[str, Callable[[], Iterable[Ratio]]] = {
    "start": start.run,
    "engine": engine.run,
    "search": search.run,
    "server": server.run,
}
PARTS = (*RATIOS, "bulk")


def main(arguments: list[str]) -> int:
    """Run the named parts, by default all, and print a line for each ratio, or the tables of `bulk`."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", allow_abbrev=False)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--full", action="store_true", help="bulk moves of a million rows too")
    given = parser.parse_args(arguments)
    for part in given.parts or PARTS:
        if part == "bulk":
            lines: Iterable[str] = bulk.run(full=given.full)
        else:
            lines = (f"{ratio:6.2f}  {name:28} {explanation}" for name, ratio, explanation in RATIOS[part]())
        for line in lines:
            print(line, flush=True)  # noqa: T201 - for the person who runs it
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
