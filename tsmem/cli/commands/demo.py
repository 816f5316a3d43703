"""The command `demo`: the main job, command by command, on a sample conversation in a file that is thrown away.

It runs the real command line, each time with an environment of its own, so that no profile and no memory is touched.
"""

from __future__ import annotations

import io
import shlex
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.exit_codes import STOPPED
from tsmem.cli.app.signals import Stopped
from tsmem.errors import TsmemError
from tsmem.render.result import Document

SAMPLE = Path(__file__).with_name("demo.jsonl")
SESSION = "trip-kyoto"


@root.command(
    help="Try tsmem on sample conversations, in a file that is deleted afterwards.",
    example="tsmem demo",
    exit_codes=(),
    formats=("table",),
)
def demo(context: Context) -> Document:
    return Document(_transcript(context))


def _transcript(context: Context) -> Iterator[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="tsmem-demo-") as folder:
        kept = {k: v for k, v in context.environ.items() if not k.startswith(("TSMEM_", "TABLESTORE_"))}
        environ = {**kept, "XDG_CONFIG_HOME": f"{folder}/config", "XDG_DATA_HOME": f"{folder}/data"}
        step = partial(_step, context, environ)
        yield from step("init-tables")
        yield from step("import", str(SAMPLE), "--format", "openai", "--user", "ada")
        yield from step("session", "recent", "--user", "ada")
        page = ("message", "list", "--session", SESSION, "--limit", "4", "--fields", "message_id,role,content")
        shown = yield from step(*page)
        yield from step(*page, "--page-token", shown.rpartition("--page-token ")[2].strip())
        yield from step("show", SESSION, "--user", "ada")
        yield from step("session", "update", "ada", SESSION, "-m", "status=booked")
        yield from step("session", "get", "ada", SESSION, "-o", "json")
        yield from step("session", "delete", "ada", SESSION, "--with-messages")
        yield from step("session", "list")
    yield b"\nThat was all of it; the file is gone. Your own memory: tsmem init-tables, then tsmem --help\n"


def _step(context: Context, environ: dict[str, str], *argv: str) -> Generator[bytes, None, str]:
    """Run a command line. Yield it and its output; return the output as text."""
    from tsmem.cli.app.main import main

    line = shlex.join(("tsmem", *argv))
    yield f"\n$ {line}\n".encode()
    shown = io.BytesIO()  # both streams, in the order in which a terminal would get them
    # Not a terminal to ask on, but one to be wide and coloured for.
    streams = replace(context.streams, stdin=io.BytesIO(), stdout=shown, stderr=shown, stdin_is_terminal=False)
    options = ["--no-color"] if context.options.no_color else []
    code = main([*options, *argv], streams, environ, context.clock)
    yield shown.getvalue()
    if code in STOPPED:
        raise Stopped(code - 128)
    if code != 0:
        raise TsmemError(f"the demo stopped: '{line}' ended with exit code {code}")
    return shown.getvalue().decode(errors="replace")
