"""Runs shell scripts that mount file systems, in a mount namespace. Skips the test where mounting is impossible."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Outcome, Processes
from tests.support.privileges import NOT_POSSIBLE


def run_with_mounts(process: Processes, folder: Path, script: str, **environ: str) -> Outcome:
    """Run a script in the folder, in which `$TSMEM` is the command line. The script exits with 77 if it cannot
    mount."""
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


def run_on_small_disk(process: Processes, folder: Path, kilobytes: int, script: str) -> Outcome:
    """Run a script in which the folder `disk` is a file system of this size. It also holds the store."""
    (folder / "disk").mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit {NOT_POSSIBLE}\n"
    return run_with_mounts(process, folder, mount + script, XDG_DATA_HOME=str(folder / "disk"))
