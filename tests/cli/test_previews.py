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


def test_fields_alone_say_what_is_shown(said: Cli) -> None:
    outcome = said.ok("session", "list", "--fields", "session_id", "--preview", "--cost")
    assert ["session_id", "s1", "s2", "s3"] == outcome.text.split()
    assert outcome.err.startswith("cost: 1 request,")
    for words in (("get", "ada", "s1"), ("put", "ada", "s1")):
        found = said.ok("session", *words, "--fields", "title,messages", "-o", "json").json
        assert {"title": "Is my flight on time?", "messages": 1200} == found


def test_search_content_that_is_not_the_title_has_a_column(ready: Cli) -> None:
    ready.fill([Session("ada", "s1", 1, "words to find it by"), Session("ada", "s2", 2, "more words")])
    shown = ready.ok("session", "list", width=120, environ=PLAIN).text
    assert "search_content" not in shown
    assert 1 == shown.count("words to find it by")
    assert 2 == ready.ok("session", "search", "to find", width=120, environ=PLAIN).text.count("words to find it by")

    ready.fill([Session("ada", "s2", 2, "more words", Metadata({"title": "Two"}))])
    shown = ready.ok("session", "list", width=120, environ=PLAIN).text
    assert "search_content" in shown
    assert "more words" in shown


def test_a_terminal_of_80_columns_shows_id_title_messages_and_age(ready: Cli) -> None:
    ids = [f"8d88348a-7eed-8d14-f06d-3fef701966a{n}" for n in range(3)]
    metadata = Metadata({"topic": "billing", "score": 0.123456789, "channel": "phone"})
    ready.fill([Session("ada", each, 0, None, metadata) for each in ids])
    ready.fill([Message(each, "m", 1, "user", "I was charged twice for order 4411") for each in ids])
    lines = ready.ok("session", "list", width=80, environ=PLAIN).text.splitlines()

    header = next(line for line in lines if line.startswith("session_id"))
    assert ["session_id", "title", "messages", "age"] == header.split()
    rows = [line for line in lines if line[:36] in ids]
    assert 3 == len(rows)
    for row in rows:
        assert re.fullmatch(r"\S{36}  I was charged \S+ +1  [\d,]+ d ago", row), row
        assert row.rindex(" 1  ") + 1 == header.index("messages") + len("messages") - 1


def test_narrow_terminals_keep_the_title(said: Cli) -> None:
    text = said.ok("session", "list", width=60, environ=PLAIN).text
    assert "Is my flight on time?" in text
    assert "hidden (terminal too narrow)" in text
