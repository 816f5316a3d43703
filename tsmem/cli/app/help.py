"""The commands `tsmem help` and `tsmem completion`. Packagers find copies of the scripts in the top `completions/`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import tsmem
from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.errors import InvalidInput
from tsmem.render.result import Document, ManualPage
from tsmem.words import nearest_name

SCRIPTS_FOLDER = Path(__file__).with_name("completions")
SCRIPTS = {"bash": "tsmem.bash", "zsh": "_tsmem", "fish": "tsmem.fish"}
TOPICS = {
    "first-steps": "Import, look, write.",
    "reading": "Lists, pages, conversations, recipes.",
    "filters": "What --filter takes.",
    "searching": "What is found, and in which order.",
    "times": "How times are written and shown.",
    "output": "Formats, JSON, hostile text.",
    "moving": "Export, import, copy, purge.",
    "profiles": "Which store a command talks to; secrets.",
    "tablestore": "Tables, retries, connections, the embedded store.",
    "provisioning": "Tables in CI.",
    "permissions": "RAM policies, and what requests cost.",
    "serving": "An endpoint for SDKs: credentials, faults, limits.",
    "library": "The Python library.",
    "troubleshooting": "doctor, stats, symptoms.",
    "exit-codes": "What the end of a command says to a script.",
    "measurements": "Start, throughput, memory.",
}


def topic_page(topic: str) -> str:
    return (Path(tsmem.__file__).with_name("manual") / f"{topic}.md").read_text(encoding="utf-8")


@root.command(
    help="Print the completion script for bash, zsh or fish.",
    example="tsmem completion bash",
    exit_codes=(),
    formats=("table",),
)
def completion(
    context: Context, shell: Annotated[str, o.argument("SHELL", "bash, zsh or fish.", o.suggest_words(*SCRIPTS))]
) -> Document:
    if shell not in SCRIPTS:
        raise InvalidInput(f"there is no completion for '{shell}'", hint=f"supported shells: {', '.join(SCRIPTS)}")
    return Document([(SCRIPTS_FOLDER / SCRIPTS[shell]).read_bytes()])


@root.command(
    help="""Show a page of the manual, or the help of a command.

    Without a topic it lists the pages.
    """,
    example="tsmem help times",
    exit_codes=(),
    formats=("table",),
)
def help_(
    context: Context,
    topic: Annotated[
        list[str] | None, o.argument("[TOPIC]", "A page of the manual, or a command.", o.suggest_words(*TOPICS))
    ] = None,
) -> Document | ManualPage:
    words = topic or []
    if not words:
        lines = [f"  {name:{max(map(len, TOPICS))}}  {summary}" for name, summary in TOPICS.items()]
        lines = ["Pages of the manual:", "", *lines, "", "tsmem COMMAND --help shows what a command takes.", ""]
        text = "\n".join(lines)
    elif len(words) == 1 and words[0] in TOPICS:
        return ManualPage(topic_page(words[0]))
    else:
        text = _command_help(words) + "\n"
    return Document([text.encode()])


def _command_help(words: Sequence[str]) -> str:
    at: Any = typer.Context(root, info_name="tsmem")
    for position, word in enumerate(words):
        known = list(getattr(at.command, "commands", ()))
        if word not in known:
            near = nearest_name(word, known if position else [*TOPICS, *known])
            question = f"; did you mean '{' '.join((*words[:position], near))}'?" if near else ""
            raise InvalidInput(
                f"there is no help on '{' '.join(words)}'{question}", hint=f"the pages are {', '.join(TOPICS)}"
            )
        at = typer.Context(at.command.get_command(at, word), parent=at, info_name=word)
    return str(at.get_help())
