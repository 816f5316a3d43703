"""What people read: tables, records, transcripts. Stored text is hostile, and terminals are narrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tsmem.render import Options, render
from tsmem.render.result import (
    Advice,
    Advices,
    Conversation,
    Dashboard,
    Facts,
    Listing,
    Part,
    Report,
    Result,
    Section,
    SingleItem,
)
from tsmem.rows import Value
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

SGR = re.compile(r"\x1b\[[0-9;]*m")
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
HOSTILE = [
    "\x1b[2J\x1b[31mred",
    "\x1b]52;c;AAAA\x07 \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ \x1b]0;title\x07",
    "\x9b31m \x9d0;title\x9c",
    "abc\u202edcba\u2066x",
    "zero\u200bwidth\ufeff\u2060",
    "e" + "\u0301" * 100,
    "[bold red]markup[/bold red] :smile: [link=http://x]y[/link]",
    "line\nline\r\nline\rline\ttab\0nul",
    "u2\n\ns2          2025-01-01 00:00:00  forged row",
    "assistant ▸ 08:00:00 · m9\n\nassistant ▸ 08:00:00 · m9\n  forged",
    "\u2028\u2029\x85\x0b\x0c",
    "退款申请👩‍👩‍👧‍👦❤️" * 40,
    "👩" + "\u200d👩" * 200,
    "long " * 2000,
    "\\n \\x1b[31m",
    '{"a": "\x1b[31m\\u001b[2J\\u202e\\ud800"}',
    json.dumps([{"function": {"name": "f\x1b[2J\n", "arguments": '{"k\\n": "\\u001b[31m\\u202e"}'}}]),
    "",
]
NOW_US = 1_760_000_000_000_000


def terminal(width: int = 80, **changes: object) -> Options:
    return Options(width=width, terminal=True, now_us=NOW_US, timezone=UTC)._replace(**changes)  # type: ignore[arg-type]


def text(result: Result, options: Options) -> str:
    return b"".join(render(result, options)).decode()


def results(hostile: str) -> Iterator[Result]:
    """Every kind of result, with the text in every field that can hold it."""
    values: dict[str, Value] = {"topic": hostile, "name": hostile, "tool_calls": hostile, hostile: 1}
    metadata = Metadata(values)
    session = Session(hostile, hostile, NOW_US, hostile, metadata)
    messages = [
        Message(hostile, hostile + str(n), NOW_US + n, role, hostile, hostile, metadata)
        for n, role in enumerate((hostile, "user", "tool"))
    ]
    mixed = [*messages, Message("other", "m", 2**62)]
    yield SingleItem(session)
    yield SingleItem(messages[0])
    yield Listing("session", [session])
    yield Listing("session", [session, session])
    yield Listing("message", mixed)
    yield Conversation(session, messages, earlier=True)
    yield Conversation(None, messages, full=True)
    yield Report({hostile: hostile}, (hostile, "b"), [(hostile, hostile), (None, {"a": hostile})])
    yield Report({hostile: hostile})


def check_safe(hostile: str, options: Options) -> None:
    for result in results(hostile):
        shown = text(result, options)
        assert FORBIDDEN.search(SGR.sub("", shown) if options.color else shown) is None
        if options.width is not None and options.format == "table":
            assert max(map(cell_len, SGR.sub("", shown).split("\n"))) <= options.width


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("color", [False, True])
def test_hostile_text_is_harmless_on_a_terminal(hostile: str, width: int, color: bool) -> None:
    """No control character but the newline, no sequence but the colours asked for, no line wider than the terminal."""
    check_safe(hostile, terminal(width, color=color))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_harmless_elsewhere(hostile: str) -> None:
    """A table in a pipe, and JSON and CSV on a terminal, are as safe; an ASCII terminal too."""
    check_safe(hostile, Options(timezone=UTC))
    check_safe(hostile, terminal(unicode=False))
    for chosen in ("json", "jsonl", "csv"):
        check_safe(hostile.replace("\u200b", "").replace("\ufeff", ""), terminal(format=chosen))


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=60), st.integers(40, 120), st.booleans())
def test_no_text_escapes_or_overflows(hostile: str, width: int, color: bool) -> None:
    """Whatever is stored, each line stays within its width and does nothing but be read."""
    check_safe(hostile, terminal(width, color=color))


def test_a_megabyte_on_one_line_is_cut() -> None:
    """A table shows the beginning of a value, however long it is."""
    shown = text(Listing("message", [Message("s", "m", 0, "user", "退" * 1_000_000)]), terminal())

    assert len(shown) < 1000
    assert "退…" in shown


def test_a_pipe_has_one_line_a_row_and_loses_nothing() -> None:
    """In a pipe values are whole, whatever their length, and no text can add a row."""
    long = "word " * 1000
    shown = text(Listing("message", [Message("s", "m", 1, "user", f"{long}\nx"), Message("s", "n", 2)]), Options())

    lines = shown.splitlines()
    assert len(lines) == 3
    assert f"{long}\\nx" in lines[1]
    assert "1970-01-01T" in lines[1]
    assert lines[0].split() == [
        "session_id", "message_id", "create_time", "role", "content", "search_content", "metadata",
    ]  # fmt: skip


def test_ids_are_whole_while_text_can_give_way() -> None:
    """Content, metadata and even the first key's column go before an id is cut, in the middle, for want of any room."""
    session_id = "8d88348a-7eed-8d14-f06d-3fef701966a0"
    items = [Session(f"user-{n}", session_id, NOW_US, "text " * 50, Metadata({"topic": "x" * 90})) for n in range(3)]

    for width in (60, 80, 100):
        assert session_id in text(Listing("session", items), terminal(width))
    narrow = text(Listing("session", items), terminal(30))
    assert session_id not in narrow
    assert re.search(r"8d[\w-]+…[\w-]+a0", narrow)


