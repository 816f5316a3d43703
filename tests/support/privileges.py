"""Processes with fewer rights, and files of other users, for tests that also run as root."""

from __future__ import annotations

import ctypes
import os
import resource
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, Outcome, Processes

OTHER_USER = 65534
"""The id of a user (and group) that is neither root nor the one that runs the tests."""
CAP_CHOWN, CAP_DAC_OVERRIDE = 0, 1
NOT_POSSIBLE = 77
"""Exit code of a process that could not be set up as the test needs it."""
_PR_CAPBSET_DROP = 24
UNKNOWN_USER = 54321
"""The id of a user that no machine has."""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving files to another user takes root")


def drop_capabilities(*capabilities: int) -> Callable[[], None]:
    """Return a function that takes these capabilities from root. It is to be called in a new process."""

    def drop() -> None:
        for capability in capabilities:
            if os.geteuid() == 0 and ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                os._exit(NOT_POSSIBLE)

    return drop


obey_file_modes = drop_capabilities(CAP_DAC_OVERRIDE)
"""Called in a new process: from then on root, too, can write only what file modes allow."""


def skip_unless_possible(outcome: Outcome) -> Outcome:
    if outcome.code == NOT_POSSIBLE:
        pytest.skip("root's rights could not be dropped")
    return outcome


def limit_file_size(size: int) -> Callable[[], None]:
    """Return a function that limits the size of files. It is to be called in a new process."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def permission_bits(path: Path) -> int:
    """Return the permission bits; for a symbolic link, those of the link."""
    return stat.S_IMODE(path.lstat().st_mode)


def give_to_another_user(path: Path) -> None:
    os.lchown(path, OTHER_USER, OTHER_USER)


def run_as_unknown_user(*argv: str, environ: Mapping[str, str] | None = None, **options: Any) -> Outcome:
    """Run the command line as a user that the system does not know, in an empty folder."""
    variables = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", **(environ or {})}
    user: dict[str, Any] = {"user": UNKNOWN_USER, "group": UNKNOWN_USER, "extra_groups": []}
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        try:
            done = subprocess.run(
                Processes.argv(*argv), env=variables, cwd=name, capture_output=True, check=False, **user, **options
            )
        except PermissionError:
            pytest.skip("another user cannot run this Python")
    if b"No module named" in done.stderr:
        pytest.skip("another user cannot read this Python's modules")
    return Outcome(done.returncode, done.stdout, done.stderr.decode())
