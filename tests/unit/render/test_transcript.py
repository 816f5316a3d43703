"""Conversations: days, folds, tool calls, JSON and Markdown, on terminals and in a pipe."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.rendering import NOW_US, rendered_text
from tests.support.transcripts import MESSAGES, PIPE, conversation, terminal, transcript_of
from tsmem.render import Options
from tsmem.render.result import Conversation
from tsmem.render.transcript import FOLD_CHARACTERS
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

GOLDEN = Path(__file__).parent / "golden"
PLACES: dict[str, tuple[Options, bool]] = {
    "60": (terminal(60), False),
    "80-color": (terminal(80, color=True), False),
    "60-markdown-ascii": (terminal(60, unicode=False), True),
    "pipe": (PIPE, False),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_conversation_matches_the_golden_file(place: str) -> None:
    """One golden file for each kind of output. Delete a file to record it again."""
    options, rendered = PLACES[place]
    shown = rendered_text(conversation(rendered=rendered), options)
    golden = GOLDEN / f"transcript-{place}.txt"
    if not golden.exists():
        golden.write_bytes(shown.encode())
        pytest.fail(f"{golden.name} was recorded; look at it, then run again")

    assert golden.read_bytes().decode() == shown


def test_a_time_beyond_the_calendar_has_no_day() -> None:
    shown = rendered_text(Conversation(None, [Message("s", "m", 2**63 - 1, "user", "x")]), terminal(80))

    assert f"user ▸ {2**63 - 1} · m" in shown
    assert "──" not in shown


def test_long_content_is_folded_and_full_shows_it() -> None:
    answer = MESSAGES[3].content or ""
    shown = rendered_text(conversation(), terminal(80))
    whole = rendered_text(conversation(full=True), terminal(80))

    assert re.search(rf"  … \d+ more lines, {len(answer) / 1000:.1f} KB in all \(--full shows them\)", shown)
    assert '"row": 29' not in shown
    assert '"row": 29' in whole
    assert "--full" not in whole


@pytest.mark.parametrize(
    ("characters", "hidden"), [(FOLD_CHARACTERS, r"\d+ more lines, 20.0 KB"), (FOLD_CHARACTERS + 1, "20.0 KB")]
)
def test_the_lines_of_a_very_long_text_are_not_counted(characters: int, hidden: str) -> None:
    message = Message("s", "m", 0, "tool", "x" * characters)

    assert re.search(rf"  … {hidden} in all", rendered_text(Conversation(None, [message]), terminal(80)))


@pytest.mark.parametrize("content", ["\n" * 5000, " " * 30_000, "\t\n" * 99])
def test_blank_content_is_folded(content: str) -> None:
    message = Message("s", "m", 0, "tool", content)
    shown = rendered_text(Conversation(None, [message]), terminal(80)).splitlines()

    assert "(--full shows them)" in shown[-1]
    assert shown[-2].startswith("tool ▸")


def test_metadata_function_call_is_shown_as_a_call() -> None:
    """`function_call` holds one call, `tool_calls` a list."""
    call = json.dumps({"name": "find", "arguments": '{"n": 2}'})
    message = Message("s", "m", 0, "assistant", None, None, Metadata({"function_call": call}))

    assert "\n  → find(n=2)\n" in rendered_text(Conversation(None, [message]), terminal(80))


@pytest.mark.parametrize(
    "content",
    [
        "[" * 3000 + "]" * 3000,
        *(f'{{{n}, "x": "{"y" * 90}"}}' for n in ('"a": 1.50', '"a": 1e2', '"a": -0', '"a": 1, "a": 2', '"a": NaN')),
    ],
)
def test_json_that_would_change_is_shown_as_stored(content: str) -> None:
    shown = rendered_text(transcript_of(content, "tool"), PIPE)

    assert f"  {content}\n" in shown


def test_wrapped_list_items_keep_their_indentation() -> None:
    shown = rendered_text(
        transcript_of("1. " + "word " * 30 + "\n   - " + "word " * 30, rendered=False), terminal(60)
    ).splitlines()

    assert all(line.startswith(("  1. word", "     word", "     - word", "       word")) for line in shown[6:])


def test_full_shows_metadata_whole() -> None:
    messages = [Message("s", "m", 0, "user", "x", None, Metadata({"note": "word " * 200 + "end"}))]

    assert "end" not in rendered_text(Conversation(None, messages), terminal(80)).split()
    assert 'end"' in rendered_text(Conversation(None, messages, full=True), terminal(80)).split()


def test_headings_stay_in_place_beside_right_to_left_text() -> None:
    session = Session("משתמש", "שיחה", NOW_US, None)
    shown = rendered_text(Conversation(session, [Message("שיחה", "1", NOW_US, "תפקיד", "x")]), terminal())

    assert "תפקיד ▸\u280008:53:20 · 1" in shown
    assert "user משתמש ·\u28001 message" in shown


def test_an_unusual_role_is_quoted() -> None:
    shown = rendered_text(Conversation(None, [Message("s", "m1", 0, "assistant ▸ 08:00", "x")]), terminal())

    assert '"assistant ▸ 08:00" ▸' in shown


def test_metadata_that_is_not_a_call_is_shown_as_it_is() -> None:
    message = Message("s", "m", 0, "assistant", None, None, Metadata({"tool_calls": '[{"no": "call"}]'}))
    shown = rendered_text(Conversation(None, [message]), terminal())

    assert "  (no content)\n" in shown
    assert "no" in shown.split("(no content)")[1]
