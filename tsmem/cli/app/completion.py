"""`tsmem completion`: the scripts that make shells call tsmem for completions. `suggest.py` has what it replies.

The scripts stand in `completions/` beside this module; the copies in the project's `completions/` are for packagers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.suggest import suggest_words
from tsmem.errors import InvalidInput
from tsmem.render.result import Document

FOLDER = Path(__file__).with_name("completions")
SCRIPTS = {"bash": "tsmem.bash", "zsh": "_tsmem", "fish": "tsmem.fish"}


@root.command(
    help="Print the completion script of a shell: bash, zsh or fish.",
    example="tsmem completion bash",
    exit_codes=(),
    formats=("table",),
)
def completion(
    context: Context,
    shell: Annotated[
        str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.", autocompletion=suggest_words(*SCRIPTS))
    ],
) -> Document:
    if shell not in SCRIPTS:
        raise InvalidInput(f"there is no completion for '{shell}'", hint=f"the shells are {', '.join(SCRIPTS)}")
    return Document([(FOLDER / SCRIPTS[shell]).read_bytes()])
