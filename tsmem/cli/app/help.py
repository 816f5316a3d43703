"""`tsmem help`: the pages of `tsmem/manual/`, on topics that many commands share, and the help of a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import tsmem
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.suggest import suggest_words
from tsmem.errors import InvalidInput
from tsmem.nearest import nearest_names
from tsmem.render.result import Document

TOPICS = {
    "exit-codes": "What a command's end says to a script.",
    "filters": "What --filter takes.",
    "times": "How times are written, and how they are shown.",
    "profiles": "Which store a command talks to.",
    "output": "Formats, fields, colours, pages.",
}


def topic_page(topic: str) -> str:
    """Return the page on a topic: lines of at most 78 ASCII characters, because they are shown as they are."""
    return (Path(tsmem.__file__).with_name("manual") / f"{topic}.txt").read_text(encoding="ascii")


@root.command(
    help="""Say more on a topic: exit-codes, filters, times, profiles or output.

    The name of a command shows that command's help.
    """,
    example="tsmem help times",
    exit_codes=(),
    formats=("table",),
)
def help_(
    context: Context,
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
        lines = [f"  {name:{max(map(len, TOPICS))}}  {summary}" for name, summary in TOPICS.items()]
        lines = ["Topics of tsmem help:", "", *lines, "", "tsmem COMMAND --help says what a command takes.", ""]
        text = "\n".join(lines)
    elif len(words) == 1 and words[0] in TOPICS:
        text = topic_page(words[0])
    else:
        text = _command_help(words) + "\n"
    return Document([text.encode()])


def _command_help(words: Sequence[str]) -> str:
    """Return what `tsmem WORDS --help` shows."""
    at: Any = typer.Context(root, info_name="tsmem")
    for position, word in enumerate(words):
        known = list(getattr(at.command, "commands", ()))
        if word not in known:
            near = nearest_names(word, known if position else [*TOPICS, *known])
            question = f"; did you mean '{' '.join((*words[:position], *near))}'?" if near else ""
            raise InvalidInput(
                f"there is no help on '{' '.join(words)}'{question}", hint=f"the topics are {', '.join(TOPICS)}"
            )
        at = typer.Context(at.command.get_command(at, word), parent=at, info_name=word)
    return str(at.get_help())
