"""The house in order: sizes, names, docstrings, and what is generated or said twice is the same twice."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.modules import PACKAGE, ROOT, dotted, functions, imports, sources, tree
from tsmem.cli import exit_codes
from tsmem.cli.commands import Entry, HouseGroup, help_of
from tsmem.cli.completion import SCRIPTS
from tsmem.cli.message import MessageGroup
from tsmem.cli.profile import ProfileGroup
from tsmem.cli.root import Root
from tsmem.cli.session import SessionGroup
from tsmem.errors import SERVICE_CODES, TsmemError
from tsmem.profiles.rules import OUTPUTS
from tsmem.render.result import FORMATS

COMPLETIONS = {"bash": "tsmem.bash", "zsh": "_tsmem", "fish": "tsmem.fish"}
EMPTY_NAMES = {"helpers", "helper", "utils", "util", "common", "manager", "base", "misc"}


def test_modules_are_named_after_what_they_hold() -> None:
    """No helpers, no utils."""
    assert [] == [dotted(path) for path in sources() if path.stem in EMPTY_NAMES]


def test_what_is_public_says_what_it_is() -> None:
    """Modules, public classes and public functions have docstrings; commands have help instead."""
    assert [] == [dotted(path) for path in sources() if not ast.get_docstring(tree(path))]
    assert [] == [(dotted(path), name) for path in sources() for name in _silent(path)]


def _silent(path: Path) -> list[str]:
    """Public names of a module that say nothing of themselves."""
    module = tree(path)
    return [
        node.name
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
        and not _has_help(node)
        and not _is_local(module, node)
        and not _fulfils_the_port(path, node)
    ]


def _has_help(node: ast.FunctionDef | ast.ClassDef) -> bool:
    """Whether it is a command, whose help says what it is."""
    return any(isinstance(each, ast.Call) and ast.unparse(each.func) == "help_text" for each in node.decorator_list)


def _is_local(module: ast.Module, node: ast.AST) -> bool:
    """Whether it is inside a function, or in a private class."""
    return any(
        node is not outer and node in ast.walk(outer)
        for outer in ast.walk(module)
        if isinstance(outer, ast.FunctionDef) or (isinstance(outer, ast.ClassDef) and outer.name.startswith("_"))
    )


def _fulfils_the_port(path: Path, node: ast.AST) -> bool:
    """Whether its contract is the port's own docstring."""
    port = {each.name for each in functions(PACKAGE / "port.py")}
    return path.stem in ("retry", "contract") and isinstance(node, ast.FunctionDef) and node.name in port


def test_only_main_makes_exit_codes() -> None:
    """Errors become exit codes in one place; the help knows their meanings."""
    users = {dotted(path) for path in sources() for used in imports(path) if used.module == "tsmem.cli.exit_codes"}

    assert users <= {"tsmem.cli.main", "tsmem.cli.failure", "tsmem.cli.demo", "tsmem.cli.endings", "tsmem.cli.topics"}


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_completions_are_not_stale(shell: str) -> None:
    """The files for packagers are what the command prints."""
    assert SCRIPTS[shell] == (ROOT / "completions" / COMPLETIONS[shell]).read_text(encoding="utf-8")


def entries_of(group: type[HouseGroup]) -> list[tuple[str, Entry]]:
    """A group's commands."""
    return list(group.entries.items())


@pytest.mark.parametrize(
    ("name", "entry"),
    [pair for group in (Root, SessionGroup, MessageGroup, ProfileGroup) for pair in entries_of(group)],
)
def test_a_command_is_called_what_it_calls_itself(name: str, entry: Entry) -> None:
    """The sentence that help lists is the command's own, and each command has an example of itself."""
    made = getattr(__import__(entry.module, fromlist=[entry.name]), entry.name)
    if isinstance(made, type):
        assert entry.sentence == made.sentence  # type: ignore[attr-defined]
        return
    assert entry.sentence == help_of(made).splitlines()[0]
    assert re.search(rf"Example: tsmem .*\b{name}\b", help_of(made))


def test_every_error_has_an_exit_code_and_the_readme_lists_them_all() -> None:
    """The table of exit codes in the README is the one in the code."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for code, meaning in exit_codes.MEANINGS.items():
        assert f"| {code} | {meaning} |" in readme
    kinds = [TsmemError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    assert {exit_codes.exit_code(kind.__new__(kind)) for kind in kinds} <= set(exit_codes.MEANINGS)


def test_every_service_code_has_a_class_and_a_status() -> None:
    """TableStore's error codes are each mapped to one of ours."""
    for code, meaning in SERVICE_CODES.items():
        assert code.startswith("OTS")
        assert issubclass(meaning.error, TsmemError)
        assert 400 <= meaning.http_status < 600


def test_output_formats_are_the_same_everywhere() -> None:
    """A profile may say what the flag may say."""
    assert FORMATS == OUTPUTS


def test_the_top_level_is_what_was_agreed() -> None:
    """Nothing beside pyproject.toml, README.md, LICENSE, tsmem, tests and completions."""
    agreed = {"pyproject.toml", "README.md", "LICENSE", "tsmem", "tests", "completions"}
    made = {"build", "dist"}
    there = {path.name for path in ROOT.iterdir() if not path.name.startswith((".", "__"))}

    assert agreed == there - made
