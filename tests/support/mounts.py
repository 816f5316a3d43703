"""Shell scripts that mount file systems, in a namespace of their own; skipped where that is not possible."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Processes
from tests.support.privileges import NOT_POSSIBLE


def mounting(process: Processes, folder: Path, script: str, **environ: str) -> Outcome:
    """Run a script in the folder, with `$TSMEM` as the command line. It ends with 77 where nothing can be mounted."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed")
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", "sh", "-c", script],
        env={**process.environ, "TSMEM": " ".join(process.argv()), **environ},
        cwd=folder,
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode == NOT_POSSIBLE or b"unshare:" in done.stderr:
        pytest.skip("nothing can be mounted here")
    return Outcome(done.returncode, done.stdout, done.stderr.decode())


def on_small_disk(process: Processes, folder: Path, kilobytes: int, script: str) -> Outcome:
    """Run a script whose folder `disk` is a file system of that size, which also holds the store."""
    (folder / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit {NOT_POSSIBLE}\n"
    return mounting(process, folder, mount + script, XDG_DATA_HOME=str(folder / "disk"))
