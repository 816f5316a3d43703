"""Help: manual pages that are true, the help of each command, and suggestions for misspelt names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Processes
from tests.support.commands import commands_and_groups, declarations
from tsmem.cli.app.command_tree import MEANINGS
from tsmem.cli.app.help import JSON_TOPIC, TOPICS, topic_page
from tsmem.cli.io.times import parse_time
from tsmem.render.result import FORMATS
from tsmem.render.terminal import width as cell_width
from tsmem.store import Message, Metadata, Session

COMMANDS = commands_and_groups()
LEAVES = declarations()
PAGES = {topic: topic_page(topic) for topic in TOPICS}


@pytest.mark.parametrize("name", TOPICS)
def test_a_manual_page_is_drawn_on_a_terminal_and_plain_in_a_pipe(cli: Cli, name: str) -> None:
    plain = cli.ok("help", name)
    drawn = cli("help", name, width=80, environ={"NO_COLOR": "1"}).text

    assert (PAGES[name], "") == (plain.text, plain.err)
    assert not re.search(r"\*\*|\|---", drawn)
    assert max(map(cell_width, drawn.splitlines())) <= 80


def test_help_without_a_topic_lists_the_topics(cli: Cli) -> None:
    shown = cli.ok("help").text

    assert [line.split()[0] for line in shown.splitlines() if line.startswith("  ")] == [*TOPICS, JSON_TOPIC]
    assert all(summary in shown for summary in TOPICS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_on_a_command_prints_the_same_as_its_help_option(cli: Cli, name: str) -> None:
    assert cli.ok(*name.split(), "--help").text == cli.ok("help", *name.split()).text


@pytest.mark.parametrize("name", LEAVES)
def test_the_help_of_each_command_has_a_summary_an_example_and_exit_codes(cli: Cli, name: str) -> None:
    """Lines have at most 80 characters, except the example."""
    shown = cli.ok(*name.split(), "--help").text
    part = re.search(r"\n  Exit codes:\n((?:    .*\n)+)", shown)

    assert f"\n  Example:\n    {LEAVES[name].example}\n" in shown
    assert f"tsmem {name}" in LEAVES[name].example
    assert part is not None
    assert [int(code) for code in re.findall(r"\d+", part[1])] == list(LEAVES[name].exit_codes)
    assert max(len(line) for line in shown.splitlines() if not line.startswith("    tsmem ")) <= 80


@pytest.mark.parametrize("line", ["session --help", "import --help"])
def test_help_is_the_same_without_docstrings(cli: Cli, process: Processes, line: str) -> None:
    """python -OO drops docstrings, and an image may set PYTHONOPTIMIZE=2."""
    shown = process.run(*line.split(), environ={"PYTHONOPTIMIZE": "2"})

    assert (shown.code, shown.text, shown.err) == (0, cli.ok(*line.split()).text, "")


def test_every_exit_code_with_a_meaning_belongs_to_a_command() -> None:
    assert set(MEANINGS) == {code for command in LEAVES.values() for code in command.exit_codes}


def test_the_manual_page_on_times_is_true() -> None:
    forms = [
        form for row in re.findall(r"^\| (`.+?) \|", PAGES["times"], re.MULTILINE) for form in row.split("`")[1::2]
    ]

    assert 18 == len(forms)
    for form in forms:
        time = form.replace("...", "2025-10-09T08:53:20")
        assert parse_time(time, now_us=1_767_225_600_000_000)[1] is None


def test_the_manual_page_on_output_is_true() -> None:
    assert list(FORMATS) == re.findall(r"^\| `(\w+)` \|", PAGES["output"], re.MULTILINE)


def test_manual_pages_name_only_options_that_exist(cli: Cli) -> None:
    helps = ["", *LEAVES]
    options = {option for name in helps for option in re.findall(r"--[a-z-]+", cli.ok(*name.split(), "--help").text)}
    known = {*options, "--quiet", "--editable"}
    for text in PAGES.values():
        assert set(re.findall(r"--[a-z-]{3,}", text.replace("|---", ""))) <= known


@pytest.mark.parametrize("command", ["message search", "session search"])
def test_help_says_which_parts_of_a_text_each_store_finds(ready: Cli, command: str) -> None:
    shown = " ".join(ready.ok(*command.split(), "--help").text.split())
    assert "In a store in a local file, TEXT is found anywhere" in shown
    assert "In TableStore, TEXT matches whole words" in shown

    ready.fill([Session("ada", "s", 1, "flights"), Message("s", "m", 1, "user", "flights")])
    assert ready.ok(*command.split(), "light", "-o", "json").json["total"] == 1


ENDLESS = ("serve", "message tail")
"""Commands that run until they are stopped. test_serve.py and test_tail.py run their examples."""
EXAMPLES = [LEAVES[name].example.removeprefix("tsmem ") for name in LEAVES if name not in ENDLESS]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_of_each_command_works(ready: Cli, example: str) -> None:
    for trip in ("trip-7", "trip-8"):
        messages = [Message(trip, f"{n:06d}", n, "user", "hi", metadata=Metadata({"draft": True})) for n in range(9)]
        ready.fill([Session("ada", trip, 1, metadata=Metadata({"topic": "travel", "score": 0.5})), *messages])
    Path("chats.jsonl").write_text('{"id": "c", "messages": [{"role": "user", "content": "hi"}]}\n', encoding="utf-8")
    ready.config('[profiles.staging]\nbackend = "local"\npath = "staging.db"\n')

    ready.ok("message", "list", "--limit", "1", width=80, terminal="here")  # for `next`

    assert ready.ok(*shlex.split(example), terminal="here")
