"""The command `tsmem demo`: run command lines in this process, on the sample conversations of `demo.jsonl`.

Their environment puts the profile file and the store into a temporary folder, so the user's own are not touched.
"""

from __future__ import annotations

import io
import re
import shlex
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.main import main
from tsmem.cli.app.signals import SIGNAL_NAMES, Stopped
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
    with tempfile.TemporaryDirectory(prefix="tsmem-demo-") as folder:
        ours = ("TSMEM_", "TABLESTORE_")
        environ = {name: value for name, value in context.environ.items() if not name.startswith(ours)}
        environ |= {f"XDG_{name}_HOME": f"{folder}/{name.lower()}" for name in ("CONFIG", "DATA", "STATE")}
        step = partial(_step, context, environ)
        yield from step("init-tables")
        yield from step("import", str(SAMPLE), "--format", "openai", "--user", "ada")
        yield from step("session", "recent", "--user", "ada")
        page = ("message", "list", "--session", SESSION, "--limit", "4", "--fields", "message_id,role,content")
        output = yield from step(*page)
        token = re.search(r"--page-token ([\w-]+)", output)
        yield from step(*(("next",) if token is None else (*page, "--page-token", token[1])))
        yield from step("show", SESSION, "--user", "ada")
        yield from step("session", "update", "ada", SESSION, "-m", "status=booked")
        yield from step("session", "get", "ada", SESSION, "-o", "json")
        yield from step("session", "delete", "ada", SESSION, "--with-messages")
        yield from step("session", "list")
    yield b"\nThat was all of it; the file is gone. Your own memory: tsmem init-tables, then tsmem --help\n"


def _step(context: Context, environ: dict[str, str], *argv: str) -> Generator[bytes, None, str]:
    """Run a command line. Yield the line and its output, and return the output as text."""
    line = shlex.join(("tsmem", *argv))
    yield f"\n$ {line}\n".encode()
    output = io.BytesIO()  # stdout and stderr together, as a terminal shows them
    # The output keeps the width and colours of the terminal, but no command may ask a question.
    streams = replace(context.streams, stdin=io.BytesIO(), stdout=output, stderr=output, stdin_is_terminal=False)
    options = [] if context.options.color == "auto" else ["--color", context.options.color]
    code = main([*options, *argv], streams, environ, context.clock)
    yield output.getvalue()
    if code - 128 in SIGNAL_NAMES:
        raise Stopped(code - 128)
    if code != 0:
        raise TsmemError(f"the demo stopped: '{line}' ended with exit code {code}")
    return output.getvalue().decode(errors="replace")
