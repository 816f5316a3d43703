"""`python -m tests.bench [PART...] [--full] [--rounds N]`: speed as ratios measured in one run. Absolute times mean
little on a shared machine, and nothing here is asserted.

The parts are start, engine, wire, search, bulk-local and bulk-wire; a name stands for all parts that begin with it, so
`bulk` is both of the last, and takes some ten minutes. `--full` takes them to a million rows, and to 50,000 through the
SDK: that takes an hour or more, and a file system with 4 GB to spare.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from tests.bench import bulk_local, bulk_wire, engine, search, start, wire

RATIOS: dict[str, Callable[[], Sequence[tuple[str, float, str]]]] = {
    "start": start.run,
    "engine": engine.run,
    "wire": wire.run,
    "search": search.run,
}
TABLES = {"bulk-local": bulk_local.run, "bulk-wire": bulk_wire.run}
PARTS = (*RATIOS, *TABLES)


def main(arguments: list[str]) -> int:
    """Run the parts that are named, or all, and print a line for each ratio, or tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", allow_abbrev=False)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; bulk is both bulk parts")
    parser.add_argument("--full", action="store_true", help="bulk moves of a million rows too")
    parser.add_argument("--rounds", type=int, default=2, help="how often each bulk move is run: 2 by default")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error("--rounds is 1 at least")
    for name in given.parts:
        if not any(part.startswith(name) for part in PARTS):
            parser.error(f"there is no part {name}; the parts are {', '.join(PARTS)}")
    for part in PARTS:
        if not given.parts or any(part.startswith(name) for name in given.parts):
            for line in _lines(part, full=given.full, rounds=given.rounds):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    return 0


def _lines(part: str, *, full: bool, rounds: int) -> Iterator[str]:
    if part in TABLES:
        yield from TABLES[part](full=full, rounds=rounds)
        yield ""
        return
    for name, ratio, explanation in RATIOS[part]():
        yield f"{ratio:6.2f}  {name:28} {explanation}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
