"""The commands `tsmem help` and `tsmem completion`. Packagers find copies of the scripts in the top `completions/`.

`tsmem help json` prints `manual/schemas.json`. Its "outputs" name the schema of each command's output, by format.
"""

from __future__ import annotations

import json
import re
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
from tsmem.words import did_you_mean, nearest_name

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


JSON_TOPIC = "json"
MANUAL = Path(tsmem.__file__).with_name("manual")


def topic_page(topic: str) -> str:
    return (MANUAL / f"{topic}.md").read_text(encoding="utf-8")


def json_schemas(name: str | None = None) -> str:
    """Return the JSON Schema of all outputs, or of one, as a document of its own."""
    text = (MANUAL / "schemas.json").read_text(encoding="utf-8")
    if name is None:
        return text
    schemas = json.loads(text)
    known = schemas["$defs"]
    if name not in known:
        near = did_you_mean(name, known)
        raise InvalidInput(f"there is no JSON schema '{name}'{near}", hint=f"the schemas are {', '.join(known)}")
    needed, waiting = {}, [name]
    while waiting:
        each = waiting.pop()
        needed[each] = known[each]
        used = re.findall(r'"#/\$defs/([\w-]+)"', json.dumps(known[each]))
        waiting += [other for other in used if other not in needed]
    head = {key: schemas[key] for key in ("$schema", "version")} | {"title": name, "$ref": f"#/$defs/{name}"}
    return json.dumps({**head, "$defs": needed}, ensure_ascii=False, indent=2) + "\n"


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
        list[str] | None,
        o.argument("[TOPIC]", "A page of the manual, or a command.", o.suggest_words(*TOPICS, JSON_TOPIC)),
    ] = None,
    schema: Annotated[str | None, o.option("--schema", "NAME", "With the topic json: only this schema.")] = None,
) -> Document | ManualPage:
    words = topic or []
    if schema is not None and words != [JSON_TOPIC]:
        raise InvalidInput("--schema goes with the topic json", hint=f"tsmem help json --schema {schema}")
    if words == [JSON_TOPIC]:
        return Document([json_schemas(schema).encode()])
    if not words:
        pages = TOPICS | {JSON_TOPIC: "The JSON Schema of every output; --schema NAME prints one."}
        lines = [f"  {name:{max(map(len, pages))}}  {summary}" for name, summary in pages.items()]
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
