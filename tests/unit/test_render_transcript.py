"""How a conversation reads: at three widths, in a pipe, in ASCII; days, gaps, folds, calls, JSON and Markdown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.unit.transcripts import MESSAGES, PIPE, conversation, said, terminal, text
from tsmem.render import Options
from tsmem.render.result import Conversation
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message

GOLDEN = Path(__file__).parent / "golden"
SGR = re.compile(r"\x1b\[[0-9;]*m")
PLACES: dict[str, tuple[Options, bool]] = {
    "60": (terminal(60), False),
    "80": (terminal(80), False),
    "80-color": (terminal(80, color=True), False),
    "80-ascii": (terminal(80, unicode=False), False),
    "80-markdown": (terminal(80), True),
    "60-markdown-ascii": (terminal(60, unicode=False), True),
    "200": (terminal(200), False),
    "pipe": (PIPE, False),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_conversation_looks_as_recorded(place: str) -> None:
    """One golden file a place; no line is wider than the terminal. To record anew, delete it."""
    options, markdown = PLACES[place]
    shown = text(conversation(markdown=markdown), options)
    golden = GOLDEN / f"transcript-{place}.txt"
    if not golden.exists():
        golden.write_bytes(shown.encode())
        pytest.fail(f"{golden.name} was recorded; look at it, then run again")

    assert golden.read_bytes().decode() == shown
    if options.width is not None:
        assert max(map(cell_len, SGR.sub("", shown).split("\n"))) <= options.width


def test_colours_change_nothing_but_colours() -> None:
    """Who speaks, and all else, is in the words."""
    assert text(conversation(), terminal(80)) == SGR.sub("", text(conversation(), terminal(80, color=True)))


def test_a_line_says_when_the_day_changes() -> None:
    """Once at the beginning and once at midnight; between, headings have the time of day and the gap alone."""
    shown = text(conversation(), terminal(80)).splitlines()

    assert ["── 2025-12-30, Tuesday ──", "── 2025-12-31, Wednesday ──"] == [x for x in shown if x.startswith("──")]
    assert "assistant ▸ 23:59:59 · +3 s · 000002" in shown
    assert "assistant ▸ 01:59:55 · +1 h 59 min · 000004" in shown


def test_a_time_beyond_the_calendar_has_no_day() -> None:
    """Its number stands in the heading."""
    shown = text(Conversation(None, [Message("s", "m", 2**63 - 1, "user", "x")]), terminal(80))

    assert f"user ▸ {2**63 - 1} · m" in shown
    assert "──" not in shown


@pytest.mark.parametrize("width", [60, 80, 200])
def test_what_is_long_is_folded_with_its_size(width: int) -> None:
    """Tool output, calls and metadata; --full shows them whole."""
    answer = MESSAGES[3].content or ""
    shown = text(conversation(), terminal(width))
    whole = text(conversation(full=True), terminal(width))

    assert re.search(rf"  … \d+ more lines, {len(answer) / 1000:.1f} KB in all \(--full shows them\)", shown)
    assert '"row": 29' not in shown
    assert '"row": 29' in whole
    assert "--full" not in whole


@pytest.mark.parametrize("content", ["\n" * 5000, " " * 30_000, "\t\n" * 99])
def test_what_is_blank_is_folded_too(content: str) -> None:
    """Nothing of it is worth a line but its size."""
    message = Message("s", "m", 0, "tool", content)
    shown = text(Conversation(None, [message]), terminal(80)).splitlines()

    assert "(--full shows them)" in shown[-1]
    assert shown[-2].startswith("tool ▸")


def test_a_long_call_has_an_argument_a_line() -> None:
    """And a short one stands on one line."""
    shown = text(conversation(), terminal(80))

    assert '  → now()\n  → book(\n      user_id="mia_li_3668",\n      flights=[\n        {"flight_number"' in shown


def test_a_call_of_the_old_kind_reads_as_a_call() -> None:
    """`function_call` holds one call, where `tool_calls` holds a list."""
    call = json.dumps({"name": "find", "arguments": '{"n": 2}'})
    message = Message("s", "m", 0, "assistant", None, None, Metadata({"function_call": call}))

    assert "\n  → find(n=2)\n" in text(Conversation(None, [message]), terminal(80))


def test_json_is_opened_whoever_says_it() -> None:
    """A user's JSON reads as a tool's does."""
    content = json.dumps({"name": "Mia " * 12, "seats": [1, 2, 3] * 9})

    assert '\n    "seats": [\n' in text(said(content), terminal(80))


@pytest.mark.parametrize(
    "content",
    [
        '{"price": 1.50, "x": "' + "y" * 90 + '"}',
        '{"n": 1e2, "x": "' + "y" * 90 + '"}',
        '{"n": -0, "x": "' + "y" * 90 + '"}',
        '{"a": 1, "a": 2, "x": "' + "y" * 90 + '"}',
        "[" * 3000 + "]" * 3000,
        '{"a": NaN, "x": "' + "y" * 90 + '"}',
    ],
)
def test_json_that_would_read_otherwise_is_left_alone(content: str) -> None:
    """A number written in another way, a key given twice, what is nested past all use: shown as it is stored."""
    shown = text(said(content, "tool"), PIPE)

    assert f"  {content}\n" in shown


def test_json_in_metadata_stands_under_its_name() -> None:
    """What the import kept as JSON text is read as JSON, and named no more in `_json`."""
    shown = text(conversation(), terminal(60))

    assert "  logprobs=[\n    [0, -0.25],\n" in shown
    assert "_json" not in shown
    assert "  model=m-1\n" in shown


def test_a_wrapped_item_goes_on_under_its_text() -> None:
    """Lists and indented lines keep their shape."""
    shown = text(said("1. " + "word " * 30 + "\n   - " + "word " * 30, markdown=False), terminal(60)).splitlines()

    assert all(line.startswith(("  1. word", "     word", "     - word", "       word")) for line in shown[6:])


def test_full_shows_metadata_whole() -> None:
    """Folded, metadata is two lines at most."""
    messages = [Message("s", "m", 0, "user", "x", None, Metadata({"note": "word " * 200 + "end"}))]

    assert "end" not in text(Conversation(None, messages), terminal(80)).split()
    assert 'end"' in text(Conversation(None, messages, full=True), terminal(80)).split()


def test_an_ascii_terminal_gets_ascii() -> None:
    """Every byte, and every line within the width: characters by their numbers, signs of our own in ASCII."""
    for markdown in (False, True):
        shown = text(conversation(full=True, markdown=markdown), terminal(80, unicode=False))
        assert shown.isascii()
        assert "\\u9760\\u7a97" in shown
        assert max(map(len, shown.split("\n"))) <= 80
