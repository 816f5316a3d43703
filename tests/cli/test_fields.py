"""`tsmem fields` in each format."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Metadata, Session


@pytest.fixture
def filled(ready: Cli) -> Cli:
    long = "A long story about a train.\n" * 9
    ready.fill(
        [
            Session("ada", "s1", 1_767_000_000_000_000, None, Metadata({"topic": "tea", "score": 0.5})),
            Session("ada", "s2", None, None, Metadata({"topic": "5", "raw": b"\0"})),
            Message("s1", "m1", 1_767_000_000_000_000, "user", long, None, Metadata({"\x1b[31m": "a\nb"})),
        ]
    )
    return ready


def test_fields_fit_a_terminal_with_a_line_for_each(filled: Cli) -> None:
    outcome = filled.ok("fields", width=80, environ={"NO_COLOR": "1"})
    assert outcome.text == (
        "2 sessions\n"
        "name         kind      type     rows  examples\n"
        "─────────────────────────────────────────────────────────\n"
        "user_id      key       text     2     ada\n"
        "session_id   key       text     2     s1, s2\n"
        "update_time  field     integer  1     2025-12-29 09:20:00\n"
        'topic        metadata  text     2     tea, "5"\n'
        "raw          metadata  bytes    1     -\n"
        "score        metadata  float    1     0.5\n"
        "\n"
        "1 message\n"
        "name         kind      type     rows  examples\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "session_id   key       text     1     s1\n"
        "create_time  key       integer  1     2025-12-29 09:20:00\n"
        "message_id   key       text     1     m1\n"
        "role         field     text     1     user\n"
        'content      field     text     1     "A long story about a train.\\nA long stor…\n'
        '\\x1b[31m     metadata  text     1     "a\\nb"\n'
    )


def test_programs_get_types_and_examples(filled: Cli) -> None:
    document = filled.ok("fields", "--user", "ada", "-o", "json").json
    assert (document["user_id"], document["sessions"]["rows"]) == ("ada", 2)
    topic = document["sessions"]["fields"][3]
    examples = [{"value": "tea", "rows": 1}, {"value": "5", "rows": 1}]
    assert topic == {"name": "topic", "kind": "metadata", "rows": 2, "types": {"text": 2}, "examples": examples}
    lines = filled.ok("fields", "-o", "jsonl").lines
    assert {"noun": "session", "of": 2, **topic} in lines
    assert "session,topic,metadata,2,2," in filled.ok("fields", "-o", "csv").text


def test_columns_that_are_not_listed_are_counted_on_stderr(ready: Cli) -> None:
    ready.fill([Session("u", f"s{n}", 1, None, Metadata({f"k{n}-{k}": k for k in range(100)})) for n in range(6)])
    outcome = ready.ok("fields", "-o", "json")
    assert outcome.err == "only 500 columns of sessions are listed; others have 103 values\n"
    assert outcome.json["sessions"]["other_values"] == 103


def test_an_empty_store_has_no_fields(ready: Cli) -> None:
    outcome = ready.ok("fields", "-o", "json")
    assert outcome.json["sessions"] == {"rows": 0, "fields": [], "other_values": 0}
    assert outcome.err.startswith("nothing found: ")
