"""`tsmem demo`: the main job, command by command, on a conversation of its own in a file that is thrown away.

It runs the real command line, each time with an environment of its own: it touches no profile and no memory of yours.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import typer

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context, context_of
from tsmem.cli.app.exit_codes import STOPPED
from tsmem.cli.app.signals import Stopped
from tsmem.errors import TsmemError
from tsmem.render.result import Document

SAMPLE = Path(__file__).with_name("demo.jsonl")
SESSION = "trip-kyoto"


@root.command(
    help="Try everything on a conversation of its own, in a file that is thrown away.",
    example="tsmem demo",
    formats=("table",),
)
def demo(ctx: typer.Context) -> Document:
    return Document(_transcript(context_of(ctx)))


def _transcript(context: Context) -> Iterator[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="tsmem-demo-") as folder:
        run = _Run(context, _environment(context.environ, folder))
        yield from run.step("init-tables")
        yield from run.step("import", str(SAMPLE), "--format", "openai", "--user", "ada")
        yield from run.step("session", "recent", "--user", "ada")
        page = ("message", "list", "--session", SESSION, "--limit", "4", "--fields", "message_id,role,content")
        yield from run.step(*page)
        yield from run.step(*page, "--page-token", run.page_token())
        yield from run.step("show", SESSION, "--user", "ada")
        yield from run.step("session", "update", "ada", SESSION, "-m", "status=booked")
        yield from run.step("session", "get", "ada", SESSION, "-o", "json")
        yield from run.step("session", "delete", "ada", SESSION, "--with-messages")
        yield from run.step("session", "list")
    yield b"\nThat was all of it; the file is gone. Your own memory: tsmem init-tables, then tsmem --help\n"


def _environment(environ: Mapping[str, str], folder: str) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith(("TSMEM_", "TABLESTORE_"))}
    return {**kept, "XDG_CONFIG_HOME": f"{folder}/config", "XDG_DATA_HOME": f"{folder}/data"}


class _Run:
    """Runs command lines and keeps what the last one showed."""

    def __init__(self, context: Context, environ: dict[str, str]) -> None:
        self._call = context
        self._environ = environ
        self._shown = ""

    def step(self, *argv: str) -> Iterator[bytes]:
        """The command line and its output."""
        from tsmem.cli.app.main import main

        line = shlex.join(("tsmem", *argv))
        yield f"\n$ {line}\n".encode()
        shown = io.BytesIO()  # talk and data, in the order in which a terminal would get them
        # Not a terminal to ask on, but one to be wide and coloured for.
        streams = replace(self._call.streams, stdin=io.BytesIO(), stdout=shown, stderr=shown, stdin_is_terminal=False)
        options = ["--no-color"] if self._call.options.no_color else []
        code = main([*options, *argv], streams, self._environ, self._call.clock)
        self._shown = shown.getvalue().decode(errors="replace")
        yield shown.getvalue()
        if code in STOPPED:
            raise Stopped(code - 128)
        if code != 0:
            raise TsmemError(f"the demo stopped: '{line}' ended with exit code {code}")

    def page_token(self) -> str:
        """The token that the last command said, below its table."""
        return self._shown.rpartition("--page-token ")[2].strip()
