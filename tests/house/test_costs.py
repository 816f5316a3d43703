"""Checks the numbers of requests that the manual states.

Users pay for requests. Each row of `COSTS` quotes a sentence or a table row of the manual, and runs a command against a
server. The server's log and `--cost` must both count as many requests as the quotation states.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, export_lines
from tests.support.items import load
from tests.support.server_in_process import environ, serving
from tsmem.adapters.local import LocalClient
from tsmem.cli.app.help import TOPICS, topic_page
from tsmem.clock import SystemClock
from tsmem.store import MemoryStore, Message, Session
from tsmem.words import quantity

MANUAL = {topic: " ".join(topic_page(topic).split()) for topic in TOPICS}
"""The pages, with each run of white space as one space, so that a quotation may span lines."""
SESSIONS, CHAT = 101, 201
"""The number of ada's sessions, and of the messages in her session `chat`."""


def pages(rows: int) -> int:
    return -(-rows // 5000)


def batches(rows: int) -> int:
    return -(-rows // 200)


def searched(rows: int) -> int:
    return 1 + -(-rows // 100)


@dataclass(frozen=True)
class Cost:
    page: str
    quotation: str
    """Text of the page that states the cost."""
    command: str
    requests: int
    """The number of requests that the quotation states for the command and the data of this test."""
    piped: bytes = b""
    typed: bytes | None = None
    """The answer that somebody types at a terminal, or None for no terminal."""


reading, moving = partial(Cost, "reading"), partial(Cost, "moving")
permissions, provisioning = partial(Cost, "permissions"), partial(Cost, "provisioning")
troubleshooting = partial(Cost, "troubleshooting")

RECENT_OF_USER = "| `session recent --user USER` | ⌈n/5000⌉ + ⌈n/100⌉ |"
RECENT = "| `session recent` | 1 + ⌈n/100⌉ |"
SESSION_GET = "| `session get USER SESSION` | 1 |"
SESSION_LIST = "| `session list` | ⌈n/5000⌉ |"
SESSION_SEARCH = "| `session search TEXT` | 1 + ⌈n/100⌉ |"
DIFF = "| `diff SESSION SESSION` | ⌈n/5000⌉ + 1 for each of the two |"
SEARCH = "| `search TEXT` | 2 + ⌈n/100⌉; with `-C` 2 more for each hit shown |"
MESSAGES_OF_USER = "| `message list --user USER` | ⌈s/5000⌉ for the s sessions, and at least 1 for each session |"
SEARCH_OF_USER = "| `search TEXT --user USER` | 2 + ⌈n/100⌉ + ⌈s/5000⌉ |"
PREVIEWS = (
    "for each session, ⌈n/5000⌉ for its n messages, and 1 for a title that only they can give; none for the number of "
    "up to 10 |"
)
"""One session has more than 10 messages, the others have none."""
SHOW = "| `show SESSION` | ⌈n/5000⌉ + 1 |"
SHOW_AROUND = "| `show SESSION --around MESSAGE` | 4 |"
MESSAGE_LIST = "| `message list` | ⌈n/5000⌉ |"
MESSAGE_SEARCH = "| `message search TEXT` | 1 + ⌈n/100⌉ |"
TAIL = "| `message tail SESSION --follow` | 1 for each check |"
MESSAGE_GET = "| `message get SESSION MESSAGE` | 1 with `--create-time`, otherwise 2 |"
STATS = "| `stats` | ⌈n/5000⌉ for each of the two tables |"
STATS_OF_USER = "| `stats --user USER` | ⌈n/5000⌉ for the sessions, and at least 1 for each session |"
STATS_BY = "| `stats --by FIELD` | ⌈n/5000⌉ for each of the two tables |"
FIELDS = "| `fields` | ⌈n/5000⌉ for each of the two tables |"
OF_USER = "Both read every row once, with or without `--since`; with `--user`, as `stats --user`."
EMPTY = "To find the reason, tsmem sends at most 2 more requests"
PUT = "| `session put`, `message put` | 1 |"
UPDATE = "| `session update`, `message update` | 1, or 2 with `--replace-metadata` |"
DELETE = "| `session delete`, `message delete` | 1 |"
DELETE_ALL = "| `session delete --with-messages` | 3 + ⌈n/5000⌉ + ⌈n/200⌉ for a session with n messages |"
BY_ID = "A command that names a message by its id, without `--create-time` or `--new`, sends 1 more to look up the id."
TOUCH = "`message put --touch` sends 2 more, or 3 more if the session's update time is not before the message's time."
SESSION_PUT = "At a terminal, `session put` sends 1 more, to look for other users who have a session with this id."
QUESTION = "At a terminal, a `put` of a session or message that exists already sends 2 more, and asks"
PURGE_QUESTION = "Before `purge` asks, it counts the rows, which takes as many requests as `--dry-run`."
EXPORT = (
    "| `export` | ⌈n/5000⌉ for each table; for one user, the sessions are read twice,"
    " and the messages of each session take at least 1 |"
)
IMPORT = (
    "| `import` | ⌈n/200⌉, and a search for each 500 sessions;"
    " 1 more for each conversation in which messages have no time,"
)
LOCAL_IMPORT = "On the embedded store (the local file), the requests that `--cost` counts for an import are 4 more,"
COPY = "| `copy` | those of an export and of an import |"
CHECK = "| `copy --check` | those of an export of each side |"
PURGE = (
    "| `session purge`, `message purge` | ⌈n/5000⌉ + ⌈n/200⌉; `--with-messages` adds 1 for each session"
    " (about 3 with `--until`), and a search for each 500 sessions |"
)
INIT = (
    "| `init-tables` | at most 2 for each table and each search index, or 1 with `--dry-run` or"
    " `--check`; 1 more for each table or index that it creates;"
)
DROP = (
    "| `drop-tables` | 3 for each table and 1 for each search index; at a terminal it counts the rows before it asks,"
    " which takes ⌈n/5000⌉ for a table of n rows |"
)
DOCTOR = "3 + k⌈s/5000⌉ + ⌈m/5000⌉ + k requests, where k is ⌈s/50000⌉."

ALL_ROWS = pages(SESSIONS) + pages(CHAT)
"""The requests of an export of both tables."""
NEW_SESSIONS = export_lines(Session("eve", f"e{number:03}", number) for number in range(501))
UNTIMED = b"".join(
    json.dumps({"id": f"talk-{number}", "messages": [{"role": "user", "content": "hi"}]}).encode() + b"\n"
    for number in range(3)
)
"""Three conversations whose messages have no time."""

COSTS = [
    reading(RECENT_OF_USER, "session recent --user ada --limit 0 -o jsonl", pages(SESSIONS) + 2),
    reading(RECENT, "session recent --limit 0 -o jsonl", searched(SESSIONS)),
    reading(SESSION_LIST, "session list --limit 0 -o jsonl", pages(SESSIONS)),
    reading(PREVIEWS, "session list --preview --limit 0 -o jsonl", pages(SESSIONS) + SESSIONS + 1),
    reading(PREVIEWS, "session list --fields messages --limit 0 -o jsonl", pages(SESSIONS) + SESSIONS),
    reading(SESSION_GET, "session get ada chat", 1),
    reading(SESSION_SEARCH, "session search --user ada --limit 0 -o jsonl", searched(SESSIONS)),
    reading(SHOW, "show chat", pages(CHAT) + 1),
    reading(SHOW, "show chat --user ada", pages(CHAT) + 1),
    reading(SHOW, "show chat --role user -C 2", pages(CHAT) + 1),
    reading(SHOW_AROUND, "show chat --around m00001", 4),
    reading(DIFF, "diff chat chat", 2 * (pages(CHAT) + 1)),
    reading(MESSAGE_LIST, "message list --limit 0 -o jsonl", pages(CHAT)),
    reading(MESSAGE_GET, "message get chat m00001", 2),
    reading(MESSAGE_GET, "message get chat m00001 --create-time 1", 1),
    reading(MESSAGE_SEARCH, "message search tea --session chat --limit 0 -o jsonl", searched(CHAT)),
    reading(SEARCH, "search tea --limit 0", searched(CHAT) + 1),
    reading(SEARCH, "search tea --limit 3 -C 1", searched(3) + 1 + 2 * 3),
    reading(MESSAGES_OF_USER, "message list --user ada --limit 0", pages(SESSIONS) + SESSIONS),
    reading(SEARCH_OF_USER, "search tea --user ada --limit 0", searched(CHAT) + 1 + pages(SESSIONS)),
    reading(TAIL, "message tail chat", 1),
    reading(STATS, "stats", ALL_ROWS),
    reading(STATS_OF_USER, "stats --user ada", pages(SESSIONS) + SESSIONS),
    reading(STATS, "stats --since 1970-01-01", ALL_ROWS),
    reading(STATS_BY, "stats --by role,user_id", ALL_ROWS),
    reading(FIELDS, "fields", ALL_ROWS),
    reading(OF_USER, "stats --by day --user ada --since 1970-01-01", pages(SESSIONS) + SESSIONS),
    reading(OF_USER, "fields --user ada", pages(SESSIONS) + SESSIONS),
    reading(EMPTY, "session list --user nobody", 1 + 2),
    reading(EMPTY, "message list --session none", 1 + 2),
    reading(EMPTY, "message list --filter none==1", 1 + 1),
    moving(EXPORT, "export", ALL_ROWS),
    moving(EXPORT, "export --user ada", 2 * pages(SESSIONS) + SESSIONS),
    moving(COPY, "copy --from env --to local", ALL_ROWS),
    moving(CHECK, "copy --from env --to local --check", ALL_ROWS),
    troubleshooting(DOCTOR, "doctor", 3 + pages(SESSIONS) + pages(CHAT) + 1),
    provisioning(INIT, "init-tables --check", 2 + 2),
    provisioning(INIT, "init-tables", 2 * (2 + 2)),
    permissions(PUT, "session put ada new", 1),
    permissions(PUT, "session put ada new", 1),
    permissions(PUT, "session put zoe", 1),
    permissions(UPDATE, "session update ada new -m a=1", 1),
    permissions(UPDATE, "session update ada new -m a=1 --replace-metadata", 2),
    permissions(DELETE, "session delete ada new", 1),
    permissions(PUT, "message put chat --content hello", 1),
    permissions(PUT, "message put chat by-time --content hello --create-time 8", 1),
    permissions(PUT, "message put chat by-time --content hello --create-time 8", 1),
    permissions(PUT, "message put chat --content hello --if-absent", 1),
    permissions(BY_ID, "message put chat new --content hello --new", 1),
    permissions(DELETE, "message delete chat by-time --create-time 8", 1),
    permissions(BY_ID, "message put chat by-id --content hello", 1 + 1),
    permissions(BY_ID, "message update chat by-id --content again", 1 + 1),
    permissions(BY_ID, "message delete chat by-id", 1 + 1),
    permissions(TOUCH, "message put s001 --content hello --touch ada", 1 + 2),
    permissions(TOUCH, "message put s001 --content again --touch ada", 1 + 3),
    permissions(SESSION_PUT, "session put ada new", 1 + 1, typed=b"y\n"),
    permissions(QUESTION, "session put ada new", 1 + 2 + 1, typed=b"y\n"),
    permissions(QUESTION, "message put chat m00001 --content hello --create-time 1", 1 + 2, typed=b"y\n"),
    permissions(PURGE_QUESTION, "message purge --session chat", pages(CHAT), typed=b"n\n"),
    permissions(PURGE_QUESTION, "message purge --session chat --dry-run", pages(CHAT)),
    permissions(DELETE_ALL, "session delete ada chat --with-messages", 3 + pages(CHAT) + batches(CHAT)),
    moving(IMPORT, "import", batches(501) + 2, piped=NEW_SESSIONS),
    moving(IMPORT, "import", 1, piped=export_lines([Message("chat", "m", 1)])),
    moving(LOCAL_IMPORT, "-p local import", 4 + batches(501) + 2, piped=NEW_SESSIONS),
    moving(IMPORT, "import --format openai --user eve", batches(6) + 1 + 3, piped=UNTIMED),
    moving(PURGE, "session purge --user eve --yes", pages(504) + batches(504)),
    moving(PURGE, "session purge --user ada --with-messages --yes", 1 + 1 + SESSIONS + 2),
    provisioning(DROP, "drop-tables", 2 + 2 * (3 + 1), typed=b"y\n"),
    provisioning(INIT, "init-tables", 2 * 2 + 2 + 4),
]


def test_commands_send_the_requests_that_the_manual_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of `COSTS` matters: a command finds the rows that the commands before it have left."""
    monkeypatch.chdir(tmp_path)
    with MemoryStore(LocalClient(tmp_path / "served.db", SystemClock())) as store:
        store.tables.apply()
        load(store, [Session("ada", "chat", 999), *(Session("ada", f"s{n:03}", n) for n in range(1, SESSIONS))])
        load(store, (Message("chat", f"m{n:05}", n, "user", "tea") for n in range(CHAT)))
    wrong: list[tuple[str, int, str, list[str]]] = []
    with serving(tmp_path / "served.db") as served:
        cli = Cli(tmp_path)
        cli.environ.update(environ(served.endpoint, HOME=str(tmp_path)))
        cli.ok("-p", "local", "init-tables")
        for cost in COSTS:
            served.log.clear()
            argv = [*shlex.split(cost.command), "--cost"]
            outcome = cli(*argv, stdin=cost.piped) if cost.typed is None else cli.asked(*argv, answer=cost.typed)
            assert 0 == outcome.code, outcome
            is_counted = f"cost: {quantity(cost.requests, 'request')}, " in outcome.err
            is_sent = len(served.log) == cost.requests or cost.command.startswith("-p local ")
            if not (is_sent and (is_counted or cost.command.startswith("copy "))):  # `--cost` adds both sides of a copy
                wrong.append((cost.command, cost.requests, outcome.err, served.actions()))

    assert [] == wrong


def test_each_cost_in_the_manual_is_checked_by_a_command() -> None:
    misquoted = [cost for cost in COSTS if cost.quotation not in MANUAL[cost.page]]
    table_rows = [row for page in TOPICS for row in rows_with_requests(topic_page(page)) if "see `tsmem" not in row]
    unchecked = [row for row in table_rows if not any(cost.quotation in row for cost in COSTS)]

    assert ([], []) == (misquoted, unchecked)
    assert 15 < len(table_rows)


def rows_with_requests(page: str) -> list[str]:
    """Return the rows of the page's tables that have a column of requests."""
    tables: list[str] = re.findall(r"^\|[^\n]*\| requests[^\n]*\|\n\|[-|]+\|\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [row for table in tables for row in table.splitlines()]
