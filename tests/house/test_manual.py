"""The examples of the README and of the manual's pages run, each page in a folder of its own, and its lists are
complete.

The examples use the conversations that the page `first-steps` creates. The two install commands of the README need a
package index, which tests must not use; .ci/run runs them as they are.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.house.modules import PACKAGE, README, ROOT
from tests.support.node import missing_node_sdk
from tests.support.server_in_process import environ, serving
from tsmem.adapters.local import LocalClient
from tsmem.cli.app.command_tree import MEANINGS, exit_code
from tsmem.cli.app.help import TOPICS, topic_page
from tsmem.clock import SystemClock
from tsmem.errors import TsmemError
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.documents import export_line

MANUAL = {topic: topic_page(topic) for topic in TOPICS}
TEXTS = {"README": README, **MANUAL}
ENDPOINT = "http://127.0.0.1:8087"
"""The endpoint in the programs of the manual."""


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a page in this language."""
    return [str(block) for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


SHELL = {name: [block for block in blocks(text, "sh") if "pip install" not in block] for name, text in TEXTS.items()}
PAGES = [name for name in SHELL if SHELL[name] and name != "first-steps"]


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a newcomer, with `tsmem` on the path."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    script = bin_folder / "tsmem"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tsmem "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return {
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }


def test_help_topics_and_the_readme_list_every_manual_page() -> None:
    assert {path.stem for path in (PACKAGE / "manual").glob("*.md")} == set(TOPICS)
    assert re.findall(r"^\| \[(.+?)\]\(tsmem/manual/\1\.md\)", README, re.MULTILINE) == list(TOPICS)


def test_ci_runs_the_two_install_commands_to_the_letter() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert all(block.strip() in script for block in blocks(README, "sh") if "pip install" in block)


@pytest.fixture(scope="module")
def first_steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the examples of the page `first-steps` have run."""
    folder = tmp_path_factory.mktemp("first-steps")
    run_plain_commands(folder, SHELL["first-steps"])
    return folder


def run_plain_commands(folder: Path, shell_blocks: list[str]) -> None:
    """Run the commands that need neither a shell nor a server, line by line, in this process."""
    cli = Cli(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in shell_blocks:
            for name, text in re.findall(r"^cat > (\S+) <<'EOF'\n(.*?)^EOF$", block, re.MULTILINE | re.DOTALL):
                Path(name).write_text(text, encoding="utf-8")
            for line in re.findall(r"^tsmem (.*)$", block, re.MULTILINE):
                if not set("|>$&") & set(line) and not line.startswith("-p env"):
                    assert (0, line) == (cli(*shlex.split(line)).code, line)


@pytest.mark.parametrize("name", PAGES)
def test_every_simple_command_of_the_manual_runs(name: str, first_steps: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    if name == "README":
        folder.mkdir()
    else:
        shutil.copytree(first_steps, folder)
    run_plain_commands(folder, SHELL[name])


@pytest.mark.slow
def test_every_shell_block_of_the_manual_runs(tmp_path: Path) -> None:
    """The blocks run in bash as a reader would type them, in order, after those of `first-steps`."""
    (tmp_path / "first-steps").mkdir()
    run_shell(tmp_path / "first-steps", SHELL["first-steps"])
    shutil.rmtree(tmp_path / "first-steps" / "bin")
    for name in PAGES:
        if name == "README":
            (tmp_path / name).mkdir()
        else:
            shutil.copytree(tmp_path / "first-steps", tmp_path / name)
        run_shell(tmp_path / name, SHELL[name])


def run_shell(folder: Path, shell_blocks: list[str]) -> None:
    variables = environment(folder)
    for block in shell_blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (0, block) == (done.returncode, block), done.stderr


@pytest.mark.parametrize("name", ["README", "library"])
def test_every_python_block_of_the_manual_runs(name: str, tmp_path: Path) -> None:
    """All blocks of a page run in one process, on a store with empty tables."""
    path = tmp_path / ".local" / "share" / "tsmem" / "memory.db"
    path.parent.mkdir(parents=True)
    with MemoryStore(LocalClient(path, SystemClock())) as store:
        store.tables.apply()
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(blocks(TEXTS[name], "python"))],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_the_sdk_programs_of_the_manual_run(tmp_path: Path) -> None:
    """The Python program runs, and the Node.js program if node finds its SDK, against a server with empty tables.
    Each writes a row and reads it."""
    variables = environment(tmp_path)
    with serving(tmp_path / "served.db") as served:
        with MemoryStore(LocalClient(tmp_path / "served.db", SystemClock())) as store:
            store.tables.apply()
        commands = [[sys.executable, "-W", "ignore", "-c", block] for block in blocks(MANUAL["serving"], "python")]
        if missing_node_sdk() is None:
            variables["NODE_PATH"] = os.environ.get("NODE_PATH", "")
            commands += [["node", "-e", block] for block in blocks(MANUAL["serving"], "js")]
        for command in commands:
            command[-1] = command[-1].replace(ENDPOINT, served.endpoint)
            done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
            assert 0 == done.returncode, done.stderr

    assert {"PutRow", "GetRow"} <= set(served.actions())


def test_the_exit_codes_page_lists_every_exit_code() -> None:
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", MANUAL["exit-codes"], re.MULTILINE)]
    assert listed == list(MEANINGS)
    kinds = [TsmemError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {exit_code(kind.__new__(kind)) for kind in kinds} <= set(listed)


def test_the_permissions_page_lists_exactly_the_needed_actions(tmp_path: Path) -> None:
    """The row of each kind of command lists every action that it sends, and no action that none of them sends."""
    rows = re.findall(r"^\| (\w+)[^|]* \| (the actions[^`]*)?(`ots:.*`) \|$", MANUAL["permissions"], re.MULTILINE)
    listed = {kind: set(re.findall(r"`ots:(\w+)`", actions)) for kind, _, actions in rows}
    assert set(listed) == {"read", "write", "check", "create", "drop"}
    reading = [
        "session get ada s",
        "session recent --user ada",
        "session recent",
        "session search trip",
        "message list",
        "message get s m",
        "message search hello",
        "show s --user ada",
        "message tail s",
        "export",
        "stats",
        "fields",
    ]
    writing = [
        "session put ada s",
        "session update ada s --touch",
        "message put s m --content hello --touch ada",
        "message update s m --role user",
        "message delete s m",
        "session delete ada s --with-messages",
        "import",
        "session purge --everyone --with-messages --yes",
    ]
    items: list[Session | Message] = [Session("ada", "s"), *(Message("s", str(number), number) for number in range(3))]
    with serving(tmp_path / "served.db") as served:
        cli = Cli(tmp_path)
        cli.environ.update(environ(served.endpoint, HOME=str(tmp_path)))
        sent: dict[str, set[str]] = {}
        for kind, lines in {
            "create": ["init-tables --wait 10", "doctor --fix"],
            "check": ["init-tables --check", "doctor"],
            "write": [*writing, *writing[:3]],
            "read": reading,
            "drop": ["drop-tables --yes"],
        }.items():
            served.log.clear()
            for line in lines:
                cli.ok(*line.split(), stdin=b"".join(map(export_line, items)))
            sent[kind] = set(served.actions())
    allowed = {
        "read": listed["read"],
        "write": listed["read"] | listed["write"],
        "check": listed["read"] | listed["check"],
        "create": listed["read"] | listed["check"] | listed["create"],
        "drop": listed["read"] | listed["check"] | listed["drop"],
    }
    assert {} == {kind: actions - allowed[kind] for kind, actions in sent.items() if actions - allowed[kind]}
    # CreateIndex is sent only for an older table without its index, and UpdateRow only for some findings of doctor
    unsent = {kind: actions - sent[kind] for kind, actions in listed.items() if actions - sent[kind]}
    assert {"create": {"CreateIndex", "UpdateRow"}} == unsent
