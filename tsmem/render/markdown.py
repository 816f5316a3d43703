"""Draw Markdown with rich: the content of messages for `show --rendered`, and the pages of the manual.

The text may be hostile, so rich gets only what `visible` let through, and the parser is set up to hide nothing:

- Raw HTML, entities, automatic links, reference definitions and images are shown as they were written: drawn, they
  would hide text or show another one.
- A link is shown as its words and its target. No terminal link is ever made.
- Headings and code keep their signs, because there might be no colour to tell them by.
- Code is not highlighted, because text can be written that keeps a lexer busy without end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from rich.markdown import Markdown, MarkdownContext, MarkdownIt, Paragraph  # type: ignore[attr-defined]

from tsmem.render.tables.grid import draw, paint_line
from tsmem.render.terminal import Palette, width
from tsmem.render.text import visible

MARKDOWN_CHARACTERS = 20_000
"""A longer text is shown as it was written: drawing takes too long."""
_DISABLED_RULES = ("reference", "entity", "autolink", "image")


def markdown_lines(text: str, room: int, palette: Palette) -> list[str] | None:
    """Return None for a text that is better shown as it was written: it is too long or too wide, or loses letters."""
    text = visible(text, keep_newlines=True)
    if len(text) > MARKDOWN_CHARACTERS or room < 20:
        return None
    document = _Document("", hyperlinks=False)
    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable(_DISABLED_RULES)
    document.parsed = parser.parse(text)
    for token in document.parsed:
        for child in token.children or ():
            if child.type == "link_open" and child.attrs.get("title"):  # rich would drop the title
                child.attrs["href"] = f'{child.attrs["href"]} "{child.attrs["title"]}"'
    lines = list(draw(document, room))
    plain = ["".join(segment.text for segment in line).rstrip(" ") for line in lines]
    if not any(plain) or any(width(line) > room for line in plain) or _letters([text]) - _letters(plain):
        return None
    if any(visible(line) != line for line in plain):  # without the removed signs, combining marks pile up
        return None
    return "\n".join(paint_line(line, palette) for line in lines).strip("\n").split("\n")


class _Heading(Paragraph):
    """A heading with its `#` signs, at the left."""

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
    """A block of code between its fences. Rich would highlight it in a box."""

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
