"""The Node.js SDK's search against our server; skipped where node does not find its SDK (see test_node.py)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.serving import Served
from tests.wire.said import BY_KEY, LACKING, MISTYPED, ROWS, columns, fill
from tests.wire.test_node import REASON

SCRIPT = Path(__file__).with_name("node_search.js")
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")

FOUND = {
    "all": set(range(ROWS)), "match": {17, 18}, "phrase": {4, *range(40, 50)}, "term": {3}, "terms": {3, 4},
    "range": {10, 11}, "prefix": set(range(40, 50)), "wildcard": {9, 19, 29, 39, 49},
    "exists": set(range(ROWS)) - {MISTYPED, LACKING}, "bool": {10, 12, 14, 16, 18},
}  # fmt: skip


def test_node_searches(served: Served) -> None:
    """Every query, counted, with a hit a row; pages by token; a parallel scan; scores, columns and an error."""
    fill(served)
    done = subprocess.run(["node", SCRIPT, served.endpoint], capture_output=True, text=True, timeout=60, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    found = {
        name: {"rows": [n for n in BY_KEY if n in wanted], "total": len(wanted), "hits": len(wanted)}
        for name, wanted in FOUND.items()
    }
    expected = {
        "found": found, "pages": {"found": list(reversed(range(ROWS))), "count": 8}, "scan": [35, 15, 0],
        "scores": [True, True], "uncounted": True, "columns": list(columns(17)),
    }  # fmt: skip
    said = json.loads(done.stdout)

    assert "field: none does not exist" in said.pop("refused")
    assert expected == said
