"""Markdown drawn by rich, for who asks for it. The text is hostile here too: rich is given what `visible` let through,
and a parser that hides nothing.

Raw HTML, entities, automatic links, reference definitions and images are left as they were written, because drawn they
would hide text, or show other text than is there. A link is its words and its target; no terminal link is ever made. A
heading and a block of code keep their signs, as there may be no colour to tell them by. Code is not highlighted: lexers
take any time on text made for them. Where a letter would be lost, or a line too long, the text is shown as it was
written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tsmem.render.cells import width
from tsmem.render.palette import Palette
from tsmem.render.text import visible

if TYPE_CHECKING:
    from rich.segment import Segment

MARKDOWN_CHARACTERS = 20_000
"""A text longer than this is shown as it was written."""
_LEFT_ALONE = ("reference", "entity", "autolink", "image")
"""Rules of Markdown that would hide something."""
_STYLES = {
    "markdown.code": "cyan",
    "markdown.block_quote": "dim",
    "markdown.item.bullet": "dim",
    "markdown.item.number": "dim",
    "markdown.hr": "dim",
    "markdown.table.header": "bold",
    "markdown.table.border": "dim",
}
_SIGNS = {"•": "*", "─": "-", "━": "-", "▌": "|"}
"""What stands for rich's own signs on a terminal that has ASCII alone."""


def markdown_lines(text: str, room: int, ink: Palette) -> list[str] | None:
    """The text as painted lines of so many cells; None where it is better shown as it was written."""
    text = visible(text, keep_newlines=True)
    if len(text) > MARKDOWN_CHARACTERS or room < 20:
        return None
    lines = [_stripped(line) for line in _drawn(text, room)]
    plain = ["".join(segment.text for segment in line) for line in lines]
    if not any(plain) or any(width(line) > room for line in plain) or _letters([text]) - _letters(plain):
        return None
    if any(visible(line) != line for line in plain):  # signs that went from between them left too many marks together
        return None
    painted = ["".join(_painted(segment, ink) for segment in line) for line in lines]
    while painted and not painted[0]:
        del painted[0]
    while painted and not painted[-1]:
        del painted[-1]
    return painted


def _drawn(text: str, room: int) -> list[list[Segment]]:
    import io

    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    console = Console(
        file=io.StringIO(), width=room, color_system=None, legacy_windows=False, theme=Theme(_STYLES), _environ={}
    )
    document = Markdown("", hyperlinks=False)
    document.parsed = _tokens(text)
    return console.render_lines(document, pad=False)


def _tokens(text: str) -> list[Any]:
    from rich.markdown import MarkdownIt  # type: ignore[attr-defined]

    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable(_LEFT_ALONE)
    return [shown for token in parser.parse(text) for shown in _shown(token)]


def _shown(token: Any) -> Iterator[Any]:
    """A token, or those that stand for it because rich would hide a part of it, or centre it in a box."""
    if token.type in ("heading_open", "heading_close"):
        signs = f"{'#' * int(token.tag[1:])} "
        yield token.copy(type=f"paragraph{token.type[7:]}", tag="p")
        if token.nesting == 1:
            yield _made(token, "strong_open", "strong", 1)
            yield _made(token, "text", "", 0, signs)
            yield _made(token, "strong_close", "strong", -1)
    elif token.type in ("fence", "code_block"):
        yield from _code(token)
    elif token.children:
        yield token.copy(children=list(_without_links(token.children)))
    else:
        yield token


def _code(token: Any) -> Iterator[Any]:
    """A block of code as the lines that it has, between the signs that it was put between."""
    inside = [("code_inline", line) for line in token.content.removesuffix("\n").split("\n")]
    if token.type == "fence":
        inside = [("text", token.markup + token.info), *inside, ("text", token.markup)]
    yield _made(token, "paragraph_open", "p", 1)
    for position, (kind, line) in enumerate(inside):
        if position:
            yield _made(token, "hardbreak", "br", 0)
        yield _made(token, kind, "code" if kind == "code_inline" else "", 0, line)
    yield _made(token, "paragraph_close", "p", -1)


def _without_links(tokens: Iterable[Any]) -> Iterator[Any]:
    """Links as their words, and behind them where they lead."""
    targets: list[str] = []
    for token in tokens:
        if token.type == "link_open":
            title = token.attrs.get("title")
            targets.append(f"{token.attrs.get('href', '')}" + (f' "{title}"' if title else ""))
        elif token.type == "link_close":
            yield _made(token, "text", "", 0, f" ({targets.pop()})")
        else:
            yield token


def _made(like: Any, kind: str, tag: str, nesting: int, content: str = "") -> Any:
    return like.copy(
        type=kind, tag=tag, nesting=nesting, content=visible(content), children=None, attrs={}, info="", markup=""
    )


def _stripped(line: list[Segment]) -> list[Segment]:
    """A line without the spaces at its end."""
    from rich.segment import Segment

    line = [segment for segment in line if segment.text and not segment.is_control]
    while line:
        text = line[-1].text.rstrip(" ")
        if text:
            return [*line[:-1], Segment(text, line[-1].style)]
        line = line[:-1]
    return line


def _painted(segment: Segment, ink: Palette) -> str:
    text = visible(segment.text)
    if not ink.unicode and not text.isascii():
        text = "".join(sign if sign.isascii() else _SIGNS.get(sign, "+") for sign in text)
    return text if segment.style is None else ink.paint_as(segment.style, text)


def _letters(texts: Iterable[str]) -> Counter[str]:
    return Counter(letter for text in texts for letter in text if letter.isalpha())
