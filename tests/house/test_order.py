"""The house in order: sizes, names, docstrings, and what is generated or said twice is the same twice."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.modules import ROOT, dotted, imports, sources, tree
from tsmem.cli.app import exit_codes
from tsmem.cli.app.completion import FOLDER, SCRIPTS
from tsmem.cli.app.help import topic_page
from tsmem.errors import SERVICE_CODES, TsmemError
from tsmem.profiles.rules import OUTPUTS
from tsmem.render.result import FORMATS

EMPTY_NAMES = {"helpers", "helper", "utils", "util", "common", "manager", "base", "misc"}


def test_modules_are_named_after_what_they_hold() -> None:
    """No helpers, no utils."""
    assert [] == [dotted(path) for path in sources() if path.stem in EMPTY_NAMES]


def test_every_module_says_what_it_is() -> None:
    """Each module has a docstring."""
    assert [] == [dotted(path) for path in sources() if not ast.get_docstring(tree(path))]


def test_only_main_makes_exit_codes() -> None:
    """Errors become exit codes in one place."""
    users = {
        dotted(path)
        for path in sources()
        for used in imports(path)
        if used.module == "tsmem.cli.app.exit_codes.exit_code"
    }

    assert users == {"tsmem.cli.app.failure"}


@pytest.mark.parametrize("name", SCRIPTS.values())
def test_completions_are_not_stale(name: str) -> None:
    """The files for packagers are what the command prints."""
    assert (FOLDER / name).read_bytes() == (ROOT / "completions" / name).read_bytes()


def test_every_error_has_an_exit_code_and_the_readme_lists_them_all() -> None:
    """The table of exit codes in the README is the one of `tsmem help exit-codes`."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^ +(\d+)  (.*(?:\n {7}.*)*)", topic_page("exit-codes"), re.MULTILINE)
    assert [int(code) for code, _ in listed] == list(exit_codes.MEANINGS)
    for code, meaning in listed:
        assert f"| {code} | {' '.join(meaning.split())} |" in readme
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