@pytest.mark.parametrize("width", [60, 200])
def test_an_id_longer_than_a_line_hides_nothing(width: int) -> None:
    """It is cut, whatever else goes; so times stay. No mark stands without its letter."""
    items = [Session("user", "s", NOW_US), Session("ada", "e\u0301" * 512, NOW_US)]
    shown = text(Listing("session", items), terminal(width))

    assert 2 == shown.count("2025-10-09 08:53:20")
    assert "\u0301…e\u0301" in shown
    assert "no room" not in shown


@pytest.mark.parametrize("options", [terminal(100), Options(now_us=NOW_US, timezone=UTC)])
def test_columns_stay_in_place_beside_right_to_left_text(options: Options) -> None:
    """Between a cell with Hebrew and the next one there is a character written from left to right."""
    sessions = [Session("משתמש", "שיחה", NOW_US, "12"), Session("u2", "s2", NOW_US, None)]
    table = text(Listing("session", sessions), options).splitlines()

    row = next(line for line in table if "שיחה" in line)
    assert re.search("משתמש +\u2800 *שיחה +\u2800 *2025", row) is not None
    assert row.index("2025") == table[-1].index("2025")
    assert "\u2800" not in table[-1]


def test_headings_stay_in_place_beside_right_to_left_text() -> None:
    """The same of a role, and of a user before the number of messages."""
    session = Session("משתמש", "שיחה", NOW_US, None)
    shown = text(Conversation(session, [Message("שיחה", "1", NOW_US, "תפקיד", "x")]), terminal())

    assert "תפקיד ▸\u280008:53:20 · 1" in shown
    assert "user משתמש ·\u28001 message" in shown


@pytest.mark.parametrize("width", [60, 100])
def test_an_ascii_terminal_is_not_overrun_by_an_overview(width: int) -> None:
    """Its texts are spelled out before they are laid out."""
    long = "退款" * 40
    section, advices = Section(long, ("user", "n"), [(long, 1)]), Advices([Advice("note", long)])
    parts: list[Part] = [section, Facts([(long, long)]), advices]
    shown = text(Dashboard(Report({}), parts), terminal(width, unicode=False))

    assert shown.isascii()
    assert max(map(len, shown.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80])
def test_ids_stand_above_their_rows_where_two_have_no_room(width: int) -> None:
    """Two UUIDs are wider than a narrow terminal: each session's stands whole above its messages, as often as it
    changes."""
    uuid = "8d88348a-7eed-8d14-f06d-3fef701966a0"
    items = [Message(f"{n // 2}{uuid[1:]}", f"{n}{uuid[1:]}", n, "assistant", "text " * 50) for n in range(6)]
    shown = text(Listing("message", items), terminal(width))

    assert 3 == shown.count("\nsession_id ") == len(re.findall(rf"\nsession_id \d{uuid[1:]}\n\d{uuid[1:]} ", shown))
    assert all(item.message_id in shown for item in items)
    assert "text" in shown


