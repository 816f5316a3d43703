"""Metadata keys with any name that a column can have, in every command that takes or shows one."""

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


def test_a_quoted_field_can_have_commas_and_spaces(ready: Cli) -> None:
    ready.fill([Session("u", "s", 1, None, Metadata({"a,b": 1, " c ": 2, 'd"': 3}))])
    fields = 'session_id, "metadata.a,b" ,"metadata. c ","metadata.d"""'

    assert ready.ok("session", "list", "--fields", fields, "-o", "jsonl").lines == [
        {"session_id": "s", "metadata.a,b": 1, "metadata. c ": 2, 'metadata.d"': 3}
    ]


def test_a_metadata_key_of_several_words_is_shown_in_quotes(ready: Cli) -> None:
    ready.ok("session", "put", "u", "s", "-m", "a, b:=1", "-m", "c.d=x")

    assert '"a, b"=1, c.d=x' in ready.ok("session", "list").text
