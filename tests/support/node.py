"""The Node.js SDK: `node`, and a package `tablestore` that it finds (for example through NODE_PATH)."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any


@cache
def why_not() -> str | None:
    """Return why the SDK cannot be run here; None if it can."""
    if shutil.which("node") is None:
        return "there is no node"
    found = subprocess.run(["node", "-e", "require('tablestore')"], capture_output=True, check=False)
    return None if found.returncode == 0 else "node does not find the package tablestore; set NODE_PATH"


def run_script(script: Path, *arguments: str) -> Any:
    """Return the JSON that a script prints."""
    done = subprocess.run(["node", str(script), *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)