def test_ages_stand_beside_times_where_there_is_room() -> None:
    """While what was said keeps forty cells; not in a pipe, where a time is said once."""
    items = [Message("s", f"m{n}", NOW_US - n * 3_600_000_000, "user", "text " * 50) for n in range(3)]

    assert " 08:53:20  " in text(Listing("message", items), terminal(60))
    for width in (100, 200):
        assert "2025-10-09 06:53:20 (2 h ago)  " in text(Listing("message", items), terminal(width))
    assert "ago" not in text(Listing("message", items), Options(timezone=UTC))


def test_digits_of_a_second_go_before_metadata_is_cut() -> None:
    """Rows microseconds apart, as an import without times makes them: the age stays, and metadata is whole."""
    items = [Session("u", f"airline-04{n}-3", NOW_US - n, None, Metadata({"task_id": n, "trial": 3})) for n in range(3)]

    assert "2025-10-09 08:53:20.000000 (0 s ago)  task_id=0, trial=3" in text(Listing("session", items), terminal(80))
    narrow = text(Listing("session", items), terminal(68))
    assert "2025-10-09 08:53:20 (0 s ago)  task_id=0, trial=3" in narrow


def test_what_was_searched_for_is_shown_whole() -> None:
    """However narrow its column is, where it fits: what stands before it gives way."""
    said = "I was hoping for a full refund of it"
    messages = [Message(f"airline-04{n}-3", "000011", 0, "assistant", said) for n in range(2)]

    for width in range(60, 100):
        shown = text(Listing("message", messages, highlight="FULL refund"), terminal(width))
        assert 2 == shown.count("full refund"), width


@pytest.mark.parametrize("width", [80, 200])
def test_columns_are_as_wide_as_what_they_hold(width: int) -> None:
    """What is short keeps its width, what is long gets the rest."""
    items = [Message("s", "m", NOW_US + n, "user", "text " * 50, None, Metadata({"n": n})) for n in range(2)]
    shown = text(Listing("message", items), terminal(width)).splitlines()

    assert cell_len(shown[3]) >= width - 1
    assert all(line.endswith(f"  n={n}") for n, line in enumerate(shown[4:]))


def test_an_id_that_all_rows_share_stands_above() -> None:
    """A session's messages do not repeat its id, which leaves room for what was said."""
    shown = text(Listing("message", [Message("the-session", m, 0) for m in "ab"]), terminal()).splitlines()

    assert shown[0] == "session_id the-session"
    assert "the-session" not in "".join(shown[1:])


def test_columns_without_values_are_left_out_on_a_terminal_only() -> None:
    """A column in which every row is null is noise on a terminal; in a pipe, or asked for, it is there."""
    listing = Listing("message", [Message("s", "m", 0, "user", "hi")])

    assert "search_content" not in text(listing, terminal())
    assert "search_content" in text(listing, Options())
    assert "search_content" in text(listing, terminal(fields=("message_id", "search_content")))


def test_times_are_as_long_as_tells_them_apart() -> None:
    """Seconds when they differ, else milliseconds, else microseconds."""
    for step, expected in ((1_000_000, "00:00:01 "), (1000, "00:00:00.001 "), (1, "00:00:00.000001 ")):
        shown = text(Listing("message", [Message("s", "m", n * step, "user") for n in range(2)]), terminal())
        assert expected in shown


def test_a_time_beyond_the_calendar_is_its_number() -> None:
    """No stored integer breaks a table."""
    assert str(2**63 - 1) in text(SingleItem(Session("u", "s", 2**63 - 1)), terminal())


def test_a_later_batch_never_hides_values() -> None:
    """When later rows have values in a column left out before, or times that need more digits, a new header follows."""
    items = [Message("s", str(n), n * 1_000_000, "user") for n in range(1000)]
    late = [Message("s", "late", 10**9 + n, "user", "found") for n in range(2)]
    shown = text(Listing("message", [*items, *late]), terminal())

    assert shown.count("message_id") == 2
    assert "found" in shown
    assert "00:16:40.000001" in shown
    assert text(Listing("message", [*items, *late]), Options()).count("message_id") == 1


def test_null_and_empty_are_told_apart() -> None:
    """No content is not empty content, in a table and in a transcript."""
    messages = [Message("s", "m1", 0, "user", None), Message("s", "m2", 1, "user", "")]

    assert '""' in text(Listing("message", messages), terminal())
    shown = text(Conversation(None, messages), terminal())
    assert "(no content)" in shown
    assert "(empty)" in shown


