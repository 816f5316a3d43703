"""The pager: output that is longer than the terminal goes through it, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.terminals import Screens
from tsmem.store import Message

LINES = 40


@pytest.fixture
def screens(ready: Cli) -> Screens:
    long = "\n".join(f"line {n}" for n in range(LINES))
    ready.fill([Message("long", "m", 1, "user", long), Message("short", "m", 1, "user", "hi")])
    return Screens(ready)


@pytest.fixture
def pager(tmp_path: Path) -> str:
    """A pager that says that it was used."""
    script = tmp_path / "pager"
    script.write_text("#!/bin/sh\necho paged\nexec cat\n")
    script.chmod(0o700)
    return str(script)


def test_long_output_goes_through_the_pager(screens: Screens, pager: str) -> None:
    plain = screens("show", "long").text

    assert "line 39" in plain
    assert "paged" not in plain
    for variable in ("TSMEM_PAGER", "PAGER"):
        assert f"paged\n{plain}" == screens("show", "long", environ={variable: pager}).text
    assert plain == screens("show", "long", environ={"TSMEM_PAGER": "", "PAGER": pager}).text


@pytest.mark.parametrize("argv", [("show", "short"), ("show", "long", "--no-pager"), ("session", "list")])
def test_short_output_and_no_pager_are_written_at_once(screens: Screens, pager: str, argv: tuple[str, ...]) -> None:
    assert "paged" not in screens(*argv, environ={"PAGER": pager}).text
    assert "paged" not in screens("show", "long", environ={"PAGER": pager, "TERM": "dumb"}).text


def test_leaving_the_pager_early_is_no_failure(screens: Screens, ready: Cli) -> None:
    ready.fill([Message("huge", "m", 1, "user", "x\n" * 200_000)])
    screen = screens("show", "huge", environ={"PAGER": "head -n 1"})
    assert (screen.code, screen.text, screen.err) == (0, "\x1b[1msession huge\x1b[0m\n", b"")


@pytest.mark.parametrize("command", ["/nowhere/pager", "'"])
def test_a_pager_that_cannot_be_started_is_named_and_nothing_is_lost(screens: Screens, command: str) -> None:
    screen = screens("show", "long", environ={"PAGER": command})
    assert screens("show", "long").text == screen.text
    assert b"warning: cannot " in screen.err
