"""Walking a listing page by page gives each item once, in order, and then ends."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tsmem.cli.io.output import next_page
from tsmem.store import Message, Session
from tsmem.store.metadata import Metadata

HOUR = 3_600_000_000

LISTINGS = [
    ("session", "list"),
    ("session", "list", "--user", "ada"),
    ("session", "recent", "--user", "ada"),
    ("session", "recent", "--user", "ada", "--since", "1767000003000000", "--until", "1767000018000000"),
    ("message", "list"),
    ("message", "list", "--order", "desc"),
    ("message", "list", "--session", "s00000"),
    ("message", "list", "--session", "s00000", "--order", "desc"),
    ("message", "list", "--role", "user"),
    ("message", "list", "--session", "s00000", "--role", "tool"),
    ("message", "list", "--since", "1767000002000000", "--until", "1767000004000000"),
    ("message", "list", "--session", "s00001", "--since", "1767000002000000"),
]


@pytest.fixture
def filled(ready: Cli) -> Cli:
    """24 sessions of two users, and 34 messages of four sessions, some with the role tool."""
    tools = [Message("s00000", f"t{n}", 1_767_000_000_000_000 + n * 5_000_000, "tool") for n in range(4)]
    said = [message for session in ("a", "s00000", "s00001") for message in messages(10, session)]
    ready.fill([*sessions(20), *sessions(4, "bob"), *tools, *said])
    return ready


@pytest.mark.parametrize("argv", LISTINGS)
@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_give_each_item_once_in_order(filled: Cli, argv: tuple[str, ...], limit: int) -> None:
    """The pages joined are the whole listing; each but the last is full and has a token, and the last has none."""
    whole = filled.ok(*argv, "-o", "json", "--limit", "0").json
    assert whole["next_page_token"] is None
    assert len(whole["items"]) > 2

    walked, token = [], ""
    while token is not None:
        more = ("--page-token", token) if token else ()
        page = filled.ok(*argv, "-o", "json", "--limit", str(limit), *more).json
        token = page["next_page_token"]
        assert len(page["items"]) == limit or token is None
        assert page["items"]
        walked += page["items"]
    assert walked == whole["items"]


def test_a_page_that_ends_exactly_has_no_token(filled: Cli) -> None:
    """Twenty of twenty is all there is."""
    argv = ("session", "recent", "--user", "ada", "--limit", "20", "-o", "json")
    assert filled.ok(*argv).json["next_page_token"] is None


@pytest.mark.parametrize(("output", "count"), [("table", 50), ("json", 50), ("jsonl", 60), ("csv", 60)])
def test_default_limits(ready: Cli, output: str, count: int) -> None:
    """50 for table and json, everything for jsonl and csv, which stream; what is left is said."""
    ready.fill(messages(60))
    outcome = ready.ok("message", "list", "-o", output)

    rows = len(outcome.json["items"]) if output == "json" else outcome.text.count("said ")
    assert rows == count
    assert ("--page-token" in outcome.err) == (output == "table")


@pytest.mark.parametrize("output", ["table", "jsonl", "csv"])
def test_a_token_works_in_another_format_and_with_another_limit(filled: Cli, output: str) -> None:
    """The token of one page goes on in any format; stderr says the whole command."""
    first = filled.ok("message", "list", "-o", output, "--limit", "4")
    assert first.err == f"more is left: tsmem message list -o {output} --limit 4 --page-token {first.token}\n"
    rest = filled.ok("message", "list", "-o", "jsonl", "--page-token", first.token).lines

    assert rest == filled.ok("message", "list", "-o", "jsonl").lines[4:]


def test_an_age_keeps_its_window_over_the_pages(ready: Cli) -> None:
    """`--since 2h` means two hours before the first page, however late the last one is asked for."""
    now = ready.clock.time_us
    ready.fill([Message("s", f"m{n}", now - 2 * HOUR + n * 60_000_000) for n in range(-1, 6)])
    argv = ("message", "list", "--session", "s", "--since", "2h", "--limit", "2", "-o", "json")

    seen, token = [], None
    for _ in range(3):
        page = ready.ok(*argv, *(("--page-token", token) if token else ())).json
        seen += [item["message_id"] for item in page["items"]]
        token = page["next_page_token"]
        ready.clock.time_us += 24 * HOUR
    assert seen == [f"m{n}" for n in range(6)]
    assert token is None


def test_items_that_come_and_go_do_not_disturb_a_walk(filled: Cli) -> None:
    """The item that a page ended with may be deleted; the next page starts behind it all the same."""
    argv = ("session", "list", "--user", "ada", "--limit", "5", "-o", "json")
    first = filled.ok(*argv).json
    filled.ok("session", "delete", "ada", "s00004")
    filled.ok("session", "put", "ada", "s00003x")
    second = filled.ok(*argv, "--page-token", first["next_page_token"]).json
    assert [item["session_id"] for item in second["items"]] == [f"s{n:05d}" for n in range(5, 10)]


OTHERS = [
    ("session", "list"),
    ("session", "list", "--user", "bob"),
    ("session", "recent", "--user", "ada"),
    ("message", "list"),
    ("message", "list", "--session", "ada"),
]


@pytest.mark.parametrize("other", OTHERS)
def test_a_token_of_another_query_is_refused(filled: Cli, other: tuple[str, ...]) -> None:
    """Another listing, user, or noun refuses it with exit 2 and empty stdout."""
    token = filled.ok("session", "list", "--user", "ada", "--limit", "2", "-o", "json").json["next_page_token"]
    outcome = filled(*other, "--page-token", token, "-o", "json")

    assert (outcome.code, outcome.out) == (2, b"")
    assert "another query" in outcome.error["message"]


@pytest.mark.parametrize(
    "change",
    [
        ("--role", "user"),
        ("--order", "desc"),
        ("--since", "1h"),
        ("--until", "1767000004000000"),
    ],
)
def test_a_token_is_refused_when_an_option_changed(filled: Cli, change: tuple[str, str]) -> None:
    """Role, order and window are part of the query."""
    token = filled.ok("message", "list", "--session", "a", "--limit", "2", "-o", "json").json["next_page_token"]
    assert filled("message", "list", "--session", "a", "--page-token", token, *change).code == 2


def test_a_token_of_another_profile_is_refused(filled: Cli) -> None:
    """The store it came from is part of it."""
    token = filled.ok("session", "list", "--limit", "2", "-o", "json").json["next_page_token"]
    filled.config(f'[profiles.other]\nbackend = "local"\npath = "{filled.folder}/other.db"\n')
    filled.ok("-p", "other", "init-tables")
    assert filled("-p", "other", "session", "list", "--page-token", token).code == 2


def forged(token: str, **changes: object) -> str:
    """The token with some of its JSON replaced."""
    document = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return base64.urlsafe_b64encode(json.dumps({**document, **changes}).encode()).decode().rstrip("=")


def test_a_damaged_or_forged_token_is_refused(filled: Cli) -> None:
    """Whatever is done to a token, the answer is exit 2 and an empty stdout, never other rows."""
    argv = ("message", "list", "--session", "s00000", "--limit", "2", "-o", "json")
    token = filled.ok(*argv).json["next_page_token"]
    damaged = ["", "x", "!", "é", "AAAA", token[:-1], token[1:], token + "A", token * 200, "bnVsbA", "W10", "WzE"]
    keys: list[object] = [None, [], ["s00000", 1], ["s00001", 1767000002000000, "m"], ["s00000", "x", "m"]]
    keys += [["s00000", True, "m"], ["s00000", 2**63, "m"], ["s00000", 1, "m" * 1025], ["", 1, ""]]
    damaged += [forged(token, k=key) for key in keys]
    damaged += [forged(token, w=window) for window in (None, [1], ["a", None], [2**70, None])]
    damaged += [forged(token, v=2), forged(token, q=None)]
    for number, bad in enumerate(damaged):
        outcome = filled(*argv, "--page-token", bad)
        assert (number, outcome.code, outcome.out) == (number, 2, b""), bad


USERS = ("it's $HOME; `x`", "=ada~\\'é %")
AWKWARD = [
    *(("session", "list", "--user", user, "--limit", "2") for user in USERS),
    ("message", "list", "--limit=3", "--filter", 'role == "user" and not (content == "a b")', "--order", "desc"),
    ("--fields", "session_id,message_id", "message", "list", "--since", "2h", "--limit", "4"),
    ("message", "search", "--limit", "4", "--", "said"),
]


@pytest.mark.parametrize("argv", AWKWARD)
def test_the_next_page_can_be_pasted(ready: Cli, argv: tuple[str, ...]) -> None:
    """Page after page by what stderr says, as bash reads it in any locale, until no more is said: each item once."""
    said = [Message("s", f"m{n:02d}", ready.clock.time_us - HOUR + n, "user", "said") for n in range(9)]
    ready.fill([*said, *(Session(user, f"s{n}", 1) for user in USERS for n in range(9))])

    words = ["-o", "jsonl", *argv]
    items: list[dict[str, object]] = []
    while words and len(items) < 9:
        outcome = ready.ok(*words)
        items += outcome.lines
        line = outcome.err.rpartition("more is left: tsmem ")[2].rstrip("\n")
        script, anywhere = f"printf '%s\\0' {line}", {**os.environ, "LC_ALL": "C"}
        read = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env=anywhere).stdout
        words = read.decode().split("\0")[:-1] if line else []
    assert [] == words
    assert 9 == len({tuple(map(str, item.items())) for item in items}) == len(items)


def test_the_next_page_can_be_pasted_where_there_is_only_ascii() -> None:
    """Where a terminal without UTF-8 cannot write the command, the next page is said in words."""
    argv = ["session", "list", "--user"]

    assert "tsmem session list --user e --page-token new" == next_page([*argv, "e"], "new", unicode=False)
    assert "the same command with --page-token new" == next_page([*argv, "é"], "new", unicode=False)
    assert "the same command with --page-token new" == next_page([*argv, "a\nb"], "new")


def test_a_terminal_is_told_how_many_there_are(filled: Cli) -> None:
    """On stderr, below a table that a person looks at; a pipe and other formats are told nothing."""
    assert "24 sessions\n" == filled.ok("session", "list", width=80).err
    assert filled.ok("session", "list", "--limit", "1", width=80).err.startswith(
        "1 session, more is left: tsmem session"
    )
    nobody = filled.ok("session", "list", "--user", "nobody", width=80).err
    assert "no sessions found: there is no user 'nobody'\n" == nobody
    assert "10 messages\n" == filled.ok("message", "list", "--session", "s00000", "--last", "10", width=80).err
    assert "34 messages\n" == filled.ok("message", "search", width=80).err
    token = filled.ok("message", "search", "--limit", "30").token
    last = filled.ok("message", "search", "--limit", "30", "--page-token", token, width=80).err
    assert "34 found in all\n4 messages\n" == last
    assert "" == filled.ok("session", "list").err
    assert "" == filled.ok("session", "list", "-o", "csv", width=80).err
    assert "" == filled.ok("session", "list", "-o", "json", width=80).err


def test_a_search_of_sessions_that_finds_nothing_says_where_else_to_look(filled: Cli) -> None:
    """On a terminal, with the command; a search without a text, one that finds something and a pipe say nothing."""
    err = filled.ok("-p", "local", "session", "search", "it's", width=80).err
    assert "\nhint: sessions are found by their search_content, " in err
    assert err.endswith(" tsmem --profile local message search it\\'s\n")
    assert "hint" not in filled.ok("session", "search", "--user", "nobody", width=80).err
    assert "hint" not in filled.ok("session", "search", "it's").err
    filled.fill([Session("u", "found", 1, "it's here")])
    assert "hint" not in filled.ok("session", "search", "it's", width=80).err


def test_a_search_of_messages_for_a_tool_says_where_it_is_named(filled: Cli) -> None:
    """On a terminal, for a text that can be a tool's name; the command finds what the tool answered."""
    filled.fill([Message("s00000", "answer", 1, "tool", "done", metadata=Metadata({"name": "cancel_trip"}))])
    err = filled.ok("message", "search", "cancel_trip", width=80).err
    command = err.rstrip("\n").rpartition(": tsmem ")[2]

    assert "\nhint: search looks into what was said; " in err
    assert ["answer"] == [m["message_id"] for m in filled.ok(*shlex.split(command), "-o", "json").json["items"]]
    assert "hint" not in filled.ok("message", "search", "cancel trip", width=80).err
    assert "hint" not in filled.ok("message", "search", "cancel_trip").err


def test_a_token_is_replaced_by_the_next() -> None:
    """However it was given."""
    for given in (("--page-token", "old"), ("--page-token=old",), ()):
        assert "tsmem message list --page-token new" == next_page(["message", *given, "list"], "new")
    assert "tsmem message search --page-token new -- --page-token" == next_page(
        ["message", "search", "--", "--page-token"], "new"
    )
