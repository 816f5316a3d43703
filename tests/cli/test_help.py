"""Help: pages that say what is true, each command's sentence, example and exit codes, and the nearest name."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.cli.conftest import Cli, Processes
from tests.house.modules import ROOT
from tests.support.commands import declarations, everything
from tsmem.cli.app.exit_codes import MEANINGS
from tsmem.cli.app.help import TOPICS, topic_page
from tsmem.cli.io.times import parse_time
from tsmem.render.result import FORMATS
from tsmem.store import Message, Metadata, Session

COMMANDS = everything()
LEAVES = declarations()
PAGES = {topic: topic_page(topic) for topic in TOPICS}
LINES = [line.strip() for text in PAGES.values() for line in re.findall(r"^  tsmem .*", text, re.MULTILINE)]


@pytest.mark.parametrize("name", TOPICS)
def test_a_page_reads_well_at_80_columns(cli: Cli, name: str) -> None:
    shown = cli.ok("help", name)

    assert (PAGES[name], "") == (shown.text, shown.err)
    assert shown.text == cli.ok("help", name, width=60).text
    assert shown.text.isascii()
    assert max(map(len, shown.text.splitlines())) <= 78
    assert len(shown.text.splitlines()) <= 40


def test_help_alone_lists_the_topics(cli: Cli) -> None:
    shown = cli.ok("help").text

    assert [line.split()[0] for line in shown.splitlines() if line.startswith("  ")] == list(TOPICS)
    assert all(summary in shown for summary in TOPICS.values())
    assert all(name in LEAVES["help"].summary for name in TOPICS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_on_a_command_is_its_help(cli: Cli, name: str) -> None:
    assert cli.ok(*name.split(), "--help").text == cli.ok("help", *name.split()).text


@pytest.mark.parametrize("name", LEAVES)
def test_a_commands_help_has_all_it_should(cli: Cli, name: str) -> None:
    shown = cli.ok(*name.split(), "--help").text
    part = re.search(r"\n  Exit codes:\n((?:    .*\n)+)", shown)

    assert f"\n  Example:\n    {LEAVES[name].example}\n" in shown
    assert f"tsmem {name}" in LEAVES[name].example
    assert part is not None
    assert [int(code) for code in re.findall(r"\d+", part[1])] == list(LEAVES[name].exit_codes)
    assert max(len(line) for line in shown.splitlines() if not line.startswith("    tsmem ")) <= 80


@pytest.mark.parametrize("line", ["session --help", "import --help"])
def test_help_is_the_same_without_docstrings(cli: Cli, process: Processes, line: str) -> None:
    """python -OO drops docstrings, and PYTHONOPTIMIZE=2 may be set in an image."""
    shown = process.run(*line.split(), environ={"PYTHONOPTIMIZE": "2"})

    assert (shown.code, shown.text, shown.err) == (0, cli.ok(*line.split()).text, "")


def test_exit_codes_are_all_there_are() -> None:
    assert set(MEANINGS) == {code for command in LEAVES.values() for code in command.exit_codes}
    assert [int(code) for code in re.findall(r"^ +(\d+)  ", PAGES["exit-codes"], re.MULTILINE)] == list(MEANINGS)


@pytest.mark.parametrize("line", LINES)
def test_the_commands_of_the_pages_work(ready: Cli, line: str) -> None:
    ready.fill(
        [Session("ada", "trip-7", 1, metadata=Metadata({"topic": "billing"})), Message("trip-7", "m", 2, "user")]
    )
    ready.config('[profiles.work]\nbackend = "local"\npath = "work.db"\n')

    assert ready.ok(*shlex.split(line.partition(" || ")[0])[1:])


def test_the_page_on_times_is_true() -> None:
    listed = PAGES["times"].partition("take one of")[2].partition("--since and")[0]
    forms = [form for line in listed.splitlines() for form in re.split(" {2,}", line.strip())[0].split()]

    assert 9 == len(forms)
    for form in forms:
        assert parse_time(form, now_us=1_767_225_600_000_000, tz=None)[1] is None


def test_the_page_on_output_is_true() -> None:
    assert list(FORMATS) == re.findall(r"^  (\w+) {2,4}\S", PAGES["output"], re.MULTILINE)[:4]


def test_pages_speak_of_what_there_is(cli: Cli) -> None:
    options = {option for name in LEAVES for option in re.findall(r"--[a-z-]+", cli.ok(*name.split(), "--help").text)}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for text in PAGES.values():
        assert set(re.findall(r"--[a-z-]{3,}", text)) <= options
        assert [] == [
            word for word in re.findall(r"\b[A-Z]+_[A-Z_]+\b|\b(?:env|file|cmd):", text) if word not in readme
        ]


@pytest.mark.parametrize("command", ["message search", "session search"])
def test_help_says_which_parts_of_a_text_each_store_finds(ready: Cli, command: str) -> None:
    shown = " ".join(ready.ok(*command.split(), "--help").text.split())
    assert "On the embedded store every part of a text is found" in shown
    assert "on TableStore" in shown

    ready.fill([Session("ada", "s", 1, "flights"), Message("s", "m", 1, "user", "flights")])
    assert ready.ok(*command.split(), "light", "-o", "json").json["total"] == 1
