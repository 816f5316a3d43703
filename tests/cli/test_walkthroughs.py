"""The first ten minutes of a new user, typed into a real shell: each documented command prints what the transcript
shows.

`TSMEM_UPDATE_GOLDEN=1 pytest tests/cli/test_walkthroughs.py` writes the transcripts again. Review the difference before
you commit it.
"""

from __future__ import annotations

import os
import sys
from difflib import unified_diff
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT
from tests.support.walkthrough import run_walkthrough

WALKTHROUGHS = Path(__file__).parent / "walkthroughs"
NEEDS_HATCHLING = pytest.mark.skipif(
    find_spec("hatchling") is None, reason="hatchling, which the wheel is built with, comes with the extra `test`"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new user's home directory, with a clone of the repository."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "tsmem").symlink_to(ROOT)
    return folder


@pytest.fixture
def environ(tmp_path: Path, home: Path) -> dict[str, str]:
    """The user's environment. Dependencies are on the path, because no package index is reached; tsmem is not."""
    index, programs = tmp_path / "index", tmp_path / "bin"
    index.mkdir()
    for entry in (entry for path in sys.path if path.endswith("-packages") for entry in Path(path).iterdir()):
        if not entry.name.startswith(("tsmem", "_tsmem", "__editable__", "pip")) and not (index / entry.name).exists():
            (index / entry.name).symlink_to(entry)
    programs.mkdir()
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    (programs / "python3").chmod(0o755)
    return {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": str(index),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's spelling of "do not isolate"
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "PAGER": "cat",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }


def compare(name: str, home: Path, environ: dict[str, str]) -> None:
    path = WALKTHROUGHS / name
    text = path.read_text(encoding="utf-8")
    told = run_walkthrough(text, home, environ)
    if os.environ.get("TSMEM_UPDATE_GOLDEN"):
        path.write_text(told, encoding="utf-8")
    assert "" == "\n".join(unified_diff(text.splitlines(), told.splitlines(), name, "what happened", lineterm=""))


@pytest.mark.slow
@NEEDS_HATCHLING
def test_the_first_ten_minutes_print_what_the_transcript_shows(home: Path, environ: dict[str, str]) -> None:
    compare("first-ten-minutes.txt", home, environ)


def test_a_changed_line_of_the_transcript_fails_the_comparison(home: Path, environ: dict[str, str]) -> None:
    told = run_walkthrough("A.\n\n  $ echo a; echo b >&2; (exit 3)\n    $ c\n  $ printf x\n\nB.\n", home, environ)
    assert told == "A.\n\n  $ echo a; echo b >&2; (exit 3)\n    a\n    b\n    [3]\n  $ printf x\n    x\n\nB.\n"
