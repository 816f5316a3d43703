"""Runs scripts with the Node.js SDK: needs `node` and a package `tablestore` that it finds, for example by
NODE_PATH."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any


@cache
def missing_node_sdk() -> str | None:
    """Return what is missing to run the SDK here, or None."""
    if shutil.which("node") is None:
        return "there is no node"
    found = subprocess.run(["node", "-e", "require('tablestore')"], capture_output=True, check=False)
    return None if found.returncode == 0 else "node does not find the package tablestore; set NODE_PATH"


def run_script(script: Path, *arguments: str) -> Any:
    """Run a script and return the JSON that it prints."""
    done = subprocess.run(["node", str(script), *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)
