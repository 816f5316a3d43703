"""The README is the manual, so it runs: every shell block, in order, in one folder, on a store of its own.

The two commands at its top install from a package index, which a test may not reach: .ci/run runs them to the letter,
and that it does is what is tested here.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.house.modules import README, ROOT
from tests.support.node import why_not
from tests.support.server_in_process import serving
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.store import MemoryStore

BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
INSTALL = [block for block in BLOCKS if "pip install" in block]
COMMANDS = [block for block in BLOCKS if "pip install" not in block]
ENDPOINT = "http://127.0.0.1:8087"
"""Where the README's programs expect a server."""
_PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [block for block in _PYTHON if ENDPOINT not in block]
SDK_PYTHON = [block for block in _PYTHON if ENDPOINT in block]
SDK_NODE = re.findall(r"^```js\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


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


def test_ci_runs_the_two_install_commands_to_the_letter() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert [True, True] == [block.strip() in script for block in INSTALL]


def test_every_plain_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cli = Cli(tmp_path)
    for block in (block for block in COMMANDS if "tsmem serve" not in block):
        for name, text in re.findall(r"^cat > (\S+) <<'EOF'\n(.*?)^EOF$", block, re.MULTILINE | re.DOTALL):
            Path(name).write_text(text, encoding="utf-8")
        for line in re.findall(r"^tsmem (.*)$", block, re.MULTILINE):
            words = shlex.split(line)
            if not {"|", ">"} & set(words) and "$" not in line:
                assert (0, line) == (cli(*words).code, line)


@pytest.mark.slow
def test_every_shell_block_runs(environ: dict[str, str], tmp_path: Path) -> None:
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
    assert PYTHON
    code = "import sys\nfor block in sys.argv[1:]:\n    exec(block, {})"
    path = tmp_path / ".local" / "share" / "tsmem" / "memory.db"
    path.parent.mkdir(parents=True)
    with MemoryStore(LocalClient(path, SystemClock())) as store:
        store.tables.apply()
    done = subprocess.run(
        [sys.executable, "-c", code, *PYTHON], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_the_sdks_programs_run(environ: dict[str, str], tmp_path: Path) -> None:
    with serving(tmp_path / "served.db") as served:
        with MemoryStore(LocalClient(tmp_path / "served.db", SystemClock())) as store:
            store.tables.apply()
        commands = [[sys.executable, "-W", "ignore", "-c", block] for block in SDK_PYTHON]
        if why_not() is None:
            environ["NODE_PATH"] = os.environ.get("NODE_PATH", "")
            commands += [["node", "-e", block] for block in SDK_NODE]
        for command in commands:
            command[-1] = command[-1].replace(ENDPOINT, served.endpoint)
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
            assert 0 == done.returncode, done.stderr

    assert {"PutRow", "GetRow"} <= set(served.actions())
