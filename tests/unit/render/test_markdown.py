"""Markdown hides nothing and makes no links. What cannot be drawn is shown as written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.support import terminals
from tests.support.rendering import HOSTILE, rendered_text, terminal
from tests.support.transcripts import PIPE, transcript_of
from tsmem.render.markdown import markdown_lines
from tsmem.render.terminal import Palette

PIECES = [
    "# ", "## h", "- ", "* ", "1. ", "> ", "    ", "\n", "\n\n", "`", "```", "```py\n", "~~~", "**", "*", "_", "~~",
    "[", "]", "(", ")", "](", "![", "<", ">", "<b>", "<!--", "-->", "<http://x/%E2%80%AE>", "[a]: http://y 'z'",
    "&#x202e;", "&#27;", "&amp;", "|", "|-|-|", "\n|a|b|\n|-|-|\n|c|d|\n", "---", "\\", "word", "退款", "שלום",
    "👩‍👩‍👧", "e\u0301",
    "\x1b[31m", "\x1b]8;;http://x\x07", "\u202e", "\x9b", "[red]", ":smile:", "http://z",
]  # fmt: skip


def body(content: str, width: int = 80, *, color: bool = False) -> str:
    """Return what is shown of a message's content."""
    return re.split(
        r" · m(?:\x1b\[0m)?\n", rendered_text(transcript_of(content), terminal(width, color=color)), maxsplit=1
    )[1]


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
def test_markdown_shows_words_link_targets_and_markup_of_others(content: str, shown: str) -> None:
    """Comments, definitions, entities and other markup are shown as written."""
    lines = [line.removeprefix("  ").rstrip() for line in body(content).rstrip("\n").split("\n")]

    assert [line for line in shown.split("\n") if line] == [line.rstrip() for line in lines if line.strip()] or (
        shown.split("\n") == lines
    )


def test_markdown_makes_no_terminal_links() -> None:
    shown = body("[a](https://b) <https://c> ![d](https://e) https://f", color=True)

    assert "\x1b]" not in shown
    assert "\x1b" not in terminals.COLOUR.sub("", shown)


def test_markdown_that_cannot_be_drawn_is_shown_as_written() -> None:
    for content in ("> " * 60 + "deep", "|" + "word|" * 30 + "\n|" + "-|" * 30 + "\n|" + "cells|" * 30):
        assert markdown_lines(content, 60, Palette(terminal(60))) is None
        assert "deep" in body(content, 60) or "cells" in body(content, 60)


def test_tool_output_is_not_drawn_as_markdown() -> None:
    assert "  # x **y**\n" in rendered_text(transcript_of("# x **y**", "tool"), terminal(80))
    assert "  # x **y**\n" in rendered_text(transcript_of("# x **y**", rendered=False), terminal(80))


def test_markdown_in_a_pipe_has_no_colours_and_100_columns() -> None:
    shown = rendered_text(transcript_of("- " + "**word** " * 60), PIPE)

    assert "*" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def check_safe(content: str, width: int) -> None:
    """Check for control and invisible characters, lines that are too wide, and lost letters."""
    shown = terminals.COLOUR.sub("", body(content, width, color=True))
    assert terminals.check_safe(shown)
    assert max(map(cell_len, shown.split("\n"))) <= width
    words, text = re.findall("[a-z]{3,}", content), re.sub(r"\n *", "", shown)
    assert [] == [word for word in words if word not in text and len(content) < width], (content, shown)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_in_markdown_is_harmless(hostile: str) -> None:
    check_safe(hostile, 60)
    for place in ("# {}", "> {}", "`{}`", "```{}\n{}\n```", "[{}](http://x/{})", "|{}|\n|-|\n|{}|", "1. **{}**"):
        check_safe(place.replace("{}", hostile), 60)


@settings(max_examples=30)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from([60, 80, 200]))
def test_any_markdown_is_harmless_and_complete(content: str, width: int) -> None:
    check_safe(content, width)


@pytest.mark.parametrize("piece", ["[", "*a_ ", "`", "<", "> ", "- ", "![", "|", "](", "~~", "&", "**a", "\\"])
def test_markdown_that_makes_parsers_slow_is_shown_as_written(piece: str) -> None:
    assert body(piece * (8_000 // len(piece)))


def test_removed_markdown_signs_do_not_pile_up_combining_marks() -> None:
    """Combining marks on several Markdown signs would all be drawn on one character once the signs are removed."""
    for sign in ("**", "`", "~~", "_"):
        content = "z" + sign.join(["\u0301" * 4] * 60)
        assert "\u0301" * 5 not in terminals.COLOUR.sub("", body(content, color=True))
