"""Rows as other libraries write them: fields of other types, columns by other rules. Reading is total."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import Cli
from tsmem.adapters import open_client
from tsmem.profiles import load_profile
from tsmem.rows import Put, Value
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


def test_a_message_touches_a_session_whose_time_is_no_time(odd: Cli) -> None:
    odd.ok("message", "put", "t", "m", "--content", "x", "--touch", "u")
    assert odd.ok("session", "get", "u", "t", "-o", "json").json["update_time"] == odd.clock.time_us
    outcome = odd("message", "put", "s", "late", "--content", "x", "--touch", "u")
    assert outcome.code in (0, 7)
    assert odd.ok("message", "get", "s", "late")


def test_purge_takes_rows_of_other_libraries(odd: Cli) -> None:
    odd.ok("session", "purge", "--everyone", "--until", "1h", "--with-messages", "--yes")
    odd.ok("session", "purge", "--everyone", "--with-messages", "--yes")
    odd.ok("message", "purge", "--everything", "--yes")
    assert odd.export().count(b"\n") == 2
