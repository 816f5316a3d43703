"""A TableStore profile, talking to `tsmem serve`: what a start costs beside importing the SDK, and what a listing costs
beside a bare loop of the SDK over the same rows.

Its one rule: both sides are whole processes that talk to the same server, run in turn. A start is compared by processor
time, the least of many runs; a listing by the time that passes, because it waits for the server, and by its own
processor time beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.start import BASE, ROOT, SCRIPT
from tests.contract.backends import MESSAGE
from tsmem.clock import SystemClock
from tsmem.engine import Engine
from tsmem.rows import Put

ROWS = 50_000
RUNS = 15
ROUNDS = 5

SDK_BASE = BASE.replace("import typer\n", "import typer\nimport tablestore\n", 1)

SDK_LOOP = """\
import json
import os
import sys

import tablestore

client = tablestore.OTSClient(os.environ["TABLESTORE_ENDPOINT"], os.environ["TABLESTORE_ACCESS_KEY_ID"],
                              os.environ["TABLESTORE_ACCESS_KEY_SECRET"], os.environ["TABLESTORE_INSTANCE_NAME"])
names = ("session_id", "create_time", "message_id")
start = [(name, tablestore.INF_MIN) for name in names]
end = [(name, tablestore.INF_MAX) for name in names]
while start:
    _, start, rows, _ = client.get_range("message", "FORWARD", start, end, max_version=1)
    for row in rows:
        record = dict(row.primary_key)
        record.update((name, value) for name, value, _ in row.attribute_columns)
        sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\\n")
"""


def run(runs: int = RUNS) -> list[tuple[str, float, str]]:
    """Ratios (name, ratio, explanation) over the SDK alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (("base.py", SDK_BASE), ("loop.py", SDK_LOOP), ("tsmem_script.py", SCRIPT)):
            (folder / file).write_text(text, encoding="utf-8")
        _fill(folder / "memory.db")
        with _server(folder) as environ:
            return [*_starts(folder, environ, runs), *_listings(folder, environ)]


def _fill(path: Path) -> None:
    engine = Engine(path, SystemClock())
    engine.create_table(MESSAGE)
    for first in range(0, ROWS, 200):
        puts = [
            Put(MESSAGE.ref, (f"session-{n // 50:06d}", 1_760_000_000_000_000 + n, f"m{n:08d}"),
                {"role": "user" if n % 2 else "assistant", "content": f"message {n}: " + "what was said " * 12,
                 "score": n / 7, "turn": n})
            for n in range(first, first + 200)
        ]  # fmt: skip
        engine.write_rows(puts)
    engine.close()


@contextmanager
def _server(folder: Path) -> Iterator[dict[str, str]]:
    """`tsmem serve` in a process of its own, and the environment that reaches it."""
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8",
        "TABLESTORE_INSTANCE_NAME": "bench", "TABLESTORE_ACCESS_KEY_ID": "bench",
        "TABLESTORE_ACCESS_KEY_SECRET": "tsmem",
    }  # fmt: skip
    command = [sys.executable, "-m", "tsmem", "serve", "--port", "0", "--path", str(folder / "memory.db")]
    process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        environ["TABLESTORE_ENDPOINT"] = process.stdout.readline().removeprefix("endpoint:").strip()
        yield environ
    finally:
        process.terminate()
        process.communicate()


def _starts(folder: Path, environ: Mapping[str, str], runs: int) -> list[tuple[str, float, str]]:
    ours = [sys.executable, str(folder / "tsmem_script.py"), "message", "list", "--limit", "1", "-o"]
    base = [sys.executable, str(folder / "base.py"), "one"]
    results = []
    for output in ("json", "table"):
        pairs = [(_spent([*ours, output], environ)[1], _spent(base, environ)[1]) for _ in range(runs)]
        ratio = min(mine for mine, _ in pairs) / min(theirs for _, theirs in pairs)
        what = "budget 1.1, against a two-command Typer program that imports the SDK"
        results.append((f"start: one request, {output}", ratio, what))
    return results


def _listings(folder: Path, environ: Mapping[str, str]) -> list[tuple[str, float, str]]:
    ours = [sys.executable, str(folder / "tsmem_script.py"), "message", "list", "-o", "jsonl"]
    base = [sys.executable, str(folder / "loop.py")]
    pairs = [(_spent(ours, environ), _spent(base, environ)) for _ in range(ROUNDS)]
    passed = [min(pair[side][0] for pair in pairs) for side in (0, 1)]
    worked = [min(pair[side][1] for pair in pairs) for side in (0, 1)]
    rates = f"{ROWS / passed[0]:,.0f} rows/s against {ROWS / passed[1]:,.0f} of a bare SDK loop"
    return [
        ("wire: list 50,000, time", passed[0] / passed[1], f"{rates}, start included"),
        ("wire: list 50,000, processor", worked[0] / worked[1], "the client's own processor time"),
    ]


def _spent(command: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    """Seconds that passed, and processor seconds of the process. Raises when it failed."""
    started_s = time.perf_counter()
    process = subprocess.Popen(
        command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - started_s, usage.ru_utime + usage.ru_stime
