"""Metadata keys of any name that a column can have, through every command that takes or shows one."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from tests.cli.conftest import Cli
from tsmem.store import Metadata, Session

KEYS = ["a.b", "price-2", "a:b", "价格", "9c", "a b", "'", '"', "$(id)", "-x", "a\nb", "a#b"]


def stored(cli: Cli) -> Any:
    return cli.ok("session", "get", "u", "s", "-o", "json").json["metadata"]


def test_keys_are_set_shown_filtered_and_removed(ready: Cli) -> None:
    ready.ok("session", "put", "u", "s", "-m", "other=x", *(word for key in KEYS for word in ("-m", f"{key}:=5")))
    assert stored(ready) == {**dict.fromkeys(KEYS, 5), "other": "x"}

    for key in KEYS:
        field = f"metadata.{key}"
        listing = ("session", "list", "--filter", f"metadata[{json.dumps(key)}] == 5")
        assert ready.ok(*listing, "--fields", field, "-o", "jsonl").lines == [{field: 5}]
        shown = list(csv.reader(io.StringIO(ready.ok(*listing, "--fields", f"session_id,{field}", "-o", "csv").text)))
        assert shown == [["session_id", field], ["s", "5"]]

    ready.ok("session", "update", "u", "s", *(f"--unset={key}" for key in KEYS))
    assert stored(ready) == {"other": "x"}


def test_the_first_sign_ends_the_key(ready: Cli) -> None:
    pairs = ("a=b=c", "a:b=c", "d::=1", "e=x@y", "a.b-c=")
    ready.ok("session", "put", "u", "s", *(word for pair in pairs for word in ("-m", pair)))

    assert stored(ready) == {"a": "b=c", "a:b": "c", "d:": 1, "e": "x@y", "a.b-c": ""}


def test_a_field_in_quotes_may_have_commas_and_blanks(ready: Cli) -> None:
    ready.fill([Session("u", "s", 1, None, Metadata({"a,b": 1, " c ": 2, 'd"': 3}))])
    fields = 'session_id, "metadata.a,b" ,"metadata. c ","metadata.d"""'

    assert ready.ok("session", "list", "--fields", fields, "-o", "jsonl").lines == [
        {"session_id": "s", "metadata.a,b": 1, "metadata. c ": 2, 'metadata.d"': 3}
    ]


def test_a_key_of_several_words_is_quoted_beside_its_value(ready: Cli) -> None:
    ready.ok("session", "put", "u", "s", "-m", "a, b:=1", "-m", "c.d=x")

    assert '"a, b"=1, c.d=x' in ready.ok("session", "list").text


def test_an_openai_key_that_can_name_a_column_is_one(ready: Cli) -> None:
    said = {"role": "user", "content": "hi", "price-2": 5, "价格": [1], "a,b": [2], "c,d": "x", "#": 1, "": 2}
    conversation = json.dumps({"id": "s", "x-trace": "t", "messages": [said]}).encode()
    ready.ok("import", "--format", "openai", "--user", "u", "--start-time", "2026-01-01T00:00:00Z", stdin=conversation)

    (message,) = ready.ok("message", "list", "-o", "jsonl").lines
    assert message["metadata"] == {
        "_json": "价格,_other", "_other": '{"a,b":[2],"#":1,"":2}', "c,d": "x", "price-2": 5, "价格": "[1]",
    }  # fmt: skip
    assert stored(ready) == {"x-trace": "t"}


def test_a_search_field_may_be_any_key(ready: Cli) -> None:
    ready.config("")
    for assignment in ("a.b=long", "价格=keyword", "gone-1=keyword", "gone-1="):
        ready.ok("profile", "set", "local", f"tables.session.search_fields.{assignment}")
    ready.ok("drop-tables", "--yes")
    ready.ok("init-tables")
    ready.ok("session", "put", "u", "s", "-m", "a.b:=5", "-m", "价格=x")
    ready.ok("session", "put", "u", "t", "-m", "a.b:=6", "-m", "价格=x")

    found = ready.ok("session", "search", "--filter", 'metadata["a.b"] > 5 and 价格 == "x"', "-o", "jsonl").lines

    assert [session["session_id"] for session in found] == ["t"]
    assert ready.ok("init-tables", "--check").code == 0
