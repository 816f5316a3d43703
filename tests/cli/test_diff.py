"""`tsmem diff`: what two conversations do not have in common."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Metadata, Session

PLAIN = {"NO_COLOR": "1"}


def call(seat: int) -> Metadata:
    function = {"name": "book", "arguments": json.dumps({"seat": seat, "meal": "no"})}
    return Metadata({"tool_calls": json.dumps([{"id": f"call-{seat}", "function": function}])})


@pytest.fixture
def runs(ready: Cli) -> Cli:
    """A good run, a bad one, and a copy of the good one with other ids and times."""
    for number, (run, reward) in enumerate([("good", 1.0), ("bad", 0.0), ("again", 1.0)]):
        seat = 2 if run == "bad" else 1
        time = 100 * number
        ready.fill(
            [
                Session("ada", run, 1, None, Metadata({"reward": reward})),
                Message(run, f"{run}0", time, "user", "A seat, please."),
                Message(run, f"{run}1", time + 1, "assistant", None, None, call(seat)),
                Message(run, f"{run}2", time + 2, "tool", "ok" if seat == 1 else "Error: taken"),
                *([Message(run, f"{run}3", time + 3, "assistant", "Done.")] if seat == 1 else []),
            ]
        )
    return ready


def test_differences_are_shown_and_equal_messages_are_left_out(runs: Cli) -> None:
    outcome = runs("diff", "good", "bad", width=80, environ=PLAIN)
    assert outcome.code == 4
    assert outcome.text == (
        "- session good\n+ session bad\n- reward=1.0\n+ reward=0.0\n\n"
        "… 1 equal message\n\n"
        "- assistant ▸ good1\n+ assistant ▸ bad1\n  → book\n    - seat=1\n    + seat=2\n\n"
        "- tool ▸ good2\n+ tool ▸ bad2\n  - ok\n  + Error: taken\n\n"
        "- assistant ▸ good3\n  - Done.\n"
    )
    assert outcome.err == (
        "error: the conversations differ: 2 messages changed, 1 message only in the first, "
        "1 metadata value of the sessions changed\n"
    )


def test_equal_conversations_end_with_0_whatever_their_ids_and_times(runs: Cli) -> None:
    outcome = runs.ok("diff", "good", "again")
    assert outcome.text == "- session good\n+ session again\n\n… 4 equal messages\n"
    assert outcome.err == ""


def test_a_long_text_is_folded_on_a_terminal_only(runs: Cli) -> None:
    for run, word in (("good", "one"), ("bad", "two")):
        runs.fill([Message(run, "long", 999, "user", "\n".join(f"{word} {n}" for n in range(20)))])
    assert "… 12 more lines (--full shows them)" in runs("diff", "good", "bad", width=80, environ=PLAIN).text
    for options in (("--full",), ()):
        shown = runs("diff", "good", "bad", *options, width=80 if options else None, environ=PLAIN).text
        assert "  - one 19\n  + two 0\n" in shown


def test_programs_get_the_differences_as_values(runs: Cli) -> None:
    document = runs("diff", "good", "bad", "-o", "json").json
    assert (document["sessions"], document["equal"]) == (["good", "bad"], 1)
    assert [{"name": "reward", "first": 1.0, "second": 0.0}] == document["metadata"]
    assert [{"tool": "book", "arguments": [{"name": "seat", "first": 1, "second": 2}]}] == document["messages"][0][
        "calls"
    ]
    assert (document["messages"][2]["first"]["message_id"], document["messages"][2]["second"]) == ("good3", None)
    lines = runs("diff", "good", "bad", "-o", "jsonl").lines
    assert ["session", "changed", "changed", "removed"] == [line["change"] for line in lines]


def test_a_session_without_messages_cannot_be_compared(runs: Cli) -> None:
    outcome = runs("diff", "good", "goood")
    assert (outcome.code, outcome.out) == (3, b"")
    assert outcome.err == "error: session 'goood' has no messages\nhint: did you mean 'good'?\n"
