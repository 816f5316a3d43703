"""Lists of sessions that say what the sessions are about."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Metadata, Session

PLAIN = {"NO_COLOR": "1"}
LISTS = (("session", "list"), ("session", "recent"), ("session", "search"))


@pytest.fixture
def said(ready: Cli) -> Cli:
    ready.fill(
        [
            Session("ada", "s1", 3, None, Metadata({"topic": "travel", "seat": 1})),
            Session("ada", "s2", 2, None, Metadata({"topic": "billing", "title": "An invoice"})),
            Session("ada", "s3", 1, None, Metadata({"topic": "x", "rare": True})),
            *(Message("s1", f"m{n}", n, "user", "Is my flight\non time?") for n in range(1200)),
        ]
    )
    return ready


@pytest.mark.parametrize("command", LISTS)
def test_a_list_on_a_terminal_shows_titles_counts_and_frequent_keys(said: Cli, command: tuple[str, ...]) -> None:
    lines = said.ok(*command, width=120, environ=PLAIN).text.split("\n")
    header = next(line for line in lines if "session_id" in line)
    assert header.split()[:3] == ["session_id", "title", "messages"]
    assert header.split()[-2:] == ["topic", "metadata"]
    first = next(line for line in lines if line.startswith("s1"))
    assert "Is my flight on time?" in first
    assert "1,200" in first
    assert re.search("travel +seat=1$", first)
    second = next(line for line in lines if line.startswith("s2"))
    assert "An invoice" in second
    assert "title=" not in second
    assert "messages" not in said.ok(*command, "--no-preview", width=120, environ=PLAIN).text


@pytest.mark.parametrize("command", LISTS)
def test_programs_get_titles_and_counts_only_if_they_ask(said: Cli, command: tuple[str, ...]) -> None:
    for form in ("json", "jsonl", "csv"):
        assert b"flight" not in said.ok(*command, "-o", form).out
        assert b"Is my flight on time?" in said.ok(*command, "-o", form, "--preview").out
    item = said.ok(*command, "-o", "json", "--preview").json["items"][0]
    assert ("Is my flight on time?", 1200) == (item["title"], item["messages"])
    fields = said.ok(*command, "-o", "json", "--fields", "messages,title").json["items"]
    assert {"messages": 1200, "title": "Is my flight on time?"} == fields[0]
    assert [{"title": "An invoice"}] == said.ok(*command, "-o", "json", "--fields", "title").json["items"][1:2]


def test_a_list_in_a_pipe_and_of_one_session_has_no_columns_of_keys(said: Cli) -> None:
    assert "topic=travel" in said.ok("session", "list").text
    assert "topic=billing" in said.ok("session", "search", "--filter", "exists(title)", width=120, environ=PLAIN).text


def test_narrow_terminals_keep_the_title(said: Cli) -> None:
    text = said.ok("session", "list", width=60, environ=PLAIN).text
    assert "Is my flight on time?" in text
    assert "hidden (terminal too narrow)" in text
