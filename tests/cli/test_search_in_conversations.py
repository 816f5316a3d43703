"""`tsmem search`: hits in their conversations, each with the command that opens it."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Metadata, Session

PLAIN = {"NO_COLOR": "1"}


@pytest.fixture
def said(ready: Cli) -> Cli:
    words = "和" * 90 + "退款政策" + "吗" * 90
    ready.fill(
        [
            Session("ada", "trip", 1, None, Metadata({"title": "A refund"})),
            Session("bob", "tea", 2),
            *(Message("trip", f"m{n}", n * 10**6, "user", f"line {n}") for n in range(6)),
            Message("trip", "m6", 6 * 10**6, "tool", "Error: no seat", None, Metadata({"name": "book"})),
            Message("tea", "t1", 10**9, "assistant", words),
        ]
    )
    return ready


def test_hits_are_grouped_by_session_with_the_command_that_opens_each(said: Cli) -> None:
    shown = said.ok("search", "line 2", width=80, environ=PLAIN)
    assert shown.text == (
        "session trip\nuser ada · 1 hit · A refund\n\n"
        "user ▸ 1970-01-01 00:00:02 · m2\n  line 2\n  tsmem show trip --around m2\n"
    )
    command = shown.text.rpartition("tsmem ")[2].split()
    assert "▸ user ▸ 00:00:02 · +1 s · m2\n  line 2\n" in said.ok(*command, width=80, environ=PLAIN).text


def test_neighbours_of_hits_are_shown_and_hits_marked(said: Cli) -> None:
    lines = said.ok("search", "no seat", "-C", "1", width=80, environ=PLAIN).text.split("\n")
    headings = [line.partition(" ▸ 1970")[0] for line in lines if " ▸ " in line]
    assert headings == ["user", "▸ tool book"]
    assert "… earlier messages left out" in lines
    assert "… later messages left out" not in lines


def test_a_long_message_is_shown_around_the_text_that_was_found(said: Cli) -> None:
    shown = said.ok("search", "退款政策", width=80, environ=PLAIN).text
    line = next(line for line in shown.split("\n") if "退款政策" in line)
    assert line.startswith("  …和")
    assert "\x1b[" in said.ok("search", "退款政策", width=80).text
    assert "和" * 90 in said.ok("search", "退款政策").text


def test_errors_are_tool_messages_that_report_one(said: Cli) -> None:
    assert ["m6"] == [item["message_id"] for item in said.ok("search", "--errors", "-o", "json").json["items"]]
    assert [] == said.ok("search", "line", "--errors", "-o", "json").json["items"]


def test_sessions_are_counted_over_all_hits(said: Cli) -> None:
    counted = said.ok("search", "e", "--sessions", "-o", "json").json
    assert counted == {
        "items": [{"session_id": "trip", "user_id": "ada", "hits": 7, "latest_hit": 6_000_000}],
        "sessions": 1,
    }
    assert said.ok("search", "e", "--sessions", width=80, environ=PLAIN).text.split("\n")[0].split() == [
        "session_id", "user_id", "hits", "latest_hit",
    ]  # fmt: skip


def test_programs_get_the_hits_as_message_search_gives_them(said: Cli) -> None:
    for form in ("json", "jsonl", "csv"):
        expected = said.ok("message", "search", "line", "--limit", "3", "-o", form)
        found = said.ok("search", "line", "--limit", "3", "-o", form)
        assert expected.out == found.out


def test_user_restricts_messages_to_the_sessions_of_a_user(said: Cli) -> None:
    for command in (("message", "list"), ("message", "search"), ("search", "e")):
        items = said.ok(*command, "--user", "ada", "-o", "json").json["items"]
        assert {"trip"} == {item["session_id"] for item in items}
        assert 7 == len(items)
    nobody = said.ok("message", "list", "--user", "adda")
    assert "no messages found: there is no user 'adda'; did you mean 'ada'?\n" == nobody.err
    nothing = said.ok("message", "list", "--user", "bob", "--role", "tool")
    assert "no messages found: user 'bob' has sessions, but no message in them matches --role\n" == nothing.err


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("search", "give a text to find, or --errors"),
        ("search x --user ada --session trip", "give --user or --session, not both"),
        ("search x -C -1", "-C must be 0 or more, not -1"),
        ("search --errors --role user", "--errors finds messages of the role tool; leave out --role"),
        ("search x --sessions --page-token t", "--sessions reads all hits, so it has no pages"),
        ("message list --user ada --session trip", "give --session or --user, not both"),
        ("message search x --user ada --session trip", "give --session or --user, not both"),
    ],
)
def test_options_of_search_that_do_not_go_together_are_refused(said: Cli, argv: str, error: str) -> None:
    outcome = said(*argv.split())
    assert (outcome.code, outcome.err.split("\n")[0]) == (2, f"error: {error}")
