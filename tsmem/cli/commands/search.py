"""What `session search` and `message search` share: their arguments, and what they show."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tsmem.cli.app.suggest import suggest_words
from tsmem.cli.io.progress import listing
from tsmem.errors import InvalidInput
from tsmem.render.result import Listing, Noun

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.store.model import Message, Session
    from tsmem.store.requests import Sort
    from tsmem.store.search.finder import SearchStream

Text = Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What is looked for; all there is if none.")]
SortOption = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="ORDER",
        help="newest, or score: best first, and pages go on by number.",
        autocompletion=suggest_words("newest", "score"),
    ),
]


def order(text: str) -> Sort:
    """What --sort says."""
    if text not in ("newest", "score"):
        raise InvalidInput(f"--sort is newest or score, not '{text}'")
    return cast("Sort", text)


def found(
    context: Context,
    noun: Noun,
    stream: SearchStream[Session] | SearchStream[Message],
    text: str | None,
    filter: str | None,  # noqa: A002 - the option's own name
    why_empty: Callable[[], str] | None = None,
) -> Listing:
    """What a search finds as a result. A text without words may take looking through all there is, as a filter may."""
    shown = listing(context, noun, stream, text if filter is None else filter, why_empty)
    hint = None if text is None else _elsewhere(context, text) if noun == "session" else _by_name(context, text)
    return shown._replace(total=lambda: stream.total, highlight=text, when_empty=hint)


def _elsewhere(context: Context, text: str) -> str:
    """Sessions have a text to search in only where someone wrote one; most people mean what was said."""
    from tsmem.cli.app.shell_words import command_hint

    command = command_hint(context, "message", "search", arguments=(text,))
    return f"sessions are found by their search_content, messages by what was said: {command}"


def _by_name(context: Context, text: str) -> str | None:
    """A tool's name is no part of what was said; what the tool answered has it as metadata."""
    from tsmem.cli.app.shell_words import command_hint

    if not text.isascii() or not text.isidentifier():
        return None
    command = command_hint(context, "message", "list", filter=f'name == "{text}"')
    return f"search looks into what was said; what a tool of this name answered: {command}"
