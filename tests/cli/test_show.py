"""`tsmem show` in pipes and in formats for programs. Terminals are in tests/unit/render."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tests.support.transcripts import MESSAGES, SESSION
from tsmem.store.documents import item_document

SHOW = ("show", "trip-7", "--user", "mia")


@pytest.fixture
def told(ready: Cli) -> Cli:
    ready.fill([SESSION, *MESSAGES])
    return ready


def test_show_as_json_has_the_session_and_its_messages(told: Cli) -> None:
    messages = [item_document(message) for message in MESSAGES]

    expected = {"session": item_document(SESSION), "messages": messages}
    assert expected == told.ok(*SHOW, "--markdown", "-o", "json").json
    assert {"session": None, "messages": messages} == told.ok("show", "trip-7", "-o", "json").json
    assert messages == told.ok("show", "trip-7", "-o", "jsonl").lines


def test_show_fields_choose_columns_of_messages(told: Cli) -> None:
    argv = ("show", "trip-7", "--last", "1", "--fields", "message_id,metadata.model,metadata.none")

    shown = told.ok(*argv, "-o", "json").json["messages"]
    assert [{"message_id": "000004", "metadata.model": "m-1", "metadata.none": None}] == shown
    assert shown == told.ok(*argv, "-o", "jsonl").lines
    assert b"message_id,metadata.model,metadata.none\r\n000004,m-1,\r\n" == told.ok(*argv, "-o", "csv").out
    assert ["message_id", "metadata.model", "metadata.none", "000004", "m-1", "-"] == told.ok(*argv).text.split()


def test_tail_looks_the_same_as_show(told: Cli) -> None:
    shown = told.ok("--no-color", "show", "trip-7", width=80).text
    tail = told.ok("--no-color", "message", "tail", "trip-7", width=80).text

    assert shown.partition("\n\n")[2] == tail.partition("\n\n")[2]
