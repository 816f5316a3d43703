"""Starting a command loads no slow module that it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "tablestore", "sqlite3", "rich", "http", "urllib3", "aiohttp", "asyncio", "numpy", "google", "ssl", "csv",
)  # fmt: skip

RUN = """
import sys
from tsmem.__main__ import run
from tsmem.cli.app.main import main

{code}
print("loaded:", " ".join(sorted(sys.modules)))
"""
SEARCH = ("tsmem.engine.search", "tsmem.engine.indexes.search", "tsmem.store.search")


def loaded_modules(code: str, tmp_path: Path, said: str | None = None) -> set[str]:
    """Run code in a new interpreter. Return the modules that are loaded afterwards, and check what the code prints."""
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(code=code)], capture_output=True, text=True, env=environ, check=True
    )
    output, _, names = done.stdout.rpartition("loaded: ")
    assert said is None or said == output.strip()
    return set(names.split())


def code_running(*lines: str) -> str:
    """Return code that runs these command lines, each of which must succeed."""
    return f"for line in {lines}:\n    assert main(line.split()) == 0"


def test_help_version_completion_and_imports_load_nothing_heavy(tmp_path: Path) -> None:
    lines = (
        "--help",
        "--version",
        "session --help",
        "session list --help",
        "import --help",
        "serve --help",
        "help times",
        "help message list",
        "completion bash",
    )
    code = f"import tsmem\ntsmem.Session, tsmem.MemoryStore\n{code_running(*lines)}"

    used = loaded_modules(code, tmp_path)
    assert set() == used & set(HEAVY)
    assert [] == [name for name in used if name.startswith(("tsmem.engine", "tsmem.server"))]


def test_showing_a_record_as_json_loads_neither_search_nor_rich(tmp_path: Path) -> None:
    loaded_modules(code_running("init-tables --no-search"), tmp_path)
    used = loaded_modules(
        code_running("session put u s -o json", "session get u s -o json", "session list --user u -o json"), tmp_path
    )

    assert "sqlite3" in used
    assert set() == used & (set(HEAVY) - {"sqlite3"})
    assert [] == [name for name in used if name.startswith(SEARCH)]
    assert "rich" not in loaded_modules(code_running("session list --user u -o csv"), tmp_path)


def test_completing_a_command_loads_neither_renderer_nor_store(tmp_path: Path) -> None:
    code = """
import os
os.environ.update(_TSMEM_COMPLETE="complete_bash", COMP_WORDS="tsmem ses", COMP_CWORD="1")
try:
    run()
except SystemExit:
    pass
"""
    used = loaded_modules(code, tmp_path, said="session")

    assert [] == [name for name in used if name.startswith(("tsmem.render", "tsmem.store"))]
