"""`python -m tests.bench [PART...] [--full]`: speed as ratios measured in one run. Absolute times mean little on a
shared machine, and nothing here is asserted.

All parts take some ten minutes. `--full` takes bulk to a million rows, and to 50,000 through the SDK: that takes an
hour or more, and a file system with 4 GB to spare.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable

from tests.bench import bulk, engine, search, server, start, wire
from tests.bench.engine import Ratio

RATIOS: dict[str, Callable[[], Iterable[Ratio]]] = {
    "start": start.run,
    "engine": engine.run,
    "wire": wire.run,
    "search": search.run,
    "server": server.run,
}
PARTS = (*RATIOS, "bulk")


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all, and print a line for each ratio, or tables."""
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
