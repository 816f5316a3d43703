"""The README is the manual, so it runs: every shell block, in order, in one folder, on a store of its own.

The two commands at its top install from a package index, which a test may not reach: .ci/run runs them to the letter,
and that it does is what is tested here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.modules import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
INSTALL = [block for block in BLOCKS if "pip install" in block]
COMMANDS = [block for block in BLOCKS if "pip install" not in block]
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A newcomer's environment, with `tsmem` on the path."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "tsmem"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tsmem "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def test_the_readme_has_blocks() -> None:
    """There is something to run."""
    assert 2 == len(INSTALL)
    assert len(COMMANDS) >= 5
    assert PYTHON


def test_ci_runs_the_two_install_commands_to_the_letter() -> None:
    """What a newcomer is told to type is what is checked on every change."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for block in INSTALL:
        assert block.strip() in script


def test_every_shell_block_runs(environ: dict[str, str], tmp_path: Path) -> None:
    """Block after block in one folder, as a reader would type them; each must succeed."""
    for block in COMMANDS:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (0, block) == (done.returncode, block), done.stderr


def test_every_python_block_runs(environ: dict[str, str], tmp_path: Path) -> None:
    """The library's examples run on tables that were made."""
    subprocess.run(["tsmem", "init-tables"], env=environ, check=True, capture_output=True)
    for block in PYTHON:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert (0, "") == (done.returncode, done.stderr)
