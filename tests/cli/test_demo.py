"""`tsmem demo` shows the commands and leaves nothing behind."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes


@pytest.fixture
def elsewhere(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = cli.folder / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_demo_shows_each_command_before_its_output(cli: Cli, elsewhere: Path) -> None:
    text = cli.ok("demo").text
    commands = [line.removeprefix("$ tsmem ") for line in text.splitlines() if line.startswith("$ tsmem ")]

    for number, verb in enumerate(("init-tables", "import", "session recent", "message list", "message list", "show")):
        assert commands[number].startswith(verb)
    assert "--page-token" in commands[4]
    assert "→ find_trains(" in text[text.index("$ tsmem show") : text.index("$ tsmem session update")]
    assert (
        text.index("000003      tool")
        < text.index("next page: ")
        < text.index("$ tsmem message list", 1 + text.index("$ tsmem message list"))
    )
    assert re.search(r"^sessions +messages +skipped +failed\n3 ", text, re.MULTILINE)


def test_demo_at_a_terminal_goes_on_with_next(cli: Cli, elsewhere: Path) -> None:
    outcome = cli.ok("demo", width=80, talk=True, terminal="pts-1.1")

    assert "; next page: tsmem next" in outcome.text
    assert "\n$ tsmem next\n" in outcome.text
    assert "page-token" not in outcome.text
    assert [] == [path for path in cli.folder.rglob("*") if path != elsewhere]


def test_demo_does_not_touch_the_users_profiles_or_memory(cli: Cli, elsewhere: Path) -> None:
    cli.config("this is no TOML")
    before = sorted(cli.folder.rglob("*"))
    environ = {"TSMEM_PROFILE": "nowhere", "TABLESTORE_ENDPOINT": "https://127.0.0.1:1", "TSMEM_CONFIG": "/no/such"}
    for options in (("-o", "table", "--color", "never", "--cost"), ("-p", "nowhere", "--config", "/no/such")):
        assert cli(*options, "demo", environ=environ).code == 0
    assert sorted(cli.folder.rglob("*")) == before


def test_demo_ends_quietly_when_its_reader_goes_away(process: Processes) -> None:
    temporary = process.folder / "tmp"
    temporary.mkdir()
    outcome = process.shell(f'export TMPDIR={temporary}; ($TSMEM demo; echo "code $?" >&2) | head -1')
    assert outcome.err == "code 141\n"
    assert list(temporary.iterdir()) == []
