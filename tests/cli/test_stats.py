"""`tsmem stats` as json, jsonl and csv."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tsmem.store import Message, Metadata, Session

KEYS = [
    "user_id", "session_id", "sessions", "users", "messages", "bytes", "first_time", "last_time", "roles",
    "other_roles", "days", "undated", "biggest_sessions", "near_limit", "cells",
]  # fmt: skip


@pytest.fixture
def filled(ready: Cli) -> Cli:
    ready.fill([*sessions(3), *sessions(1, "bob"), *messages(20, "s00001"), *messages(3, "s00002")])
    return ready


def test_stats_as_json_always_have_every_key(ready: Cli) -> None:
    empty = ready.ok("stats", "-o", "json").json

    assert KEYS == list(empty)
    assert (0, None, [], []) == (empty["messages"], empty["first_time"], empty["days"], empty["biggest_sessions"])
    ready.fill([Message("s", "m", 1), Message("s", "n", 2), Message("t", "m", 1)])
    document = ready.ok("stats", "--session", "s", "-o", "json").json
    assert (KEYS, "s", 2) == (list(document), document["session_id"], document["messages"])


def test_stats_as_csv_and_jsonl_have_one_number_per_line(filled: Cli) -> None:
    filled.fill([Session("x\ny", "s"), Message("a,b", "m", 1, 'say "x"')])
    lines = filled.ok("stats", "-o", "jsonl").lines
    rows = filled.ok("stats", "-o", "csv").text.splitlines()

    assert {"measure": "users", "of": None, "value": 3} in lines
    assert {"measure": "role", "of": 'say "x"', "value": 1} in lines
    assert {"measure": "session_messages", "of": "a,b", "value": 1} in lines
    assert "measure,of,value" == rows[0]
    assert 'role,"say ""x""",1' in rows


def test_failed_tool_calls_of_a_week_are_counted_by_tool(ready: Cli) -> None:
    now = ready.clock.now_us()
    for number, (name, content, days) in enumerate(
        [
            ("book", "Error: full", 1),
            ("book", "Error: late", 2),
            ("find", "Error", 3),
            ("find", "ok", 1),
            ("old", "Error", 9),
        ]
    ):
        time = now - days * 86_400_000_000
        ready.fill([Message("s", f"m{number}", time, "tool", content, None, Metadata({"name": name}))])

    outcome = ready.ok("stats", "--by", "name", "--errors", "--since", "7d", "-o", "table")

    assert outcome.text == "name  messages\nbook  2\nfind  1\n"
    assert outcome.err == ""


def test_counts_by_a_field_in_each_format(filled: Cli) -> None:
    filled.fill([Session("eve", "e", 1, None, Metadata({"sessions": b"\1", "topic": '=a,"b"'}))])
    assert filled.ok("stats", "--by", "user_id", width=80, environ={"NO_COLOR": "1"}).text == (
        "user_id  sessions  messages\n"
        "───────────────────────────\n"
        "ada      3         23\n"
        "bob      1         0\n"
        "eve      1         0\n"
    )
    assert filled.ok("stats", "--by", "role", "-o", "json").json == {
        "user_id": None,
        "session_id": None,
        "by": ["role"],
        "groups": [{"values": ["user"], "sessions": None, "messages": 23}],
        "others": {"sessions": 0, "messages": 0},
    }
    assert {"metadata.sessions": {"$bytes": "AQ=="}, "sessions": 1, "messages": None} in filled.ok(
        "stats", "--by", "sessions", "-o", "jsonl"
    ).lines
    rows = filled.ok("stats", "--by", "topic", "-o", "csv").text.splitlines()
    assert rows == ["topic,sessions,messages", ",4,", '"\'=a,""b""",1,']


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("rol", "no session and no message has the field 'rol'; did you mean 'role'?\n"),
        ("role,zzzz", "no session and no message has the field 'zzzz'\n"),
        ("role,topic", "no session and no message has all of these fields\n"),
    ],
)
def test_fields_that_no_row_has_are_named(filled: Cli, by: str, said: str) -> None:
    filled.fill([Session("eve", "e", 1, None, Metadata({"topic": "tea"}))])
    outcome = filled.ok("stats", "--by", by, "-o", "json")
    assert (outcome.err, outcome.json["groups"]) == (said, [])


def test_what_is_in_no_group_is_counted_on_stderr(filled: Cli) -> None:
    filled.fill([Message("s", "m", 1, "r" * 101)])
    outcome = filled.ok("stats", "--by", "role", "-o", "json")
    assert outcome.err == "1 message not shown: a value is long, or there are too many different ones\n"
    assert outcome.json["others"] == {"sessions": 0, "messages": 1}


def test_stats_of_a_time_count_what_was_updated_and_created_then(filled: Cli) -> None:
    filled.fill([Session("eve", "e", 5), Message("e", "m", 7), Session("eve", "f")])
    document = filled.ok("stats", "--until", "2000-01-01", "-o", "json").json
    assert (document["sessions"], document["users"], document["messages"]) == (1, 1, 1)
