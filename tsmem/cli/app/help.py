"""`tsmem help`: pages on topics that many commands share, and for who asks so the help of a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.suggest import suggest_words
from tsmem.cli.app.topics import TOPICS
from tsmem.errors import InvalidInput
from tsmem.nearest import nearest_names
from tsmem.render.result import Document


@root.command(
    help="""Say more on a topic: exit-codes, filters, times, profiles or output.

    The name of a command shows that command's help.
    """,
    example="tsmem help times",
    formats=("table",),
)
def help_(
    ctx: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOPIC]",
            help=f"{', '.join(TOPICS)}, or a command; the list of topics if none.",
            autocompletion=suggest_words(*TOPICS),
        ),
    ] = None,
) -> Document:
    words = topic or []
    if not words:
        return _page(_listed())
    if len(words) == 1 and words[0] in TOPICS:
        return _page(TOPICS[words[0]].text)
    return _page(_of_command(ctx, words) + "\n")


def _page(text: str) -> Document:
    return Document([text.encode()])


def _listed() -> str:
    widest = max(map(len, TOPICS))
    lines = [f"  {name:{widest}}  {topic.sentence}" for name, topic in TOPICS.items()]
    return "\n".join(("Topics of tsmem help:", "", *lines, "", "tsmem COMMAND --help says what a command takes.", ""))


def _of_command(ctx: typer.Context, words: Sequence[str]) -> str:
    """What `tsmem WORDS --help` shows. Raises InvalidInput."""
    at: Any = ctx.find_root()
    for position, word in enumerate(words):
        known = list(getattr(at.command, "commands", ()))
        if word not in known:
            raise _unknown(words, position, known)
        at = typer.Context(at.command.get_command(at, word), parent=at, info_name=word)
    return str(at.get_help())


def _unknown(words: Sequence[str], position: int, commands: Sequence[str]) -> InvalidInput:
    names = commands if position else [*TOPICS, *commands]
    near = nearest_names(words[position], names)
    question = f"; did you mean '{' '.join((*words[:position], *near))}'?" if near else ""
    return InvalidInput(
        f"there is no help on '{' '.join(words)}'{question}", hint=f"the topics are {', '.join(TOPICS)}"
    )
