"""Measures a TableStore profile against `tsmem serve`: a start compared with importing the SDK, and a listing
compared with a bare loop of the SDK over the same rows.

Both sides are whole processes that talk to the same server, and they alternate. Starts are compared by processor time.
Listings are compared by elapsed time, because they wait for the server, and by processor time.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.bench.engine import Ratio, create_store, messages
from tests.bench.processes import best_of, measure, serve
from tests.bench.start import OURS, base, ratio

ROWS = 50_000
STARTS = 15
ROUNDS = 5


def run() -> list[Ratio]:
    """Return tsmem's time / the time of the bare SDK."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = [*OURS, "message", "list", "-o"]
        create_store(folder / "served.db", messages(ROWS))
        loop = [sys.executable, "-m", "tests.bench.bulk_loop", "list", "-"]
        with serve(folder) as environ:
            start = ratio([*ours, "table", "--limit", "1"], base("import tablestore\n"), environ, runs=STARTS)
            pairs = [(measure([*ours, "jsonl"], environ), measure(loop, environ)) for _ in range(ROUNDS)]
    mine, bare = (best_of([pair[side] for pair in pairs]) for side in (0, 1))
    rates = f"{ROWS / mine.seconds:,.0f} rows/s against {ROWS / bare.seconds:,.0f} of a bare SDK loop, start included"
    return [
        ("start: one request", start, "budget 1.1, against a two-command Typer program that imports the SDK"),
        ("wire: list 50,000, time", mine.seconds / bare.seconds, rates),
        ("wire: list 50,000, processor", mine.processor_s / bare.processor_s, "the client's own processor time"),
    ]
