"""`tsmem stats`: what it counts is what JSON says; progress and what it refuses."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, messages, sessions
from tests.support.server_in_process import environ, serving
from tsmem.store import Message, Session

KEYS = [
    "user_id", "session_id", "sessions", "users", "messages", "bytes", "first_time", "last_time", "roles",
    "other_roles", "days", "undated", "biggest_sessions", "near_limit", "cells",
]  # fmt: skip


@pytest.fixture
def filled(ready: Cli) -> Cli:
    """Two users, four sessions, messages in two."""
    ready.fill([*sessions(3), *sessions(1, "bob"), *messages(20, "s00001"), *messages(3, "s00002")])
    return ready


def test_json_has_every_key_always(ready: Cli) -> None:
    """Also of an empty store, in the documented order."""
    empty = ready.ok("stats", "-o", "json").json

    assert KEYS == list(empty)
    assert (0, None, [], []) == (empty["messages"], empty["first_time"], empty["days"], empty["biggest_sessions"])
    assert [("s", 1), ("s", 2)] == [
        (document["session_id"], document["messages"])
        for document in (_one(ready, Message("s", "m", 1)), _one(ready, Message("s", "n", 2)))
    ]


def _one(cli: Cli, item: Message) -> dict[str, object]:
    cli.fill([item])
    document: dict[str, object] = cli.ok("stats", "--session", "s", "-o", "json").json
    return document


def test_a_user_and_a_session_are_counted_by_themselves(filled: Cli) -> None:
    """--user counts his sessions with their messages, --session one id; both at once are refused."""
    of_user = filled.ok("stats", "--user", "bob", "-o", "json").json
    of_session = filled.ok("stats", "--session", "s00001", "-o", "json").json

    assert ("bob", 1, 0) == (of_user["user_id"], of_user["sessions"], of_user["messages"])
    assert ("s00001", 1, 20) == (of_session["session_id"], of_session["sessions"], of_session["messages"])
    assert 2 == filled("stats", "--user", "bob", "--session", "s00001").code
    assert 2 == filled("stats", "--user", "").code


def test_csv_and_json_lines_are_a_number_a_line(filled: Cli) -> None:
    """Measure, of what, and value; what users chose stands in a cell of its own."""
    filled.fill([Session("x\ny", "s"), Message("a,b", "m", 1, 'say "x"')])
    lines = filled.ok("stats", "-o", "jsonl").lines
    rows = filled.ok("stats", "-o", "csv").text.splitlines()

    assert {"measure": "users", "of": None, "value": 3} in lines
    assert {"measure": "role", "of": 'say "x"', "value": 1} in lines
    assert {"measure": "session_messages", "of": "a,b", "value": 1} in lines
    assert "measure,of,value" == rows[0]
    assert 'role,"say ""x""",1' in rows


def test_over_the_wire_the_numbers_are_the_same(filled: Cli) -> None:
    """The same file, through the SDK and a server."""
    own = filled.ok("stats", "-o", "json").json
    with serving(filled.database) as served:
        outcome = filled("-p", "env", "stats", "-o", "json", environ=environ(served.endpoint))

    assert own == outcome.json, outcome
    assert ["GetRange", "GetRange"] == served.actions()
