"""`tsmem stats` as json, jsonl and csv."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tsmem.store import Message, Session

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
