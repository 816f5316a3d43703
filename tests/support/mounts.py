"""Runs shell scripts that mount file systems, in a mount namespace. Skips the test where mounting is impossible."""

from __future__ import annotations

import shutil

import pytest

from tests.cli.conftest import Outcome, Processes
from tests.support.privileges import NOT_POSSIBLE


def run_with_mounts(process: Processes, script: str, **environ: str) -> Outcome:
    """Run a script in which `$TSMEM` is the command line. The script exits with 77 if it cannot mount."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("unshare is not installed")
    outcome = process.shell(script, unshare, "--map-root-user", "--mount", **environ)
    if outcome.code == NOT_POSSIBLE or "unshare:" in outcome.err:
        pytest.skip("nothing can be mounted here")
    return outcome


def run_on_small_disk(process: Processes, kilobytes: int, script: str) -> Outcome:
    """Run a script in which the folder `disk` is a file system of this size. It also holds the store."""
    disk = process.folder / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs disk || exit {NOT_POSSIBLE}\n"
    return run_with_mounts(process, mount + script, XDG_DATA_HOME=str(disk))
