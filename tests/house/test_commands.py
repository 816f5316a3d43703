"""Files generated from the commands are up to date: the help's table of contents and the completions.

`TSMEM_UPDATE_GOLDEN=1 pytest tests/house/test_commands.py` rewrites the table of contents, with new modules last.
Format it with ruff afterwards.
"""

from __future__ import annotations

import os
from importlib import import_module
from pkgutil import iter_modules

import pytest

import tsmem.cli.commands
from tests.house.modules import ROOT
from tsmem.cli.app.command_tree import HEADINGS, Declaration, root
from tsmem.cli.app.contents import CONTENTS
from tsmem.cli.app.help import SCRIPTS, SCRIPTS_FOLDER
from tsmem.profiles.rules import OUTPUTS
from tsmem.render.result import FORMATS


def test_the_help_table_of_contents_matches_the_declared_commands() -> None:
    modules = [f"tsmem.cli.commands.{module.name}" for module in iter_modules(tsmem.cli.commands.__path__)]
    declared: dict[str, dict[str, str]] = {}
    for module in (*CONTENTS, *modules):
        import_module(module)
    for name, command in root.declarations.items():
        first = command if isinstance(command, Declaration) else command.declaration(next(iter(command.commands)))
        assert isinstance(first, Declaration)
        declared.setdefault(first.function.__module__, {})[name] = root.summaries[name]

    if os.environ.get("TSMEM_UPDATE_GOLDEN"):
        order = {module: declared[module] for module in (*CONTENTS, *declared) if module in declared}
        path = ROOT / "tsmem" / "cli" / "app" / "contents.py"
        head, opening, _ = path.read_text(encoding="utf-8").partition("]] = ")
        path.write_text(f"{head}{opening}{order!r}\n", encoding="utf-8")
        return
    assert declared == CONTENTS


def test_every_command_has_one_heading_in_the_help_of_the_root() -> None:
    commands = [name for names in CONTENTS.values() for name in names]
    assert sorted(commands) == sorted(name for names in HEADINGS.values() for name in names)


@pytest.mark.parametrize("name", SCRIPTS.values())
def test_completions_are_not_stale(name: str) -> None:
    assert (SCRIPTS_FOLDER / name).read_bytes() == (ROOT / "completions" / name).read_bytes()


def test_a_profile_accepts_the_same_output_formats_as_the_option() -> None:
    assert FORMATS == OUTPUTS
