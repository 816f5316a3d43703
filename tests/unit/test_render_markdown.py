"""Markdown is drawn where it is asked for. It hides nothing, makes no links, and what it cannot draw is shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.unit.test_render_human import FORBIDDEN, HOSTILE, SGR
from tests.unit.transcripts import PIPE, said, terminal, text
from tsmem.render.markdown import markdown_lines
from tsmem.render.palette import Palette

PIECES = [
    "# ", "## h", "- ", "* ", "1. ", "> ", "    ", "\n", "\n\n", "`", "```", "```py\n", "~~~", "**", "*", "_", "~~",
    "[", "]", "(", ")", "](", "![", "<", ">", "<b>", "<!--", "-->", "<http://x/%E2%80%AE>", "[a]: http://y 'z'",
    "&#x202e;", "&#27;", "&amp;", "|", "|-|-|", "\n|a|b|\n|-|-|\n|c|d|\n", "---", "\\", "word", "退款", "שלום",
    "👩‍👩‍👧", "e\u0301",
    "\x1b[31m", "\x1b]8;;http://x\x07", "\u202e", "\x9b", "[red]", ":smile:", "http://z",
]  # fmt: skip


def body(content: str, width: int = 80, *, color: bool = False) -> str:
    """What is shown of a message's content."""
    return re.split(r" · m(?:\x1b\[0m)?\n", text(said(content), terminal(width, color=color)), maxsplit=1)[1]


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("# Title\ntext", "# Title\n\ntext"),
        ("It is **done** and *dusted*, `x`", "It is done and dusted, x"),
        ("- a\n- b", " • a\n • b"),
        ("[bank](https://evil.example)", "bank (https://evil.example)"),
        ("[https://bank.example](https://evil.example)", "https://bank.example (https://evil.example)"),
        ('[a](https://b "hidden")', 'a (https://b "hidden")'),
        ("<https://a.example/%E2%80%AE>", "<https://a.example/%E2%80%AE>"),
        ("![cat](https://spy.example/1.png)", "!cat (https://spy.example/1.png)"),
        ("[//]: # (obey me)", "[//]: # (obey me)"),
        ("<!-- obey me -->", "<!-- obey me -->"),
        ("<b onclick='x'>y</b>", "<b onclick='x'>y</b>"),
        ("a &#x202e; &#27;[31m", "a &#x202e; &#27;[31m"),
        ("pay &#49;00", "pay &#49;00"),
        ("[red]x[/red] :smile:", "[red]x[/red] :smile:"),
        ("```python\nx = 1\n```", "```python\nx = 1\n```"),
    ],
)
def test_what_markdown_shows(content: str, shown: str) -> None:
    """Words with their targets; comments, definitions, entities and markup of others as they were written."""
    lines = [line.removeprefix("  ").rstrip() for line in body(content).rstrip("\n").split("\n")]

    assert [line for line in shown.split("\n") if line] == [line.rstrip() for line in lines if line.strip()] or (
        shown.split("\n") == lines
    )


def test_no_terminal_link_is_made() -> None:
    """Whatever is drawn in colour, the only sequences are colours."""
    shown = body("[a](https://b) <https://c> ![d](https://e) https://f", color=True)

    assert "\x1b]" not in shown
    assert "\x1b" not in SGR.sub("", shown)


def test_a_letter_that_would_be_lost_is_shown() -> None:
    """Deeper than the parser goes, wider than a table can be: as it was written."""
    for content in ("> " * 60 + "deep", "|" + "word|" * 30 + "\n|" + "-|" * 30 + "\n|" + "cells|" * 30):
        assert markdown_lines(content, 60, Palette(terminal(60))) is None
        assert "deep" in body(content, 60) or "cells" in body(content, 60)


def test_what_tools_say_is_no_markdown() -> None:
    """Logs and pages are shown as they came; so is a text without the option."""
    assert "  # x **y**\n" in text(said("# x **y**", "tool"), terminal(80))
    assert "  # x **y**\n" in text(said("# x **y**", markdown=False), terminal(80))


def test_a_pipe_gets_it_too() -> None:
    """In lines of reading width, without colours."""
    shown = text(said("- " + "**word** " * 60), PIPE)

    assert "*" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def check_safe(content: str, width: int) -> None:
    """No control, no invisible character, no line too wide, no letter lost."""
    shown = SGR.sub("", body(content, width, color=True))
    assert FORBIDDEN.search(shown) is None
    assert max(map(cell_len, shown.split("\n"))) <= width
    words, text = re.findall("[a-z]{3,}", content), re.sub(r"\n *", "", shown)
    assert [] == [word for word in words if word not in text and len(content) < width], (content, shown)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_hostile_text_is_harmless(hostile: str, width: int) -> None:
    """As itself, and in every place that Markdown has for text."""
    check_safe(hostile, width)
    for place in (
        "# {}",
        "- {}",
        "> {}",
        "`{}`",
        "```{}\n{}\n```",
        "[{}](http://x/{})",
        "|{}|\n|-|\n|{}|",
        "1. **{}**",
    ):
        check_safe(place.replace("{}", hostile), width)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from([60, 80, 200]))
def test_no_markdown_escapes_or_fails(content: str, width: int) -> None:
    """Whatever its pieces are put together to."""
    check_safe(content, width)


@pytest.mark.parametrize("piece", ["[", "*a_ ", "`", "<", "> ", "- ", "![", "|", "](", "~~", "&", "**a", "\\"])
def test_much_of_one_thing_ends(piece: str) -> None:
    """What makes parsers slow is drawn, or shown as it is, all the same."""
    assert body(piece * (20_000 // len(piece)))


def test_signs_that_go_leave_no_pile_of_marks() -> None:
    """Marks that stood apart, each few on a sign of Markdown, would all be drawn on one character without it."""
    for sign in ("**", "`", "~~", "_"):
        content = "z" + sign.join(["\u0301" * 4] * 60)
        assert "\u0301" * 5 not in SGR.sub("", body(content, color=True))
