"""Markdown drawn by rich for `show --rendered`. The text is hostile here too: rich is given what `visible` let through,
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
from typing import Any

from tsmem.render.cells import width
from tsmem.render.palette import Palette
from tsmem.render.text import visible

MARKDOWN_CHARACTERS = 20_000
"""A text longer than this is shown as it was written."""
_LEFT_ALONE = ("reference", "entity", "autolink", "image")
"""Rules of Markdown that would hide something."""


def markdown_lines(text: str, room: int, palette: Palette) -> list[str] | None:
    """Return the text as painted lines of so many cells; None where it is better shown as it was written."""
    text = visible(text, keep_newlines=True)
    if len(text) > MARKDOWN_CHARACTERS or room < 20:
        return None
    from rich.markdown import Markdown, MarkdownIt  # type: ignore[attr-defined]

    from tsmem.render.tables.grid import drawn, painted

    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable(_LEFT_ALONE)
    document = Markdown("", hyperlinks=False)
    document.parsed = [shown for token in parser.parse(text) for shown in _shown(token)]
    lines = list(drawn(document, room))
    plain = ["".join(segment.text for segment in line) for line in lines]
    if not any(plain) or any(width(line) > room for line in plain) or _letters([text]) - _letters(plain):
        return None
    if any(visible(line) != line for line in plain):  # without the signs between them too many marks stand together
        return None
    shown = [painted(line, palette) for line in lines]
    while not shown[0]:
        del shown[0]
    while not shown[-1]:
        del shown[-1]
    return shown


def _shown(token: Any) -> Iterator[Any]:
    """Yield a token, or those that replace it because rich would hide a part of it, or centre it in a box."""
    if token.type in ("heading_open", "heading_close"):
        yield token.copy(type=f"paragraph{token.type[7:]}", tag="p")
        if token.nesting == 1:
            yield _made(token, "strong_open", "strong", 1)
            yield _made(token, "text", "", 0, f"{'#' * int(token.tag[1:])} ")
            yield _made(token, "strong_close", "strong", -1)
    elif token.type in ("fence", "code_block"):
        yield from _code(token)
    elif token.children:
        yield token.copy(children=list(_without_links(token.children)))
    else:
        yield token


def _code(token: Any) -> Iterator[Any]:
    """Yield the lines of a block of code, between the signs that it was put between."""
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
    """Replace each link by its words and, behind them, its target."""
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


def _letters(texts: Iterable[str]) -> Counter[str]:
    return Counter(letter for text in texts for letter in text if letter.isalpha())
