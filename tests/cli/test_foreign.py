"""Rows and tables of other libraries: fields of other types, other column names, and tables with other keys."""

from __future__ import annotations

import re
from typing import NamedTuple

import pytest

from tests.cli.conftest import Cli
from tests.support.server_in_process import environ, serving
from tsmem.adapters import open_client
from tsmem.port import TableSchema
from tsmem.profiles import load_profile
from tsmem.rows import ColumnType, Key, Put, Value
from tsmem.store.layout import DEFAULT

SESSION, MESSAGE = DEFAULT.session.ref, DEFAULT.message.ref
ODD_SESSION: dict[str, Value] = {"update_time": "yesterday", "search_content": b"\x00", "role": "x", "n": 1.0}
ODD_MESSAGE: dict[str, Value] = {"content": 7, "role": 3, "search_content": True, "user_id": "u", "update_time": 5}


@pytest.fixture
def odd(ready: Cli) -> Cli:
    client = open_client(load_profile(ready.environ), ready.clock)
    client.write_row(Put(SESSION, ("u", "s"), ODD_SESSION))
    client.write_row(Put(SESSION, ("u", "t"), {}))
    client.write_row(Put(MESSAGE, ("s", 1, "m"), ODD_MESSAGE))
    client.write_row(Put(MESSAGE, ("s", 2, "n"), {"content": b"\xff\xfe", "role": "user"}))
    client.close()
    return ready


@pytest.mark.parametrize(("output", "width"), [("table", None), ("table", 80), ("json", None), ("csv", None)])
def test_rows_of_other_libraries_are_shown_in_every_format(odd: Cli, output: str, width: int | None) -> None:
    for argv, odd_value in (
        (("session", "list"), "yesterday"),
        (("session", "get", "u", "s"), "yesterday"),
        (("message", "list"), r"role\W+3"),
        (("message", "get", "s", "m"), r"role\W+3"),
        (("message", "list", "--role", "user"), "//4="),
        (("show", "s"), r"role\W+3"),
        (("show", "s", "--user", "u"), r"role\W+3"),
        (("message", "list", "--fields", "role,content,metadata.role,metadata.content"), r"\b3\b.*\b7\b"),
    ):
        shown = re.sub(r"\x1b\[[0-9;]*m", "", odd.ok(*argv, "-o", output, width=width).text)
        if width is None or argv[0] == "show" or argv[1] == "get":
            assert re.search(odd_value, shown, re.DOTALL), (argv, shown)


def test_touch_of_a_session_whose_update_time_is_not_a_time_keeps_the_message(odd: Cli) -> None:
    odd.ok("message", "put", "t", "m", "--content", "x", "--touch", "u")
    assert odd.ok("session", "get", "u", "t", "-o", "json").json["update_time"] == odd.clock.time_us
    outcome = odd("message", "put", "s", "late", "--content", "x", "--touch", "u")
    assert outcome.code in (0, 7)
    assert odd.ok("message", "get", "s", "late")


def test_purge_deletes_rows_of_other_libraries(odd: Cli) -> None:
    odd.ok("session", "purge", "--everyone", "--until", "1h", "--with-messages", "--yes")
    odd.ok("session", "purge", "--everyone", "--with-messages", "--yes")
    odd.ok("message", "purge", "--everything", "--yes")
    assert odd.export().count(b"\n") == 2


TEXT, INTEGER, BYTES = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BINARY


class Foreign(NamedTuple):
    name: str
    key: tuple[tuple[str, ColumnType], ...]
    row: Key

    @property
    def table(self) -> TableSchema:
        return TableSchema(self.name, self.key)


BYTES_FOR_USERS = Foreign("session", (("user_id", BYTES), ("session_id", TEXT)), (b"u", "s"))
ONE_COLUMN = Foreign("session", (("user_id", TEXT),), ("u",))
THREE_COLUMNS = Foreign("session", (("user_id", TEXT), ("session_id", TEXT), ("turn", TEXT)), ("u", "s", "x"))
TEXT_TIME = Foreign("message", (("session_id", TEXT), ("create_time", TEXT), ("message_id", TEXT)), ("s", "1", "m"))
INTEGER_SESSION = Foreign(
    "message", (("session_id", INTEGER), ("create_time", INTEGER), ("message_id", TEXT)), (1, 1, "m")
)
ANOTHER_ORDER = Foreign(
    "message", (("session_id", TEXT), ("message_id", TEXT), ("create_time", INTEGER)), ("s", "m", 1)
)
OF_SESSIONS = """session get u s
session list
session list --user u
session recent
session recent --user u
session search
session put u s
session update u s -m a=b
session delete u s
session delete u s --with-messages
session purge --everyone --dry-run
session purge --user u --with-messages --until 1 --yes
show s --user u
export
export --user u
export --session s
stats
stats --user u
drop-tables --yes"""
OF_MESSAGES = """message get s m
message get s m --create-time 1
message list
message list --session s
message list --session s --last 1
message search
message search hi --session s
message tail s
message put s m --content x --create-time 1
message update s m --content x --create-time 1
message delete s m --create-time 1
message purge --session s --yes
message purge --everything --dry-run
show s
export
export --session s
stats
drop-tables --yes"""


@pytest.mark.parametrize(
    ("foreign", "commands", "wire"),
    [
        (BYTES_FOR_USERS, OF_SESSIONS, True),
        (ONE_COLUMN, OF_SESSIONS, False),
        (THREE_COLUMNS, "session list\nsession put u s", False),
        (TEXT_TIME, OF_MESSAGES, False),
        (INTEGER_SESSION, OF_MESSAGES, True),
        (ANOTHER_ORDER, "message list\nmessage put s m --content x --create-time 1", False),
    ],
)
def test_every_command_names_a_table_whose_key_differs(cli: Cli, foreign: Foreign, commands: str, wire: bool) -> None:
    with cli.store() as store:
        client, layout = store._client, store.layout
        client.create_table(foreign.table)
        client.create_table(next(each.schema for each in layout if each.schema.name != foreign.table.name))
        client.write_row(Put(foreign.table.ref, foreign.row, {"a": 1}))
        before = client.describe_table(foreign.table.name), client.get_row(foreign.table.ref, foreign.row)
    with serving(cli.database) as served:
        chosen = {**environ(served.endpoint), "HOME": str(cli.folder)} if wire else {}
        for line in commands.splitlines():
            outcome = cli(*(["-p", "env"] if wire else []), *line.split(), "-o", "jsonl", environ=chosen)

            assert (4, b"") == (outcome.code, outcome.out), (line, outcome)
            assert "SchemaMismatch" == outcome.error["code"], (line, outcome)
            said = outcome.error["message"]
            what = f"table '?{foreign.table.name}'? (is not a table of tsmem|cannot be the (session|message) table)"
            assert re.match(f"{what}: its primary key is ", said), (line, said)
    with cli.store() as store:
        client = store._client
        assert before == (client.describe_table(foreign.table.name), client.get_row(foreign.table.ref, foreign.row))
        assert [] == client.list_search_indexes(foreign.table.name)


def test_an_error_about_a_differing_key_does_not_suggest_init_tables(cli: Cli) -> None:
    with cli.store() as store:
        store._client.create_table(BYTES_FOR_USERS.table)
    cli("init-tables")
    checked = cli("init-tables", "--check", "-o", "json")

    assert 4 == checked.code
    assert "its primary key is (user_id BINARY, session_id STRING), not (user_id STRING" in checked.error["message"]
    assert "init-tables" not in checked.error["hint"]
