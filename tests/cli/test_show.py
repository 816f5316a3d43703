"""`tsmem show` in pipes and in formats for programs. Terminals are in tests/unit/render."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.support.transcripts import MESSAGES, SESSION
from tsmem.store import Message, Session
from tsmem.store.documents import item_document

SHOW = ("show", "trip-7", "--user", "mia")


@pytest.fixture
def told(ready: Cli) -> Cli:
    ready.fill([SESSION, *MESSAGES])
    return ready


def test_show_as_json_has_the_session_and_its_messages(told: Cli) -> None:
    messages = [item_document(message) for message in MESSAGES]

    expected = {"session": item_document(SESSION), "messages": messages}
    assert expected == told.ok(*SHOW, "--rendered", "-o", "json").json
    assert expected == told.ok("show", "trip-7", "-o", "json").json
    assert messages == told.ok("show", "trip-7", "-o", "jsonl").lines


def test_show_fields_choose_columns_of_messages(told: Cli) -> None:
    argv = ("show", "trip-7", "--last", "1", "--fields", "message_id,metadata.model,metadata.none")

    shown = told.ok(*argv, "-o", "json").json["messages"]
    assert [{"message_id": "000004", "metadata.model": "m-1", "metadata.none": None}] == shown
    assert shown == told.ok(*argv, "-o", "jsonl").lines
    assert b"message_id,metadata.model,metadata.none\r\n000004,m-1,\r\n" == told.ok(*argv, "-o", "csv").out
    assert ["message_id", "metadata.model", "metadata.none", "000004", "m-1", "-"] == told.ok(*argv).text.split()


def test_tail_looks_the_same_as_show(told: Cli) -> None:
    shown = told.ok("--color", "never", "show", "trip-7", width=80).text
    tail = told.ok("--color", "never", "message", "tail", "trip-7", width=80).text

    assert shown.partition("\n\n")[2] == tail.partition("\n\n")[2]


def test_show_finds_the_session_of_an_id_and_says_if_users_share_it(told: Cli) -> None:
    assert "user mia" in told.ok("show", "trip-7").text
    told.ok("session", "put", "zoe", "trip-7")

    shown = told.ok("show", "trip-7")
    assert "2 users have a session with this id, and share its messages: 'mia', 'zoe'\n" == shown.err
    assert "user zoe" in told.ok("show", "trip-7", "--user", "zoe").text


def test_show_latest_is_the_session_that_was_updated_last(told: Cli) -> None:
    told.fill([Session("zoe", "old", SESSION.update_time), Message("old", "m", 1, "user", "before")])
    told.ok("session", "update", "mia", "trip-7", "--touch")

    assert "session trip-7\n" in told.ok("show", "--latest").text
    assert "session old\n" in told.ok("show", "--latest", "--user", "zoe").text
    assert (
        "error: no sessions found: there is no user 'zoee'; did you mean 'zoe'?\n"
        == told("show", "--latest", "--user", "zoee").err
    )


def test_show_a_part_says_what_is_left_out(told: Cli) -> None:
    around = told.ok("show", "trip-7", "--around", "000003", "-C", "1").text
    assert "\n\n… earlier messages left out\n\nassistant ▸ " in around
    assert "\n\n▸ tool book ▸ " in around
    assert "000001" not in around
    by_role = told.ok("show", "trip-7", "--role", "tool", "-C", "1").text
    assert "\n\n… 2 messages left out\n\nassistant ▸ " in by_role
    assert "left out" not in told.ok("show", "trip-7", "--role", "tool").text


def test_show_without_a_match_says_why_and_succeeds(told: Cli) -> None:
    nothing = told.ok("show", "trip-7", "--errors")
    assert "there are messages of session 'trip-7', but none matches --errors" in nothing.err
    assert {"session": item_document(SESSION), "messages": []} == told.ok(
        "show", "trip-7", "--errors", "-o", "json"
    ).json


@pytest.mark.parametrize(
    ("argv", "error"),
    [
        ("show", "give a session, or --latest"),
        ("show s --latest", "give SESSION or --latest, not both"),
        ("show s -C 1", "-C needs --around, --role, --since, --until or --errors"),
        ("show s --errors -C -1", "-C must be 0 or more, not -1"),
        ("show s --around m --last 2", "--around goes with -C alone"),
        ("show s --around m --errors", "--around goes with -C alone"),
        ("show s -o html --fields role", "--fields does not apply to -o html"),
        ("session list -o html", "tsmem session list does not support --output html"),
    ],
)
def test_options_of_show_that_do_not_go_together_are_refused(told: Cli, argv: str, error: str) -> None:
    outcome = told(*argv.split())
    assert (outcome.code, outcome.err.startswith(f"error: {error}")) == (2, True), outcome.err


def test_show_writes_a_document_to_share(told: Cli) -> None:
    markdown = told.ok("show", "trip-7", "-o", "markdown").text
    assert markdown.startswith("# session trip-7\n\nuser mia · 5 messages · ")
    page = told.ok("show", "trip-7", "--around", "000003", "-C", "1", "-o", "html").text
    assert page.startswith("<!doctype html>")
    assert '<p class="metadata">earlier messages left out</p>\n<article class="assistant">' in page


@pytest.mark.parametrize(
    "argv", ["show BEGINNING", "show BEGINNING --user mia", "message get BEGINNING 000003", "session get mia BEGINNING"]
)
def test_at_a_terminal_the_beginning_of_one_session_id_is_enough(told: Cli, argv: str) -> None:
    whole, short = (argv.replace("BEGINNING", each).split() for each in ("trip-7", "tri"))

    expected = told.ok(*whole, width=80)
    shown = told.ok(*short, width=80)
    assert (shown.out, shown.err) == (expected.out, "'tri' is taken as the beginning of session 'trip-7'\n")
    assert told(*short).code == 3
    told.fill([Session("mia", "trip-8"), Message("trip-8", "m", 1)])
    several = told(*short, width=80)
    assert (several.code, several.out) == (3, b"")
    assert "error: the ids of several sessions begin with 'tri': 'trip-7', 'trip-8'\n" == several.err


def test_message_get_looks_as_it_does_in_show(told: Cli) -> None:
    plain = {"NO_COLOR": "1"}
    shown = told.ok("show", "trip-7", "--around", "000003", "-C", "0", "--full", width=80, environ=plain).text
    single = told.ok("message", "get", "trip-7", "000003", width=80, environ=plain).text
    content = single.partition("tool book")[2].partition("\n")[2].rstrip()
    assert content
    assert f"{content}\n\n… later messages left out" in shown
    assert item_document(MESSAGES[3]) == told.ok("message", "get", "trip-7", "000003", "-o", "json").json
