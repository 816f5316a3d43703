"""`python -m tests.bench [start] [engine] [wire] [search]`: speed as ratios measured in one run. Absolute times mean
little on a shared machine, and nothing here is asserted."""

from __future__ import annotations

import sys

from tests.bench import engine, search, start, wire

PARTS = {"start": start.run, "engine": engine.run, "wire": wire.run, "search": search.run}


def main(names: list[str]) -> int:
    """Run the parts that are named, or all, and print a line for each ratio."""
    unknown = set(names) - set(PARTS)
    if unknown:
        sys.stderr.write(f"there is no part {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}\n")
        return 2
    for part in names or PARTS:
        for name, ratio, explanation in PARTS[part]():
            sys.stdout.write(f"{ratio:6.2f}  {name:28} {explanation}\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
