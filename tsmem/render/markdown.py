"""Markdown drawn by rich for `show --rendered`. The text is hostile here too: rich is given what `visible` let through,
and a parser that hides nothing.

Raw HTML, entities, automatic links, reference definitions and images are left as they were written, because drawn they
would hide text, or show other text than is there. A link is its words and its target; no terminal link is ever made.
Headings and code keep their signs, as there may be no colour to tell them by. Code is not highlighted: lexers take any
time on text made for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from rich.markdown import Markdown, MarkdownContext, MarkdownIt, Paragraph  # type: ignore[attr-defined]

from tsmem.render.cells import width
from tsmem.render.palette import Palette
from tsmem.render.tables.grid import drawn, painted
from tsmem.render.text import visible

MARKDOWN_CHARACTERS = 20_000
"""A longer text is shown as it was written."""
_LEFT_ALONE = ("reference", "entity", "autolink", "image")


def markdown_lines(text: str, room: int, palette: Palette) -> list[str] | None:
    """Return the text as painted lines of so many cells; None where it is better shown as it was written."""
    text = visible(text, keep_newlines=True)
    if len(text) > MARKDOWN_CHARACTERS or room < 20:
        return None
    document = _Document("", hyperlinks=False)
    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable(_LEFT_ALONE)
    document.parsed = parser.parse(text)
    for token in document.parsed:
        for child in token.children or ():
            if child.type == "link_open" and child.attrs.get("title"):  # rich shows the target alone
                child.attrs["href"] = f'{child.attrs["href"]} "{child.attrs["title"]}"'
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


class _Heading(Paragraph):
    """A heading behind its signs. Rich would centre the first one."""

    level: int

    @classmethod
    def create(cls, markdown: Markdown, token: Any) -> _Heading:
        heading = cls("left")
        heading.level = int(token.tag.removeprefix("h"))
        return heading

    def on_enter(self, context: MarkdownContext) -> None:
        super().on_enter(context)
        self.text.append(f"{'#' * self.level} ", "bold")


class _Code(Paragraph):
    """A block of code, between the signs that it was put between. Rich would highlight it, in a box."""

    token: Any

    @classmethod
    def create(cls, markdown: Markdown, token: Any) -> _Code:
        code = cls("left")
        code.token = token
        return code

    def on_text(self, context: MarkdownContext, text: Any) -> None:
        fence = self.token.markup
        if fence:
            self.text.append(f"{fence}{self.token.info}\n")
        self.text.append(self.token.content.removesuffix("\n"), "markdown.code")
        if fence:
            self.text.append(f"\n{fence}")


class _Document(Markdown):
    elements: ClassVar = {**Markdown.elements, "heading_open": _Heading, "fence": _Code, "code_block": _Code}


def _letters(texts: Iterable[str]) -> Counter[str]:
    return Counter(letter for text in texts for letter in text if letter.isalpha())
