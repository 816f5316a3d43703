"""Tables for people. Stored text is hostile, and terminals are narrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support import terminals
from tests.support.rendering import HOSTILE, NOW_US, rendered_text, terminal
from tsmem.render import Options
from tsmem.render.result import Conversation, Listing, Report, Result
from tsmem.rows import Value
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, PreviewedSession, Session


def results(hostile: str) -> Iterator[Result]:
    """Return every kind of result, with the text in every field that can hold it."""
    values: dict[str, Value] = {"topic": hostile, "name": hostile, "tool_calls": hostile, hostile: 1}
    metadata = Metadata(values)
    session = Session(hostile, hostile, NOW_US, hostile, metadata)
    messages = [
        Message(hostile, hostile + str(n), NOW_US + n, role, hostile, hostile, metadata)
        for n, role in enumerate((hostile, "user", "tool"))
    ]
    mixed = [*messages, Message("other", "m", 2**62)]
    yield session
    yield messages[0]
    yield Listing("session", [session])
    yield Listing("session", [session, session])
    named = PreviewedSession(hostile, hostile, NOW_US, hostile + "x", metadata, hostile, 1)
    yield Listing("session", [named, named], has_previews=True)
    yield Listing("session", [named], has_previews=True, highlight=hostile)
    yield Listing("message", mixed)
    yield Conversation(session, messages, left_out={0: None})
    yield Conversation(None, messages, full=True)
    yield Report({hostile: hostile}, (hostile, "b"), [(hostile, hostile), (None, {"a": hostile})])
    yield Report({hostile: hostile})


def check_safe(hostile: str, options: Options) -> None:
    for result in results(hostile):
        shown = rendered_text(result, options)
        plain = terminals.COLOUR.sub("", shown) if options.color else shown
        assert terminals.check_safe(plain, data=options.format != "table")
        if options.width is not None and options.format == "table":
            assert max(map(cell_len, plain.split("\n"))) <= options.width


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_harmless(hostile: str) -> None:
    """No control character except newline, no escape sequence except the requested colours, and no line wider than the
    terminal."""
    for options in (terminal(60, color=True), terminal(unicode=False), Options(timezone=UTC)):
        check_safe(hostile, options)
    for chosen in ("json", "jsonl", "csv"):
        check_safe(hostile, terminal(format=chosen))


@settings(max_examples=20)
@given(st.text(max_size=60), st.integers(40, 120), st.booleans())
def test_any_text_stays_within_the_width_and_is_harmless(hostile: str, width: int, color: bool) -> None:
    check_safe(hostile, terminal(width, color=color))


def test_ids_are_shortened_last_and_in_the_middle() -> None:
    session_id = "8d88348a-7eed-8d14-f06d-3fef701966a0"
    items = [Session(f"user-{n}", session_id, NOW_US, "text " * 50, Metadata({"topic": "x" * 90})) for n in range(3)]

    for width in (60, 80, 100):
        assert session_id in rendered_text(Listing("session", items), terminal(width))
    narrow = rendered_text(Listing("session", items), terminal(30))
    assert session_id not in narrow
    assert re.search(r"8d[\w-]+…[\w-]+a0", narrow)


@pytest.mark.parametrize("width", [60, 200])
def test_an_id_longer_than_a_line_is_shortened_and_times_are_not(width: int) -> None:
    items = [Session("user", "s", NOW_US), Session("ada", "e\u0301" * 512, NOW_US)]
    shown = rendered_text(Listing("session", items), terminal(width))

    assert 2 == shown.count("2025-10-09 08:53:20")
    assert "\u0301…e\u0301" in shown
    assert "no room" not in shown


@pytest.mark.parametrize("options", [terminal(100), Options(now_us=NOW_US, timezone=UTC)])
def test_columns_stay_in_place_beside_right_to_left_text(options: Options) -> None:
    sessions = [Session("משתמש", "שיחה", NOW_US, "12"), Session("u2", "s2", NOW_US, None)]
    table = rendered_text(Listing("session", sessions), options).splitlines()

    row = next(line for line in table if "שיחה" in line)
    assert re.search("משתמש +\u2800 *שיחה +\u2800 *2025", row) is not None
    assert row.index("2025") == table[-1].index("2025")
    assert "\u2800" not in table[-1]


@pytest.mark.parametrize("width", [60, 80])
def test_session_ids_stand_above_their_rows_on_a_narrow_terminal(width: int) -> None:
    uuid = "8d88348a-7eed-8d14-f06d-3fef701966a0"
    items = [Message(f"{n // 2}{uuid[1:]}", f"{n}{uuid[1:]}", n, "assistant", "text " * 50) for n in range(6)]
    shown = rendered_text(Listing("message", items), terminal(width))

    assert shown.startswith(f"session_id 0{uuid[1:]}\n\nmessage_id ")
    for n in (1, 2):
        assert f"\n\nsession_id {n}{uuid[1:]}\n{2 * n}{uuid[1:]} " in shown
    assert 1 == shown.count("message_id")
    assert all(item.message_id in shown for item in items)
    assert "text" in shown


def test_ages_stand_beside_times_on_a_wide_terminal() -> None:
    items = [Message("s", f"m{n}", NOW_US - n * 3_600_000_000, "user", "text " * 50) for n in range(3)]

    assert " 08:53:20  " in rendered_text(Listing("message", items), terminal(60))
    for width in (100, 200):
        assert "2025-10-09 06:53:20 (2 h ago)  " in rendered_text(Listing("message", items), terminal(width))
    assert "ago" not in rendered_text(Listing("message", items), Options(timezone=UTC))


def test_ages_are_dropped_before_metadata_gets_short() -> None:
    metadata = Metadata({"task_id": "x" * 40})
    items = [Session("u", f"airline-04{n}-3", NOW_US - n * 1_000_000, None, metadata) for n in range(3)]

    assert f"2025-10-09 08:53:20 (0 s ago)  {'x' * 23}" in rendered_text(Listing("session", items), terminal(80))
    assert f"2025-10-09 08:53:20  {'x' * 23}" in rendered_text(Listing("session", items), terminal(68))


def test_keys_that_most_rows_have_get_columns_and_the_rest_stays_in_metadata() -> None:
    values: list[dict[str, Value]] = [
        {"topic": "a", "n": 1, "long_key_of_many_letters": 1},
        {"topic": "b", "n": 2},
        {"topic": "c", "rare": True},
    ]
    items = [Session("u", f"s{n}", NOW_US, None, Metadata(value)) for n, value in enumerate(values)]
    lines = rendered_text(Listing("session", items), terminal(120)).splitlines()

    assert ["topic", "n", "metadata"] == lines[2].split()[2:]
    assert ["a", "1", "long_key_of_many_letters=1"] == lines[4].split()[-3:]
    assert ["c", "-", "rare=true"] == lines[6].split()[-3:]
    assert "topic=a, n=1" in rendered_text(Listing("session", items), Options())


def test_the_match_of_a_search_is_shown_whole() -> None:
    said = "I was hoping for a full refund of it"
    messages = [Message(f"airline-04{n}-3", "000011", 0, "assistant", said) for n in range(2)]

    for width in range(60, 100):
        shown = rendered_text(Listing("message", messages, highlight="FULL refund"), terminal(width))
        assert 2 == shown.count("full refund"), width


def test_columns_without_values_are_hidden_on_a_terminal_only() -> None:
    listing = Listing("message", [Message("s", "m", 0, "user", "hi")])

    assert "search_content" not in rendered_text(listing, terminal())
    assert "search_content" in rendered_text(listing, Options())
    assert "search_content" in rendered_text(listing, terminal(fields=("message_id", "search_content")))


def test_later_rows_with_other_columns_get_a_new_header() -> None:
    items = [Message("s", str(n), n * 1_000_000, "user") for n in range(1000)]
    late = [Message("s", "late", 10**9 + n, "user", "found") for n in range(2)]
    shown = rendered_text(Listing("message", [*items, *late]), terminal())

    assert shown.count("message_id") == 2
    assert "found" in shown
    assert rendered_text(Listing("message", [*items, *late]), Options()).count("message_id") == 1


def test_metadata_text_that_reads_like_a_number_is_quoted() -> None:
    values: dict[str, Value] = {"a": 5, "b": "5", "c": True, "d": "true"}
    shown = rendered_text(Session("u", "s", metadata=Metadata(values)), terminal())

    assert re.findall(r"metadata\.\w +(.+)", shown) == ["5", '"5"', "true", '"true"']


def test_chosen_content_shows_tool_calls_in_a_pipe() -> None:
    """Tool calls replace missing content only if metadata is not shown."""
    calls = json.dumps([{"function": {"name": "cancel", "arguments": '{"id": "R1"}'}}])
    listing = Listing("message", [Message("s", "m", 1, "assistant", metadata=Metadata({"tool_calls": calls}))])

    chosen = rendered_text(listing, Options(fields=("role", "content")))

    assert ["assistant", '→ cancel(id="R1")'] == chosen.splitlines()[1].split(maxsplit=1)
    assert "→" not in rendered_text(listing, Options(fields=("content", "metadata")))
    assert "→" not in rendered_text(listing, Options())


def test_a_path_is_wrapped_between_its_parts() -> None:
    shown = rendered_text(Report({}, ("path",), [(f"/home/{'a' * 20}/share/memory.db",)]), terminal(36)).splitlines()

    assert [f"/home/{'a' * 20}/share/", "memory.db"] == shown[2:]
