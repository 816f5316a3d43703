"""What a start loads: measured in a process of its own, because a slow start is paid by every command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "tablestore",
    "sqlite3",
    "rich",
    "http",
    "urllib3",
    "aiohttp",
    "asyncio",
    "numpy",
    "google",
    "ssl",
    "csv",
)

SHOW = """
import sys
{code}
print("loaded:", " ".join(sorted(sys.modules)))
"""

RUN = "from tsmem.cli.app.main import main; main({argv!r})"


def loaded(code: str, tmp_path: Path) -> set[str]:
    """The modules that are there after some code ran in a fresh interpreter."""
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", SHOW.format(code=code)], capture_output=True, text=True, env=environ, check=True
    )
    return set(done.stdout.rpartition("loaded: ")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import tsmem",
        "import tsmem; tsmem.Session, tsmem.MemoryStore",
        RUN.format(argv=["--help"]),
        RUN.format(argv=["--version"]),
        RUN.format(argv=["session", "--help"]),
        RUN.format(argv=["session", "list", "--help"]),
        RUN.format(argv=["import", "--help"]),
        RUN.format(argv=["help", "times"]),
        RUN.format(argv=["help", "message", "list"]),
        RUN.format(argv=["completion", "bash"]),
    ],
)
def test_help_and_imports_load_nothing_heavy(code: str, tmp_path: Path) -> None:
    """Importing tsmem, help, version and the completion script load no SDK, no SQLite, no HTTP and no rich."""
    assert set() == loaded(code, tmp_path) & set(HEAVY)


def test_a_record_as_json_loads_no_sdk_and_no_rich(tmp_path: Path) -> None:
    """One record from the embedded store needs SQLite and nothing else that is heavy."""
    make = "from tsmem.cli.app.main import main; main(['init-tables']); main(['session', 'put', 'u', 's']); "
    loaded(make, tmp_path)
    used = loaded(RUN.format(argv=["session", "get", "u", "s", "-o", "json"]), tmp_path)

    assert "sqlite3" in used
    assert set() == used & (set(HEAVY) - {"sqlite3"})


SEARCH = ("tsmem.engine.search", "tsmem.engine.indexes.search", "tsmem.engine.indexes.trigrams", "tsmem.store.search")


def test_who_does_not_search_loads_no_search(tmp_path: Path) -> None:
    loaded(RUN.format(argv=["init-tables", "--no-search"]), tmp_path)
    runs = [["session", "put", "u", "s"], ["session", "list", "--user", "u"]]
    used = loaded(f"from tsmem.cli.app.main import main; assert [0, 0] == [main(argv) for argv in {runs}]", tmp_path)

    assert [] == [name for name in used if name.startswith(SEARCH)]


COMPLETE = """
import os, sys
os.environ.update(_TSMEM_COMPLETE="complete_bash", COMP_WORDS="tsmem ses", COMP_CWORD="1")
from tsmem.__main__ import run
try:
    run()
finally:
    print("loaded:", " ".join(sorted(sys.modules)))
"""


def test_completing_a_command_loads_neither_renderer_nor_store(tmp_path: Path) -> None:
    """A shell that completes the name of a command waits for what knows the names, and for nothing else."""
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", COMPLETE], capture_output=True, text=True, env=environ, check=False)
    offered, _, names = done.stdout.partition("loaded: ")

    assert "session" == offered.strip()
    assert [] == [name for name in names.split() if name.startswith(("tsmem.render", "tsmem.store"))]
