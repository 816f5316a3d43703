"""Pages of a listing on the command line: the number of items, the command for the next page, and damaged tokens."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tests.support.pages import forged_token, token_bytes, token_of
from tsmem.cli.io.output import next_page
from tsmem.store import Message, Session

HOUR = 3_600_000_000


@pytest.fixture
def filled(ready: Cli) -> Cli:
    tools = [Message("s00000", f"t{n}", 1_767_000_000_000_000 + n * 5_000_000, "tool") for n in range(4)]
    said = [message for session in ("a", "s00000", "s00001") for message in messages(10, session)]
    ready.fill([*sessions(20), *sessions(4, "bob"), *tools, *said])
    return ready


def test_default_limit_is_50_for_table_and_json_only(ready: Cli) -> None:
    ready.fill(messages(60))

    for output, count in (("table", 50), ("json", 50), ("jsonl", 60), ("csv", 60)):
        outcome = ready.ok("message", "list", "-o", output)
        rows = len(outcome.json["items"]) if output == "json" else outcome.text.count("said ")
        assert rows == count
        assert ("--page-token" in outcome.err) == (output == "table")


@pytest.mark.parametrize("output", ["table", "jsonl", "csv"])
def test_a_token_works_in_another_format_and_with_another_limit(filled: Cli, output: str) -> None:
    first = filled.ok("message", "list", "-o", output, "--limit", "4")
    assert first.err == f"next page: tsmem message list -o {output} --limit 4 --page-token {first.token}\n"
    rest = filled.ok("message", "list", "-o", "jsonl", "--page-token", first.token).lines

    assert rest == filled.ok("message", "list", "-o", "jsonl").lines[4:]


def test_a_damaged_or_forged_token_is_refused(filled: Cli) -> None:
    argv = ("message", "list", "--session", "s00000", "--since", "2h", "--limit", "2", "-o", "json")
    filled.fill(Message("s00000", f"new{n}", filled.clock.time_us, "user") for n in range(3))
    token = filled.ok(*argv).json["next_page_token"]
    now_us, key = filled.clock.time_us, (filled.clock.time_us, "m")
    damaged = [token[:-1], token[1:], token + "A", token + "=", f" {token}", token * 1000]
    damaged += [forged_token(token, *values) for values in ((), (now_us, *key, 1), (now_us, *key[:1]))]
    damaged += [forged_token(token, *values, *key) for values in ((2**63,), ("a",))]
    damaged += [forged_token(token, now_us, *values) for values in ((now_us - 1, "m"), (2**63, "m"), (now_us, b"\xff"))]
    damaged += [forged_token(token, now_us, now_us, "m" * 1025), token_of(b"\x03" + token_bytes(token)[1:])]
    for number, bad in enumerate(damaged):
        outcome = filled(*argv, "--page-token", bad)
        assert (number, outcome.code, outcome.out) == (number, 2, b""), bad


def test_a_token_of_the_former_format_is_refused(filled: Cli) -> None:
    former = token_of(b'{"v":1,"q":"0123456789abcdef","w":[null,null],"k":["s00000",1,"m1"]}')

    error = filled("message", "list", "-o", "json", "--page-token", former).error

    assert "the page token was made by another version of tsmem" == error["message"]
    assert "start again without a page token" == error["hint"]


USERS = ("it's $HOME; `x`", "=ada~\\'é %")
AWKWARD = [
    *(("session", "list", "--user", user, "--limit", "2") for user in USERS),
    ("message", "list", "--limit=3", "--filter", 'role == "user" and not (content == "a b")', "--order", "desc"),
    ("--fields", "session_id,message_id", "message", "list", "--since", "2h", "--limit", "4"),
    ("message", "search", "--limit", "4", "--", "said"),
    ("session", "recent", "--user", USERS[0], "--limit", "5"),
]


@pytest.mark.parametrize("argv", AWKWARD)
def test_the_command_for_the_next_page_can_be_pasted(ready: Cli, argv: tuple[str, ...]) -> None:
    said = [Message("s", f"m{n:02d}", ready.clock.time_us - HOUR + n, "user", "said") for n in range(9)]
    ready.fill([*said, *(Session(user, f"s{n}", 1) for user in USERS for n in range(9))])

    words = ["-o", "jsonl", *argv]
    items: list[dict[str, object]] = []
    while words and len(items) < 9:
        outcome = ready.ok(*words)
        items += outcome.lines
        line = outcome.err.rpartition("next page: tsmem ")[2].rstrip("\n")
        script, anywhere = f"printf '%s\\0' {line}", {**os.environ, "LC_ALL": "C"}
        read = subprocess.run(["bash", "-c", script], capture_output=True, check=True, env=anywhere).stdout
        words = read.decode().split("\0")[:-1] if line else []
    assert [] == words
    assert 9 == len({tuple(map(str, item.items())) for item in items}) == len(items)


def test_the_command_for_the_next_page_can_be_pasted_on_an_ascii_terminal() -> None:
    argv = ["session", "list", "--user"]

    assert "tsmem session list --user e --page-token new" == next_page([*argv, "e"], "new", unicode=False)
    assert "the same command with --page-token new" == next_page([*argv, "é"], "new", unicode=False)
    assert "the same command with --page-token new" == next_page([*argv, "a\nb"], "new")


@pytest.mark.parametrize(
    ("words", "hours", "pages"),
    [
        (("--since", "2h", "--until", "now"), 0, 9),
        (("--since", "yesterday", "--until", "today"), 0, 9),
        (("--since", "2h", "--until", "now"), 25, 9),
        (("--since", "yesterday"), 25, None),
    ],
    ids=["now", "the same day", "now on the next day", "yesterday on the next day"],
)
def test_a_listing_with_words_for_times_continues_on_the_same_day(
    ready: Cli, words: tuple[str, ...], hours: int, pages: int | None
) -> None:
    """`now` stays what it was on the first page. A day is another day after midnight, so the token of a listing with
    such a word is then refused, as with two different dates."""
    now_us = ready.clock.time_us
    ready.fill(Message("s", f"m{n}", now_us - HOUR + n, "user", "said") for n in range(9))
    argv = ("message", "list", *words, "-o", "json")
    first = ready.ok(*argv, "--limit", "4").json
    ready.clock.time_us += hours * HOUR + 1
    ready.fill([Message("s", "later", now_us + 1, "user", "said")])
    rest = ready(*argv, "--page-token", first["next_page_token"])
    if pages is None:
        assert (2, "the page token belongs to another query") == (rest.code, rest.error["message"])
    else:
        late = ["later"] if "today" in words else []
        found = [item["message_id"] for item in (*first["items"], *rest.json["items"])]
        assert [*(f"m{n}" for n in range(pages)), *late] == found


def test_a_terminal_shows_how_many_items_there_are(filled: Cli) -> None:
    """Pipes and other formats do not."""
    token = filled.ok("message", "search", "--limit", "30").token
    for argv, said in (
        ("session list", "24 sessions\n"),
        ("message list --session s00000 --last 10", "10 messages\n"),
        ("message search", "34 messages\n"),
        (f"message search --limit 30 --page-token {token}", "4 of 34 messages\n"),
        ("session list -o csv", ""),
        ("session list -o json", ""),
    ):
        assert said == filled.ok(*argv.split(), width=80).err
    assert "" == filled.ok("session", "list").err
    more = filled.ok("session", "list", "--limit", "1", width=80).err
    assert more.startswith("1 session shown; next page: tsmem session")


def test_the_command_for_the_next_page_replaces_the_page_token() -> None:
    for given in (("--page-token", "old"), ("--page-token=old",), ()):
        assert "tsmem message list --page-token new" == next_page(["message", *given, "list"], "new")
    assert "tsmem message search --page-token new -- --page-token" == next_page(
        ["message", "search", "--", "--page-token"], "new"
    )