def test_text_that_reads_like_a_number_is_quoted() -> None:
    """Metadata shows its types: 5 is a number and "5" is text."""
    values: dict[str, Value] = {"a": 5, "b": "5", "c": True, "d": "true"}
    shown = text(SingleItem(Session("u", "s", metadata=Metadata(values))), terminal())

    assert re.findall(r"metadata\.\w +(.+)", shown) == ["5", '"5"', "true", '"true"']


def test_only_speakers_stand_at_the_left_edge() -> None:
    """A message cannot pass itself off as another's: what was said is indented, line by line."""
    forged = "hi\n\nassistant ▸ 08:00:00 · m9\n  I obey."
    shown = text(Conversation(None, [Message("s", "m1", 0, "user", forged)]), terminal())

    assert [line for line in shown.splitlines() if "▸" in line and not line.startswith(" ")] == ["user ▸ 00:00:00 · m1"]


def test_a_strange_role_is_quoted() -> None:
    """A role that could be taken for more than a name stands in quotes."""
    shown = text(Conversation(None, [Message("s", "m1", 0, "assistant ▸ 08:00", "x")]), terminal())

    assert '"assistant ▸ 08:00" ▸' in shown


def test_long_content_is_folded_on_a_terminal() -> None:
    """Folding says how much is hidden and how to see it; --full and pipes show everything."""
    messages = [Message("s", "m", 0, "user", "\n".join(f"line {n}" for n in range(50)))]

    shown = text(Conversation(None, messages), terminal())
    assert "line 11" in shown
    assert "line 12" not in shown
    assert "… 38 more lines, 389 bytes in all (--full shows them)" in shown
    assert "line 49" in text(Conversation(None, messages, full=True), terminal())
    assert "line 49" in text(Conversation(None, messages), Options())


def test_a_page_of_calls_alone_shows_them() -> None:
    """A column of contents stays where each row has only calls to show in it; metadata that repeats them goes."""
    calls = json.dumps([{"function": {"name": "cancel", "arguments": '{"id": "R1"}'}}])
    metadata = Metadata({"tool_calls": calls, "_json": "tool_calls"})
    shown = text(
        Listing("message", [Message("s", f"m{n}", n, "assistant", metadata=metadata) for n in (1, 2)]), terminal()
    )

    assert ["message_id", "create_time", "role", "content"] == shown.split("\n")[2].split()
    assert 2 == shown.count('→ cancel(id="R1")')


def test_chosen_fields_show_calls_in_a_pipe_too() -> None:
    """Where metadata is not chosen, calls stand for the content that is missing; where it is there, it has them."""
    calls = json.dumps([{"function": {"name": "cancel", "arguments": '{"id": "R1"}'}}])
    listing = Listing("message", [Message("s", "m", 1, "assistant", metadata=Metadata({"tool_calls": calls}))])

    chosen = text(listing, Options(fields=("role", "content")))

    assert ["assistant", '→ cancel(id="R1")'] == chosen.splitlines()[1].split(maxsplit=1)
    assert "→" not in text(listing, Options(fields=("content", "metadata")))
    assert "→" not in text(listing, Options())


def test_a_path_is_broken_between_its_parts() -> None:
    """Where it is too long for its column, so that no name in it is torn."""
    shown = text(Report({}, ("path",), [(f"/home/{'a' * 20}/share/memory.db",)]), terminal(36)).splitlines()

    assert [f"/home/{'a' * 20}/share/", "memory.db"] == shown[2:]


def test_tool_calls_read_as_calls() -> None:
    """A call is shown with its arguments, a result with its tool's name; what is no call is shown as it is."""
    calls = json.dumps([{"id": "1", "function": {"name": "refund", "arguments": '{"order": "A1", "n": 2}'}}])
    messages = [
        Message("s", "m1", 0, "assistant", None, None, Metadata({"tool_calls": calls, "_json": '["tool_calls"]'})),
        Message("s", "m2", 1, "tool", '{"ok": true}', None, Metadata({"name": "refund"})),
        Message("s", "m3", 2, "assistant", None, None, Metadata({"tool_calls": '[{"no": "call"}]'})),
    ]
    shown = text(Conversation(None, messages), terminal())

    assert '  → refund(order="A1", n=2)\n' in shown
    assert "(no content)" not in shown.split("m2")[0]
    assert "\ntool refund ▸ " in shown
    assert "no" in shown.split("m3")[1]
