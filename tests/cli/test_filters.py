"""`--filter` on the command line: the commands that take it, its errors, and the progress of a long scan."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.cli.conftest import Cli, Processes, messages, store_file
from tests.support.progress import TickingClock, progress_lines
from tests.support.terminals import Terminal
from tsmem.store import Message, Metadata, Session

SESSIONS = [
    Session("ada", f"s{n}", n, None, Metadata({"topic": "billing" if n % 2 else "tea", "n": n})) for n in range(6)
]
MESSAGES = [
    Message(
        f"s{n % 2}", f"m{n}", n, "tool" if n % 3 == 0 else "user", f"text {n}", None, Metadata({"n": n} if n else {})
    )
    for n in range(8)
]


@pytest.fixture
def filled(ready: Cli) -> Cli:
    ready.fill([*SESSIONS, *MESSAGES])
    return ready


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("session", "list", "--filter", 'topic == "billing" and n > 1'), ["s3", "s5"]),
        (("session", "list", "--user", "ada", "--filter", "not n < 4"), ["s4", "s5"]),
        (("session", "recent", "--user", "ada", "--filter", 'topic == "tea"'), ["s4", "s2", "s0"]),
        (("message", "list", "--filter", 'role == "tool" and exists(n)'), ["m6", "m3"]),
        (("message", "list", "--session", "s0", "--role", "user", "--filter", "n in [2, 3]"), ["m2"]),
        (("message", "list", "--session", "s1", "--last", "2", "--filter", "n != 7"), ["m3", "m5"]),
        (("message", "list", "--order", "desc", "--filter", 'content == "text 4"'), ["m4"]),
        (("message", "list", "--filter", 'contains(content, "TEXT") and metadata.n > 6'), ["m7"]),
        (("message", "search", "text", "--filter", 'startswith(session_id, "s1") and n < 4'), ["m3", "m1"]),
        (("session", "search", "--filter", 'startswith(topic, "bil")'), ["s5", "s3", "s1"]),
        (("session", "list", "--filter", 'startswith(topic, "Bil") or n == true'), []),
    ],
)
def test_every_listing_takes_a_filter(filled: Cli, argv: tuple[str, ...], expected: list[str]) -> None:
    assert expected == [item[f"{argv[0]}_id"] for item in filled.ok(*argv, "-o", "jsonl").lines]


def test_a_mistake_in_a_filter_is_one_sentence_with_its_column(filled: Cli) -> None:
    before = filled.export()
    outcome = filled("session", "purge", "--everyone", "--yes", "--filter", 'a == 1 and __import__("os")')
    assert (outcome.code, outcome.out) == (2, b"")
    there = "the functions are exists, contains, startswith"
    assert [
        f"error: --filter: there is no function '__import__'; {there} (column 12)",
        "hint: see: tsmem help filters",
    ] == outcome.err.splitlines()
    as_json = filled("session", "list", "--filter", "\x1b]0;x\x07 ==\n1", "-o", "json")
    assert "\x1b" not in as_json.err
    assert as_json.error["message"] == "--filter: this is not in the filter language (line 1, column 1)"
    assert filled.export() == before


@cache
def long_store() -> bytes:
    return store_file(Message("s", f"m{n:04}", n, "user", None, None, Metadata({"n": n})) for n in range(5100))


@pytest.mark.parametrize(
    "argv",
    [
        ("message", "list", "-o", "jsonl", "--filter", "n == 5099"),
        ("message", "list", "--limit", "1", "--filter", "n == 0"),
        ("message", "list", "--session", "s", "--last", "1", "-o", "jsonl", "--filter", "n == 5099"),
        ("message", "purge", "--everything", "--dry-run", "--filter", "n == 5099"),
    ],
)
def test_a_long_scan_shows_progress_only_on_a_terminal(ready: Cli, argv: tuple[str, ...]) -> None:
    ready.use(long_store())
    target = f"dry run: nothing is deleted from {ready.database} (profile local)\n" * ("--dry-run" in argv)
    shown = ready.ok(*argv, talk=True, clock=TickingClock())
    lines, left = progress_lines(shown.err)
    assert "5,000 rows scanned, " in lines[0]
    assert re.fullmatch(r"(found 1 message: .*\n)?", left.removeprefix(target))
    for talk, environ in ((False, {}), (True, {"CI": "true"}), (True, {"TERM": "dumb"})):
        silent = ready.ok(*argv, talk=talk, clock=TickingClock(), environ=environ)
        assert (shown.out, target) == (silent.out, silent.err)


def test_a_search_with_few_results_shows_scan_progress(ready: Cli) -> None:
    """The index can propose many candidates, and each is checked on its row."""
    ready.fill(Message("s", f"m{n:04}", n, "user", "no", None, Metadata({"said": "?!"})) for n in range(450))
    searched = ready.ok("message", "search", "?!", "-o", "jsonl", talk=True, clock=TickingClock())

    assert b"" == searched.out
    lines, left = progress_lines(searched.err)
    assert " rows scanned, 0 found" in lines[0]
    assert left.startswith("no messages found")
    assert "" == ready.ok("message", "search", "-o", "jsonl", talk=True, clock=TickingClock()).err


def test_a_short_or_unfiltered_listing_shows_no_progress(ready: Cli, process: Processes) -> None:
    """A short scan ends before anything is drawn, and a listing without a filter shows its own progress."""
    ready.fill(messages(3))

    assert ready.ok("message", "list", "-o", "jsonl", talk=True, clock=TickingClock()).err == ""
    code, shown = Terminal(process).run(
        "message", "list", "--filter", 'role == "user"', "-o", "csv", "--fields", "message_id"
    )
    assert (code, shown) == (0, "message_id\nm00000\nm00001\nm00002\n")
